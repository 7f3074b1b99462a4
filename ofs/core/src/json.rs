//! A strict scanner of one RFC 8259 text, in one pass and without recursion over data.
//!
//! Everything is checked, also members that nobody reads: escapes and surrogate pairs, control characters, numbers'
//! grammar and length, nesting. Existing parsers skip unread members more loosely, so their verdict would depend on
//! what is read; hence this code.

use std::borrow::Cow;

use simdutf8::basic::from_utf8;

pub mod layout;

/// Containers that may be open at once; the outermost is the first.
pub const DEPTH_MAX: usize = 128;
/// Characters of a number literal, sign, fraction and exponent included.
pub const NUMBER_MAX: usize = 100;
/// Bytes of a text.
pub const TEXT_MAX: usize = 16 << 20;

/// The text is not exactly one JSON value within the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;

type Scan<T> = Result<T, NotJson>;

/// A JSON value as its reader sees it; the literal of a number is kept as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Field<'a> {
    #[default]
    Missing,
    Null,
    Bool(bool),
    Number(&'a str),
    String(Cow<'a, str>),
    /// An array or object.
    Other,
}

/// A checked string between its quotes, escapes not yet resolved.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// The string's characters where it has no escapes, so that they are also how it is written.
    pub fn plain(self) -> Option<&'a str> {
        if self.escaped { None } else { Some(self.raw) }
    }

    /// The string's characters; borrowed unless it has escapes.
    pub fn cow(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

/// A scalar or an array of a checked text, as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    source: &'a str,
    escaped: bool,
}

impl<'a> Value<'a> {
    pub fn source(self) -> &'a str {
        self.source
    }

    /// The string between its quotes, None of any other value.
    #[inline]
    pub fn text(self) -> Option<Text<'a>> {
        let inner = self.source.strip_prefix('"')?;
        Some(Text { raw: inner.get(..inner.len().saturating_sub(1))?, escaped: self.escaped })
    }

    #[inline]
    pub fn field(self) -> Field<'a> {
        match self.source.as_bytes().first() {
            Some(b'"') => self.text().map_or(Field::Missing, |text| Field::String(text.cow())),
            Some(b'[') => Field::Other,
            Some(b't') => Field::Bool(true),
            Some(b'f') => Field::Bool(false),
            Some(b'n') => Field::Null,
            _ => Field::Number(self.source),
        }
    }
}

/// A position in a JSON text.
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    spaced: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Scanner { text, at: 0, spaced: false }
    }

    /// The first byte of what follows after white space; 0, which begins nothing, at the end.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return byte;
            }
            self.at += 1;
            self.spaced = true;
        }
        0
    }

    /// Nothing but white space follows.
    pub fn finish(&mut self) -> Scan<()> {
        self.peek();
        if self.at == self.text.len() { Ok(()) } else { Err(NotJson) }
    }

    /// Reads one value; an array or object is checked and passed over. `depth`: containers open around it.
    #[inline]
    pub fn field(&mut self, depth: usize) -> Scan<Field<'a>> {
        match self.peek() {
            b'"' => Ok(Field::String(self.string()?.cow())),
            b'{' | b'[' => self.skip(depth).map(|()| Field::Other),
            b't' => self.literal(b"true").map(|()| Field::Bool(true)),
            b'f' => self.literal(b"false").map(|()| Field::Bool(false)),
            b'n' => self.literal(b"null").map(|()| Field::Null),
            _ => Ok(Field::Number(self.number()?)),
        }
    }

    /// Reads the scalar or array that begins here. `depth`: containers open around it.
    #[inline]
    pub fn value(&mut self, depth: usize) -> Scan<Value<'a>> {
        let start = self.at;
        let mut escaped = false;
        match self.text.as_bytes().get(start) {
            Some(b'"') => escaped = self.string()?.escaped,
            Some(b'[') => self.skip(depth)?,
            Some(b't') => self.literal(b"true")?,
            Some(b'f') => self.literal(b"false")?,
            Some(b'n') => self.literal(b"null")?,
            _ => self.number().map(drop)?,
        }
        Ok(Value { source: self.since(start), escaped })
    }

    /// Passes over one value of any kind and gives its text without surrounding white space.
    pub fn span(&mut self, depth: usize) -> Scan<&'a str> {
        self.peek();
        let start = self.at;
        self.skip(depth)?;
        Ok(self.since(start))
    }

    /// Checks and passes over one value of any kind.
    pub fn skip(&mut self, depth: usize) -> Scan<()> {
        let mut open = depth;
        let mut objects = 0_u128; // the kinds of the containers opened here, the innermost in the lowest bit
        loop {
            match self.peek() {
                b'"' => self.string().map(drop)?,
                first @ (b'{' | b'[') => {
                    if self.enter(open)? {
                        open += 1;
                        objects = objects << 1 | u128::from(first == b'{');
                        if first == b'{' {
                            self.name()?;
                        }
                        continue;
                    }
                }
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => self.number().map(drop)?,
            }
            loop {
                if open == depth {
                    return Ok(());
                }
                let in_object = objects & 1 == 1;
                let closing = if in_object { b'}' } else { b']' };
                if !self.goes_on(closing)? {
                    open -= 1;
                    objects >>= 1;
                } else {
                    if in_object {
                        self.name()?;
                    }
                    break;
                }
            }
        }
    }

    /// Reads the object that begins here; `each` gets every name and must read its value.
    #[inline]
    pub fn object(&mut self, depth: usize, mut each: impl FnMut(Text<'a>, &mut Self) -> Scan<()>) -> Scan<()> {
        if !self.enter(depth)? {
            return Ok(());
        }
        loop {
            let name = self.name()?;
            each(name, self)?;
            if !self.goes_on(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads the array that begins here; `each` must read an element.
    pub fn array(&mut self, depth: usize, mut each: impl FnMut(&mut Self) -> Scan<()>) -> Scan<()> {
        if !self.enter(depth)? {
            return Ok(());
        }
        loop {
            each(self)?;
            if !self.goes_on(b']')? {
                return Ok(());
            }
        }
    }

    /// Steps into the container that begins here; false (and past it) when it is empty.
    #[inline]
    fn enter(&mut self, depth: usize) -> Scan<bool> {
        if depth >= DEPTH_MAX {
            return Err(NotJson);
        }
        let closing = match self.text.as_bytes().get(self.at) {
            Some(b'{') => b'}',
            Some(b'[') => b']',
            _ => return Err(NotJson),
        };
        self.at += 1;
        if self.peek() == closing {
            self.at += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// After an element: true past a comma, false past the closing bracket.
    #[inline]
    fn goes_on(&mut self, closing: u8) -> Scan<bool> {
        let byte = self.peek();
        if byte == b',' || byte == closing {
            self.at += 1;
            Ok(byte == b',')
        } else {
            Err(NotJson)
        }
    }

    #[inline]
    fn name(&mut self) -> Scan<Text<'a>> {
        if self.peek() != b'"' {
            return Err(NotJson);
        }
        let name = self.string()?;
        if self.peek() != b':' {
            return Err(NotJson);
        }
        self.at += 1;
        Ok(name)
    }

    /// Reads the string whose opening quote is here.
    #[inline]
    pub fn string(&mut self) -> Scan<Text<'a>> {
        if self.text.as_bytes().get(self.at) != Some(&b'"') {
            return Err(NotJson);
        }
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        let bytes = self.text.as_bytes();
        loop {
            at = plain_end(bytes, at);
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at = escape_end(bytes, at)?,
                _ => return Err(NotJson),
            }
            escaped = true;
        }
        self.at = at + 1;
        Ok(Text { raw: &self.text[start..at], escaped })
    }

    /// Reads the number that begins here; its literal as written.
    #[inline]
    pub fn number(&mut self) -> Scan<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
        at = match bytes.get(at) {
            Some(b'0') => at + 1,
            _ => digits_end(bytes, at)?,
        };
        if bytes.get(at) == Some(&b'.') {
            at = digits_end(bytes, at + 1)?;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
            at = digits_end(bytes, at)?;
        }
        if at - start > NUMBER_MAX {
            return Err(NotJson);
        }
        self.at = at;
        Ok(self.since(start))
    }

    #[inline]
    fn literal(&mut self, word: &[u8]) -> Scan<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word) {
            return Err(NotJson);
        }
        self.at += word.len();
        Ok(())
    }

    /// No white space stood between what was read so far.
    pub fn is_compact(&self) -> bool {
        !self.spaced
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Steps past a text if it is what follows.
    #[inline]
    pub fn pass(&mut self, known: &str) -> bool {
        let follows = self.text.as_bytes()[self.at..].starts_with(known.as_bytes());
        self.at += if follows { known.len() } else { 0 };
        follows
    }

    /// Where the next value begins.
    pub fn here(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// What was read since `start`, a position of this scanner. Both ends stand beside ASCII characters.
    #[inline]
    pub fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }
}

/// The value of a text within `TEXT_MAX`, as UTF-8.
pub fn checked_text(value: &[u8]) -> Option<&str> {
    if value.len() > TEXT_MAX { None } else { from_utf8(value).ok() }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// The first position from `at` of a quote, backslash or control character, or the end; eight bytes a step.
#[inline]
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
        // A borrow can only mark bytes above a true mark, so the lowest mark of each test is true.
        let marks = below(word ^ (ONES * 0x22), 1) | below(word ^ (ONES * 0x5c), 1) | below(word, 0x20);
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\').unwrap_or(rest.len())
}

/// Past the escape that begins at the backslash `at`; a surrogate must be half of a pair.
fn escape_end(bytes: &[u8], at: usize) -> Scan<usize> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match hex4(bytes, at + 2) {
            Some(0xD800..=0xDBFF) if bytes.get(at + 6..at + 8) == Some(b"\\u") => match hex4(bytes, at + 8) {
                Some(0xDC00..=0xDFFF) => Ok(at + 12),
                _ => Err(NotJson),
            },
            Some(0xD800..=0xDFFF) | None => Err(NotJson),
            Some(_) => Ok(at + 6),
        },
        _ => Err(NotJson),
    }
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |code, &byte| Some(code * 16 + char::from(byte).to_digit(16)?))
}

#[inline]
fn digits_end(bytes: &[u8], start: usize) -> Scan<usize> {
    let mut at = start;
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at == start { Err(NotJson) } else { Ok(at) }
}

/// The characters of a string that the scanner has checked.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let (character, length) = resolve(escape);
        out.push(character);
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The character of the escape after its backslash, and the escape's length there.
fn resolve(escape: &str) -> (char, usize) {
    let bytes = escape.as_bytes();
    let simple = match bytes.first() {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let (high, low) = (hex4(bytes, 1).unwrap_or(0), hex4(bytes, 7).unwrap_or(0));
            return if (0xD800..0xDC00).contains(&high) {
                let code = 0x10000 + ((high & 0x3FF) << 10 | low & 0x3FF);
                (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11)
            } else {
                (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
            };
        }
        Some(&other) => char::from(other),
        None => char::REPLACEMENT_CHARACTER,
    };
    (simple, 1)
}

#[cfg(test)]
mod tests;
