//! RFC 8785 (JCS): the parts of canonical JSON, and the canonical form of open JSON.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::json::{NotJson, Scanner, Text, checked_text};
use crate::value::{int, is_integer, shortest};

mod fixed;
pub mod short;
pub mod template;

use fixed::Fixed;

/// The largest magnitude that is written as a number; beyond it a double could not hold it.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Writes a string with its quotes.
#[inline]
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    // asked of all bytes, without a way out, so that many are looked at in one instruction
    if bytes.iter().fold(false, |found, byte| found | is_escaped(*byte)) {
        write_escaped(out, bytes);
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !is_escaped(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            _ => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&digits);
            }
        }
    }
    out.extend_from_slice(&bytes[written..]);
}

/// Writes an integer: a number up to 2^53-1 in magnitude, beyond that a string of its digits.
pub fn write_int(out: &mut Vec<u8>, value: i128) {
    let mut buffer = itoa::Buffer::new();
    match i64::try_from(value) {
        Ok(small) if small.unsigned_abs() <= NUMBER_MAX => out.extend_from_slice(buffer.format(small).as_bytes()),
        _ => {
            out.push(b'"');
            out.extend_from_slice(buffer.format(value).as_bytes());
            out.push(b'"');
        }
    }
}

/// The order of two member names: by UTF-16 code units.
#[inline]
pub fn cmp_utf16(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    match a.iter().zip(b).find(|(a, b)| a != b) {
        None => a.len().cmp(&b.len()),
        // Characters beyond U+FFFF (lead byte F0 and up) begin with a surrogate, so stand before U+E000 to U+FFFF
        // (EE and EF). Everywhere else both orders agree.
        Some((0xF0.., 0xEE | 0xEF)) => Ordering::Less,
        Some((0xEE | 0xEF, 0xF0..)) => Ordering::Greater,
        Some((a, b)) => a.cmp(b),
    }
}

/// A member of an object that was written: where it came from and where it stands.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    pub name: Cow<'a, str>,
    /// The text of the value as it was read.
    pub source: &'a str,
    start: usize,
    value: usize,
    end: usize,
}

impl Member<'_> {
    /// The canonical bytes of the value in the output.
    pub fn canonical<'o>(&self, out: &'o [u8]) -> &'o [u8] {
        out.get(self.value..self.end).unwrap_or_default()
    }
}

/// The canonical form of one JSON text.
pub fn canonicalize(text: &[u8]) -> Result<Vec<u8>, NotJson> {
    let mut writer = Canonicalizer::default();
    writer.write(text)?;
    Ok(writer.bytes().to_vec())
}

/// Gives canonical forms, one after the other; buffers are used again, and so is what was found of repeated values.
#[derive(Default)]
pub struct Canonicalizer<'a> {
    /// The text itself where it is its own canonical form; then nothing is in `out`.
    given: Option<&'a str>,
    fixed: Fixed<'a>,
    out: Vec<u8>,
    /// Members of the objects that are open, the outermost first; in the end those of the text, if it is an object,
    /// each name once and in canonical order.
    members: Vec<Member<'a>>,
    /// The last value written at each place among the outermost members, and how; see `Fixed::known`.
    known: Vec<(&'a str, Vec<u8>)>,
    scratch: Vec<u8>,
}

impl<'a> Canonicalizer<'a> {
    /// Goes over to the next text.
    pub fn write(&mut self, text: &'a [u8]) -> Result<(), NotJson> {
        self.out.clear();
        self.members.clear();
        let text = checked_text(text).ok_or(NotJson)?;
        self.given = self.fixed.read(text, &mut self.members).is_ok().then_some(text);
        if self.given.is_some() {
            return Ok(());
        }
        self.members.clear();
        let mut scanner = Scanner::new(text);
        self.value(&mut scanner, 0)?;
        scanner.finish()
    }

    /// The canonical form.
    pub fn bytes(&self) -> &[u8] {
        self.given.map_or(&self.out, str::as_bytes)
    }

    /// The members of the object last written; empty for other values.
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The text last written was an object.
    pub fn is_object(&self) -> bool {
        self.bytes().first() == Some(&b'{')
    }

    fn value(&mut self, scanner: &mut Scanner<'a>, depth: usize) -> Result<(), NotJson> {
        match scanner.peek() {
            b'{' => self.object(scanner, depth),
            b'[' => {
                self.out.push(b'[');
                let (start, outer) = (self.out.len(), self.members.len());
                scanner.array(depth, |scanner| {
                    if self.out.len() > start {
                        self.out.push(b',');
                    }
                    self.value(scanner, depth + 1)?;
                    self.members.truncate(outer);
                    Ok(())
                })?;
                self.out.push(b']');
                Ok(())
            }
            b'"' => {
                write_text(&mut self.out, scanner.string()?);
                Ok(())
            }
            b't' | b'f' | b'n' => {
                self.out.extend_from_slice(scanner.span(depth)?.as_bytes());
                Ok(())
            }
            _ => {
                write_number(&mut self.out, scanner.number()?);
                Ok(())
            }
        }
    }

    fn object(&mut self, scanner: &mut Scanner<'a>, depth: usize) -> Result<(), NotJson> {
        self.out.push(b'{');
        let (start, first) = (self.out.len(), self.members.len());
        let mut ordered = true;
        scanner.object(depth, |name, scanner| {
            if self.members.len() > first {
                self.out.push(b',');
            }
            let begin = self.out.len();
            write_text(&mut self.out, name);
            let name = name.cow();
            ordered &= self.members[first..].last().is_none_or(|last| cmp_utf16(&last.name, &name).is_lt());
            self.out.push(b':');
            let (value, inner) = (self.out.len(), self.members.len());
            let before = scanner.here();
            if depth == 0 {
                self.outermost(scanner)?;
            } else {
                self.value(scanner, depth + 1)?;
            }
            self.members.truncate(inner);
            let source = scanner.since(before);
            self.members.push(Member { name, source, start: begin, value, end: self.out.len() });
            Ok(())
        })?;
        if !ordered {
            self.reorder(start, first);
        }
        self.out.push(b'}');
        Ok(())
    }

    /// A value of the object that is the text.
    fn outermost(&mut self, scanner: &mut Scanner<'a>) -> Result<(), NotJson> {
        let (place, written) = (self.members.len(), self.out.len());
        if let Some((known, canonical)) = self.known.get(place)
            && !known.is_empty()
            && scanner.pass(known)
        {
            self.out.extend_from_slice(canonical);
            return Ok(());
        }
        let (first, start) = (scanner.peek(), scanner.here());
        self.value(scanner, 1)?;
        if self.known.len() <= place {
            self.known.resize_with(place + 1, Default::default);
        }
        let (known, canonical) = &mut self.known[place];
        *known = if ends_itself(first) { scanner.since(start) } else { "" };
        canonical.clear();
        canonical.extend_from_slice(self.out.get(written..).unwrap_or_default());
        Ok(())
    }

    /// Sorts the members written from `start` on; of those given twice the last stays.
    fn reorder(&mut self, start: usize, first: usize) {
        let mut members = self.members.split_off(first);
        members.reverse();
        members.sort_by(|a, b| cmp_utf16(&a.name, &b.name)); // stable, so the last given now comes first
        members.dedup_by(|later, kept| later.name == kept.name);
        self.scratch.clear();
        for member in &mut members {
            if !self.scratch.is_empty() {
                self.scratch.push(b',');
            }
            let moved = start + self.scratch.len();
            self.scratch.extend_from_slice(self.out.get(member.start..member.end).unwrap_or_default());
            member.value = moved + (member.value - member.start);
            member.end = moved + (member.end - member.start);
            member.start = moved;
        }
        self.out.truncate(start);
        self.out.extend_from_slice(&self.scratch);
        self.members.append(&mut members);
    }
}

/// A value of this first byte is an object, an array or a string, which say themselves where they end.
fn ends_itself(first: u8) -> bool {
    matches!(first, b'{' | b'[' | b'"')
}

/// Writes a string that was read; one without escapes stands as it stood.
#[inline]
fn write_text(out: &mut Vec<u8>, text: Text<'_>) {
    match text.plain() {
        Some(plain) => {
            out.push(b'"');
            out.extend_from_slice(plain.as_bytes());
            out.push(b'"');
        }
        None => write_string(out, &text.cow()),
    }
}

/// Writes the number of open JSON: an integer literal exactly, any other as the double that ECMAScript reads.
fn write_number(out: &mut Vec<u8>, literal: &str) {
    if is_integer(literal) {
        return match int(literal) {
            Some(value) => write_int(out, i128::from(value)),
            None => write_string(out, shortest(literal)),
        };
    }
    match literal.parse::<f64>() {
        Ok(double) if double.is_finite() => {
            out.extend_from_slice(ryu_js::Buffer::new().format_finite(double).as_bytes());
        }
        _ => write_string(out, literal),
    }
}

#[cfg(test)]
mod tests;
