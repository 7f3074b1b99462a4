//! What a fold over a store asked for, taken out of the store's entries.

use super::drain::{column_kinds, group_digest};
use super::restore::{read_contribution, read_first, read_steps};
use super::{CONTRIBUTIONS, FIRST, STEPS};
use crate::fold::Fold;
use crate::ir::wire::{Corrupt, Decoded, Reader};
use crate::keylog::{Contribution, KeyLog};

/// An entry: key and value.
pub type Entry<'a> = (&'a [u8], &'a [u8]);

impl Fold {
    /// Takes the entries under keys that `needs` named, None for one that the store does not hold, and all entries
    /// under each prefix that `needs` or `watermark_prefixes` named. Raises, as text, where the keys and prefixes are
    /// none of those, or the entries none that this fold has drained; what came before is then taken.
    pub fn supply<'a>(
        &mut self,
        found: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        scanned: impl Iterator<Item = (&'a [u8], Vec<Entry<'a>>)>,
    ) -> Result<(), String> {
        for (key, value) in found {
            self.supply_found(key, value).map_err(|_| damaged(key))?;
        }
        for (prefix, entries) in scanned {
            self.supply_scanned(prefix, &entries).map_err(|_| damaged(prefix))?;
        }
        Ok(())
    }

    fn supply_found(&mut self, key: &[u8], value: Option<&[u8]>) -> Decoded<()> {
        let mut key = Reader::new(key);
        let (tag, id) = (key.u8()?, key.array()?);
        if tag != FIRST || !key.is_empty() {
            return Err(Corrupt);
        }
        let first = match value {
            None => None,
            Some(value) => {
                let mut value = Reader::new(value);
                let first = read_first(id, &mut value)?;
                if !value.is_empty() || !self.has_drained(first.offset) {
                    return Err(Corrupt);
                }
                Some(first)
            }
        };
        self.supply_first(id, first);
        Ok(())
    }

    fn supply_scanned(&mut self, prefix: &[u8], entries: &[Entry<'_>]) -> Decoded<()> {
        let mut reader = Reader::new(prefix);
        let (tag, pins) = (reader.u8()?, reader.array::<32>()?);
        let scope = self.intake.scopes.iter().position(|scope| scope.digest == pins).ok_or(Corrupt)?;
        match tag {
            CONTRIBUTIONS => {
                let digest = reader.array::<32>()?;
                let group = self.plan.groups.iter().position(|group| group_digest(group) == digest).ok_or(Corrupt)?;
                let length = u32::from_be_bytes(reader.array()?);
                let key = std::str::from_utf8(reader.take(length as usize)?).map_err(|_| Corrupt)?;
                if !reader.is_empty() {
                    return Err(Corrupt);
                }
                self.supply_contributions(scope, group, key, prefix, entries)
            }
            STEPS if reader.is_empty() => {
                let mut steps = Vec::new();
                for value in values(prefix, entries) {
                    read_steps(&mut value?, &mut steps)?;
                }
                let used = self.supply_use();
                let stairs = &mut self.intake.scopes.get_mut(scope).ok_or(Corrupt)?.stairs;
                stairs.touch(used);
                if stairs.supply(&steps) { Ok(()) } else { Err(Corrupt) }
            }
            _ => Err(Corrupt),
        }
    }

    fn supply_contributions(
        &mut self,
        scope: usize,
        group_place: usize,
        key: &str,
        prefix: &[u8],
        entries: &[Entry<'_>],
    ) -> Decoded<()> {
        let (used, drained) = (self.supply_use(), self.drained.frontier.unwrap_or(i64::MIN));
        let Fold { plan, texts, keys, intake, .. } = self;
        let (group, keys) = (plan.groups.get(group_place).ok_or(Corrupt)?, keys.get_mut(group_place).ok_or(Corrupt)?);
        if !keys.is_missing(scope, key) {
            return Ok(());
        }
        let kinds = column_kinds(plan, group);
        let mut log = KeyLog::new(kinds.len());
        let mut columns = Vec::new();
        for value in values(prefix, entries) {
            let mut value = value?;
            while !value.is_empty() {
                let (time_us, offset, log_ts_us) = read_contribution(&mut value, &kinds, texts, &mut columns)?;
                if !(intake.origin.start..drained).contains(&offset) {
                    return Err(Corrupt);
                }
                log.insert(&Contribution { time_us, offset, log_ts_us, values: &columns }, &group.keeps);
            }
        }
        keys.supply(group, scope, key, log, used);
        Ok(())
    }

    /// Whether a record at this offset is part of what was drained.
    fn has_drained(&self, offset: i64) -> bool {
        self.drained.frontier.is_some_and(|frontier| (self.intake.origin.start..frontier).contains(&offset))
    }
}

/// The values of entries whose keys are the prefix and an offset, in ascending order.
fn values<'e, 'a>(prefix: &[u8], entries: &'e [Entry<'a>]) -> impl Iterator<Item = Decoded<Reader<'a>>> + use<'e, 'a> {
    let length = prefix.len();
    let fits = entries.iter().all(|(key, _)| key.starts_with(prefix) && key.len() == length + 8)
        && entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
    entries.iter().map(move |(_, value)| if fits { Ok(Reader::new(value)) } else { Err(Corrupt) })
}

fn damaged(key: &[u8]) -> String {
    let tag = key.first().map_or(String::new(), |tag| char::from(*tag).to_string());
    format!(
        "what was supplied under {tag}{} is damaged or was not asked for",
        crate::digest::hex(&key[1.min(key.len())..])
    )
}
