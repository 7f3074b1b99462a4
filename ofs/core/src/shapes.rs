//! What many decisions have in common: pins, hash rule, groups, streams and the kind of as-of.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::record::{AsOfBasis, Record};

/// A feature group of a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeGroup {
    pub name: Box<str>,
    pub version: Box<str>,
    pub digest: Option<Box<str>>,
}

/// A stream of a shape's basis, with the topic id of each of its partitions 0 to n-1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeStream {
    pub name: Box<str>,
    pub topic_ids: Vec<Option<Box<str>>>,
}

/// A distinct combination, and what its decisions span. Units: times are microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Position among the distinct pins.
    pub scope: u32,
    pub hash_rule: Box<str>,
    /// Sorted by name.
    pub groups: Vec<ShapeGroup>,
    /// Sorted by name (code points).
    pub streams: Vec<ShapeStream>,
    pub as_of_basis: AsOfBasis,
    /// The decisions give an as-of time (always, but for some of the watermark basis).
    pub has_as_of: bool,
    pub has_hash: bool,
    /// The groups' positions in the plan, in the order of `groups`; None until bound.
    pub group_indexes: Option<Vec<u32>>,
    /// Decisions of this shape, ascending.
    pub decisions: Vec<usize>,
    /// Smallest and largest, of the decisions of this shape. Cuts are flat in the order of `streams`.
    pub as_of_us: Option<(i64, i64)>,
    pub decided_us: (i64, i64),
    pub cuts: Vec<(i64, i64)>,
}

impl Shape {
    /// Cuts that each decision of this shape has.
    pub fn cut_count(&self) -> usize {
        self.streams.iter().map(|stream| stream.topic_ids.len()).sum()
    }

    /// Where the cut of a partition stands among a decision's cuts.
    pub fn cut_position(&self, stream: &str, partition: u32) -> Option<usize> {
        let mut before = 0;
        for known in &self.streams {
            if *known.name == *stream {
                let partition = partition as usize;
                return (partition < known.topic_ids.len()).then_some(before + partition);
            }
            before += known.topic_ids.len();
        }
        None
    }

    fn of(record: &Record<'_>, scope: u32) -> Shape {
        let groups = record.groups.iter().map(|group| ShapeGroup {
            name: group.name.as_ref().into(),
            version: group.version.as_ref().into(),
            digest: group.digest.as_deref().map(Into::into),
        });
        let mut streams: Vec<ShapeStream> = Vec::new();
        for cut in &record.cuts {
            if streams.last().is_none_or(|last| *last.name != *cut.stream) {
                streams.push(ShapeStream { name: cut.stream.as_ref().into(), topic_ids: Vec::new() });
            }
            if let Some(stream) = streams.last_mut() {
                stream.topic_ids.push(cut.topic_id.as_deref().map(Into::into));
            }
        }
        Shape {
            scope,
            hash_rule: record.hash_rule.as_ref().into(),
            groups: groups.collect(),
            streams,
            as_of_basis: record.as_of_basis,
            has_as_of: record.as_of_us.is_some(),
            has_hash: record.online_hash.is_some(),
            group_indexes: None,
            decisions: Vec::new(),
            as_of_us: None,
            decided_us: (i64::MAX, i64::MIN),
            cuts: Vec::new(),
        }
    }

    /// Counts a decision in. `as_of_us`: None where none is given.
    pub fn include(&mut self, decision: usize, as_of_us: Option<i64>, decided_us: i64, cuts: &[i64]) {
        let span = |(low, high): (i64, i64), value: i64| (low.min(value), high.max(value));
        self.decisions.push(decision);
        if let Some(as_of_us) = as_of_us {
            self.as_of_us = Some(span(self.as_of_us.unwrap_or((i64::MAX, i64::MIN)), as_of_us));
        }
        self.decided_us = span(self.decided_us, decided_us);
        self.cuts.resize(cuts.len(), (i64::MAX, i64::MIN));
        for (bounds, cut) in self.cuts.iter_mut().zip(cuts) {
            *bounds = span(*bounds, *cut);
        }
    }
}

/// Numbers distinct shapes.
#[derive(Debug, Default)]
pub struct ShapeTable {
    ids: HashMap<Arc<[u8]>, u32>,
    pub shapes: Vec<Shape>,
    /// What tells each shape from the others, its scope first.
    marks: Vec<Arc<[u8]>>,
    scratch: Vec<u8>,
}

impl ShapeTable {
    /// A finished table: shapes are read, not looked up.
    pub fn of(shapes: Vec<Shape>) -> ShapeTable {
        ShapeTable { shapes, ..ShapeTable::default() }
    }

    pub fn intern(&mut self, record: &Record<'_>, scope: u32) -> u32 {
        self.render(record, scope);
        if let Some(id) = self.ids.get(self.scratch.as_slice()) {
            return *id;
        }
        self.push(Shape::of(record, scope))
    }

    /// The number here of a shape of another table, with the scope that its pins have here.
    pub fn adopt(&mut self, from: &ShapeTable, there: u32, scope: u32) -> u32 {
        let there = there as usize;
        let (Some(mark), Some(shape)) = (from.marks.get(there), from.shapes.get(there)) else { return u32::MAX };
        self.scratch.clear();
        self.scratch.extend_from_slice(&scope.to_le_bytes());
        self.scratch.extend_from_slice(mark.get(size_of::<u32>()..).unwrap_or_default());
        if let Some(id) = self.ids.get(self.scratch.as_slice()) {
            return *id;
        }
        self.push(Shape { scope, ..shape.clone() })
    }

    /// A shape whose mark is in `scratch`.
    fn push(&mut self, shape: Shape) -> u32 {
        let id = u32::try_from(self.shapes.len()).unwrap_or(u32::MAX);
        let mark: Arc<[u8]> = self.scratch.as_slice().into();
        self.ids.insert(Arc::clone(&mark), id);
        self.marks.push(mark);
        self.shapes.push(shape);
        id
    }

    /// Writes what tells shapes apart, framed so that no two shapes give the same bytes.
    fn render(&mut self, record: &Record<'_>, scope: u32) {
        let out = &mut self.scratch;
        out.clear();
        out.extend_from_slice(&scope.to_le_bytes());
        let flags = [record.as_of_basis as u8, record.as_of_us.is_some().into(), record.online_hash.is_some().into()];
        out.extend_from_slice(&flags);
        write_framed(out, Some(&record.hash_rule));
        out.extend_from_slice(&(record.groups.len() as u64).to_le_bytes());
        for group in record.groups.iter() {
            write_framed(out, Some(&group.name));
            write_framed(out, Some(&group.version));
            write_framed(out, group.digest.as_deref());
        }
        for cut in &record.cuts {
            // A partition 0 begins a stream, so only there the name is needed.
            out.push(u8::from(cut.partition == 0));
            if cut.partition == 0 {
                write_framed(out, Some(&cut.stream));
            }
            write_framed(out, cut.topic_id.as_deref());
        }
    }
}

fn write_framed(out: &mut Vec<u8>, text: Option<&str>) {
    out.extend_from_slice(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}
