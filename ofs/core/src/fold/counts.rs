//! What a fold counts and lists for its certificate; none of it depends on where batches begin.

use crate::admit::Reject;
use crate::canonical::{write_int, write_string};
use crate::plan::Plan;

/// Entries of a list beside its full count.
pub const LISTED_MAX: usize = 1_000;

/// A full count, and the first entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    pub count: u64,
    pub items: Vec<T>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Listing { count: 0, items: Vec::new() }
    }
}

impl<T> Listing<T> {
    /// Returns whether the entry was listed.
    pub fn add(&mut self, item: T) -> bool {
        self.count += 1;
        let listed = self.items.len() < LISTED_MAX;
        if listed {
            self.items.push(item);
        }
        listed
    }
}

/// Offsets that delivered nothing, as ranges; `end` is where the last one ended, listed or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holes {
    pub count: u64,
    pub ranges: Vec<(i64, i64)>,
    pub end: Option<i64>,
}

impl Holes {
    /// Bounds: `from` is below `to`, and at or after the end of the last hole.
    pub fn add(&mut self, from: i64, to: i64) {
        self.count = self.count.saturating_add(to.abs_diff(from));
        if self.end != Some(from) {
            if self.ranges.len() < LISTED_MAX {
                self.ranges.push((from, to));
            }
        } else if let Some(last) = self.ranges.last_mut()
            && last.1 == from
        {
            last.1 = to;
        }
        self.end = Some(to);
    }
}

/// Why a first copy of a group's event type gave the group nothing, or lacked a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Odd {
    KeyInvalid,
    Late,
    NoKey,
    ValueInvalid,
    ValueMissing,
}

impl Odd {
    /// In the order of their names, which is that of the counts.
    pub const NAMES: [&'static str; 5] = ["key_invalid", "late", "no_key", "value_invalid", "value_missing"];
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupCounts {
    pub usable: u64,
    pub filtered: u64,
    pub odd: [Listing<i64>; 5],
    /// A list has grown since the last drain.
    pub dirty: bool,
}

impl GroupCounts {
    pub fn add(&mut self, odd: Odd, offset: i64) {
        self.dirty |= self.odd[odd as usize].add(offset);
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub records: u64,
    pub admitted: u64,
    pub rejected: Listing<(i64, Reject)>,
    /// By the order of `Reject::ALL`.
    pub rejected_by: [u64; Reject::ALL.len()],
    pub duplicates: Listing<i64>,
    pub duplicates_differing: Listing<i64>,
    pub other_pins: u64,
    pub holes: Holes,
    pub skew_us_max: Option<i64>,
    pub skew_violation: Option<i64>,
    pub groups: Vec<GroupCounts>,
    /// A list has grown since the last drain.
    pub dirty: bool,
}

/// What the certificate says beside the counts.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    pub stream: &'a str,
    pub partition: i64,
    pub start: i64,
    pub end: i64,
    pub content_digest: &'a str,
}

impl Counts {
    pub fn reject(&mut self, offset: i64, reject: Reject) {
        self.rejected_by[reject as usize] += 1;
        self.dirty |= self.rejected.add((offset, reject));
    }

    pub fn hole(&mut self, from: i64, to: i64) {
        self.holes.add(from, to);
        self.dirty = true;
    }

    pub fn duplicate(&mut self, offset: i64, differs: bool) {
        self.dirty |= self.duplicates.add(offset);
        if differs {
            self.dirty |= self.duplicates_differing.add(offset);
        }
    }

    pub fn skew(&mut self, offset: i64, skew_us: i64, max_skew_us: i64) {
        self.skew_us_max = Some(self.skew_us_max.map_or(skew_us, |known| known.max(skew_us)));
        if skew_us > max_skew_us && self.skew_violation.is_none() {
            self.skew_violation = Some(offset);
        }
    }

    /// The certificate's entry of this partition: RFC 8785 JSON.
    pub fn certificate(&self, plan: &Plan, span: Span<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        open(&mut out, b'{', "admitted");
        write_int(&mut out, i128::from(self.admitted));
        open(&mut out, b',', "content_digest");
        write_string(&mut out, span.content_digest);
        open(&mut out, b',', "duplicates");
        write_listing(&mut out, &self.duplicates);
        open(&mut out, b',', "duplicates_differing");
        write_listing(&mut out, &self.duplicates_differing);
        open(&mut out, b',', "end");
        write_int(&mut out, i128::from(span.end));
        open(&mut out, b',', "groups");
        self.write_groups(&mut out, plan);
        open(&mut out, b',', "holes");
        open(&mut out, b'{', "count");
        write_int(&mut out, i128::from(self.holes.count));
        open(&mut out, b',', "ranges");
        write_list(&mut out, &self.holes.ranges, |out, (from, to)| {
            write_list(out, &[*from, *to], |out, offset| write_int(out, i128::from(*offset)));
        });
        out.push(b'}');
        for (name, value) in [
            ("other_pins", i128::from(self.other_pins)),
            ("partition", i128::from(span.partition)),
            ("records", i128::from(self.records)),
        ] {
            open(&mut out, b',', name);
            write_int(&mut out, value);
        }
        open(&mut out, b',', "rejected");
        self.write_rejected(&mut out);
        open(&mut out, b',', "skew_us_max");
        write_optional(&mut out, self.skew_us_max);
        open(&mut out, b',', "skew_violation");
        write_optional(&mut out, self.skew_violation);
        open(&mut out, b',', "start");
        write_int(&mut out, i128::from(span.start));
        open(&mut out, b',', "stream");
        write_string(&mut out, span.stream);
        out.push(b'}');
        out
    }

    fn write_groups(&self, out: &mut Vec<u8>, plan: &Plan) {
        let mut groups: Vec<(String, &GroupCounts)> = plan
            .groups
            .iter()
            .zip(&self.groups)
            .map(|(group, counts)| (format!("{}:{}", group.name, group.version), counts))
            .collect();
        groups.sort_by(|left, right| left.0.cmp(&right.0));
        write_object(out, &groups, |out, (name, counts)| {
            write_string(out, name);
            out.push(b':');
            open(out, b'{', "filtered");
            write_int(out, i128::from(counts.filtered));
            for (place, (name, listing)) in Odd::NAMES.iter().zip(&counts.odd).enumerate() {
                if place == Odd::ValueInvalid as usize {
                    open(out, b',', "usable");
                    write_int(out, i128::from(counts.usable));
                }
                open(out, b',', name);
                write_listing(out, listing);
            }
            out.push(b'}');
        });
    }

    fn write_rejected(&self, out: &mut Vec<u8>) {
        let mut reasons: Vec<(&str, u64)> = Reject::ALL
            .iter()
            .zip(self.rejected_by)
            .filter(|(_, count)| *count > 0)
            .map(|(reject, count)| (reject.as_str(), count))
            .collect();
        reasons.sort_unstable();
        open(out, b'{', "by_reason");
        write_object(out, &reasons, |out, (reason, count)| {
            write_string(out, reason);
            out.push(b':');
            write_int(out, i128::from(*count));
        });
        open(out, b',', "count");
        write_int(out, i128::from(self.rejected.count));
        open(out, b',', "offsets");
        write_list(out, &self.rejected.items, |out, (offset, reject)| {
            out.push(b'[');
            write_int(out, i128::from(*offset));
            out.push(b',');
            write_string(out, reject.as_str());
            out.push(b']');
        });
        out.push(b'}');
    }
}

/// A separator or an opening brace, then the name of a member that needs no escapes.
fn open(out: &mut Vec<u8>, before: u8, name: &str) {
    out.extend_from_slice(&[before, b'"']);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_optional(out: &mut Vec<u8>, value: Option<i64>) {
    match value {
        Some(value) => write_int(out, i128::from(value)),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_listing(out: &mut Vec<u8>, listing: &Listing<i64>) {
    open(out, b'{', "count");
    write_int(out, i128::from(listing.count));
    open(out, b',', "offsets");
    write_list(out, &listing.items, |out, offset| write_int(out, i128::from(*offset)));
    out.push(b'}');
}

fn write_list<T>(out: &mut Vec<u8>, items: &[T], each: impl Fn(&mut Vec<u8>, &T)) {
    write_between(out, [b'[', b']'], items, each);
}

fn write_object<T>(out: &mut Vec<u8>, items: &[T], each: impl Fn(&mut Vec<u8>, &T)) {
    write_between(out, [b'{', b'}'], items, each);
}

fn write_between<T>(out: &mut Vec<u8>, ends: [u8; 2], items: &[T], each: impl Fn(&mut Vec<u8>, &T)) {
    out.push(ends[0]);
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(ends[1]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_holes_are_one_whatever_the_calls() {
        let mut holes = Holes::default();
        holes.add(3, 5);
        holes.add(5, 9);
        holes.add(12, 13);
        assert_eq!(holes, Holes { count: 7, ranges: vec![(3, 9), (12, 13)], end: Some(13) });
    }

    #[test]
    fn lists_end_at_their_cap_and_counts_do_not() {
        let (mut holes, mut listing) = (Holes::default(), Listing::default());
        for step in 0..1_500 {
            holes.add(step * 10, step * 10 + 2);
            holes.add(step * 10 + 2, step * 10 + 3);
            assert_eq!(listing.add(step), step < 1_000);
        }
        assert_eq!((holes.count, holes.ranges.len(), holes.ranges[999]), (4_500, 1_000, (9_990, 9_993)));
        assert_eq!((listing.count, listing.items.len()), (1_500, 1_000));
    }
}
