//! The end of a tally: how many values there are, and the most frequent. Tallies that stand from decision to decision
//! take changes only.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::Atom;
use super::exact::Rational;
use super::leaders::{Leaders, Ranking};
use super::tally::{self, Tally, Told};
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
    pub fn of(tally: Tally<'a>, k: usize) -> Self {
        let mut top = tally::total(tally.counts.into_iter());
        let distinct = top.len();
        put_first(&mut top, k);
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

/// Leaves the first `k`: largest count first, ties by ascending value.
fn put_first(counts: &mut Vec<(Atom<'_>, u64)>, k: usize) {
    let compare =
        |left: &(Atom<'_>, u64), right: &(Atom<'_>, u64)| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0));
    if k > 0 && counts.len() > k {
        counts.select_nth_unstable_by(k - 1, compare);
    }
    counts.truncate(k);
    counts.sort_unstable_by(compare);
}

/// Where more counts change at once, and more than a quarter of all, the leaders are read anew.
const MANY: usize = 64;

/// Values, each with a number, and their counts.
#[derive(Debug, Default)]
struct Counts<'a> {
    numbers: HashMap<Atom<'a>, u32>,
    /// By number; as are the counts.
    atoms: Vec<Atom<'a>>,
    counts: Vec<u64>,
    /// How many counts are positive.
    distinct: usize,
    /// Where the most frequent will be asked for.
    leaders: Option<Leaders>,
}

impl<'a> Counts<'a> {
    /// The number of a value, which it keeps.
    fn number(&mut self, atom: Atom<'a>) -> u32 {
        let Counts { numbers, atoms, counts, .. } = self;
        *numbers.entry(atom).or_insert_with(|| {
            atoms.push(atom);
            counts.push(0);
            (atoms.len() - 1) as u32
        })
    }

    /// Room for the first values.
    fn reserve(&mut self, values: usize) {
        if self.atoms.is_empty() {
            self.numbers.reserve(values);
            self.atoms.reserve(values);
            self.counts.reserve(values);
        }
    }

    fn add(&mut self, value: u32, count: u64) -> Decoded<()> {
        let known = self.counts.get_mut(value as usize).ok_or(Corrupt)?;
        let before = *known;
        *known = before.saturating_add(count);
        self.distinct += usize::from(before == 0 && count > 0);
        if let Some(leaders) = self.leaders.as_mut().filter(|_| count > 0) {
            leaders.rise(value, Ranking { atoms: &self.atoms, counts: &self.counts });
        }
        Ok(())
    }

    fn remove(&mut self, value: u32, count: u64) -> Decoded<()> {
        let known = self.counts.get_mut(value as usize).ok_or(Corrupt)?;
        *known = known.checked_sub(count).ok_or(Corrupt)?;
        self.distinct -= usize::from(*known == 0 && count > 0);
        if let Some(leaders) = self.leaders.as_mut().filter(|_| count > 0) {
            leaders.fall(value, Ranking { atoms: &self.atoms, counts: &self.counts });
        }
        Ok(())
    }

    /// With `more`, each value once and in order, on top; up to `k` of the most frequent where they are asked for.
    fn census(&mut self, more: &[(u32, u64)], k: usize) -> Census<'a> {
        let Counts { atoms, counts, distinct, leaders, .. } = self;
        let count = |value: u32| counts.get(value as usize).copied().unwrap_or(0);
        let distinct = *distinct + more.iter().filter(|(value, _)| count(*value) == 0).count();
        let Some(leaders) = leaders.as_mut().filter(|_| k > 0) else { return Census { distinct, top: Vec::new() } };
        let first = leaders.first(k + more.len(), Ranking { atoms, counts });
        let is_more = |value: u32| more.binary_search_by_key(&value, |(other, _)| *other).is_ok();
        let known = first.iter().filter(|value| !is_more(**value)).take(k).map(|value| (*value, 0));
        let ranked = known.chain(more.iter().copied());
        let ranked =
            ranked.filter_map(|(value, more)| Some((*atoms.get(value as usize)?, count(value).saturating_add(more))));
        let mut top: Vec<(Atom<'a>, u64)> = ranked.collect();
        if !more.is_empty() {
            put_first(&mut top, k);
        }
        Census { distinct, top }
    }
}

/// What one partition has told.
#[derive(Debug)]
struct Part {
    rank: u32,
    /// Positive ones, by the value's number.
    counts: HashMap<u32, u64>,
    is_in_total: bool,
}

/// What partitions have told of one tally, and the total of some of them.
#[derive(Debug, Default)]
pub struct Running<'a> {
    parts: Vec<Part>,
    total: Counts<'a>,
}

impl<'a> Running<'a> {
    /// `is_ranked`: the most frequent values will be asked for.
    pub fn new(is_ranked: bool) -> Self {
        let leaders = is_ranked.then(Leaders::default);
        Running { parts: Vec::new(), total: Counts { leaders, ..Counts::default() } }
    }

    /// Takes what a partition tells. Raises Corrupt where a change does not fit what it told before.
    pub fn take(&mut self, rank: u32, told: Told<'a>) -> Decoded<Tally<'a>> {
        match told {
            Told::Alone(counts) => return Ok(Tally { counts, standing: Vec::new() }),
            Told::Start(counts) => {
                let Running { parts, total } = self;
                let part = Part::of(parts, rank)?;
                part.set_in(total, false)?;
                part.counts.clear();
                part.counts.reserve(counts.len());
                total.reserve(counts.len());
                for (atom, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                    let known = part.counts.entry(total.number(atom)).or_insert(0);
                    *known = known.saturating_add(count);
                }
                part.set_in(total, true)?;
            }
            Told::Change { entering, leaving } => {
                let Running { parts, total } = self;
                let part = parts.iter_mut().find(|part| part.rank == rank).ok_or(Corrupt)?;
                for atom in entering {
                    part.add(total, atom, 1)?;
                }
                for atom in leaving {
                    part.remove(total, atom, 1)?;
                }
            }
        }
        Ok(Tally { counts: Vec::new(), standing: vec![rank] })
    }

    /// Adds to what one rank told, or takes away from it, without its telling.
    pub fn adjust(&mut self, rank: u32, counts: &[(Atom<'a>, u64)], is_added: bool) -> Decoded<()> {
        let Running { parts, total } = self;
        let part = Part::of(parts, rank)?;
        for (atom, count) in counts.iter().filter(|(_, count)| *count > 0) {
            if is_added {
                part.add(total, *atom, *count)?;
            } else {
                part.remove(total, *atom, *count)?;
            }
        }
        Ok(())
    }

    /// The census of a tally with what stands of it.
    pub fn census(&mut self, tally: &Tally<'a>, k: usize) -> Decoded<Census<'a>> {
        let Running { parts, total } = self;
        for part in parts {
            part.set_in(total, tally.standing.contains(&part.rank))?;
        }
        let present = tally.counts.iter().filter(|(_, count)| *count > 0);
        let mut more = tally::total(present.map(|(atom, count)| (total.number(*atom), *count)));
        more.sort_unstable();
        Ok(total.census(&more, k))
    }
}

impl Part {
    /// That of a rank; a new one has told nothing.
    fn of(parts: &mut Vec<Part>, rank: u32) -> Decoded<&mut Part> {
        let known = parts.iter().position(|part| part.rank == rank);
        let place = known.unwrap_or_else(|| {
            parts.push(Part { rank, counts: HashMap::new(), is_in_total: true });
            parts.len() - 1
        });
        parts.get_mut(place).ok_or(Corrupt)
    }

    fn add<'a>(&mut self, total: &mut Counts<'a>, atom: Atom<'a>, count: u64) -> Decoded<()> {
        let value = total.number(atom);
        let known = self.counts.entry(value).or_insert(0);
        *known = known.checked_add(count).ok_or(Corrupt)?;
        if self.is_in_total { total.add(value, count) } else { Ok(()) }
    }

    /// Raises Corrupt where there are not so many.
    fn remove<'a>(&mut self, total: &mut Counts<'a>, atom: Atom<'a>, count: u64) -> Decoded<()> {
        let value = total.number(atom);
        let Entry::Occupied(mut known) = self.counts.entry(value) else { return Err(Corrupt) };
        let left = known.get().checked_sub(count).ok_or(Corrupt)?;
        if left == 0 {
            known.remove();
        } else {
            known.insert(left);
        }
        if self.is_in_total { total.remove(value, count) } else { Ok(()) }
    }

    fn set_in(&mut self, total: &mut Counts<'_>, is_in: bool) -> Decoded<()> {
        if self.is_in_total != is_in {
            self.is_in_total = is_in;
            if self.counts.len() > MANY.max(total.counts.len() / 4) {
                total.leaders.iter_mut().for_each(Leaders::forget);
            }
            for (value, count) in &self.counts {
                if is_in {
                    total.add(*value, *count)?;
                } else {
                    total.remove(*value, *count)?;
                }
            }
        }
        Ok(())
    }
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
