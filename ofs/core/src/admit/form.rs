//! Events of one form: record values that follow a layout and are alike in type and pins.

use std::borrow::Cow;

use super::{Event, Node, PathSet, identifier};
use crate::json::layout::{self, Layout, Vary};
use crate::json::{Field, Text};
use crate::pins::{PIN_NAMES, Pins};
use crate::time::parse_ts;

/// Where what an event has stands among the values of a layout, and what all these events have in common.
#[derive(Debug)]
pub(super) struct Form<'a> {
    event_id: usize,
    event_type: Cow<'a, str>,
    ts_utc: usize,
    pins: Pins<'a>,
    pins_version: u64,
    /// By slot of the paths.
    sources: Vec<Source>,
}

/// Where the field of a slot comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Missing,
    Object,
    Value(usize),
}

impl<'a> Form<'a> {
    /// The form of a value with its layout. `event`: what was found in it, with the fields of the paths.
    pub fn of(value: &'a str, paths: &PathSet, event: &Event<'a>) -> Option<(Layout<'a>, Form<'a>)> {
        let mut layout = Layout::of(value, &[])?;
        let root = layout.root();
        let leaf = |name: &str| root.get(name)?.leaf();
        let mut sources = vec![Source::Missing; paths.slot_count];
        paths.locate(paths.nodes.first()?, root.get("payload")?, &mut sources);
        let form = Form {
            event_id: leaf("event_id")?,
            event_type: event.event_type.clone(),
            ts_utc: leaf("ts_utc")?,
            pins: event.pins.clone(),
            pins_version: event.pins_version,
            sources,
        };
        let constant: Vec<usize> = PIN_NAMES.iter().chain(&["event_type"]).filter_map(|name| leaf(name)).collect();
        constant.into_iter().for_each(|leaf| layout.let_vary(leaf, Vary::Never));
        Some((layout, form))
    }

    /// The event of the value that followed the layout last; None where the value is to be read plainly.
    #[inline]
    pub fn read(&self, layout: &Layout<'a>, event: &mut Event<'a>) -> Option<()> {
        let string = |leaf: usize| layout.value(leaf)?.text().map(Text::cow);
        event.event_id = string(self.event_id).and_then(identifier)?;
        event.ts_us = parse_ts(&string(self.ts_utc)?)?;
        event.event_type.clone_from(&self.event_type);
        if event.pins_version != self.pins_version {
            event.pins = self.pins.clone();
            event.pins_version = self.pins_version;
        }
        event.fields.clear();
        for source in &self.sources {
            event.fields.push(match source {
                Source::Missing => Field::Missing,
                Source::Object => Field::Other,
                Source::Value(leaf) => layout.value(*leaf)?.field(),
            });
        }
        Some(())
    }
}

impl PathSet {
    /// Finds the fields at and below a node in what stands at its path.
    fn locate(&self, node: &Node, at: &layout::Node<'_>, sources: &mut [Source]) {
        if let Some(source) = node.slot.and_then(|slot| sources.get_mut(slot)) {
            *source = at.leaf().map_or(Source::Object, Source::Value);
        }
        for (name, child) in &node.children {
            if let (Some(child), Some(below)) = (self.nodes.get(*child), at.get(name)) {
                self.locate(child, below, sources);
            }
        }
    }
}
