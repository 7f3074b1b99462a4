//! The bytes of a snapshot: the identity part straight in canonical order, its hash, and what is written of it.

use crate::canonical::short::Label;
use crate::canonical::{cmp_utf16, write_int, write_string};
use crate::digest::{Hash, hex_of, sha256_each};
use crate::ir::Merged;
use crate::ir::wire::Decoded;
use crate::plan::{GroupPlan, Plan};
use crate::shapes::Shape;
use crate::time::write_ts;

const SCHEMA_VERSION: &str = "ofs.snapshot/v0";

/// What all snapshots of a shape have in common, and the parity records of their matches, as bytes.
#[derive(Debug)]
pub struct Frame {
    /// `{"as_of_spec":{"as_of_basis":"...","as_of_time_utc":"`.
    before_time: Vec<u8>,
    /// For each cut, in order, what stands before its number.
    before_cuts: Vec<Vec<u8>>,
    /// From the last cut's number to the features; its first bytes end the basis.
    after_cuts: Vec<u8>,
    basis_tail: usize,
    /// `,"hash_rule":"...","schema_version":"..."}`, and where the provenance would stand in it.
    end: Vec<u8>,
    provenance: usize,
    /// `[{name, version, digest}]` as the identity has it.
    groups: Vec<u8>,
}

impl Frame {
    /// Bounds: the shape is bound. Raises, as text, where it names a group that the plan does not hold.
    pub fn new(shape: &Shape, pins: &[u8], plan: &Plan) -> Result<Frame, String> {
        let mut before_time = b"{\"as_of_spec\":{\"as_of_basis\":".to_vec();
        write_string(&mut before_time, shape.as_of_basis.as_str());
        before_time.extend_from_slice(b",\"as_of_time_utc\":\"");
        let mut text = b"\"},\"basis\":[".to_vec();
        let mut before_cuts = Vec::new();
        for stream in &shape.streams {
            for partition in 0..stream.topic_ids.len() {
                text.extend_from_slice(if before_cuts.is_empty() { b"{" } else { b",{" });
                text.extend_from_slice(b"\"next_offset\":");
                before_cuts.push(std::mem::take(&mut text));
                text.extend_from_slice(b",\"partition\":");
                write_int(&mut text, partition as i128);
                text.extend_from_slice(b",\"stream\":");
                write_string(&mut text, &stream.name);
                text.push(b'}');
            }
        }
        text.push(b']');
        let basis_tail = text.len();
        let groups = groups(shape, plan)?;
        let pieces: [&[u8]; 5] = [b",\"context_pins\":", pins, b",\"feature_groups\":", &groups, b",\"features\":{"];
        text.extend_from_slice(&pieces.concat());
        let mut end = b"},\"hash_rule\":".to_vec();
        write_string(&mut end, &shape.hash_rule);
        let provenance = end.len();
        end.extend_from_slice(b",\"schema_version\":");
        write_string(&mut end, SCHEMA_VERSION);
        end.push(b'}');
        Ok(Frame { before_time, before_cuts, after_cuts: text, basis_tail, end, provenance, groups })
    }

    /// `[{name, version, digest}]` as the identity has it.
    pub fn groups(&self) -> &[u8] {
        &self.groups
    }
}

fn groups(shape: &Shape, plan: &Plan) -> Result<Vec<u8>, String> {
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
    Ok(groups)
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

impl KeyDraft {
    fn open(&mut self, key_type: &str, id: &str) {
        self.name.clear();
        self.name.push_str(key_type);
        self.name.push(':');
        self.name.push_str(id);
        self.features.clear();
        write_string(&mut self.features, &self.name);
        self.freshness.clear();
        self.freshness.extend_from_slice(&self.features);
        self.features.extend_from_slice(b":{");
        self.freshness.extend_from_slice(b":{");
    }
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
            key.open(key_type, id);
        }
        self.used += 1;
    }

    /// Adds a group to the key opened last. Groups come in name order.
    pub fn add_group(&mut self, group: &GroupPlan, merged: &Merged<'_>, as_of_us: i64) -> Decoded<()> {
        let place = self.used.saturating_sub(1);
        let Some(key) = self.keys.get_mut(place) else { return Ok(()) };
        open_member(&mut key.features, &group.label);
        key.features.push(b'{');
        for (place, feature) in group.features.iter().enumerate() {
            feature.label.write(place == 0, &mut key.features);
            feature.finish.write(group, merged.irs(), as_of_us, &mut key.features)?;
        }
        key.features.push(b'}');
        open_member(&mut key.freshness, &group.label);
        write_freshness(&mut key.freshness, group, merged.last_us(), as_of_us);
        self.events_matched |= merged.last_us().is_some();
        Ok(())
    }

    /// Replaces the snapshot by that of the draft; its hash is still to come.
    pub fn finish(&mut self, frame: &Frame, cuts: &[i64], as_of_us: i64, snapshot: &mut Snapshot) {
        let keys = self.keys.get_mut(..self.used).unwrap_or_default();
        keys.sort_by(|left, right| cmp_utf16(&left.name, &right.name));
        let out = &mut snapshot.bytes;
        out.clear();
        out.extend_from_slice(&frame.before_time);
        write_ts(out, as_of_us);
        snapshot.as_of = out.len() + b"\"}".len();
        for (cut, before) in cuts.iter().zip(&frame.before_cuts) {
            out.extend_from_slice(before);
            write_int(out, i128::from(*cut));
        }
        out.extend_from_slice(&frame.after_cuts);
        let after_basis = frame.after_cuts.len() - frame.basis_tail;
        snapshot.basis = (snapshot.as_of + b",\"basis\":".len(), out.len() - after_basis);
        let features_start = out.len() - b"{".len();
        write_keys(out, keys, |key| &key.features);
        out.push(b'}');
        snapshot.features = (features_start, out.len());
        out.extend_from_slice(b",\"freshness\":{");
        write_keys(out, keys, |key| &key.freshness);
        snapshot.provenance = out.len() + frame.provenance;
        out.extend_from_slice(&frame.end);
    }
}

/// The identity part of a snapshot with its hash; spans are of its members' values. Its buffer is used again.
#[derive(Debug, Default)]
pub struct Snapshot {
    bytes: Vec<u8>,
    pub hash: Hash,
    /// Where the first member, `as_of_spec`, ends.
    as_of: usize,
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

    /// From the first byte to the end of the first member: `{"as_of_spec":{...}`.
    pub fn as_of_member(&self) -> &[u8] {
        self.span((0, self.as_of))
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
        out.extend_from_slice(&hex_of(&self.hash));
        out.extend_from_slice(b"\"}");
    }

    fn span(&self, (start, end): (usize, usize)) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }
}

/// Gives each snapshot its hash, side by side.
pub fn hash_each<const N: usize>(snapshots: &mut [Snapshot; N]) {
    let hashes: [Hash; N] = sha256_each(std::array::from_fn(|place| snapshots[place].identity()));
    snapshots.iter_mut().zip(hashes).for_each(|(snapshot, hash)| snapshot.hash = hash);
}

/// The members, each with what closes it; without the object around them.
fn write_keys(out: &mut Vec<u8>, keys: &[KeyDraft], body: impl Fn(&KeyDraft) -> &[u8]) {
    for (place, key) in keys.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(body(key));
        out.push(b'}');
    }
}

/// Writes the name, with a separator unless it is the first of its object.
fn open_member(out: &mut Vec<u8>, label: &Label) {
    label.write(out.last() == Some(&b'{'), out);
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
