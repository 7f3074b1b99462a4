//! The canonical form of texts of one layout: constants, written once, with the values that vary between them.

use std::ops::Range;

use super::{Canonicalizer, write_number, write_string, write_text};
use crate::json::layout::{Layout, Node};
use crate::json::{NotJson, Value};

/// Integers of so many digits are below 2^53.
const SMALL: usize = 15;

/// See the module. Good for a layout as long as no further value of it varies.
#[derive(Debug)]
pub struct Template {
    constants: Vec<u8>,
    /// Where a constant ends, and the value behind it.
    pieces: Vec<(usize, usize)>,
    /// How many values of the layout vary.
    varying: usize,
    /// The pieces of the marked member, and the constant bytes before it and up to its end.
    marked: Option<(Range<usize>, Range<usize>)>,
}

impl Template {
    /// `marked`: a member of the object whose place `write` tells.
    pub fn of(layout: &Layout<'_>, marked: &str) -> Result<Template, NotJson> {
        let (constants, pieces, varying) = (Vec::new(), Vec::new(), layout.varying());
        let mut template = Template { constants, pieces, varying, marked: None };
        template.node(layout, layout.root(), Some(marked))?;
        Ok(template)
    }

    pub fn is_for(&self, layout: &Layout<'_>) -> bool {
        self.varying == layout.varying()
    }

    fn node(&mut self, layout: &Layout<'_>, node: &Node<'_>, marked: Option<&str>) -> Result<(), NotJson> {
        match node {
            Node::Leaf(leaf) if layout.varies(*leaf) => self.pieces.push((self.constants.len(), *leaf)),
            Node::Leaf(leaf) => write_value(&mut self.constants, layout.value(*leaf).ok_or(NotJson)?)?,
            Node::Object(members) => {
                self.constants.push(b'{');
                for (at, (name, member)) in members.iter().enumerate() {
                    if at > 0 {
                        self.constants.push(b',');
                    }
                    write_string(&mut self.constants, name);
                    self.constants.push(b':');
                    let before = (self.pieces.len(), self.constants.len());
                    self.node(layout, member, None)?;
                    if marked.is_some_and(|marked| *name == marked) {
                        self.marked = Some((before.0..self.pieces.len(), before.1..self.constants.len()));
                    }
                }
                self.constants.push(b'}');
            }
            Node::Array(elements) => {
                self.constants.push(b'[');
                for (at, element) in elements.iter().enumerate() {
                    if at > 0 {
                        self.constants.push(b',');
                    }
                    self.node(layout, element, None)?;
                }
                self.constants.push(b']');
            }
        }
        Ok(())
    }

    /// Writes the canonical form of the text that followed the layout last to an empty buffer, and gives the place of
    /// the marked member there; an empty one where there is none.
    pub fn write(&self, layout: &Layout<'_>, out: &mut Vec<u8>) -> Result<Range<usize>, NotJson> {
        let (marked, mut place) = self.marked.clone().unwrap_or_default();
        let mut from = 0;
        for (number, (to, leaf)) in self.pieces.iter().enumerate() {
            out.extend_from_slice(self.constants.get(from..*to).unwrap_or_default());
            from = *to;
            let before = out.len();
            write_value(out, layout.value(*leaf).ok_or(NotJson)?)?;
            let length = out.len() - before;
            place.start += if number < marked.start { length } else { 0 };
            place.end += if number < marked.end { length } else { 0 };
        }
        out.extend_from_slice(self.constants.get(from..).unwrap_or_default());
        Ok(place)
    }
}

/// Writes a scalar or array in its canonical form.
fn write_value(out: &mut Vec<u8>, value: Value<'_>) -> Result<(), NotJson> {
    let source = value.source();
    match source.as_bytes().first() {
        Some(b'"') => value.text().map(|text| write_text(out, text)).ok_or(NotJson)?,
        Some(b'[') => {
            let mut canonicalizer = Canonicalizer::default();
            canonicalizer.write(source.as_bytes())?;
            out.extend_from_slice(canonicalizer.bytes());
        }
        Some(b't' | b'f' | b'n') => out.extend_from_slice(source.as_bytes()),
        _ if source.len() <= SMALL && source.bytes().all(|byte| byte.is_ascii_digit()) => {
            out.extend_from_slice(source.as_bytes());
        }
        _ => write_number(out, source),
    }
    Ok(())
}
