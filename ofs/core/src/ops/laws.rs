//! Laws of every unit: split anywhere = whole, merge is commutative and associative, nothing is neutral, bytes are
//! read back; and the finish against numbers worked out by hand.

use super::*;
use crate::keylog::Contribution;
use crate::keylog::column::Keep;
use crate::ops::ends::Order;

/// A small fixed generator (an xorshift), so that every run tests the same.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

const AS_OF: i64 = 1_000;
const COLUMNS: [ValueType; 3] = [ValueType::Decimal(2), ValueType::String, ValueType::Int];

/// (time, offset, values): values collide, are missing and negative.
type Row = (i64, i64, [Option<i64>; 3]);

fn rows(seed: u64, count: i64, texts: &mut Texts) -> Vec<Row> {
    let mut numbers = Numbers(seed);
    (0..count)
        .map(|offset| {
            let time = numbers.next(30) as i64 + 900;
            let amount = (numbers.next(4) > 0).then(|| numbers.next(9) as i64 * 50 - 200);
            let name =
                (numbers.next(5) > 0).then(|| texts.intern(["b", "a", "é", ""][numbers.next(4) as usize]) as i64);
            let large = [i64::MAX, -i64::MAX, 0, 7][numbers.next(4) as usize];
            (time, offset, [amount, name, Some(large)])
        })
        .collect()
}

fn log_of(rows: &[Row]) -> KeyLog {
    let keep = Keep { sums: true, squares: true };
    let mut log = KeyLog::new(3);
    for (time_us, offset, values) in rows {
        log.insert(
            &Contribution { time_us: *time_us, offset: *offset, log_ts_us: 0, values },
            &[keep, Keep::default(), keep],
        );
    }
    log
}

fn units() -> Vec<Unit> {
    let field = |column: usize| TypedField { column, kind: COLUMNS[column] };
    let mut units = vec![Unit::Count, Unit::Age { last: true }, Unit::Age { last: false }];
    for column in [0, 2] {
        units.push(Unit::Moments { field: field(column), squares: true });
        units.push(Unit::Moments { field: field(column), squares: false });
    }
    for column in 0..3 {
        for flag in [false, true] {
            units.push(Unit::Extreme { field: field(column), largest: flag });
            units.push(Unit::Ends { field: field(column), last: flag, k: 3 });
        }
        units.push(Unit::Tally { field: field(column), k: 2 });
    }
    units
}

/// The IR of some rows, through its encoding.
fn ir_of(unit: Unit, rows: &[Row], rank: u32, texts: &Texts, check: impl FnOnce(&Ir<'_>)) {
    let log = log_of(rows);
    let mut bytes = Vec::new();
    let ir = if rows.is_empty() {
        unit.init()
    } else {
        unit.query(&Slice { log: &log, texts, lo: 0, hi: log.len() }, AS_OF, &Telling::Alone, &mut bytes);
        let mut reader = Reader::new(&bytes);
        let ir = unit.decode(&mut reader, Frame { as_of_us: AS_OF, rank }).unwrap();
        assert!(reader.is_empty(), "{unit:?}");
        merged(unit, &unit.init(), &ir)
    };
    check(&ir);
}

fn merged<'a>(unit: Unit, left: &Ir<'a>, right: &Ir<'a>) -> Ir<'a> {
    let mut into = left.clone();
    unit.merge(&mut into, right.clone()).unwrap();
    if let Ir::Tally(tally) = &mut into {
        tally.settle();
    }
    into
}

#[test]
fn split_anywhere_is_the_whole() {
    let mut texts = Texts::default();
    for seed in 1..12 {
        let all = rows(seed, 12, &mut texts);
        for unit in units() {
            for cut in 0..=all.len() {
                let (left, right) = all.split_at(cut);
                ir_of(unit, left, 0, &texts, |left| {
                    ir_of(unit, right, 0, &texts, |right| {
                        ir_of(unit, &all, 0, &texts, |whole| {
                            assert_eq!(merged(unit, left, right), *whole, "{unit:?} at {cut}");
                            assert_eq!(merged(unit, right, left), *whole, "{unit:?} at {cut}");
                        });
                    });
                });
            }
        }
    }
}

#[test]
fn merging_is_associative_and_nothing_is_neutral() {
    let mut texts = Texts::default();
    let parts: Vec<Vec<Row>> = [3, 8, 5].iter().map(|seed| rows(*seed, 6, &mut texts)).collect();
    for unit in units() {
        ir_of(unit, &parts[0], 0, &texts, |a| {
            ir_of(unit, &parts[1], 1, &texts, |b| {
                ir_of(unit, &parts[2], 2, &texts, |c| {
                    let left = merged(unit, &merged(unit, a, b), c);
                    let right = merged(unit, a, &merged(unit, b, c));
                    assert_eq!(left, right, "{unit:?}");
                    assert_eq!(merged(unit, &merged(unit, c, b), a), left, "{unit:?}");
                    assert_eq!(merged(unit, a, &unit.init()), *a, "{unit:?}");
                    assert_eq!(merged(unit, &unit.init(), a), *a, "{unit:?}");
                });
            });
        });
    }
}

#[test]
fn an_ir_of_another_unit_is_refused() {
    let (count, tally) = (Unit::Count, Unit::Tally { field: TypedField { column: 0, kind: ValueType::Int }, k: 0 });
    assert_eq!(count.merge(&mut count.init(), tally.init()), Err(Corrupt));
}

#[test]
fn ends_are_taken_by_time_then_partition_then_offset() {
    let item = |order: Order, value: i64| (order, Atom::Number(value));
    let mut ends = ends::Ends(vec![item((5, 1, 0), 1), item((6, 0, 9), 2)]);
    ends.merge(ends::Ends(vec![item((5, 0, 7), 3), item((6, 0, 3), 4)]), true, 3);
    assert_eq!(ends.0, [item((5, 1, 0), 1), item((6, 0, 3), 4), item((6, 0, 9), 2)]);
}

fn moments(kind: ValueType, values: &[Option<i64>], write: impl Fn(moments::Moments, &mut Vec<u8>)) -> String {
    let rows: Vec<Row> = (0..).zip(values).map(|(offset, value)| (0, offset, [*value, None, *value])).collect();
    let log = log_of(&rows);
    let texts = Texts::default();
    let slice = Slice { log: &log, texts: &texts, lo: 0, hi: log.len() };
    let mut out = Vec::new();
    write(moments::Moments::query(&slice, TypedField { column: 0, kind }, true), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn moments_are_exact_and_rounded_once() {
    let cents = ValueType::Decimal(2);
    let values = [Some(100), None, Some(200), Some(400)];
    assert_eq!(moments(cents, &values, |ir, out| ir.write_sum(cents, out)), "\"7.00\"");
    assert_eq!(moments(cents, &values, |ir, out| ir.write_mean(cents, 4, out)), "\"2.3333\"");
    // (3 * 210000 - 490000) / 9 / 10^4 = 1.5555...
    assert_eq!(moments(cents, &values, |ir, out| ir.write_variance(cents, 3, out)), "\"1.556\"");
    assert_eq!(moments(cents, &values, |ir, out| ir.write_stddev(cents, 6, out)), "\"1.247219\"");
    assert_eq!(moments(cents, &[None], |ir, out| ir.write_mean(cents, 4, out)), "null");
    assert_eq!(moments(cents, &[None], |ir, out| ir.write_sum(cents, out)), "\"0.00\"");
    let int = ValueType::Int;
    assert_eq!(moments(int, &[Some(1), Some(2)], |ir, out| ir.write_mean(int, 0, out)), "\"2\"");
    assert_eq!(moments(int, &[Some(2), Some(3)], |ir, out| ir.write_mean(int, 0, out)), "\"2\"");
    assert_eq!(moments(int, &[Some(0), Some(1)], |ir, out| ir.write_stddev(int, 0, out)), "\"0\"");
    assert_eq!(moments(int, &[Some(0), Some(3)], |ir, out| ir.write_stddev(int, 0, out)), "\"2\"");
    let extremes = [Some(i64::MAX), Some(-i64::MAX)];
    let square = "\"85070591730234615847396907784232501249.0\"";
    assert_eq!(moments(int, &extremes, |ir, out| ir.write_variance(int, 1, out)), square);
    assert_eq!(moments(int, &extremes, |ir, out| ir.write_stddev(int, 0, out)), "\"9223372036854775807\"");
    assert_eq!(moments(int, &[Some(i64::MAX); 2], |ir, out| ir.write_sum(int, out)), "\"18446744073709551614\"");
}
