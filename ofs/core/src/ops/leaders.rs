//! The values with the largest counts, kept while counts change.

use super::Atom;

/// Leaders that are kept beside those that were asked for, at least.
const SPARE: usize = 16;

/// Values by number, largest count first, ties by ascending value; all other values come behind. Falling counts make the
/// list shorter; where it is too short, all counts are read again. It is made so long then that this cannot happen more
/// often than once in the root of the number of values.
#[derive(Debug)]
pub struct Leaders {
    list: Vec<u32>,
    /// How many are kept.
    room: usize,
    /// No other value has a count.
    is_all: bool,
}

/// Values and their counts, by number.
#[derive(Debug, Clone, Copy)]
pub struct Ranking<'r, 'a> {
    pub atoms: &'r [Atom<'a>],
    pub counts: &'r [u64],
}

impl Ranking<'_, '_> {
    pub fn count(&self, value: u32) -> u64 {
        self.counts.get(value as usize).copied().unwrap_or(0)
    }

    /// Whether the one comes before the other.
    pub fn is_before(&self, left: u32, right: u32) -> bool {
        let (count, other) = (self.count(left), self.count(right));
        count > other || count == other && self.atoms.get(left as usize) < self.atoms.get(right as usize)
    }

    pub fn compare(&self, left: u32, right: u32) -> std::cmp::Ordering {
        let atom = |value: u32| self.atoms.get(value as usize);
        self.count(right).cmp(&self.count(left)).then_with(|| atom(left).cmp(&atom(right)))
    }
}

impl Default for Leaders {
    /// Of no values.
    fn default() -> Self {
        Leaders { list: Vec::new(), room: SPARE, is_all: true }
    }
}

impl Leaders {
    /// Keeps none, for so many counts to change that all are better read again.
    pub fn forget(&mut self) {
        self.list.clear();
        self.is_all = false;
    }

    /// Follows a count that has become larger.
    pub fn rise(&mut self, value: u32, ranking: Ranking<'_, '_>) {
        let place = match self.list.iter().position(|known| *known == value) {
            Some(place) => place,
            None => {
                let is_last = self.list.last().is_none_or(|last| !ranking.is_before(value, *last));
                if is_last && !self.is_all {
                    return;
                }
                self.list.push(value);
                self.list.len() - 1
            }
        };
        let before = self.list.get(..place).unwrap_or_default();
        let target = before.partition_point(|known| ranking.is_before(*known, value));
        if let Some(moved) = self.list.get_mut(target..=place) {
            moved.rotate_right(1);
        }
        if self.list.len() > self.room {
            self.list.pop();
            self.is_all = false;
        }
    }

    /// Follows a count that has become smaller.
    pub fn fall(&mut self, value: u32, ranking: Ranking<'_, '_>) {
        let Some(place) = self.list.iter().position(|known| *known == value) else { return };
        let behind = self.list.get(place + 1..).unwrap_or_default();
        let passed = behind.partition_point(|known| ranking.is_before(*known, value));
        let is_last = passed == behind.len();
        if ranking.count(value) == 0 || is_last && !self.is_all {
            self.list.remove(place); // those that are not listed may come before it
        } else if let Some(moved) = self.list.get_mut(place..=place + passed) {
            moved.rotate_left(1);
        }
    }

    /// At least the first `count` values, or all of them, in their order.
    pub fn first(&mut self, count: usize, ranking: Ranking<'_, '_>) -> &[u32] {
        if self.list.len() < count && !self.is_all {
            self.read(count, ranking);
        }
        &self.list
    }

    fn read(&mut self, count: usize, ranking: Ranking<'_, '_>) {
        let Leaders { list, room, is_all } = self;
        list.clear();
        list.extend((0..).zip(ranking.counts).filter(|(_, count)| **count > 0).map(|(value, _)| value));
        *room = count.saturating_add(SPARE.max(list.len().isqrt()));
        *is_all = list.len() <= *room;
        if !*is_all {
            list.select_nth_unstable_by(*room, |left, right| ranking.compare(*left, *right));
            list.truncate(*room);
        }
        list.sort_unstable_by(|left, right| ranking.compare(*left, *right));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::laws::Numbers;

    #[test]
    fn leaders_are_those_of_all_counts_in_order() {
        for (seed, values, largest) in [(1, 5, 3), (2, 40, 2), (3, 60, 9), (4, 400, 2), (5, 2_000, 4)] {
            let (mut numbers, mut leaders) = (Numbers(seed), Leaders::default());
            // numbers are given in another order than that of the values
            let atoms: Vec<Atom<'_>> = (0..values).map(|value| Atom::Number(value * 7 % values)).collect();
            let mut counts = vec![0; atoms.len()];
            for step in 0..6_000 {
                let value = numbers.next(counts.len() as u64) as u32;
                let (before, after) = (counts[value as usize], numbers.next(largest));
                counts[value as usize] = after;
                let ranking = Ranking { atoms: &atoms, counts: &counts };
                match after.cmp(&before) {
                    std::cmp::Ordering::Greater => leaders.rise(value, ranking),
                    std::cmp::Ordering::Less => leaders.fall(value, ranking),
                    std::cmp::Ordering::Equal => {}
                }
                if numbers.next(500) == 0 {
                    leaders.forget();
                }
                let asked = numbers.next(6) as usize;
                let mut expected: Vec<u32> = (0..).zip(&counts).filter(|(_, n)| **n > 0).map(|(v, _)| v).collect();
                expected.sort_by_key(|value| (std::cmp::Reverse(counts[*value as usize]), atoms[*value as usize]));
                let found = leaders.first(asked, ranking);
                assert!(found.len() >= asked.min(expected.len()), "step {step}");
                assert_eq!(found, &expected[..found.len()], "step {step}");
            }
        }
    }

    #[test]
    fn leaders_are_read_again_only_where_many_fell() {
        let atoms: Vec<Atom<'_>> = (0..10_000).map(Atom::Number).collect();
        let (mut counts, mut leaders) = (vec![2; 10_000], Leaders::default());
        leaders.is_all = false;
        assert_eq!(leaders.first(3, Ranking { atoms: &atoms, counts: &counts }).len(), 103);
        for value in 0..100 {
            counts[value as usize] = 1;
            leaders.fall(value, Ranking { atoms: &atoms, counts: &counts });
        }
        assert_eq!(leaders.first(3, Ranking { atoms: &atoms, counts: &counts }), [100, 101, 102]);
    }
}
