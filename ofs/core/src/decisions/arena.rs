//! What decisions hold beside their ids: texts and cuts of variable length, and the tables of what many have in common.

use hashbrown::HashMap;

use crate::digest::{Hash, sha256};
use crate::pins::PinsTable;
use crate::record::Record;
use crate::shapes::ShapeTable;

/// What a regular decision has beside its id.
#[derive(Debug, Clone)]
pub(super) struct Regular {
    pub shape: u32,
    pub request_len: Option<u32>,
    pub keys: usize,
    pub key_count: u32,
    pub cuts: usize,
    pub cut_count: u32,
    pub as_of_us: i64,
    pub decided_us: i64,
    pub online_hash: Hash,
    /// Position in `features` of the digest of the online features.
    pub features: Option<u32>,
}

/// A key of a decision: its type's number and the length of its id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub key_type: u32,
    pub id_len: u32,
}

#[derive(Default)]
pub(super) struct Arena {
    pub texts: String,
    pub keys: Vec<Key>,
    pub key_types: Vec<Box<str>>,
    key_type_ids: HashMap<Box<str>, u32>,
    pub cuts: Vec<i64>,
    pub features: Vec<Hash>,
    pub pins: PinsTable,
    pub shapes: ShapeTable,
}

/// The numbers here of what another arena numbers, as far as they were asked for.
#[derive(Default)]
pub(super) struct Numbers {
    key_types: Vec<Option<u32>>,
    shapes: Vec<Option<u32>>,
}

impl Arena {
    /// Stores what varies from decision to decision; its id was put to `texts` before. `features`: canonical bytes of
    /// the online features.
    pub fn hold(&mut self, record: &Record<'_>, features: &[u8]) -> Regular {
        let scope = self.pins.intern(&record.pins);
        let shape = self.shapes.intern(record, scope);
        if let Some(request_id) = &record.request_id {
            self.texts.push_str(request_id);
        }
        let keys = self.keys.len();
        for (key_type, key_id) in &record.keys {
            self.texts.push_str(key_id);
            let key_type = self.key_type(key_type);
            self.keys.push(Key { key_type, id_len: length(key_id) });
        }
        let cuts = self.cuts.len();
        self.cuts.extend(record.cuts.iter().map(|cut| cut.next_offset));
        Regular {
            shape,
            request_len: record.request_id.as_deref().map(length),
            keys,
            key_count: u32::try_from(record.keys.len()).unwrap_or(u32::MAX),
            cuts,
            cut_count: u32::try_from(record.cuts.len()).unwrap_or(u32::MAX),
            as_of_us: record.as_of_us.unwrap_or(i64::MIN),
            decided_us: record.decided_us.or(record.as_of_us).unwrap_or(i64::MIN),
            online_hash: record.online_hash.unwrap_or_default(),
            features: record.has_online_features.then(|| self.feature_digest(sha256(features))),
        }
    }

    /// Copies what a decision of another arena holds there, its id apart. `text`: where its request id begins there.
    pub fn adopt(&mut self, from: &Arena, regular: &Regular, text: usize, numbers: &mut Numbers) -> Regular {
        let keys = from.keys.get(regular.keys..regular.keys + regular.key_count as usize).unwrap_or_default();
        let cuts = from.cuts.get(regular.cuts..regular.cuts + regular.cut_count as usize).unwrap_or_default();
        let key_length: usize = keys.iter().map(|key| key.id_len as usize).sum();
        let text_length = regular.request_len.unwrap_or(0) as usize + key_length;
        self.texts.push_str(from.texts.get(text..text + text_length).unwrap_or_default());
        let (first_key, first_cut) = (self.keys.len(), self.cuts.len());
        for key in keys {
            let key_type = self.number_of_type(from, key.key_type, numbers);
            self.keys.push(Key { key_type, id_len: key.id_len });
        }
        self.cuts.extend_from_slice(cuts);
        let features = regular.features.and_then(|at| from.features.get(at as usize));
        Regular {
            shape: self.number_of_shape(from, regular.shape, numbers),
            keys: first_key,
            cuts: first_cut,
            features: features.map(|digest| self.feature_digest(*digest)),
            ..*regular
        }
    }

    /// Appends to the texts; the length.
    pub fn hold_text(&mut self, text: &str) -> u32 {
        self.texts.push_str(text);
        length(text)
    }

    pub fn feature_digest(&mut self, digest: Hash) -> u32 {
        self.features.push(digest);
        u32::try_from(self.features.len() - 1).unwrap_or(u32::MAX)
    }

    fn number_of_type(&mut self, from: &Arena, there: u32, numbers: &mut Numbers) -> u32 {
        let known = slot(&mut numbers.key_types, there);
        *known.get_or_insert_with(|| self.key_type(from.key_types.get(there as usize).map_or("", |name| name)))
    }

    fn number_of_shape(&mut self, from: &Arena, there: u32, numbers: &mut Numbers) -> u32 {
        *slot(&mut numbers.shapes, there).get_or_insert_with(|| {
            let scope = from.shapes.shapes.get(there as usize).map_or(u32::MAX, |shape| shape.scope);
            let scope = self.pins.intern_canonical(from.pins.canonical(scope));
            self.shapes.adopt(&from.shapes, there, scope)
        })
    }

    fn key_type(&mut self, name: &str) -> u32 {
        if let Some(id) = self.key_type_ids.get(name) {
            return *id;
        }
        let id = u32::try_from(self.key_types.len()).unwrap_or(u32::MAX);
        self.key_types.push(name.into());
        self.key_type_ids.insert(name.into(), id);
        id
    }
}

fn slot(numbers: &mut Vec<Option<u32>>, there: u32) -> &mut Option<u32> {
    let there = there as usize;
    if numbers.len() <= there {
        numbers.resize(there + 1, None);
    }
    &mut numbers[there]
}

/// A text's bytes; a line is far below 4 GiB.
pub(super) fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}
