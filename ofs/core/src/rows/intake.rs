//! A partition on its way through a chunk: it takes its own records.

use super::copies::{First, Given, Taken};
use super::{Chunk, USED};
use crate::fold::ahead::STRETCH;
use crate::fold::intake::{FirstCopy, Intake};

/// For so many first copies there is room from the beginning, at most.
const ROOM_MAX: usize = 1 << 20;

/// The state of one partition, without any key's.
#[derive(Debug)]
pub struct RowIntake {
    intake: Intake,
}

impl RowIntake {
    /// `offsets`: how many it is to read.
    pub fn new(mut intake: Intake, offsets: usize) -> RowIntake {
        intake.firsts.reserve(offsets.min(ROOM_MAX));
        RowIntake { intake }
    }

    /// Raises, as text, where the partition's batch was decoded for another plan or other pins, or an offset is out of
    /// order.
    pub fn take(&mut self, chunk: &Chunk) -> Result<Taken, String> {
        let own = self.intake.origin.partition as usize;
        let mut taken = Taken { void_from: self.is_void().then_some(0), ..Taken::default() };
        let Some((batch, records)) = chunk.part(own) else { return Ok(taken) };
        let batch = &batch.decoded;
        self.intake.check_batch(batch)?;
        taken.firsts.reserve(records.len());
        let mut record = records.start;
        for stretch in batch.items().get(records).unwrap_or_default().chunks(STRETCH) {
            self.intake.look_ahead(stretch);
            for item in stretch {
                self.intake.reach(item.offset)?;
                if let Some(first) = self.intake.take(batch, item, USED)? {
                    self.add(record, &first, &mut taken)?;
                }
                record += 1;
                if taken.void_from.is_none() && self.is_void() {
                    taken.void_from = Some(chunk.place(own, record - 1).saturating_add(1));
                }
            }
        }
        Ok(taken)
    }

    fn add(&mut self, record: usize, first: &FirstCopy<'_>, taken: &mut Taken) -> Result<(), String> {
        let too_long = |_| "a batch is too long";
        taken.firsts.push(First {
            record: u32::try_from(record).map_err(too_long)?,
            given_from: u32::try_from(taken.given.len()).map_err(too_long)?,
            offset: first.item.offset,
            as_of_us: first.event.ts_us,
        });
        for fact in first.batch.facts(first.event) {
            let usable = self.intake.usable(fact, first);
            taken.given.extend(usable.map(|usable| Given { group: fact.group, cells: usable.cells_from }));
        }
        Ok(())
    }

    /// The counts over `[start, to)`; what was not read there delivered nothing.
    pub fn end(&mut self, to: i64) -> Vec<u8> {
        self.intake.pass(to);
        self.intake.certificate()
    }

    /// Whether what is gone before the start may matter: a record ran ahead of its log time by too much.
    fn is_void(&self) -> bool {
        self.intake.origin.start > 0 && self.intake.counts.skew_violation.is_some()
    }
}
