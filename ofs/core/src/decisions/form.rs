//! Decisions of one form: lines that follow a layout and are alike in all that makes their shape and their keys' types.

use super::arena::{Arena, Key, Regular, length};
use super::lines::Found;
use crate::admit::has_length;
use crate::canonical::template::Template;
use crate::digest::{Hash, parse_hex, sha256};
use crate::json::Text;
use crate::json::layout::{Layout, Node, Vary};
use crate::record::{ID_MAX, are_distinct, natural};
use crate::time::parse_ts;

/// Members whose arrays are structure.
const OPENED: [&str; 3] = ["feature_keys", "feature_groups", "basis"];
/// Members that are read as far as `Form` says; nothing else of them varies.
const READ: [&str; 11] = [
    "decision_id",
    "request_id",
    "context_pins",
    "feature_keys",
    "feature_groups",
    "as_of_spec",
    "basis",
    "hash_rule",
    "online_snapshot_hash",
    "online_snapshot_ref",
    "decided_at_utc",
];
/// Members that are an object or null.
const OBJECTS: [&str; 2] = [FEATURES, "extensions"];
const FEATURES: &str = "online_features";

/// Which values of a layout vary from decision to decision, and what all these decisions have in common.
pub(super) struct Form {
    template: Template,
    /// Strings all of them; None where a decision gives null or nothing.
    decision_id: usize,
    request_id: Option<usize>,
    as_of: Option<usize>,
    decided: Option<usize>,
    online_hash: Option<usize>,
    /// Each with the number of the key's type.
    key_ids: Vec<(u32, usize)>,
    /// No two keys are of one type, so no two can be equal.
    types_differ: bool,
    /// In the order of streams and partitions.
    next_offsets: Vec<usize>,
    shape: u32,
    has_features: bool,
}

impl Form {
    /// The form of a line with its layout. `regular`: what the line's decision is, held in `arena`.
    pub fn of<'l>(line: &'l str, regular: &Regular, arena: &Arena) -> Option<(Layout<'l>, Form)> {
        let mut layout = Layout::of(line, &OPENED)?;
        let root = layout.root();
        let string = |node: Option<&Node<'_>>| {
            let leaf = node?.leaf()?;
            layout.value(leaf)?.text().map(|_| leaf)
        };
        let types = arena.keys.get(regular.keys..)?.iter().map(|key| key.key_type);
        let keys = root.get("feature_keys")?.elements();
        let key_ids = types.zip(keys).map(|(kind, key)| Some((kind, string(key.get("key_id"))?)));
        let key_ids: Vec<(u32, usize)> = key_ids.collect::<Option<_>>()?;
        let form = Form {
            template: Template::of(&layout, FEATURES).ok()?,
            decision_id: string(root.get("decision_id"))?,
            request_id: string(root.get("request_id")),
            as_of: string(root.get("as_of_spec")?.get("as_of_time_utc")),
            decided: string(root.get("decided_at_utc")),
            online_hash: string(root.get("online_snapshot_hash")),
            types_differ: are_distinct(&key_ids, |(kind, _)| kind),
            key_ids,
            next_offsets: next_offsets(&layout)?,
            shape: regular.shape,
            has_features: regular.features.is_some(),
        };
        let reference = string(root.get("online_snapshot_ref"));
        form.bind(&mut layout, reference);
        Some((layout, form))
    }

    /// Says what may vary. `reference`: a string that is not looked at.
    fn bind(&self, layout: &mut Layout<'_>, reference: Option<usize>) {
        let mut bound = Vec::new();
        let nodes = READ.iter().filter_map(|name| layout.root().get(name));
        nodes.for_each(|node| node.leaves(&mut |leaf| bound.push(leaf)));
        bound.extend(OBJECTS.iter().filter_map(|name| layout.root().get(name)?.leaf()));
        bound.iter().for_each(|leaf| layout.let_vary(*leaf, Vary::Never));
        let optional = [self.request_id, self.as_of, self.decided, self.online_hash, reference];
        let strings = optional.into_iter().flatten().chain(self.key_ids.iter().map(|(_, leaf)| *leaf));
        strings.chain([self.decision_id]).for_each(|leaf| layout.let_vary(leaf, Vary::AsString));
        self.next_offsets.iter().for_each(|leaf| layout.let_vary(*leaf, Vary::Freely));
    }

    /// The decision of the line that followed the layout last, held in `arena`; None where the line is to be read
    /// plainly. `canonical` is replaced by its canonical form.
    pub fn read(&mut self, layout: &Layout<'_>, arena: &mut Arena, canonical: &mut Vec<u8>) -> Option<Found> {
        if !self.template.is_for(layout) {
            self.template = Template::of(layout, FEATURES).ok()?;
        }
        canonical.clear();
        let features = self.template.write(layout, canonical).ok()?;
        let string = |leaf: usize| layout.value(leaf)?.text().map(Text::cow);
        let time = |leaf: Option<usize>| leaf.map_or(Some(None), |leaf| parse_ts(&string(leaf)?).map(Some));
        let (as_of_us, decided_us) = (time(self.as_of)?, time(self.decided)?);
        let online_hash = match self.online_hash {
            Some(leaf) => parse_hex(&string(leaf)?)?,
            None => Default::default(),
        };
        let (text, keys, cuts) = (arena.texts.len(), arena.keys.len(), arena.cuts.len());
        let id = string(self.decision_id).filter(|id| has_length(id, ID_MAX))?;
        arena.texts.push_str(&id);
        let request_len = match self.request_id {
            Some(leaf) => Some(arena.hold_text(&string(leaf)?)),
            None => None,
        };
        for (key_type, leaf) in &self.key_ids {
            let id = string(*leaf).filter(|id| !id.is_empty())?;
            let key = Key { key_type: *key_type, id_len: arena.hold_text(&id) };
            arena.keys.push(key);
        }
        for leaf in &self.next_offsets {
            arena.cuts.push(natural(&layout.value(*leaf)?.field())?);
        }
        if !self.types_differ && !self.keys_differ(layout) {
            return None;
        }
        let features =
            if self.has_features { Some(arena.feature_digest(sha256(canonical.get(features)?))) } else { None };
        let regular = Regular {
            shape: self.shape,
            request_len,
            keys,
            key_count: count(self.key_ids.len()),
            cuts,
            as_of_us: as_of_us.unwrap_or(i64::MIN),
            decided_us: decided_us.or(as_of_us).unwrap_or(i64::MIN),
            online_hash,
            features,
        };
        Some(Found { canonical: Hash::default(), text, id_len: length(&id), regular: Some(regular) })
    }

    fn keys_differ(&self, layout: &Layout<'_>) -> bool {
        let id = |leaf: usize| layout.value(leaf).and_then(|value| value.text()).map(Text::cow);
        let keys: Vec<_> = self.key_ids.iter().map(|(kind, leaf)| (*kind, id(*leaf))).collect();
        are_distinct(&keys, |key| key)
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The values of the basis in the order of streams and partitions.
fn next_offsets(layout: &Layout<'_>) -> Option<Vec<usize>> {
    let mut cuts = Vec::new();
    for cut in layout.root().get("basis")?.elements() {
        let leaf = |name: &str| cut.get(name)?.leaf();
        let stream = layout.value(leaf("stream")?)?.text()?.cow();
        let partition = natural(&layout.value(leaf("partition")?)?.field())?;
        cuts.push((stream, partition, leaf("next_offset")?));
    }
    cuts.sort();
    Some(cuts.into_iter().map(|(_, _, leaf)| leaf).collect())
}
