//! The answers of plain groups: all of their windows are ranges whose units count and sum, as most are. The bytes are those
//! that other groups would give; what is known of the plan is not asked again of each window and unit.

use super::wire::{Corrupt, Decoded, Reader, put_word, put_words};
use super::{NOTHING, SOMETHING};
use crate::keylog::{KeyLog, Sums};
use crate::ops::age::distance;
use crate::ops::count::Count;
use crate::ops::moments::Moments;
use crate::ops::{Ir, Unit};
use crate::plan::GroupPlan;

/// Appends the answer of a key's log, of which all is seen. `spots`: where each edge of the group lies. Bounds: `sums` are
/// those of the group's columns.
pub fn answer(group: &GroupPlan, log: &KeyLog, sums: Sums<'_>, as_of_us: i64, spots: &[usize], out: &mut Vec<u8>) {
    let (before, as_of) = (out.len(), spots[0]); // the first edge is as-of
    let mut start = as_of;
    out.push(SOMETHING);
    put_word(out, as_of.checked_sub(1).map_or(0, |last| distance(as_of_us, log.time_us(last))));
    for window in &group.windows {
        let lo = spots[window.start];
        let hi = spots[window.end].max(lo);
        start = start.min(lo);
        put_word(out, (hi - lo) as u64);
        if lo == hi {
            continue;
        }
        for unit in &window.units {
            if let Unit::Moments { field, .. } = unit {
                let sum = |at: usize| i128::from(sums.before(at, field.column));
                put_words(out, (hi - lo) as u64, sum(hi) - sum(lo));
            }
        }
    }
    if start >= as_of {
        out.truncate(before);
        out.push(NOTHING);
    }
}

/// Makes IRs of a plain group those of nothing.
pub fn clear(irs: &mut [Ir<'_>]) {
    for ir in irs {
        match ir {
            Ir::Count(count) => *count = Count::default(),
            Ir::Moments(moments) => *moments = Moments::default(),
            _ => {} // a plain group has no others
        }
    }
}

/// Merges the windows of an answer into the group's IRs. Raises Corrupt where it is none of this group.
#[inline]
pub fn absorb(group: &GroupPlan, irs: &mut [Ir<'_>], reader: &mut Reader<'_>) -> Decoded<()> {
    for window in &group.windows {
        let length = reader.word()?;
        if length == 0 {
            continue;
        }
        for ir in irs.get_mut(window.base..window.base + window.units.len()).ok_or(Corrupt)? {
            match ir {
                Ir::Count(count) => count.merge(Count(length)),
                Ir::Moments(moments) => moments.absorb_sum(reader)?,
                _ => return Err(Corrupt),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ir::standing::Subject;
    use crate::ir::{Ask, Merged, answer as answer_of};
    use crate::keylog::texts::Texts;
    use crate::keylog::{Contribution, Sight};
    use crate::ops::Frame;
    use crate::ops::laws::Numbers;
    use crate::plan::tests::plan_of;

    /// The same groups, of which the second is not known to be plain.
    fn groups() -> [GroupPlan; 2] {
        let windows = [
            json!({"kind": "sliding", "size_us": 40}),
            json!({"kind": "tumbling", "size_us": 30, "back": 1}),
            json!({"kind": "hopping", "size_us": 50, "every_us": 20}),
            json!({"kind": "lifetime"}),
        ];
        let mut features = Vec::new();
        for (place, window) in windows.iter().enumerate() {
            features.push(json!({"name": format!("w{place}"), "op": "count", "window": window}));
            for field in ["a", "b"] {
                let (name, field) = (format!("w{place}_{field}"), format!("payload.{field}"));
                let kind = json!({"kind": "int"});
                features.push(json!({"name": name, "op": "sum", "field": field, "type": kind, "window": window}));
            }
        }
        let group = || {
            let plan = std::sync::Arc::into_inner(plan_of(&features.clone().into()));
            plan.and_then(|mut plan| plan.groups.pop()).unwrap()
        };
        [group(), GroupPlan { plain: None, ..group() }]
    }

    #[test]
    fn an_answer_is_that_of_any_group_whatever_the_sums() {
        let groups = groups();
        assert!(groups[0].plain.is_some());
        let (texts, mut numbers) = (Texts::default(), Numbers(77));
        for large in [7, i64::MAX / 3, i64::MAX] {
            for missing in [u64::MAX, 30] {
                let mut log = KeyLog::new(2);
                let mut merged = [Merged::default(), Merged::default()];
                for offset in 0..150_i64 {
                    let now_us = offset * 2 + numbers.next(9) as i64;
                    let values = [Some(large), numbers.next(missing).checked_sub(1).map(|_| -large)];
                    log.insert(
                        &Contribution { time_us: now_us, offset, log_ts_us: 0, values: &values },
                        &groups[0].keeps,
                    );
                    let as_of_us = now_us + numbers.next(60) as i64 - 20;
                    let sight = Sight { cut: i64::MAX, logged_before_us: None };
                    let ask = Ask { as_of_us, sight, sole: false, stream: None, repeats: false };
                    let answers = [0, 1].map(|place| {
                        let mut out = vec![9];
                        answer_of(&groups[place], &mut log, &texts, ask, &mut Vec::new(), &mut out);
                        out
                    });
                    assert_eq!(answers[0], answers[1], "large {large}, offset {offset}");
                    let subject = Subject { pins: b"{}", group: 0, key: "k" };
                    let frame = Frame { as_of_us, rank: 0 };
                    for (group, merged) in groups.iter().zip(&mut merged) {
                        merged.reset(group, subject);
                        for _ in 0..2 {
                            let bytes = answers[0][1..].to_vec().leak();
                            assert_eq!(merged.absorb(group, &mut Reader::new(bytes), frame), Ok(()));
                        }
                    }
                    assert_eq!(merged[0].irs(), merged[1].irs());
                }
            }
        }
    }
}
