//! The answers of all shards to a chunk, merged into rows.

use std::sync::Arc;

use super::columns::{Column, Kind, kind_of, push_feature};
use super::copies::{Copy, copies};
use super::records::{Lines, Spot};
use super::{Chunk, Form, Job, RowAnswers, Taken};
use crate::ir::Merged;
use crate::ir::standing::Subject;
use crate::ir::wire::{Corrupt, Reader};
use crate::ops;
use crate::plan::GroupPlan;

/// Makes the rows of one chunk after another. Columns wait until they are a block, which is then handed on whole.
pub struct Merger {
    job: Arc<Job>,
    out: Out,
    full: Vec<Block>,
}

/// What came of a chunk.
#[derive(Debug)]
pub struct Made {
    pub rows: usize,
    /// First copies that are not established.
    pub left_out: usize,
    pub blocks: Vec<Block>,
}

/// Some rows, at least one.
#[derive(Debug)]
pub enum Block {
    /// Of equal length.
    Columns(Vec<Column>),
    Lines(Lines),
}

/// What rows are written to.
enum Out {
    Columns { columns: Vec<Column>, block_rows: usize },
    Lines(Lines),
}

/// For so many rows of a block there is room from the beginning.
const ROOM_ROWS: usize = 1 << 16;
/// A column is not added to where its texts take more.
const TEXTS_MAX: usize = 1 << 30;

impl Block {
    pub fn len(&self) -> usize {
        match self {
            Block::Columns(columns) => columns.first().map_or(0, Column::rows),
            Block::Lines(lines) => lines.ends.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Merger {
    pub fn new(job: Arc<Job>) -> Merger {
        let out = Out::new(&job);
        Merger { job, out, full: Vec::new() }
    }

    /// `taken`: one a partition, `answers`: one a shard, in order. Raises, as text, where they are not those of the chunk,
    /// or a value has no place in its column; nothing is to be merged then any more.
    pub fn merge(&mut self, chunk: &Chunk, taken: &[&Taken], answers: &[&RowAnswers]) -> Result<Made, String> {
        let job = Arc::clone(&self.job);
        let mut readers: Vec<Reader<'_>> = answers.iter().map(|answers| Reader::new(&answers.bytes)).collect();
        let (mut merged, mut scratch) = (Merged::default(), Vec::new());
        let (mut rows, mut left_out) = (0, 0);
        for copy in copies(&job, chunk, taken) {
            let copy = copy?;
            if !copy.is_established {
                left_out += 1;
                continue;
            }
            rows += 1;
            self.add(&job, &copy, &mut readers, &mut merged, &mut scratch)?;
            if self.out.is_full() {
                self.hand_on();
            }
        }
        if readers.iter().any(|reader| !reader.is_empty()) {
            return Err(Corrupt.into());
        }
        if self.out.ends_with_chunk() {
            self.hand_on();
        }
        Ok(Made { rows, left_out, blocks: std::mem::take(&mut self.full) })
    }

    fn add<'a>(
        &mut self,
        job: &Job,
        copy: &Copy<'a>,
        readers: &mut [Reader<'a>],
        merged: &mut Merged<'a>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), String> {
        let as_of_us = copy.as_of_us;
        let spot = Spot { stream: &job.stream, partition: copy.partition, offset: copy.offset, as_of_us };
        let mut writer = self.out.open(copy, spot)?;
        for (place, group) in job.plan.groups.iter().enumerate() {
            let key = copy.row.key(place);
            if let Some(key) = key {
                // all are of one scope
                let number = u32::try_from(place).map_err(|_| Corrupt)?;
                merged.reset(group, Subject { pins: &[], group: number, key: key.text });
                let reader = readers.get_mut(job.shard_of(key.hash)).ok_or(Corrupt)?;
                merged.absorb(group, reader, ops::Frame { as_of_us, rank: 0 })?;
                merged.close(group, as_of_us)?;
            }
            writer.add_group(place, group, key.map(|key| key.text), merged, as_of_us, scratch)?;
        }
        writer.close(spot);
        Ok(())
    }

    /// The rows that wait, None where there are none.
    pub fn rest(&mut self) -> Option<Block> {
        self.hand_on();
        self.full.pop()
    }

    fn hand_on(&mut self) {
        let mut out = Out::new(&self.job);
        out.reserve_texts_of(&self.out);
        let block = std::mem::replace(&mut self.out, out).finish();
        if !block.is_empty() {
            self.full.push(block);
        }
    }
}

/// One row, being written.
enum Writer<'o> {
    Columns(&'o mut [Column]),
    Lines(&'o mut Lines),
}

impl Out {
    fn new(job: &Job) -> Out {
        let Form::Columns { block_rows } = job.form else {
            return Out::Lines(Lines::new(&job.plan, &job.stream, &job.replay_id));
        };
        let base = [Kind::Text, Kind::Int32, Kind::Int64, Kind::Text, Kind::Text, Kind::Int64];
        let groups = job.plan.groups.iter().flat_map(|group| {
            [Kind::Text].into_iter().chain(group.features.iter().map(|feature| kind_of(feature.finish)))
        });
        let columns = base.into_iter().chain(groups).map(|kind| Column::new(kind, block_rows.min(ROOM_ROWS))).collect();
        Out::Columns { columns, block_rows }
    }

    /// Texts take about what those of the block before took.
    fn reserve_texts_of(&mut self, before: &Out) {
        if let (Out::Columns { columns, .. }, Out::Columns { columns: before, .. }) = (self, before) {
            columns.iter_mut().zip(before).for_each(|(column, before)| column.reserve_texts(before.text_len()));
        }
    }

    fn is_full(&self) -> bool {
        match self {
            Out::Lines(_) => false,
            Out::Columns { columns, block_rows } => columns.first().is_some_and(|column| column.rows() >= *block_rows),
        }
    }

    fn ends_with_chunk(&self) -> bool {
        match self {
            Out::Lines(_) => true,
            Out::Columns { columns, .. } => columns.iter().any(|column| column.text_len() > TEXTS_MAX),
        }
    }

    fn open(&mut self, copy: &Copy<'_>, spot: Spot<'_>) -> Result<Writer<'_>, String> {
        match self {
            Out::Lines(lines) => {
                lines.open(copy.row, spot);
                Ok(Writer::Lines(lines))
            }
            Out::Columns { columns, .. } => {
                let Some(([stream, partition, offset, event_id, event_type, as_of], groups)) =
                    columns.split_first_chunk_mut()
                else {
                    return Err(Corrupt.into());
                };
                stream.push_text(spot.stream)?;
                partition.push_i32(i32::try_from(spot.partition).map_err(|_| "a partition has a number too large")?)?;
                offset.push_i64(spot.offset)?;
                event_id.push_text(copy.row.event_id())?;
                event_type.push_text(copy.row.event_type())?;
                as_of.push_i64(spot.as_of_us)?;
                Ok(Writer::Columns(groups))
            }
        }
    }

    fn finish(self) -> Block {
        match self {
            Out::Columns { columns, .. } => Block::Columns(columns),
            Out::Lines(lines) => Block::Lines(lines),
        }
    }
}

impl Writer<'_> {
    fn add_group(
        &mut self,
        place: usize,
        group: &GroupPlan,
        key: Option<&str>,
        merged: &Merged<'_>,
        as_of_us: i64,
        scratch: &mut Vec<u8>,
    ) -> Result<(), String> {
        let rest = match self {
            Writer::Lines(lines) => return Ok(lines.add_group(place, group, key, merged, as_of_us)?),
            Writer::Columns(rest) => std::mem::take(rest),
        };
        let (columns, rest) = rest.split_at_mut_checked(group.features.len() + 1).ok_or(Corrupt)?;
        *self = Writer::Columns(rest);
        let Some((key_column, features)) = columns.split_first_mut() else { return Err(Corrupt.into()) };
        let Some(key) = key else {
            key_column.push_null();
            features.iter_mut().for_each(Column::push_null);
            return Ok(());
        };
        key_column.push_text(key)?;
        for (column, feature) in features.iter_mut().zip(&group.features) {
            push_feature(column, feature, group, merged.irs(), as_of_us, scratch)?;
        }
        Ok(())
    }

    fn close(self, spot: Spot<'_>) {
        if let Writer::Lines(lines) = self {
            lines.close(spot);
        }
    }
}
