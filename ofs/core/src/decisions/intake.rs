//! From lines to decisions: dead letters, copies and conflicts, then the numbering of what stays.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::{Copy, DeadLetter, Decisions, Key, Misuse, Regular, Row, id_of};
use crate::canonical::Canonicalizer;
use crate::digest::sha256;
use crate::json::{Field, Scanner};
use crate::pins::PinsTable;
use crate::record::{Record, decode};
use crate::shapes::{Shape, ShapeTable};

impl Decisions {
    /// Takes the next lines.
    pub fn add<'l>(&mut self, lines: impl IntoIterator<Item = &'l [u8]>) -> Result<(), Misuse> {
        if self.sealed {
            return Err(Misuse::Sealed);
        }
        let mut canonicalizer = Canonicalizer::default();
        for line in lines {
            self.add_line(line, &mut canonicalizer);
            self.line_count += 1;
        }
        Ok(())
    }

    fn add_line<'l>(&mut self, line: &'l [u8], canonicalizer: &mut Canonicalizer<'l>) {
        let is_object = canonicalizer.write(line).is_ok() && canonicalizer.is_object();
        if !is_object {
            self.dead.push((self.line_count, DeadLetter::NotAnObject, sha256(line)));
            return;
        }
        let id = canonicalizer.members().iter().find(|member| member.name == "decision_id");
        let Some(Ok(Field::String(id))) = id.map(|member| Scanner::new(member.source).field(0)) else {
            self.dead.push((self.line_count, DeadLetter::DecisionIdMissing, sha256(line)));
            return;
        };
        let canonical = sha256(&canonicalizer.out);
        let raw = if canonicalizer.out == line { canonical } else { sha256(line) };
        let hash = self.hasher.hash_one(&*id);
        let (rows, texts) = (&self.rows, &self.texts);
        if let Some(&row) = self.by_id.find(hash, |&row| id_of(rows, texts, row) == id) {
            self.copies.push(Copy { row, line: self.line_count, raw });
            self.rows[row].conflict |= self.rows[row].canonical != canonical;
            return;
        }
        let text = self.texts.len();
        self.texts.push_str(&id);
        let record = decode(&id, canonicalizer.members());
        let features = canonicalizer.members().iter().find(|member| member.name == "online_features");
        let features = features.map(|member| member.canonical(&canonicalizer.out)).unwrap_or_default();
        let regular = record.map(|record| self.hold(&record, features));
        let id_len = length(&id);
        let row = self.rows.len();
        self.rows.push(Row {
            line: self.line_count,
            canonical,
            raw,
            text,
            id_len,
            conflict: false,
            excluded: false,
            regular,
        });
        let (rows, texts, hasher) = (&self.rows, &self.texts, &self.hasher);
        self.by_id.insert_unique(hash, row, |&row| hasher.hash_one(id_of(rows, texts, row)));
    }

    /// Stores what varies from decision to decision. `features`: canonical bytes of the online features.
    fn hold(&mut self, record: &Record<'_>, features: &[u8]) -> Regular {
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
        let features = record.has_online_features.then(|| {
            self.features.push(sha256(features));
            u32::try_from(self.features.len() - 1).unwrap_or(u32::MAX)
        });
        Regular {
            shape,
            request_len: record.request_id.as_deref().map(length),
            keys,
            key_count: u32::try_from(record.keys.len()).unwrap_or(u32::MAX),
            cuts,
            as_of_us: record.as_of_us.unwrap_or(i64::MIN),
            decided_us: record.decided_us.or(record.as_of_us).unwrap_or(i64::MIN),
            online_hash: record.online_hash.unwrap_or_default(),
            features,
        }
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

    /// No more lines: conflicting decisions go, the others get their index.
    pub fn seal(&mut self) -> Result<(), Misuse> {
        if self.sealed {
            return Err(Misuse::Sealed);
        }
        self.sealed = true;
        self.by_id = HashTable::new();
        for copy in std::mem::take(&mut self.copies) {
            if self.rows[copy.row].conflict {
                self.dead.push((copy.line, DeadLetter::DecisionConflict, copy.raw));
            } else {
                self.duplicates += 1;
            }
        }
        let conflicting = self.rows.iter().filter(|row| row.conflict);
        self.dead.extend(conflicting.map(|row| (row.line, DeadLetter::DecisionConflict, row.raw)));
        self.dead.sort_by_key(|(line, _, _)| *line);
        self.rows.retain(|row| !row.conflict);
        self.renumber();
        Ok(())
    }

    /// Numbers shapes and pins by their first decision that stayed, and collects what the shapes span.
    fn renumber(&mut self) {
        let found = std::mem::take(&mut self.shapes.shapes);
        let mut shape_ids: Vec<Option<u32>> = vec![None; found.len()];
        let mut scopes: Vec<u32> = Vec::new(); // old scope by new
        let mut scope_ids: Vec<Option<u32>> = vec![None; self.pins.len()];
        let mut shapes: Vec<Shape> = Vec::new();
        for (index, row) in self.rows.iter_mut().enumerate() {
            let Some(regular) = &mut row.regular else { continue };
            let old = regular.shape as usize;
            regular.shape = *shape_ids[old].get_or_insert_with(|| {
                let mut shape = found[old].clone();
                let scope = shape.scope;
                shape.scope = *scope_ids[scope as usize].get_or_insert_with(|| {
                    scopes.push(scope);
                    u32::try_from(scopes.len() - 1).unwrap_or(u32::MAX)
                });
                shapes.push(shape);
                u32::try_from(shapes.len() - 1).unwrap_or(u32::MAX)
            });
            let shape = &mut shapes[regular.shape as usize];
            let as_of_us = shape.has_as_of.then_some(regular.as_of_us);
            let cuts = self.cuts.get(regular.cuts..regular.cuts + shape.cut_count()).unwrap_or_default();
            shape.include(index, as_of_us, regular.decided_us, cuts);
        }
        let kept: Vec<&[u8]> = scopes.iter().map(|&scope| self.pins.canonical(scope)).collect();
        self.pins = PinsTable::of(&kept);
        self.shapes = ShapeTable::of(shapes);
    }
}

/// A text's bytes; a line is far below 4 GiB.
fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}
