//! From lines to decisions: dead letters, copies and conflicts, then the numbering of what stays.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::arena::{Arena, Numbers};
use super::lines::{DecodedLines, Found};
use super::{Copy, DeadLetter, Decisions, Misuse, Row, id_of};
use crate::pins::PinsTable;
use crate::shapes::{Shape, ShapeTable};

impl Decisions {
    /// Takes the next lines.
    pub fn add<'l>(&mut self, lines: impl IntoIterator<Item = &'l [u8]>) -> Result<(), Misuse> {
        self.append(&DecodedLines::of(lines))
    }

    /// Takes the next lines, decoded before.
    pub fn append(&mut self, decoded: &DecodedLines) -> Result<(), Misuse> {
        if self.sealed {
            return Err(Misuse::Sealed);
        }
        let mut numbers = Numbers::default();
        self.rows.reserve(decoded.lines.len());
        for line in &decoded.lines {
            match line {
                Ok(found) => self.append_one(found, &decoded.arena, &mut numbers),
                Err(reason) => self.dead.push((self.line_count, *reason)),
            }
            self.line_count += 1;
        }
        Ok(())
    }

    fn append_one(&mut self, found: &Found, from: &Arena, numbers: &mut Numbers) {
        let rest = found.text + found.id_len as usize;
        let id = from.texts.get(found.text..rest).unwrap_or_default();
        let hash = self.hasher.hash_one(id);
        let (rows, texts) = (&self.rows, &self.arena.texts);
        if let Some(&row) = self.by_id.find(hash, |&row| id_of(rows, texts, row) == id) {
            self.copies.push(Copy { row, line: self.line_count });
            self.rows[row].conflict |= self.rows[row].canonical != found.canonical;
            return;
        }
        let text = self.arena.texts.len();
        self.arena.texts.push_str(id);
        let regular = found.regular.as_ref().map(|regular| self.arena.adopt(from, regular, rest, numbers));
        let row = self.rows.len();
        self.rows.push(Row {
            line: self.line_count,
            canonical: found.canonical,
            text,
            id_len: found.id_len,
            conflict: false,
            excluded: false,
            regular,
        });
        let (rows, texts, hasher) = (&self.rows, &self.arena.texts, &self.hasher);
        self.by_id.insert_unique(hash, row, |&row| hasher.hash_one(id_of(rows, texts, row)));
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
                self.dead.push((copy.line, DeadLetter::DecisionConflict));
            } else {
                self.duplicates += 1;
            }
        }
        let conflicting = self.rows.iter().filter(|row| row.conflict);
        self.dead.extend(conflicting.map(|row| (row.line, DeadLetter::DecisionConflict)));
        self.dead.sort_by_key(|(line, _)| *line);
        self.rows.retain(|row| !row.conflict);
        self.renumber();
        Ok(())
    }

    /// Numbers shapes and pins by their first decision that stayed, and collects what the shapes span.
    fn renumber(&mut self) {
        let arena = &mut self.arena;
        let found = std::mem::take(&mut arena.shapes.shapes);
        let mut shape_ids: Vec<Option<u32>> = vec![None; found.len()];
        let mut scopes: Vec<u32> = Vec::new(); // old scope by new
        let mut scope_ids: Vec<Option<u32>> = vec![None; arena.pins.len()];
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
            let cuts = arena.cuts.get(regular.cuts..regular.cuts + shape.cut_count()).unwrap_or_default();
            shape.include(index, as_of_us, regular.decided_us, cuts);
        }
        let kept: Vec<&[u8]> = scopes.iter().map(|&scope| arena.pins.canonical(scope)).collect();
        arena.pins = PinsTable::of(&kept);
        arena.shapes = ShapeTable::of(shapes);
    }
}
