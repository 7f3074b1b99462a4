//! Lines, each decoded alone: pure, so that it may be done on any thread. Only taking them up has an order.

use std::io::BufRead;
use std::iter;

use super::DeadLetter;
use super::arena::{Arena, Regular, length};
use super::form::Form;
use crate::canonical::Canonicalizer;
use crate::digest::{Hash, sha256_each};
use crate::json::layout::Layouts;
use crate::json::{Field, Scanner, checked_text};
use crate::record::decode;

/// Lines whose canonical forms are hashed side by side.
const TOGETHER: usize = 2;

/// Decoded lines in their order, to be taken up by `Decisions::append`.
#[derive(Default)]
pub struct DecodedLines {
    pub(super) lines: Vec<Result<Found, DeadLetter>>,
    pub(super) arena: Arena,
}

/// A decision as its line gives it.
pub(super) struct Found {
    /// Of its canonical form; who reads the line leaves it to whoever hashes several.
    pub canonical: Hash,
    /// Where in the arena's texts its id begins; the request id and the keys' ids follow it.
    pub text: usize,
    pub id_len: u32,
    pub regular: Option<Regular>,
}

impl DecodedLines {
    pub fn of<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> DecodedLines {
        let mut reader = Reader::default();
        let mut canonical: [Vec<u8>; TOGETHER] = Default::default();
        let mut lines = lines.into_iter();
        let mut decoded = Vec::with_capacity(lines.size_hint().0);
        loop {
            let first = decoded.len();
            decoded
                .extend(canonical.iter_mut().zip(lines.by_ref()).map(|(canonical, line)| reader.read(line, canonical)));
            if decoded.len() == first {
                return DecodedLines { lines: decoded, arena: reader.arena };
            }
            let hashes: [Hash; TOGETHER] = sha256_each(std::array::from_fn(|place| &*canonical[place]));
            for (line, hash) in decoded.iter_mut().skip(first).zip(hashes) {
                line.iter_mut().for_each(|found: &mut Found| found.canonical = hash);
            }
        }
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// The lines of a text, each of which has an end.
pub fn lines_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    iter::from_fn(move || {
        let line = rest;
        let length = rest.skip_until(b'\n').ok()?;
        line.get(..length.checked_sub(1)?)
    })
}

/// Reads line after line. What a line is depends on nothing but the line.
#[derive(Default)]
pub(super) struct Reader<'l> {
    arena: Arena,
    forms: Layouts<'l, Form>,
    canonicalizer: Canonicalizer<'l>,
}

impl<'l> Reader<'l> {
    /// `canonical` is replaced by the canonical form of a line that is a decision.
    pub(super) fn read(&mut self, line: &'l [u8], canonical: &mut Vec<u8>) -> Result<Found, DeadLetter> {
        let text = checked_text(line).ok_or(DeadLetter::NotAnObject)?;
        if let Some(found) = self.follow(text, canonical) {
            return Ok(found);
        }
        let found = self.read_plainly(line, canonical)?;
        if let Some(regular) = &found.regular {
            self.forms.learn(|| Form::of(text, regular, &self.arena));
        }
        Ok(found)
    }

    /// The decision of a line that has a form of lines before it.
    pub(super) fn follow(&mut self, line: &'l str, canonical: &mut Vec<u8>) -> Option<Found> {
        let (layout, form) = self.forms.follow(line)?;
        form.read(layout, &mut self.arena, canonical)
    }

    fn read_plainly(&mut self, line: &'l [u8], canonical: &mut Vec<u8>) -> Result<Found, DeadLetter> {
        let canonicalizer = &mut self.canonicalizer;
        let is_object = canonicalizer.write(line).is_ok() && canonicalizer.is_object();
        if !is_object {
            return Err(DeadLetter::NotAnObject);
        }
        let id = canonicalizer.members().iter().find(|member| member.name == "decision_id");
        let Some(Ok(Field::String(id))) = id.map(|member| Scanner::new(member.source).field(0)) else {
            return Err(DeadLetter::DecisionIdMissing);
        };
        let text = self.arena.texts.len();
        self.arena.texts.push_str(&id);
        let record = decode(&id, canonicalizer.members());
        let features = canonicalizer.members().iter().find(|member| member.name == "online_features");
        let features = features.map(|member| member.canonical(canonicalizer.bytes())).unwrap_or_default();
        canonical.clear();
        canonical.extend_from_slice(canonicalizer.bytes());
        Ok(Found {
            canonical: Hash::default(),
            text,
            id_len: length(&id),
            regular: record.map(|record| self.arena.hold(&record, features)),
        })
    }
}
