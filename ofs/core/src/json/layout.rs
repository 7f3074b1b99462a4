//! Texts read against the layout of a text before. Texts of one producer differ in a few values only; what else they
//! have, names, punctuation and the values that were always the same, is compared as a whole instead of scanned.
//!
//! A text that follows a layout is JSON of the same structure, for its values are scanned as strictly as ever and stand
//! where values stood. A text that does not follow says nothing: it is to be read without a layout.

use std::borrow::Cow;
use std::ops::Range;

use super::{Field, NotJson, Scanner, Value};
use crate::canonical::cmp_utf16;

/// Values of a layout; a text with more has none.
const LEAVES_MAX: usize = 512;

/// The structure of a text, without its values.
#[derive(Debug)]
pub enum Node<'a> {
    /// A value, by its number.
    Leaf(usize),
    /// Each name once, in canonical order; of members given twice the last.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    Array(Vec<Node<'a>>),
}

impl<'a> Node<'a> {
    /// The member of an object.
    pub fn get(&self, name: &str) -> Option<&Node<'a>> {
        match self {
            Node::Object(members) => members.iter().find(|(known, _)| *known == name).map(|(_, node)| node),
            Node::Leaf(_) | Node::Array(_) => None,
        }
    }

    /// The values at and below it, but for members that were given again.
    pub fn leaves(&self, each: &mut impl FnMut(usize)) {
        match self {
            Node::Leaf(leaf) => each(*leaf),
            Node::Object(members) => members.iter().for_each(|(_, node)| node.leaves(each)),
            Node::Array(elements) => elements.iter().for_each(|node| node.leaves(each)),
        }
    }

    pub fn leaf(&self) -> Option<usize> {
        match self {
            Node::Leaf(leaf) => Some(*leaf),
            Node::Object(_) | Node::Array(_) => None,
        }
    }

    pub fn elements(&self) -> &[Node<'a>] {
        match self {
            Node::Array(elements) => elements,
            Node::Leaf(_) | Node::Object(_) => &[],
        }
    }
}

/// What else than the model's value may stand in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vary {
    Never,
    AsString,
    Freely,
}

/// A value of the model: a scalar, or an array that is no part of the structure.
#[derive(Debug)]
struct Leaf<'a> {
    value: Value<'a>,
    start: usize,
    /// Containers open around it.
    depth: usize,
    vary: Vary,
    /// Its position among the varying ones, if it has varied.
    place: Option<usize>,
}

impl Leaf<'_> {
    fn end(&self) -> usize {
        self.start + self.value.source.len()
    }

    /// Another text departs from this value at the position `at`. A number goes on until something ends it.
    fn departs_at(&self, at: usize) -> bool {
        (self.start..self.end()).contains(&at) || at == self.end() && matches!(self.value.field(), Field::Number(_))
    }
}

/// What texts have in common: all of a model but the values that were found to vary.
#[derive(Debug)]
pub struct Layout<'a> {
    model: &'a str,
    root: Node<'a>,
    /// In the order of the text.
    leaves: Vec<Leaf<'a>>,
    /// Leaves, ascending.
    varying: Vec<usize>,
    /// The values of the text that followed last, by `varying`.
    found: Vec<Value<'a>>,
}

impl<'a> Layout<'a> {
    /// The layout of an object; every value of it may vary freely. None of any other text, and of one with too many values.
    /// `opened`: members of the object whose arrays are structure; all other arrays are values.
    pub fn of(model: &'a str, opened: &[&str]) -> Option<Layout<'a>> {
        let mut scanner = Scanner::new(model);
        let mut leaves = Vec::new();
        if scanner.peek() != b'{' {
            return None;
        }
        let root = object(&mut scanner, 0, &|name| opened.contains(&name), &mut leaves).ok()?;
        scanner.finish().ok()?;
        let model = model.trim_end_matches([' ', '\t', '\n', '\r']);
        Some(Layout { model, root, leaves, varying: Vec::new(), found: Vec::new() })
    }

    /// The model's structure.
    pub fn root(&self) -> &Node<'a> {
        &self.root
    }

    /// How many values vary. None becomes constant again.
    pub fn varying(&self) -> usize {
        self.varying.len()
    }

    pub fn varies(&self, leaf: usize) -> bool {
        self.leaves.get(leaf).is_some_and(|leaf| leaf.place.is_some())
    }

    /// To be said before any text has followed.
    pub fn let_vary(&mut self, leaf: usize, vary: Vary) {
        if let Some(leaf) = self.leaves.get_mut(leaf) {
            leaf.vary = vary;
        }
    }

    /// The value of the text that followed last; at first of the model.
    #[inline]
    pub fn value(&self, leaf: usize) -> Option<Value<'a>> {
        let leaf = self.leaves.get(leaf)?;
        match leaf.place {
            Some(place) => self.found.get(place).copied(),
            None => Some(leaf.value),
        }
    }

    /// Goes over to a text that has this layout; of one that has not, the values found are of no use.
    pub fn follow(&mut self, text: &'a str) -> bool {
        let mut scanner = Scanner::new(text);
        let mut from = 0;
        self.found.clear();
        loop {
            let next = self.varying.get(self.found.len()).and_then(|leaf| self.leaves.get(*leaf));
            let to = next.map_or(self.model.len(), |leaf| leaf.start);
            if !scanner.pass(self.model.get(from..to).unwrap_or_default()) {
                let Some(leaf) = self.departed(from..to, scanner.rest()) else { return false };
                self.vary(leaf);
                continue;
            }
            let Some(leaf) = next else { return scanner.finish().is_ok() };
            let Ok(value) = scanner.value(leaf.depth) else { return false };
            if leaf.vary == Vary::AsString && !value.source.starts_with('"') {
                return false;
            }
            from = leaf.end();
            self.found.push(value);
        }
    }

    /// The constant in this part of the model that is another in `rest`, if it may be.
    fn departed(&self, part: Range<usize>, rest: &[u8]) -> Option<usize> {
        let from = part.start;
        let part = self.model.as_bytes().get(part)?;
        let at = from + part.iter().zip(rest).take_while(|(known, byte)| known == byte).count();
        let number = self.leaves.partition_point(|leaf| leaf.end() < at);
        let leaf = self.leaves.get(number)?;
        (leaf.vary != Vary::Never && leaf.place.is_none() && leaf.departs_at(at)).then_some(number)
    }

    /// The leaf varies from now on; it stands behind all that was found.
    fn vary(&mut self, leaf: usize) {
        let place = self.varying.partition_point(|known| *known < leaf);
        self.varying.insert(place, leaf);
        for (place, leaf) in self.varying.iter().enumerate().skip(place) {
            if let Some(leaf) = self.leaves.get_mut(*leaf) {
                leaf.place = Some(place);
            }
        }
    }
}

/// Reads what comes next. `is_open`: its arrays are structure.
fn node<'a>(
    scanner: &mut Scanner<'a>,
    depth: usize,
    is_open: bool,
    leaves: &mut Vec<Leaf<'a>>,
) -> Result<Node<'a>, NotJson> {
    match scanner.peek() {
        b'{' => object(scanner, depth, &|_| is_open, leaves),
        b'[' if is_open => {
            let mut elements = Vec::new();
            scanner.array(depth, |scanner| {
                elements.push(node(scanner, depth + 1, is_open, leaves)?);
                Ok(())
            })?;
            Ok(Node::Array(elements))
        }
        _ => {
            let start = scanner.here();
            let value = scanner.value(depth)?;
            if leaves.len() == LEAVES_MAX {
                return Err(NotJson);
            }
            leaves.push(Leaf { value, start, depth, vary: Vary::Freely, place: None });
            Ok(Node::Leaf(leaves.len() - 1))
        }
    }
}

/// `is_open`: whether arrays under the member of a name are structure.
fn object<'a>(
    scanner: &mut Scanner<'a>,
    depth: usize,
    is_open: &dyn Fn(&str) -> bool,
    leaves: &mut Vec<Leaf<'a>>,
) -> Result<Node<'a>, NotJson> {
    let mut members: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
    scanner.object(depth, |name, scanner| {
        let name = name.cow();
        let member = node(scanner, depth + 1, is_open(&name), leaves)?;
        members.push((name, member));
        Ok(())
    })?;
    members.reverse();
    members.sort_by(|(a, _), (b, _)| cmp_utf16(a, b)); // stable, so the last given now comes first
    members.dedup_by(|(later, _), (kept, _)| later == kept);
    Ok(Node::Object(members))
}

/// Layouts of the texts that came last, each with what its reader knows of texts that follow it. What is spent on texts
/// that follow none is bounded by what was saved.
#[derive(Debug)]
pub struct Layouts<'a, T> {
    held: Vec<(Layout<'a>, T)>,
    /// The one that was followed last.
    last: usize,
    /// Whose turn it is to be replaced.
    oldest: usize,
    credit: u32,
}

const HELD_MAX: usize = 8;
/// What making a layout costs. A text that follows one earns a part of it, any other a little, so that layouts are tried
/// anew from time to time. With less than this left, only the layout that was followed last is tried.
const COST: u32 = 64;
const FOLLOWED: u32 = 16;
const CREDIT_MAX: u32 = HELD_MAX as u32 * 2 * COST;

impl<T> Default for Layouts<'_, T> {
    fn default() -> Self {
        Layouts { held: Vec::new(), last: 0, oldest: 0, credit: CREDIT_MAX }
    }
}

impl<'a, T> Layouts<'a, T> {
    /// The layout that the text follows, if it follows one.
    #[inline]
    pub fn follow(&mut self, text: &'a str) -> Option<&mut (Layout<'a>, T)> {
        let follows = |(layout, _): &mut (Layout<'a>, T)| layout.follow(text);
        if !self.held.get_mut(self.last).is_some_and(follows) {
            let tried = if self.credit < COST { 0 } else { self.held.len() };
            let found = (0..tried).find(|&at| at != self.last && follows(&mut self.held[at]));
            self.credit = (self.credit + if found.is_some() { FOLLOWED } else { 1 }).min(CREDIT_MAX);
            self.last = found?;
        }
        self.held.get_mut(self.last)
    }

    /// Holds what `make` gives, if it is worth the work now.
    pub fn learn(&mut self, make: impl FnOnce() -> Option<(Layout<'a>, T)>) {
        if self.credit < COST {
            return;
        }
        self.credit -= COST;
        let Some(made) = make() else { return };
        self.last = self.held.len();
        if self.held.len() < HELD_MAX {
            return self.held.push(made);
        }
        self.last = self.oldest;
        self.oldest = (self.oldest + 1) % HELD_MAX;
        self.held[self.last] = made;
    }
}

#[cfg(test)]
mod tests;
