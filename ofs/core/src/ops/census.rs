//! The end of a tally: how many values there are, and the most frequent. Tallies that stand from decision to decision
//! take changes only.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::Atom;
use super::exact::Rational;
use super::tally::{Tally, Told};
use crate::canonical::write_int;
use crate::ir::wire::{Corrupt, Decoded};
use crate::value::ValueType;

/// `top`: the most frequent values with their counts; largest count first, ties by ascending value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census<'a> {
    distinct: usize,
    top: Vec<(Atom<'a>, u64)>,
}

impl<'a> Census<'a> {
    /// Of a tally to which nothing standing belongs, with up to `k` of the most frequent.
    pub fn of(mut tally: Tally<'a>, k: usize) -> Self {
        tally.settle();
        let (distinct, mut top) = (tally.counts.len(), tally.counts);
        if k == 0 {
            top.clear();
        } else {
            top.sort_by_key(|(_, count)| Reverse(*count));
            top.truncate(k);
        }
        Census { distinct, top }
    }

    pub fn write_distinct(&self, out: &mut Vec<u8>) {
        write_int(out, self.distinct as i128);
    }

    pub fn exact_distinct(&self) -> Rational {
        Rational { num: self.distinct as i128, den: 1 }
    }

    /// `[[value, count], ...]`.
    pub fn write_top(&self, k: usize, kind: ValueType, out: &mut Vec<u8>) {
        out.push(b'[');
        for (place, (atom, count)) in self.top.iter().take(k).enumerate() {
            out.extend_from_slice(if place > 0 { b",[" } else { b"[" });
            atom.write(kind, out);
            out.push(b',');
            write_int(out, i128::from(*count));
            out.push(b']');
        }
        out.push(b']');
    }
}

/// Positive counts by value and, where asked for, the values by falling count.
#[derive(Debug, Default)]
struct Counts<'a> {
    counts: HashMap<Atom<'a>, u64>,
    order: Option<BTreeSet<(Reverse<u64>, Atom<'a>)>>,
}

impl<'a> Counts<'a> {
    fn add(&mut self, atom: Atom<'a>, count: u64) {
        if count == 0 {
            return;
        }
        let known = self.counts.entry(atom).or_insert(0);
        let before = *known;
        *known = before.saturating_add(count);
        let after = *known;
        self.reorder(atom, before, after);
    }

    fn remove(&mut self, atom: Atom<'a>, count: u64) -> Decoded<()> {
        if count == 0 {
            return Ok(());
        }
        let Entry::Occupied(mut known) = self.counts.entry(atom) else { return Err(Corrupt) };
        let before = *known.get();
        let after = before.checked_sub(count).ok_or(Corrupt)?;
        if after == 0 {
            known.remove();
        } else {
            known.insert(after);
        }
        self.reorder(atom, before, after);
        Ok(())
    }

    fn reorder(&mut self, atom: Atom<'a>, before: u64, after: u64) {
        if let Some(order) = &mut self.order {
            if before > 0 {
                order.remove(&(Reverse(before), atom));
            }
            if after > 0 {
                order.insert((Reverse(after), atom));
            }
        }
    }

    fn census(&self, k: usize) -> Census<'a> {
        let top = self.order.iter().flatten().take(k).map(|(Reverse(count), atom)| (*atom, *count)).collect();
        Census { distinct: self.counts.len(), top }
    }
}

/// What one partition has told.
#[derive(Debug)]
struct Part<'a> {
    rank: u32,
    counts: HashMap<Atom<'a>, u64>,
    is_in_total: bool,
}

/// What partitions have told of one tally, and the total of some of them.
#[derive(Debug, Default)]
pub struct Running<'a> {
    parts: Vec<Part<'a>>,
    total: Counts<'a>,
}

impl<'a> Running<'a> {
    /// `is_ranked`: the most frequent values will be asked for.
    pub fn new(is_ranked: bool) -> Self {
        Running { parts: Vec::new(), total: Counts { order: is_ranked.then(BTreeSet::new), ..Counts::default() } }
    }

    /// Takes what a partition tells. Raises Corrupt where a change does not fit what it told before.
    pub fn take(&mut self, rank: u32, told: Told<'a>) -> Decoded<Tally<'a>> {
        let known = self.parts.iter_mut().find(|part| part.rank == rank);
        match told {
            Told::Alone(counts) => return Ok(Tally { counts, standing: Vec::new() }),
            Told::Start(counts) => {
                let part = match known {
                    Some(part) => part,
                    None => {
                        self.parts.push(Part { rank, counts: HashMap::new(), is_in_total: true });
                        self.parts.last_mut().ok_or(Corrupt)?
                    }
                };
                part.set_in(&mut self.total, false)?;
                part.counts.clear();
                for (atom, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                    let known = part.counts.entry(atom).or_insert(0);
                    *known = known.saturating_add(count);
                }
                part.set_in(&mut self.total, true)?;
            }
            Told::Change { entering, leaving } => {
                let part = known.ok_or(Corrupt)?;
                for atom in entering {
                    *part.counts.entry(atom).or_insert(0) += 1;
                    if part.is_in_total {
                        self.total.add(atom, 1);
                    }
                }
                for atom in leaving {
                    take_one(&mut part.counts, atom)?;
                    if part.is_in_total {
                        self.total.remove(atom, 1)?;
                    }
                }
            }
        }
        Ok(Tally { counts: Vec::new(), standing: vec![rank] })
    }

    /// Adds to what one rank told, or takes away from it, without its telling.
    pub fn adjust(&mut self, rank: u32, counts: &[(Atom<'a>, u64)], is_added: bool) -> Decoded<()> {
        let known = self.parts.iter().position(|part| part.rank == rank);
        let place = known.unwrap_or(self.parts.len());
        if known.is_none() {
            self.parts.push(Part { rank, counts: HashMap::new(), is_in_total: true });
        }
        let part = self.parts.get_mut(place).ok_or(Corrupt)?;
        for (atom, count) in counts {
            let known = part.counts.entry(*atom).or_insert(0);
            let changed = if is_added { known.checked_add(*count) } else { known.checked_sub(*count) };
            *known = changed.ok_or(Corrupt)?;
            if *known == 0 {
                part.counts.remove(atom);
            }
            match (part.is_in_total, is_added) {
                (true, true) => self.total.add(*atom, *count),
                (true, false) => self.total.remove(*atom, *count)?,
                (false, _) => {}
            }
        }
        Ok(())
    }

    /// The census of a tally with what stands of it.
    pub fn census(&mut self, tally: &Tally<'a>, k: usize) -> Decoded<Census<'a>> {
        for part in &mut self.parts {
            part.set_in(&mut self.total, tally.standing.contains(&part.rank))?;
        }
        for (atom, count) in &tally.counts {
            self.total.add(*atom, *count);
        }
        let census = self.total.census(k);
        for (atom, count) in &tally.counts {
            self.total.remove(*atom, *count)?;
        }
        Ok(census)
    }
}

impl<'a> Part<'a> {
    fn set_in(&mut self, total: &mut Counts<'a>, is_in: bool) -> Decoded<()> {
        if self.is_in_total != is_in {
            self.is_in_total = is_in;
            for (atom, count) in &self.counts {
                if is_in {
                    total.add(*atom, *count);
                } else {
                    total.remove(*atom, *count)?;
                }
            }
        }
        Ok(())
    }
}

fn take_one<'a>(counts: &mut HashMap<Atom<'a>, u64>, atom: Atom<'a>) -> Decoded<()> {
    let Entry::Occupied(mut known) = counts.entry(atom) else { return Err(Corrupt) };
    if *known.get() == 1 {
        known.remove();
    } else {
        *known.get_mut() -= 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &'static str) -> Vec<(Atom<'static>, u64)> {
        text.split_whitespace().map(|word| (Atom::Text(word), 1)).collect()
    }

    fn atoms(text: &'static str) -> Vec<Atom<'static>> {
        text.split_whitespace().map(Atom::Text).collect()
    }

    fn top(census: &Census<'_>) -> String {
        let mut out = Vec::new();
        census.write_top(3, ValueType::String, &mut out);
        census.write_distinct(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_top_is_by_count_then_by_ascending_value() {
        let words = "c d a b b a c b";
        let tally = Tally { counts: counts(words), standing: Vec::new() };
        assert_eq!(top(&Census::of(tally.clone(), 3)), r#"[["b",3],["a",2],["c",2]]4"#);
        let mut running = Running::new(true);
        let started = running.take(1, Told::Start(counts("b c a"))).unwrap();
        assert_eq!(running.take(2, Told::Alone(counts(words))), Ok(tally));
        let with = Tally { counts: counts("d a b b c"), ..started };
        assert_eq!(running.census(&with, 3).map(|census| top(&census)), Ok(r#"[["b",3],["a",2],["c",2]]4"#.to_owned()));
    }

    #[test]
    fn a_running_tally_is_that_of_what_stands_and_takes_part() {
        let mut running = Running::new(true);
        let one = running.take(1, Told::Start(counts("a a b"))).unwrap();
        let two = running.take(2, Told::Start(counts("b c"))).unwrap();
        let mut both = one.clone();
        both.merge(two);
        assert_eq!(running.census(&both, 3).map(|census| top(&census)), Ok(r#"[["a",2],["b",2],["c",1]]3"#.to_owned()));
        assert_eq!(running.census(&one, 3).map(|census| top(&census)), Ok(r#"[["a",2],["b",1]]2"#.to_owned()));
        let change = Told::Change { entering: atoms("d d d b"), leaving: atoms("c") };
        running.take(2, change).unwrap();
        assert_eq!(running.census(&both, 3).map(|census| top(&census)), Ok(r#"[["b",3],["d",3],["a",2]]3"#.to_owned()));
        running.take(1, Told::Start(counts("x"))).unwrap();
        assert_eq!(running.census(&both, 3).map(|census| top(&census)), Ok(r#"[["d",3],["b",2],["x",1]]3"#.to_owned()));
    }

    #[test]
    fn a_change_that_does_not_fit_is_corrupt() {
        let mut running = Running::new(false);
        let change = |leaving| Told::Change { entering: Vec::new(), leaving: atoms(leaving) };
        assert_eq!(running.take(1, change("a")), Err(Corrupt));
        running.take(1, Told::Start(counts("a"))).unwrap();
        assert_eq!(running.take(1, change("b")), Err(Corrupt));
        assert_eq!(running.take(1, change("a a")), Err(Corrupt));
    }
}
