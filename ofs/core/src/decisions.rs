//! Decisions in order of first appearance, decoded and held compactly.

use std::fmt;
use std::sync::OnceLock;

use hashbrown::{DefaultHashBuilder, HashMap};
use sha2::{Digest, Sha256};

use crate::digest::{Hash, sha256};
use crate::record::AsOfBasis;
use crate::shapes::Shape;

mod arena;
mod form;
mod horizon;
mod intake;
mod lines;
mod view;

use arena::{Arena, Key, Regular};
pub use lines::{DecodedLines, lines_of};
pub use view::{DecisionView, Question};

/// Why a line is no decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetter {
    NotAnObject,
    DecisionIdMissing,
    DecisionConflict,
}

impl DeadLetter {
    pub fn as_str(self) -> &'static str {
        match self {
            DeadLetter::NotAnObject => "NOT_AN_OBJECT",
            DeadLetter::DecisionIdMissing => "DECISION_ID_MISSING",
            DeadLetter::DecisionConflict => "DECISION_CONFLICT",
        }
    }
}

/// A call that the decisions cannot answer as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misuse {
    Sealed,
    NotSealed,
    NoDecision,
    NoShape,
    GroupCount,
    NotWatermark,
    DeadLetterCount,
    NoText,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misuse::Sealed => "the decisions are sealed: no line can be added",
            Misuse::NotSealed => "the decisions must be sealed first",
            Misuse::NoDecision => "no decision has this index",
            Misuse::NoShape => "no shape has this index",
            Misuse::GroupCount => "a shape is bound to as many group indexes as it has groups",
            Misuse::NotWatermark => "only a regular decision of the watermark basis takes a derived as-of",
            Misuse::DeadLetterCount => "the digest takes the line of each dead letter",
            Misuse::NoText => "the text ends before its lines do",
        })
    }
}

/// One decision. What is common to many stands in its shape, texts and cuts of variable length in the arenas.
#[derive(Debug, Clone)]
struct Row {
    line: u64,
    canonical: Hash,
    /// Where in the arena's texts the id begins; the request id and the keys' ids follow it.
    text: usize,
    id_len: u32,
    /// False for what is no decision of its own: a later copy, or one that conflicts with a copy.
    stays: bool,
    excluded: bool,
    regular: Option<Regular>,
}

/// See the module. First lines are added, then `seal` makes conflicts final, then the rest may be asked.
#[derive(Default)]
pub struct Decisions {
    rows: Vec<Row>,
    arena: Arena,
    derived_as_of_us: HashMap<usize, i64>,
    /// Until they are sealed, the hash of each row's id, and the row.
    ids: Vec<(u64, usize)>,
    hasher: DefaultHashBuilder,
    dead: Vec<(u64, DeadLetter)>,
    line_count: u64,
    duplicates: u64,
    sealed: bool,
    /// See `as_of_min`.
    horizons: OnceLock<Vec<i64>>,
}

impl Decisions {
    /// Distinct decisions, conflicting ones left out.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn line_count(&self) -> u64 {
        self.line_count
    }

    /// Later copies with equal canonical bytes, of decisions that do not conflict.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// (line, reason), in line order.
    pub fn dead_letters(&self) -> &[(u64, DeadLetter)] {
        &self.dead
    }

    /// The digest of all that was decided and of all that was no decision. `dead`: the line of each dead letter.
    pub fn digest<'l>(&self, dead: impl ExactSizeIterator<Item = &'l [u8]>) -> Result<Hash, Misuse> {
        if dead.len() != self.dead.len() {
            return Err(Misuse::DeadLetterCount);
        }
        let mut hasher = Sha256::new();
        for row in &self.rows {
            hasher.update([0]);
            hasher.update(row.canonical);
        }
        for ((line, _), text) in self.dead.iter().zip(dead) {
            hasher.update([1]);
            hasher.update(line.to_be_bytes());
            hasher.update(sha256(text));
        }
        Ok(hasher.finalize().into())
    }

    pub fn line(&self, index: usize) -> Option<u64> {
        self.rows.get(index).map(|row| row.line)
    }

    pub fn id(&self, index: usize) -> &str {
        let text = |row: &Row| self.arena.texts.get(row.text..row.text + row.id_len as usize);
        self.rows.get(index).and_then(text).unwrap_or_default()
    }

    /// Decisions that are not understood here, ascending.
    pub fn irregular(&self) -> Vec<usize> {
        self.rows.iter().enumerate().filter(|(_, row)| row.regular.is_none()).map(|(index, _)| index).collect()
    }

    /// By number.
    pub fn key_types(&self) -> &[Box<str>] {
        &self.arena.key_types
    }

    pub fn shapes(&self) -> &[Shape] {
        &self.arena.shapes.shapes
    }

    /// Distinct canonical pins of the regular decisions; a position is a scope.
    pub fn pins(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.arena.pins.len()).map(|id| self.arena.pins.canonical(u32::try_from(id).unwrap_or(u32::MAX)))
    }

    /// Canonical pins by their number.
    pub fn pins_of(&self, scope: u32) -> &[u8] {
        self.arena.pins.canonical(scope)
    }

    /// Gives a shape its groups' positions in the plan.
    pub fn bind(&mut self, shape: usize, group_indexes: Vec<u32>) -> Result<(), Misuse> {
        self.check_sealed()?;
        let shape = self.arena.shapes.shapes.get_mut(shape).ok_or(Misuse::NoShape)?;
        if group_indexes.len() != shape.groups.len() {
            return Err(Misuse::GroupCount);
        }
        shape.group_indexes = Some(group_indexes);
        Ok(())
    }

    /// These are not answered.
    pub fn exclude(&mut self, indexes: &[usize]) -> Result<(), Misuse> {
        self.check_sealed()?;
        for &index in indexes {
            self.rows.get_mut(index).ok_or(Misuse::NoDecision)?.excluded = true;
        }
        Ok(())
    }

    /// The derived as-of of a decision of the watermark basis.
    pub fn set_as_of(&mut self, index: usize, as_of_us: i64) -> Result<(), Misuse> {
        self.check_sealed()?;
        let view = self.view(index).ok_or(Misuse::NotWatermark)?;
        if view.shape.as_of_basis != AsOfBasis::Watermark {
            return Err(Misuse::NotWatermark);
        }
        self.derived_as_of_us.insert(index, as_of_us);
        Ok(())
    }

    /// Conflicts must be final before anything is asked.
    pub fn check_sealed(&self) -> Result<(), Misuse> {
        if self.sealed { Ok(()) } else { Err(Misuse::NotSealed) }
    }
}

#[cfg(test)]
mod tests;
