//! Answers that build on those before come to the IRs of answers that stand alone and of logs that are read as they are.

use serde_json::{Value, json};

use super::*;
use crate::keylog::Contribution;
use crate::ops::laws::Numbers;
use crate::plan::Plan;
use crate::plan::tests::plan_of;

fn one(numbers: &mut Numbers, of: &[i64]) -> i64 {
    of[numbers.next(of.len() as u64) as usize]
}

const SUBJECT: Subject<'static> = Subject { pins: b"{}", group: 0, key: "k" };

/// Gaps of 8 and 12 part many contributions of one of three partitions, and few of all three together.
fn windows() -> [Value; 7] {
    [
        json!({"kind": "sliding", "size_us": 900}),
        json!({"kind": "session", "gap_us": 12}),
        json!({"kind": "tumbling", "size_us": 700, "back": 1}),
        json!({"kind": "session", "gap_us": 25}),
        json!({"kind": "session", "gap_us": 12, "max_us": 1_200}),
        json!({"kind": "lifetime"}),
        json!({"kind": "session", "gap_us": 8, "max_us": 130}),
    ]
}

/// All operators over some windows.
fn plan(windows: &[Value]) -> std::sync::Arc<Plan> {
    let (int, string) = (json!({"kind": "int"}), json!({"kind": "string"}));
    let mut features = Vec::new();
    for (place, window) in windows.iter().enumerate() {
        for (op, kind, more) in [
            ("a_max", &int, json!({"op": "max"})),
            ("b_max", &string, json!({"op": "max"})),
            ("c_min", &string, json!({"op": "min"})),
            ("d_sum", &int, json!({"op": "sum"})),
            ("e_top", &string, json!({"op": "top_k", "k": 3})),
            ("f_distinct", &int, json!({"op": "count_distinct"})),
            ("g_last", &string, json!({"op": "last_k", "k": 2})),
            ("h_first", &int, json!({"op": "first"})),
        ] {
            let field = if kind == &int { "payload.a" } else { "payload.b" };
            let mut feature = json!({"name": format!("w{place}_{op}"), "field": field, "type": kind, "window": window});
            more.as_object().unwrap().iter().for_each(|(name, value)| feature[name] = value.clone());
            features.push(feature);
        }
    }
    plan_of(&Value::Array(features))
}

/// The logs of one key in all partitions, and the answers of each step in the order in which they are to be read.
struct World {
    numbers: Numbers,
    plan: std::sync::Arc<Plan>,
    logs: Vec<KeyLog>,
    offsets: Vec<i64>,
    texts: Texts,
    now_us: i64,
    stream: Stream,
    /// A pause comes once in so many events.
    pause: u64,
    /// One in so many events is late.
    late: u64,
}

/// What one partition answers: building on what came before, alone, and read from a log without indexes.
type Three = [Vec<u8>; 3];

impl World {
    fn new(seed: u64) -> World {
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut windows = windows();
        windows.rotate_left(numbers.next(7) as usize);
        let plan = plan(&windows[..2]);
        let count = [1, 2, 3, 3][numbers.next(4) as usize];
        let pause = [30, 60, 2_000][numbers.next(3) as usize];
        let late = [4, 20][numbers.next(2) as usize];
        let logs = (0..count).map(|_| KeyLog::new(plan.groups[0].columns.len())).collect();
        World {
            numbers,
            plan,
            logs,
            offsets: vec![0; count],
            texts: Texts::default(),
            now_us: 10_000,
            stream: 1,
            pause,
            late,
        }
    }

    fn insert(&mut self) {
        let numbers = &mut self.numbers;
        let place = numbers.next(self.logs.len() as u64) as usize;
        self.now_us += one(numbers, &[0, 1, 3, 3, 3, 5, 5, 7]) + if numbers.next(self.pause) == 0 { 40 } else { 0 };
        let late_us = if numbers.next(self.late) == 0 { one(numbers, &[2, 9, 30, 400, 3_000]) } else { 0 };
        let int = (numbers.next(8) > 0).then(|| numbers.next(200) as i64 - 100);
        let text = format!("t{:02}", numbers.next(30).min(numbers.next(30)));
        let text = (numbers.next(8) > 0).then(|| self.texts.intern(&text) as i64);
        let (offset, values) = (self.offsets[place], [int, text]);
        let row = Contribution { time_us: self.now_us - late_us, offset, log_ts_us: self.now_us, values: &values };
        self.logs[place].insert(&row, &self.plan.groups[0].keeps);
        self.offsets[place] += 1 + numbers.next(2) as i64;
    }

    /// One question to all partitions.
    fn ask(&mut self) -> (i64, Vec<Three>) {
        let numbers = &mut self.numbers;
        let back_us = if numbers.next(5) == 0 { one(numbers, &[3, 10, 500, 2_000]) } else { 0 };
        let as_of_us = self.now_us + one(numbers, &[0, 1, 1, 4, 26]) - back_us;
        self.stream += u64::from(numbers.next(60) == 0);
        let before_us = (numbers.next(12) == 0).then_some(as_of_us);
        let group = &self.plan.groups[0];
        let mut answers = Vec::new();
        for (log, end) in self.logs.iter_mut().zip(&self.offsets) {
            let cut = if numbers.next(20) == 0 { end - numbers.next(30) as i64 } else { *end };
            let sight = Sight { cut, logged_before_us: before_us };
            let repeats = numbers.next(2) == 0;
            let ask = Ask { as_of_us, sight, sole: self.offsets.len() == 1, stream: Some(self.stream), repeats };
            let mut three = Three::default();
            let mut visible = log.visible(i64::MIN, i64::MAX, sight, &group.keeps);
            let alone = Ask { stream: None, ..ask };
            answer(group, log, &self.texts, ask, &mut Vec::new(), &mut three[0]);
            answer(group, log, &self.texts, alone, &mut Vec::new(), &mut three[1]);
            answer_seen(group, &mut visible, &self.texts, alone, &mut Vec::new(), &mut three[2]);
            answers.push(three);
        }
        (as_of_us, answers)
    }
}

fn read<'a>(merged: &mut Merged<'a>, group: &GroupPlan, as_of_us: i64, answers: &[&'a [u8]]) -> Vec<Ir<'a>> {
    merged.reset(group, SUBJECT);
    for (rank, bytes) in (0..).zip(answers) {
        let mut reader = Reader::new(bytes);
        merged.absorb(group, &mut reader, Frame { as_of_us, rank }).unwrap();
        assert!(reader.is_empty());
    }
    merged.close(group, as_of_us).unwrap();
    merged.irs().to_vec()
}

#[test]
fn answers_that_build_on_others_come_to_those_that_stand_alone() {
    let (mut told, mut alone) = (0, 0);
    for seed in 1..25 {
        let mut world = World::new(seed);
        let every = world.numbers.next(9) + 1;
        let mut steps = Vec::new();
        for _ in 0..150 {
            (0..world.numbers.next(every) + 1).for_each(|_| world.insert());
            steps.push(world.ask());
        }
        let group = &world.plan.groups[0];
        let mut merged = Merged::default();
        for (step, (as_of_us, answers)) in steps.iter().enumerate() {
            let [built, single, scanned] =
                [0, 1, 2].map(|form| -> Vec<&[u8]> { answers.iter().map(|three| three[form].as_slice()).collect() });
            let expected = read(&mut Merged::default(), group, *as_of_us, &scanned);
            assert_eq!(read(&mut Merged::default(), group, *as_of_us, &single), expected, "alone, {seed} {step}");
            assert_eq!(read(&mut merged, group, *as_of_us, &built), expected, "built, {seed} {step}");
            told += built.iter().map(|bytes| bytes.len()).sum::<usize>();
            alone += scanned.iter().map(|bytes| bytes.len()).sum::<usize>();
        }
    }
    assert!(told * 2 < alone, "{told} bytes told, {alone} alone");
}

/// Of three answers of a stream, to a key with many values.
fn lengths(repeats: bool) -> [usize; 3] {
    let plan = plan(&[json!({"kind": "lifetime"})]);
    let logs = vec![KeyLog::new(plan.groups[0].columns.len())];
    let mut world = World { plan, logs, offsets: vec![0], ..World::new(1) };
    (0..200).for_each(|_| world.insert());
    let (group, sight) = (&world.plan.groups[0], Sight { cut: i64::MAX, logged_before_us: None });
    [0, 1, 2].map(|later_us| {
        let as_of_us = world.now_us + 1 + later_us;
        let mut out = Vec::new();
        let ask = Ask { as_of_us, sight, sole: true, stream: Some(1), repeats };
        answer(group, &mut world.logs[0], &world.texts, ask, &mut Vec::new(), &mut out);
        out.len()
    })
}

#[test]
fn a_key_that_repeats_is_told_as_a_whole_once() {
    let [first, second, third] = lengths(true);
    assert!(second * 2 < first && third == second, "{first} {second} {third}");
    let [first, second, third] = lengths(false);
    assert!(second == first && third * 2 < first, "{first} {second} {third}");
}
