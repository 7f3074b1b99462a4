//! Texts that are their own canonical form, as producers of canonical JSON give them: they are checked, and nothing is
//! written.

use std::borrow::Cow;

use super::{Member, cmp_utf16, ends_itself, write_number};
use crate::json::{NotJson, Scanner};

/// Integers of so many characters are below 2^53 in magnitude.
const SMALL: usize = 15;

/// What was seen of the texts before.
#[derive(Default)]
pub(super) struct Fixed<'a> {
    /// The last fixed value at each place among the members, where it was an object, an array or a string. Such a text
    /// says itself where it ends, so what begins with it begins with the same value, and need not be checked again.
    known: Vec<&'a str>,
    scratch: Vec<u8>,
}

impl<'a> Fixed<'a> {
    /// Takes the members of an object that is its own canonical form; an error says that this is not known of the text.
    pub fn read(&mut self, text: &'a str, members: &mut Vec<Member<'a>>) -> Result<(), NotJson> {
        let mut scanner = Scanner::new(text);
        scanner.object(0, |name, scanner| {
            let name = name.plain().ok_or(NotJson)?;
            check_order(members.last().map(|last| &*last.name), name)?;
            let value = scanner.here();
            self.member(members.len(), scanner)?;
            let source = scanner.since(value);
            let (start, end) = (value - name.len() - 3, value + source.len()); // two quotes, a colon
            members.push(Member { name: Cow::Borrowed(name), source, start, value, end });
            if scanner.is_compact() { Ok(()) } else { Err(NotJson) }
        })?;
        scanner.finish()?;
        if scanner.is_compact() { Ok(()) } else { Err(NotJson) }
    }

    fn member(&mut self, place: usize, scanner: &mut Scanner<'a>) -> Result<(), NotJson> {
        if self.known.get(place).is_some_and(|known| !known.is_empty() && scanner.pass(known)) {
            return Ok(());
        }
        let (first, start) = (scanner.peek(), scanner.here());
        self.value(scanner, 1)?;
        if self.known.len() <= place {
            self.known.resize(place + 1, "");
        }
        self.known[place] = if ends_itself(first) { scanner.since(start) } else { "" };
        Ok(())
    }

    fn value(&mut self, scanner: &mut Scanner<'a>, depth: usize) -> Result<(), NotJson> {
        match scanner.peek() {
            b'{' => {
                let mut last = None;
                scanner.object(depth, |name, scanner| {
                    let name = name.plain().ok_or(NotJson)?;
                    check_order(last.replace(name), name)?;
                    self.value(scanner, depth + 1)
                })
            }
            b'[' => scanner.array(depth, |scanner| self.value(scanner, depth + 1)),
            b'"' => scanner.string()?.plain().map(drop).ok_or(NotJson),
            b't' | b'f' | b'n' => scanner.skip(depth),
            _ => self.number(scanner.number()?),
        }
    }

    fn number(&mut self, literal: &str) -> Result<(), NotJson> {
        if literal.len() <= SMALL && literal.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(());
        }
        self.scratch.clear();
        write_number(&mut self.scratch, literal);
        if self.scratch == literal.as_bytes() { Ok(()) } else { Err(NotJson) }
    }
}

fn check_order(last: Option<&str>, name: &str) -> Result<(), NotJson> {
    if last.is_none_or(|last| cmp_utf16(last, name).is_lt()) { Ok(()) } else { Err(NotJson) }
}
