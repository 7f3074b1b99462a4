//! The admission of one record value: what makes it an event, and the fields that definitions read.

use std::borrow::Cow;

use simdutf8::basic::from_utf8;

use crate::json::layout::Layouts;
use crate::json::{Field, NotJson, Scanner, TEXT_MAX};
use crate::pins::{PinFields, Pins};
use crate::time::parse_ts;
use form::Form;

mod form;

/// Characters of an event's id and type.
pub const ID_MAX: usize = 256;

/// Why a record is no event; the first that applies, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reject {
    ValueNull,
    ValueTooLarge,
    NotUtf8,
    NotJson,
    NotObject,
    EventIdInvalid,
    EventTypeInvalid,
    TsUtcInvalid,
    PinsInvalid,
    PayloadInvalid,
}

impl Reject {
    pub const ALL: [Reject; 10] = [
        Reject::ValueNull,
        Reject::ValueTooLarge,
        Reject::NotUtf8,
        Reject::NotJson,
        Reject::NotObject,
        Reject::EventIdInvalid,
        Reject::EventTypeInvalid,
        Reject::TsUtcInvalid,
        Reject::PinsInvalid,
        Reject::PayloadInvalid,
    ];

    /// The name in certificates.
    pub fn as_str(self) -> &'static str {
        match self {
            Reject::ValueNull => "value_null",
            Reject::ValueTooLarge => "value_too_large",
            Reject::NotUtf8 => "not_utf8",
            Reject::NotJson => "not_json",
            Reject::NotObject => "not_object",
            Reject::EventIdInvalid => "event_id_invalid",
            Reject::EventTypeInvalid => "event_type_invalid",
            Reject::TsUtcInvalid => "ts_utc_invalid",
            Reject::PinsInvalid => "pins_invalid",
            Reject::PayloadInvalid => "payload_invalid",
        }
    }
}

/// The paths under `payload` that are read; each distinct path has a slot in `Event::fields`.
#[derive(Debug, Clone, Default)]
pub struct PathSet {
    nodes: Vec<Node>,
    slot_count: usize,
}

/// A step of a path. The root (index 0) is the payload itself.
#[derive(Debug, Clone, Default)]
struct Node {
    children: Vec<(Box<str>, usize)>,
    slot: Option<usize>,
    /// Slots at or below this node.
    below: Vec<usize>,
}

impl PathSet {
    /// The set, and for each path its slot; equal paths share one. None where a path is not
    /// `payload.name(.name)*` with names of `[A-Za-z_][A-Za-z0-9_]*`.
    pub fn new(paths: &[&str]) -> Option<(PathSet, Vec<usize>)> {
        let mut set = PathSet { nodes: vec![Node::default()], slot_count: 0 };
        let slots = paths.iter().map(|path| set.add(path)).collect::<Option<_>>()?;
        Some((set, slots))
    }

    /// Number of slots.
    pub fn len(&self) -> usize {
        self.slot_count
    }

    pub fn is_empty(&self) -> bool {
        self.slot_count == 0
    }

    fn add(&mut self, path: &str) -> Option<usize> {
        let names = path.strip_prefix("payload.")?;
        if !names.split('.').all(is_name) {
            return None;
        }
        let mut trail = vec![0];
        let mut node = 0;
        for name in names.split('.') {
            node = match self.nodes[node].child(name) {
                Some(child) => child,
                None => {
                    self.nodes.push(Node::default());
                    let child = self.nodes.len() - 1;
                    self.nodes[node].children.push((name.into(), child));
                    child
                }
            };
            trail.push(node);
        }
        if let Some(slot) = self.nodes[node].slot {
            return Some(slot);
        }
        let slot = self.slot_count;
        self.slot_count += 1;
        self.nodes[node].slot = Some(slot);
        for step in trail {
            self.nodes[step].below.push(slot);
        }
        Some(slot)
    }

    /// Reads the object of a node's value; what the node knew from an earlier copy is gone.
    fn read<'a>(
        &self,
        node: &Node,
        scanner: &mut Scanner<'a>,
        depth: usize,
        fields: &mut [Field<'a>],
    ) -> Result<(), NotJson> {
        scanner.object(depth, |name, scanner| {
            let child = node.child(&name.cow()).and_then(|child| self.nodes.get(child));
            let Some(child) = child else { return scanner.skip(depth + 1) };
            child.forget(fields);
            if !child.children.is_empty() && scanner.peek() == b'{' {
                child.set(fields, Field::Other);
                self.read(child, scanner, depth + 1, fields)
            } else {
                let field = scanner.field(depth + 1)?;
                child.set(fields, field);
                Ok(())
            }
        })
    }
}

impl Node {
    #[inline]
    fn child(&self, name: &str) -> Option<usize> {
        self.children.iter().find(|(known, _)| **known == *name).map(|(_, child)| *child)
    }

    fn forget(&self, fields: &mut [Field<'_>]) {
        for &slot in &self.below {
            fields[slot] = Field::Missing;
        }
    }

    fn set<'a>(&self, fields: &mut [Field<'a>], field: Field<'a>) {
        if let Some(slot) = self.slot {
            fields[slot] = field;
        }
    }
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// An admitted record. Units: `ts_us` microseconds UTC. `fields` by the slots of the `PathSet`.
#[derive(Debug, Default)]
pub struct Event<'a> {
    pub event_id: Cow<'a, str>,
    pub event_type: Cow<'a, str>,
    pub ts_us: i64,
    pub pins: Pins<'a>,
    /// Another than that of any other event of this admission that has other pins.
    pub pins_version: u64,
    pub fields: Vec<Field<'a>>,
}

/// What stands at the top of an envelope, unchecked.
#[derive(Default)]
struct Envelope<'a> {
    event_id: Field<'a>,
    event_type: Field<'a>,
    ts_utc: Field<'a>,
    pins: PinFields<'a>,
    payload_is_object: bool,
}

/// Admits record after record. What is said of one depends on it and the paths alone.
#[derive(Debug)]
pub struct Admission<'a, 'p> {
    paths: &'p PathSet,
    /// The one that was admitted last; its buffers are used again.
    event: Event<'a>,
    forms: Layouts<'a, Form<'a>>,
    versions: u64,
}

impl<'a, 'p> Admission<'a, 'p> {
    pub fn new(paths: &'p PathSet) -> Self {
        Admission { paths, event: Event::default(), forms: Layouts::default(), versions: 0 }
    }

    /// The event that a record value is, or why it is none.
    pub fn admit(&mut self, value: Option<&'a [u8]>) -> Result<&Event<'a>, Reject> {
        let value = value.ok_or(Reject::ValueNull)?;
        if value.len() > TEXT_MAX {
            return Err(Reject::ValueTooLarge);
        }
        let text = from_utf8(value).map_err(|_| Reject::NotUtf8)?;
        if !self.follow(text) {
            self.read_plainly(text)?;
            self.forms.learn(|| Form::of(text, self.paths, &self.event));
        }
        Ok(&self.event)
    }

    /// Whether the value is an event of the form of one before; then this is the event.
    fn follow(&mut self, text: &'a str) -> bool {
        let Some((layout, form)) = self.forms.follow(text) else { return false };
        form.read(layout, &mut self.event).is_some()
    }

    fn read_plainly(&mut self, text: &'a str) -> Result<(), Reject> {
        let event = &mut self.event;
        event.fields.clear();
        event.fields.resize(self.paths.slot_count, Field::Missing);
        let mut scanner = Scanner::new(text);
        if scanner.peek() != b'{' {
            let json = scanner.skip(0).and_then(|()| scanner.finish());
            return Err(if json.is_ok() { Reject::NotObject } else { Reject::NotJson });
        }
        let envelope = read_envelope(&mut scanner, self.paths, &mut event.fields).map_err(|NotJson| Reject::NotJson)?;
        event.event_id = identifier_of(envelope.event_id).ok_or(Reject::EventIdInvalid)?;
        event.event_type = identifier_of(envelope.event_type).ok_or(Reject::EventTypeInvalid)?;
        event.ts_us = match &envelope.ts_utc {
            Field::String(text) => parse_ts(text).ok_or(Reject::TsUtcInvalid)?,
            _ => return Err(Reject::TsUtcInvalid),
        };
        let pins = envelope.pins.check().ok_or(Reject::PinsInvalid)?;
        if self.versions == 0 || event.pins != pins {
            self.versions += 1;
            (event.pins, event.pins_version) = (pins, self.versions);
        }
        if envelope.payload_is_object { Ok(()) } else { Err(Reject::PayloadInvalid) }
    }
}

fn read_envelope<'a>(
    scanner: &mut Scanner<'a>,
    paths: &PathSet,
    fields: &mut [Field<'a>],
) -> Result<Envelope<'a>, NotJson> {
    let mut envelope = Envelope::default();
    scanner.object(0, |name, scanner| {
        let slot = match &*name.cow() {
            "event_id" => &mut envelope.event_id,
            "event_type" => &mut envelope.event_type,
            "ts_utc" => &mut envelope.ts_utc,
            "payload" => {
                fields.fill(Field::Missing);
                envelope.payload_is_object = scanner.peek() == b'{';
                return match paths.nodes.first() {
                    Some(root) if envelope.payload_is_object => paths.read(root, scanner, 1, fields),
                    _ => scanner.skip(1),
                };
            }
            other => match envelope.pins.member(other) {
                Some(slot) => slot,
                None => return scanner.skip(1),
            },
        };
        *slot = scanner.field(1)?;
        Ok(())
    })?;
    scanner.finish()?;
    Ok(envelope)
}

/// A string of 1 to 256 characters.
fn identifier_of(field: Field<'_>) -> Option<Cow<'_, str>> {
    match field {
        Field::String(text) => identifier(text),
        _ => None,
    }
}

fn identifier(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    has_length(&text, ID_MAX).then_some(text)
}

/// The text has 1 to `max` characters.
pub fn has_length(text: &str, max: usize) -> bool {
    !text.is_empty() && (text.len() <= max || text.chars().count() <= max)
}

#[cfg(test)]
mod tests;
