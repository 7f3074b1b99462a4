//! What the decisions of a shape have in common, and the parity records of those that match.

use std::ops::Range;

use hashbrown::HashMap;

use super::Job;
use super::shelf::Shelf;
use crate::canonical::write_string;
use crate::decisions::DecisionView;
use crate::digest::{hex_of, sha256};
use crate::snapshot::{Frame, Snapshot};

/// What the decisions of a shape have in common.
pub struct Setting {
    pub frame: Frame,
    /// By cut, the ranks of those that may answer it; None where there are none.
    pub sources: Vec<Option<Range<usize>>>,
    /// Of a parity record: from the basis to the keys, by whether the features match: unknown, true, false.
    evidence: [Vec<u8>; 3],
    /// `","replay_id":"..."`.
    replay_id: Vec<u8>,
}

impl Setting {
    fn new(job: &Job<'_>, view: &DecisionView<'_>, shelf: &Shelf<'_>) -> Result<Setting, String> {
        let frame = Frame::new(view.shape, view.pins, job.plan)?;
        let streams = view.shape.streams.iter();
        let partitions = streams
            .flat_map(|stream| (0_u32..).take(stream.topic_ids.len()).map(|partition| (&*stream.name, partition)));
        let sources = partitions.map(|partition| shelf.ranks(partition)).collect();
        let evidence = ["unknown", "true", "false"].map(|features_match| {
            let mut text = b",\"feature_groups\":".to_vec();
            text.extend_from_slice(frame.groups());
            text.extend_from_slice(b",\"further_reasons\":[],\"mismatch_fields\":[],\"online_features_match_hash\":");
            write_string(&mut text, features_match);
            text.extend_from_slice(b"},\"feature_keys\":[");
            text
        });
        let mut replay_id = b"\",\"replay_id\":".to_vec();
        write_string(&mut replay_id, job.replay_id);
        Ok(Setting { frame, sources, evidence, replay_id })
    }

    /// The ParityResult of a MATCH, canonical.
    pub fn write_parity(&self, view: &DecisionView<'_>, snapshot: &Snapshot, out: &mut Vec<u8>) {
        let [unknown, same, other] = &self.evidence;
        let evidence = match view.online_features_digest {
            None => unknown,
            Some(digest) if *digest == sha256(snapshot.features()) => same,
            Some(_) => other,
        };
        out.extend_from_slice(snapshot.as_of_member());
        out.extend_from_slice(b",\"decision_id\":");
        write_string(out, view.id);
        out.extend_from_slice(b",\"evidence\":{\"basis\":");
        out.extend_from_slice(snapshot.basis());
        out.extend_from_slice(evidence);
        for (place, (key_type, id)) in view.keys().enumerate() {
            out.extend_from_slice(if place > 0 { b",{\"key_id\":" } else { b"{\"key_id\":" });
            write_string(out, id);
            out.extend_from_slice(b",\"key_type\":");
            write_string(out, key_type);
            out.push(b'}');
        }
        let hash = hex_of(&snapshot.hash);
        out.extend_from_slice(b"],\"offline_snapshot_hash\":\"");
        out.extend_from_slice(&hash);
        out.extend_from_slice(b"\",\"online_snapshot_hash\":\"");
        out.extend_from_slice(&hash);
        out.extend_from_slice(&self.replay_id);
        if let Some(request_id) = view.request_id {
            out.extend_from_slice(b",\"request_id\":");
            write_string(out, request_id);
        }
        out.extend_from_slice(b",\"result\":\"MATCH\"}");
    }
}

/// The settings of the shapes that were met, numbered.
#[derive(Default)]
pub struct Settings {
    numbers: HashMap<u32, usize>,
    settings: Vec<Setting>,
}

impl Settings {
    /// The number of the setting of a decision's shape.
    pub fn number(&mut self, job: &Job<'_>, view: &DecisionView<'_>, shelf: &Shelf<'_>) -> Result<usize, String> {
        if let Some(number) = self.numbers.get(&view.shape_index) {
            return Ok(*number);
        }
        self.settings.push(Setting::new(job, view, shelf)?);
        self.numbers.insert(view.shape_index, self.settings.len() - 1);
        Ok(self.settings.len() - 1)
    }

    pub fn get(&self, number: usize) -> Option<&Setting> {
        self.settings.get(number)
    }
}
