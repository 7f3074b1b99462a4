//! The bytes of a snapshot: the identity part straight in canonical order, its hash, and what is written of it.

use crate::canonical::{cmp_utf16, write_int, write_string};
use crate::digest::{Hash, sha256, write_hex};
use crate::ir::Merged;
use crate::ir::wire::Decoded;
use crate::plan::{GroupPlan, Plan};
use crate::shapes::Shape;
use crate::time::write_ts;

const SCHEMA_VERSION: &str = "ofs.snapshot/v0";

/// What all snapshots of a shape have in common, as bytes.
#[derive(Debug)]
pub struct Frame {
    /// `{"as_of_spec":{"as_of_basis":"...","as_of_time_utc":"`.
    before_time: Vec<u8>,
    /// For each cut, in order, what stands after its number: `,"partition":P,"stream":"S"}`.
    after_cuts: Vec<Vec<u8>>,
    /// `,"context_pins":{...},"feature_groups":`.
    before_groups: Vec<u8>,
    groups: Vec<u8>,
    /// `,"hash_rule":"..."`.
    hash_rule: Vec<u8>,
}

impl Frame {
    /// Bounds: the shape is bound. Raises, as text, where it names a group that the plan does not hold.
    pub fn new(shape: &Shape, pins: &[u8], plan: &Plan) -> Result<Frame, String> {
        let mut before_time = b"{\"as_of_spec\":{\"as_of_basis\":".to_vec();
        write_string(&mut before_time, shape.as_of_basis.as_str());
        before_time.extend_from_slice(b",\"as_of_time_utc\":\"");
        let mut after_cuts = Vec::new();
        for stream in &shape.streams {
            for partition in 0..stream.topic_ids.len() {
                let mut text = b",\"partition\":".to_vec();
                write_int(&mut text, partition as i128);
                text.extend_from_slice(b",\"stream\":");
                write_string(&mut text, &stream.name);
                text.push(b'}');
                after_cuts.push(text);
            }
        }
        let mut groups = b"[".to_vec();
        for index in shape.group_indexes.iter().flatten() {
            let group = plan.groups.get(*index as usize).ok_or("a shape is bound to a group that the plan lacks")?;
            groups.extend_from_slice(if groups.len() > 1 { b",{\"digest\":" } else { b"{\"digest\":" });
            write_string(&mut groups, &group.digest);
            groups.extend_from_slice(b",\"name\":");
            write_string(&mut groups, &group.name);
            groups.extend_from_slice(b",\"version\":");
            write_string(&mut groups, &group.version);
            groups.push(b'}');
        }
        groups.push(b']');
        let mut hash_rule = b",\"hash_rule\":".to_vec();
        write_string(&mut hash_rule, &shape.hash_rule);
        let before_groups = [b",\"context_pins\":", pins, b",\"feature_groups\":"].concat();
        Ok(Frame { before_time, after_cuts, before_groups, groups, hash_rule })
    }

    /// `[{name, version, digest}]` as the identity has it.
    pub fn groups(&self) -> &[u8] {
        &self.groups
    }
}

/// A snapshot in the making: what was found for each key, in any order. Its buffers are used again.
#[derive(Debug, Default)]
pub struct Draft {
    keys: Vec<KeyDraft>,
    used: usize,
    /// Some freshness is not NO_DATA.
    pub events_matched: bool,
}

#[derive(Debug, Default)]
struct KeyDraft {
    /// `<key_type>:<key_id>`.
    name: String,
    features: Vec<u8>,
    freshness: Vec<u8>,
}

impl Draft {
    pub fn clear(&mut self) {
        self.used = 0;
        self.events_matched = false;
    }

    /// What follows belongs to this key.
    pub fn open_key(&mut self, key_type: &str, id: &str) {
        if self.used == self.keys.len() {
            self.keys.push(KeyDraft::default());
        }
        if let Some(key) = self.keys.get_mut(self.used) {
            key.name.clear();
            key.name.extend([key_type, ":", id]);
            key.features.clear();
            key.freshness.clear();
        }
        self.used += 1;
    }

    /// Adds a group to the key opened last. Groups come in name order.
    pub fn add_group(&mut self, group: &GroupPlan, merged: &Merged<'_>, as_of_us: i64) -> Decoded<()> {
        let place = self.used.saturating_sub(1);
        let Some(key) = self.keys.get_mut(place) else { return Ok(()) };
        open_member(&mut key.features, b',', &group.name);
        key.features.push(b'{');
        for (place, feature) in group.features.iter().enumerate() {
            if place > 0 {
                key.features.push(b',');
            }
            key.features.push(b'"');
            key.features.extend_from_slice(feature.name.as_bytes());
            key.features.extend_from_slice(b"\":");
            feature.finish.write(group, merged.irs(), as_of_us, &mut key.features)?;
        }
        key.features.push(b'}');
        open_member(&mut key.freshness, b',', &group.name);
        write_freshness(&mut key.freshness, group, merged.last_us(), as_of_us);
        self.events_matched |= merged.last_us().is_some();
        Ok(())
    }

    /// Replaces the snapshot by that of the draft.
    pub fn finish(&mut self, frame: &Frame, cuts: &[i64], as_of_us: i64, snapshot: &mut Snapshot) {
        let keys = self.keys.get_mut(..self.used).unwrap_or_default();
        keys.sort_by(|left, right| cmp_utf16(&left.name, &right.name));
        let out = &mut snapshot.bytes;
        out.clear();
        out.extend_from_slice(&frame.before_time);
        write_ts(out, as_of_us);
        out.extend_from_slice(b"\"}");
        let as_of = (b"{\"as_of_spec\":".len(), out.len());
        out.extend_from_slice(b",\"basis\":");
        let basis_start = out.len();
        for (place, (cut, after)) in cuts.iter().zip(&frame.after_cuts).enumerate() {
            out.extend_from_slice(if place > 0 { b",{\"next_offset\":" } else { b"[{\"next_offset\":" });
            write_int(out, i128::from(*cut));
            out.extend_from_slice(after);
        }
        out.push(b']');
        let basis = (basis_start, out.len());
        out.extend_from_slice(&frame.before_groups);
        out.extend_from_slice(&frame.groups);
        out.extend_from_slice(b",\"features\":");
        let features_start = out.len();
        write_keys(out, keys, |key| &key.features);
        let features = (features_start, out.len());
        out.extend_from_slice(b",\"freshness\":");
        write_keys(out, keys, |key| &key.freshness);
        out.extend_from_slice(&frame.hash_rule);
        let provenance = out.len();
        out.extend_from_slice(b",\"schema_version\":");
        write_string(out, SCHEMA_VERSION);
        out.push(b'}');
        snapshot.hash = sha256(out);
        (snapshot.as_of, snapshot.basis, snapshot.features) = (as_of, basis, features);
        snapshot.provenance = provenance;
    }
}

/// The identity part of a snapshot with its hash; spans are of its members' values. Its buffer is used again.
#[derive(Debug, Default)]
pub struct Snapshot {
    bytes: Vec<u8>,
    pub hash: Hash,
    as_of: (usize, usize),
    basis: (usize, usize),
    features: (usize, usize),
    /// Where the member `provenance` would stand.
    provenance: usize,
}

impl Snapshot {
    /// The hashed bytes.
    pub fn identity(&self) -> &[u8] {
        &self.bytes
    }

    pub fn as_of(&self) -> &[u8] {
        self.span(self.as_of)
    }

    pub fn basis(&self) -> &[u8] {
        self.span(self.basis)
    }

    pub fn features(&self) -> &[u8] {
        self.span(self.features)
    }

    /// Appends the RebuiltFeatureSnapshot: the identity part with provenance and hash, canonical.
    pub fn write(&self, decision_id: &str, events_matched: bool, replay_id: &str, out: &mut Vec<u8>) {
        let (before, after) = self.bytes.split_at(self.provenance.min(self.bytes.len()));
        out.extend_from_slice(before);
        out.extend_from_slice(b",\"provenance\":{\"decision_id\":");
        write_string(out, decision_id);
        out.extend_from_slice(b",\"events_matched\":");
        out.extend_from_slice(if events_matched { b"true" } else { b"false" });
        out.extend_from_slice(b",\"replay_id\":");
        write_string(out, replay_id);
        out.push(b'}');
        out.extend_from_slice(after.strip_suffix(b"}").unwrap_or(after));
        out.extend_from_slice(b",\"snapshot_hash\":\"");
        write_hex(out, &self.hash);
        out.extend_from_slice(b"\"}");
    }

    fn span(&self, (start, end): (usize, usize)) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }
}

fn write_keys(out: &mut Vec<u8>, keys: &[KeyDraft], body: impl Fn(&KeyDraft) -> &[u8]) {
    out.push(b'{');
    for (place, key) in keys.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_string(out, &key.name);
        out.extend_from_slice(b":{");
        out.extend_from_slice(body(key));
        out.push(b'}');
    }
    out.push(b'}');
}

/// A separator unless it is the first, then a name that needs no escapes.
fn open_member(out: &mut Vec<u8>, separator: u8, name: &str) {
    if !out.is_empty() {
        out.push(separator);
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_freshness(out: &mut Vec<u8>, group: &GroupPlan, last_us: Option<i64>, as_of_us: i64) {
    let Some(last_us) = last_us else {
        out.extend_from_slice(b"{\"age_us\":null,\"last_event_time_utc\":null,\"state\":\"NO_DATA\"}");
        return;
    };
    let age_us = i128::from(as_of_us) - i128::from(last_us);
    let is_stale = group.stale_after_us.is_some_and(|limit_us| age_us > i128::from(limit_us));
    out.extend_from_slice(b"{\"age_us\":");
    write_int(out, age_us);
    out.extend_from_slice(b",\"last_event_time_utc\":\"");
    write_ts(out, last_us);
    out.extend_from_slice(if is_stale { b"\",\"state\":\"STALE\"}" } else { b"\",\"state\":\"FRESH\"}" });
}
