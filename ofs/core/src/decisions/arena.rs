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

/// Where the contents of another arena stand here.
pub(super) struct Adopted {
    texts: usize,
    keys: usize,
    cuts: usize,
    features: usize,
    /// The numbers here of the shapes there.
    shapes: Vec<u32>,
}

impl Adopted {
    /// Where a text that begins there at `text` begins here.
    pub fn text(&self, text: usize) -> usize {
        self.texts + text
    }

    /// What a decision there holds here.
    pub fn regular(&self, there: &Regular) -> Regular {
        let features = there.features.map(|at| at.saturating_add(u32::try_from(self.features).unwrap_or(u32::MAX)));
        Regular {
            shape: self.shapes.get(there.shape as usize).copied().unwrap_or(u32::MAX),
            keys: self.keys + there.keys,
            cuts: self.cuts + there.cuts,
            features,
            ..there.clone()
        }
    }
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
            as_of_us: record.as_of_us.unwrap_or(i64::MIN),
            decided_us: record.decided_us.or(record.as_of_us).unwrap_or(i64::MIN),
            online_hash: record.online_hash.unwrap_or_default(),
            features: record.has_online_features.then(|| self.feature_digest(sha256(features))),
        }
    }

    /// Copies all that another arena holds.
    pub fn adopt(&mut self, from: &Arena) -> Adopted {
        let shapes = from.shapes.shapes.iter().zip(0..).map(|(shape, number)| {
            let scope = self.pins.intern_canonical(from.pins.canonical(shape.scope));
            self.shapes.adopt(&from.shapes, number, scope)
        });
        let shapes = shapes.collect();
        let types: Vec<u32> = from.key_types.iter().map(|name| self.key_type(name)).collect();
        let (texts, keys) = (self.texts.len(), self.keys.len());
        let (cuts, features) = (self.cuts.len(), self.features.len());
        self.texts.push_str(&from.texts);
        let number = |there: u32| types.get(there as usize).copied().unwrap_or(u32::MAX);
        self.keys.extend(from.keys.iter().map(|key| Key { key_type: number(key.key_type), id_len: key.id_len }));
        self.cuts.extend_from_slice(&from.cuts);
        self.features.extend_from_slice(&from.features);
        Adopted { texts, keys, cuts, features, shapes }
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

/// A text's bytes; a line is far below 4 GiB.
pub(super) fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}
