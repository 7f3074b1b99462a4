//! From lines to decisions: dead letters, copies and conflicts, then the numbering of what stays.

use std::hash::BuildHasher;

use super::arena::Adopted;
use super::lines::{DecodedLines, Found};
use super::{DeadLetter, Decisions, Misuse, Row};
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
        let adopted = self.arena.adopt(&decoded.arena);
        for line in &decoded.lines {
            match line {
                Ok(found) => self.append_one(found, &adopted),
                Err(reason) => self.dead.push((self.line_count, *reason)),
            }
            self.line_count += 1;
        }
        Ok(())
    }

    fn append_one(&mut self, found: &Found, adopted: &Adopted) {
        let row = self.rows.len();
        self.rows.push(Row {
            line: self.line_count,
            canonical: found.canonical,
            text: adopted.text(found.text),
            id_len: found.id_len,
            stays: true,
            excluded: false,
            regular: found.regular.as_ref().map(|regular| adopted.regular(regular)),
        });
        self.ids.push((self.hasher.hash_one(self.id(row)), row));
    }

    /// No more lines: copies and conflicting decisions go, the others get their index.
    pub fn seal(&mut self) -> Result<(), Misuse> {
        if self.sealed {
            return Err(Misuse::Sealed);
        }
        self.sealed = true;
        self.compare_copies();
        self.dead.sort_by_key(|(line, _)| *line);
        self.rows.retain(|row| row.stays);
        self.renumber();
        Ok(())
    }

    /// Of the decisions with one id the first stays, where all are equal; else none does. A table of ids would be asked
    /// at another place for each line; sorted, equal ids stand side by side.
    fn compare_copies(&mut self) {
        let mut ids = std::mem::take(&mut self.ids);
        ids.sort_unstable();
        for alike in ids.chunk_by(|(a, _), (b, _)| a == b) {
            let mut rest: Vec<usize> =
                if alike.len() > 1 { alike.iter().map(|(_, row)| *row).collect() } else { continue };
            while let [first, ..] = rest[..] {
                let (copies, others): (Vec<usize>, _) =
                    rest.into_iter().partition(|row| self.id(*row) == self.id(first));
                self.take_copies(&copies);
                rest = others;
            }
        }
    }

    /// Rows of one id, ascending.
    fn take_copies(&mut self, copies: &[usize]) {
        let first = copies.first().and_then(|first| self.rows.get(*first)).map(|row| row.canonical);
        let differ = copies.iter().any(|row| self.rows.get(*row).map(|row| row.canonical) != first);
        for (number, row) in copies.iter().enumerate() {
            let Some(row) = self.rows.get_mut(*row) else { continue };
            row.stays = number == 0 && !differ;
            if differ {
                self.dead.push((row.line, DeadLetter::DecisionConflict));
            }
        }
        self.duplicates += if differ { 0 } else { (copies.len() as u64).saturating_sub(1) };
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
