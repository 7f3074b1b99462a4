//! Rows as canonical JSON, an EventRow each.

use super::batch::RowEvent;
use crate::canonical::{write_int, write_string};
use crate::ir::Merged;
use crate::ir::wire::{Corrupt, Decoded};
use crate::plan::{GroupPlan, Plan};
use crate::time::write_ts;

/// Rows one behind the other, each a line.
#[derive(Debug, Default)]
pub struct Lines {
    pub bytes: Vec<u8>,
    /// Where each line ends, its line end included.
    pub ends: Vec<usize>,
    pub event_ids: String,
    /// Where each event id ends.
    pub id_ends: Vec<usize>,
    /// By group, what its member begins with.
    names: Vec<Vec<u8>>,
    /// What every line ends with.
    tail: Vec<u8>,
}

/// Where a row's event stands.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'a> {
    pub stream: &'a str,
    pub partition: usize,
    pub offset: i64,
    pub as_of_us: i64,
}

impl Lines {
    /// No line yet; what all of them will say of the run is written once.
    pub fn new(plan: &Plan, stream: &str, replay_id: &str) -> Lines {
        let mut tail = b",\"replay_id\":".to_vec();
        write_string(&mut tail, replay_id);
        tail.extend_from_slice(b",\"stream\":");
        write_string(&mut tail, stream);
        tail.extend_from_slice(b"}\n");
        let names = plan.groups.iter().map(|group| {
            let mut name = Vec::new();
            write_string(&mut name, &group.name);
            name.push(b':');
            name
        });
        Lines { names: names.collect(), tail, ..Lines::default() }
    }

    /// Begins a row; its groups follow, in name order.
    pub fn open(&mut self, row: RowEvent<'_>, spot: Spot<'_>) {
        let out = &mut self.bytes;
        out.extend_from_slice(b"{\"as_of_time_utc\":\"");
        write_ts(out, spot.as_of_us);
        out.extend_from_slice(b"\",\"event_id\":");
        write_string(out, row.event_id());
        out.extend_from_slice(b",\"event_type\":");
        write_string(out, row.event_type());
        out.extend_from_slice(b",\"groups\":{");
        self.event_ids.push_str(row.event_id());
        self.id_ends.push(self.event_ids.len());
    }

    /// Adds a group: the event's key in it and the features, both null where it has no key.
    pub fn add_group(
        &mut self,
        place: usize,
        group: &GroupPlan,
        key: Option<&str>,
        merged: &Merged<'_>,
        as_of_us: i64,
    ) -> Decoded<()> {
        let out = &mut self.bytes;
        if out.last() != Some(&b'{') {
            out.push(b',');
        }
        out.extend_from_slice(self.names.get(place).ok_or(Corrupt)?);
        let Some(key) = key else {
            out.extend_from_slice(b"{\"features\":null,\"key_id\":null}");
            return Ok(());
        };
        out.extend_from_slice(b"{\"features\":{");
        for (place, feature) in group.features.iter().enumerate() {
            feature.label.write(place == 0, out);
            feature.finish.write(group, merged.irs(), as_of_us, out)?;
        }
        out.extend_from_slice(b"},\"key_id\":");
        write_string(out, key);
        out.push(b'}');
        Ok(())
    }

    /// Ends the row.
    pub fn close(&mut self, spot: Spot<'_>) {
        let out = &mut self.bytes;
        out.extend_from_slice(b"},\"offset\":");
        write_int(out, i128::from(spot.offset));
        out.extend_from_slice(b",\"partition\":");
        write_int(out, spot.partition as i128);
        out.extend_from_slice(&self.tail);
        self.ends.push(out.len());
    }
}
