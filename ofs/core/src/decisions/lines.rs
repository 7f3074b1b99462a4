//! Lines, each decoded alone: pure, so that it may be done on any thread. Only taking them up has an order.

use super::DeadLetter;
use super::arena::{Arena, Regular, length};
use crate::canonical::Canonicalizer;
use crate::digest::{Hash, sha256};
use crate::json::{Field, Scanner};
use crate::record::{Known, decode};

/// Decoded lines in their order, to be taken up by `Decisions::append`.
#[derive(Default)]
pub struct DecodedLines {
    pub(super) lines: Vec<Result<Found, DeadLetter>>,
    pub(super) arena: Arena,
}

/// A decision as its line gives it.
pub(super) struct Found {
    pub canonical: Hash,
    /// Where in the arena's texts its id begins; the request id and the keys' ids follow it.
    pub text: usize,
    pub id_len: u32,
    pub regular: Option<Regular>,
}

impl DecodedLines {
    pub fn of<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> DecodedLines {
        let (mut canonicalizer, mut known) = (Canonicalizer::default(), Known::default());
        let mut decoded = DecodedLines::default();
        let lines = lines.into_iter();
        decoded.lines.reserve(lines.size_hint().0);
        for line in lines {
            let found = decoded.arena.read(line, &mut canonicalizer, &mut known);
            decoded.lines.push(found);
        }
        decoded
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl Arena {
    fn read<'l>(
        &mut self,
        line: &'l [u8],
        canonicalizer: &mut Canonicalizer<'l>,
        known: &mut Known<'l>,
    ) -> Result<Found, DeadLetter> {
        let is_object = canonicalizer.write(line).is_ok() && canonicalizer.is_object();
        if !is_object {
            return Err(DeadLetter::NotAnObject);
        }
        let id = canonicalizer.members().iter().find(|member| member.name == "decision_id");
        let Some(Ok(Field::String(id))) = id.map(|member| Scanner::new(member.source).field(0)) else {
            return Err(DeadLetter::DecisionIdMissing);
        };
        let text = self.texts.len();
        self.texts.push_str(&id);
        let record = decode(&id, canonicalizer.members(), known);
        let features = canonicalizer.members().iter().find(|member| member.name == "online_features");
        let features = features.map(|member| member.canonical(canonicalizer.bytes())).unwrap_or_default();
        Ok(Found {
            canonical: sha256(canonicalizer.bytes()),
            text,
            id_len: length(&id),
            regular: record.map(|record| self.hold(&record, features)),
        })
    }
}
