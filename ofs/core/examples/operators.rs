//! Microseconds a decision on one hot key, operator by operator, against sum: `cargo run --release
//! --no-default-features --example operators [EVENTS]`.
//!
//! Every event is followed by a decision on it; the key's events lie in four partitions, a little out of order, and each
//! window holds most of them. What is timed is the fold of the records, their answers, and the verdicts.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Instant;

use _core::assemble::{Job, Wanted, assemble};
use _core::canonical::canonicalize;
use _core::decisions::Decisions;
use _core::decoder::{Decoder, Record};
use _core::digest::{hex, sha256};
use _core::fold::{Fold, Origin};
use _core::plan::Plan;
use _core::queries::{Queries, Sheet};

const PARTITIONS: usize = 4;
const CHUNK: usize = 8_192;
const STEP_US: i64 = 20_000;

fn pins() -> String {
    let (long, short) = ("3f".repeat(32), "0b".repeat(16));
    format!(
        r#""manifest_fingerprint":"{long}","parameter_hash":"{long}","run_id":"{short}","scenario_id":"baseline_v1""#
    )
}

fn time_text(number: usize, late_us: i64) -> String {
    let at_us = number as i64 * STEP_US + 3_600_000_000 - late_us;
    let (seconds, micros) = (at_us / 1_000_000, at_us % 1_000_000);
    format!("2026-01-01T{:02}:{:02}:{:02}.{micros:06}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A fixed scattering of numbers, so that every run measures the same.
fn scatter(number: usize, salt: u64, below: u64) -> u64 {
    let mut mixed = (number as u64 ^ salt << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 32) % below
}

fn envelope(number: usize) -> Vec<u8> {
    let late_us = if scatter(number, 1, 10) == 0 { scatter(number, 2, 400_000) as i64 } else { 0 };
    let amount = scatter(number, 3, 500_000);
    let merchant = scatter(number, 4, 9_000).min(scatter(number, 5, 9_000));
    format!(
        r#"{{"event_id":"{number:032x}","event_type":"auth","ts_utc":"{}",{},"payload":{{"account":"hot","amount":"{}.{:02}","merchant":"mer{merchant:05}","terminal":{}}}}}"#,
        time_text(number, late_us),
        pins(),
        amount / 100,
        amount % 100,
        scatter(number, 6, 100_000)
    )
    .into_bytes()
}

fn decision(number: usize) -> Vec<u8> {
    let mut basis = String::new();
    for partition in 0..PARTITIONS {
        let next = (number + PARTITIONS - partition) / PARTITIONS;
        let comma = if partition > 0 { "," } else { "" };
        let _ = write!(basis, r#"{comma}{{"next_offset":{next},"partition":{partition},"stream":"s"}}"#);
    }
    format!(
        r#"{{"as_of_spec":{{"as_of_basis":"event_time","as_of_time_utc":"{}"}},"basis":[{basis}],"context_pins":{{{}}},"decision_id":"d{number:08}","feature_groups":[{{"name":"g","version":"v1"}}],"feature_keys":[{{"key_id":"hot","key_type":"account"}}],"online_snapshot_hash":"{:064x}"}}"#,
        time_text(number, 0),
        pins(),
        number
    )
    .into_bytes()
}

fn plan_of(feature: &str) -> Result<Arc<Plan>, String> {
    let definition = format!(
        r#"{{"feature_group":"g","version":"v1","key":{{"type":"account","field":"payload.account"}},"event_types":["auth"],"where":[],"late":{{"policy":"include"}},"features":[{{"name":"x",{feature}}}]}}"#
    );
    let bytes = canonicalize(definition.as_bytes()).map_err(|_| "the definition is no JSON".to_owned())?;
    Plan::new(&[&bytes], &[&hex(&sha256(&bytes))])
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Seconds that this thread computed, where the system tells, else that passed.
fn seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    nanos.map_or_else(|| START.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
}

struct Took {
    fold_us: f64,
    assemble_us: f64,
    resident: usize,
    hash: String,
}

/// The whole way of all decisions, chunk by chunk as a replay does it.
fn run(plan: &Arc<Plan>, decisions: &Decisions, values: &[Vec<u8>]) -> Result<Took, String> {
    let scopes: Vec<&[u8]> = decisions.pins().collect();
    let fold_of = |partition: usize| {
        let origin = Origin { stream: "s".to_owned(), partition: partition as u32, start: 0, max_skew_us: i64::MAX };
        Fold::new(Arc::clone(plan), &scopes, origin)
    };
    let mut folds = (0..PARTITIONS).map(fold_of).collect::<Result<Vec<Fold>, String>>()?;
    let decoder = Decoder::new(Arc::clone(plan), &scopes);
    let (mut folding, mut assembling) = (0.0, 0.0);
    let mut all = Vec::new();
    for lo in (0..decisions.len()).step_by(CHUNK) {
        let hi = decisions.len().min(lo + CHUNK);
        let start = seconds();
        let mut answers = Vec::new();
        let sheet = Sheet::of(decisions, lo..hi);
        for (partition, fold) in folds.iter_mut().enumerate() {
            let cut = decisions.cut_max("s", partition as u32, lo, hi);
            let mut queries = Queries::of(&sheet, decisions, "s", partition as u32, 0..i64::MAX);
            let records = (fold.frontier()..cut).map(|offset| {
                let value = values.get(offset as usize * PARTITIONS + partition).map(Vec::as_slice);
                let record = Record { offset, log_ts_us: 0, ts_type: 1, key: None, value };
                (record, [].into_iter())
            });
            let records = decoder.decode(records).map_err(|error| error.to_string())?;
            fold.apply(&records, 0, cut, &mut queries)?;
            answers.push(queries);
        }
        folding += seconds() - start;
        let start = seconds();
        let job = Job { plan, decisions, replay_id: "r", wanted: Wanted::None };
        let answers: Vec<&Queries> = answers.iter().collect();
        let verdicts = assemble(job, lo..hi, &answers)?;
        assembling += seconds() - start;
        all.extend_from_slice(&sha256(verdicts.snapshots.rows(0, hi - lo)));
    }
    let each = 1e6 / decisions.len() as f64;
    let resident = folds.iter().map(Fold::resident_bytes).sum();
    Ok(Took { fold_us: folding * each, assemble_us: assembling * each, resident, hash: hex(&sha256(&all)) })
}

fn operators() -> Vec<(String, String)> {
    let amount = r#""field":"payload.amount","type":{"kind":"decimal","scale":2}"#;
    let merchant = r#""field":"payload.merchant","type":{"kind":"string"}"#;
    let terminal = r#""field":"payload.terminal","type":{"kind":"int"}"#;
    let sliding = r#""window":{"kind":"sliding","size_us":3000000000}"#;
    let mut rows = vec![("sum".to_owned(), format!(r#""op":"sum",{amount},{sliding}"#))];
    for op in ["count", "age_of_first", "age_of_last"] {
        rows.push((op.to_owned(), format!(r#""op":"{op}",{sliding}"#)));
    }
    for op in ["mean", "variance", "stddev"] {
        rows.push((op.to_owned(), format!(r#""op":"{op}",{amount},"scale":4,{sliding}"#)));
    }
    for op in ["min", "max", "first", "last"] {
        rows.push((op.to_owned(), format!(r#""op":"{op}",{amount},{sliding}"#)));
        rows.push((format!("{op} of strings"), format!(r#""op":"{op}",{merchant},{sliding}"#)));
    }
    for op in ["first_k", "last_k", "top_k"] {
        rows.push((format!("{op} 5"), format!(r#""op":"{op}","k":5,{merchant},{sliding}"#)));
    }
    rows.push(("top_k 5 of ints".to_owned(), format!(r#""op":"top_k","k":5,{terminal},{sliding}"#)));
    rows.push(("count_distinct".to_owned(), format!(r#""op":"count_distinct",{merchant},{sliding}"#)));
    rows.push(("count_distinct of ints".to_owned(), format!(r#""op":"count_distinct",{terminal},{sliding}"#)));
    for (name, window) in [
        ("tumbling", r#"{"kind":"tumbling","size_us":3000000000,"back":0}"#),
        ("hopping", r#"{"kind":"hopping","size_us":3000000000,"every_us":60000000}"#),
        ("lifetime", r#"{"kind":"lifetime"}"#),
        ("one session", r#"{"kind":"session","gap_us":1800000000}"#),
        ("one session with max", r#"{"kind":"session","gap_us":1800000000,"max_us":3000000000}"#),
        ("many sessions", r#"{"kind":"session","gap_us":50000}"#),
        ("long chains of runs", r#"{"kind":"session","gap_us":70000}"#),
        ("longer chains of runs", r#"{"kind":"session","gap_us":79999}"#),
        ("many sessions with max", r#"{"kind":"session","gap_us":50000,"max_us":3000000000}"#),
    ] {
        for op in ["sum", "max"] {
            rows.push((format!("{op}, {name}"), format!(r#""op":"{op}",{amount},"window":{window}"#)));
        }
        rows.push((format!("top_k 5, {name}"), format!(r#""op":"top_k","k":5,{merchant},"window":{window}"#)));
    }
    rows
}

fn main() -> Result<(), String> {
    let mut words = std::env::args().skip(1);
    let events: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or(200_000);
    let only = words.next().unwrap_or_default();
    let values: Vec<Vec<u8>> = (0..events).map(envelope).collect();
    let lines: Vec<Vec<u8>> = (0..events).map(decision).collect();
    let mut decisions = Decisions::default();
    decisions.add(lines.iter().map(Vec::as_slice)).map_err(|error| error.to_string())?;
    decisions.seal().map_err(|error| error.to_string())?;
    decisions.bind(0, vec![0]).map_err(|error| error.to_string())?;
    let mut sum_us = None;
    println!("{:32} {:>8} {:>8} {:>8} {:>7}  bytes an event", "operator", "fold", "verdict", "both, us", "x sum");
    for (name, feature) in operators().iter().filter(|(name, _)| name.contains(&only)) {
        let took = run(&plan_of(feature)?, &decisions, &values)?;
        let both = took.fold_us + took.assemble_us;
        let sum = *sum_us.get_or_insert(both);
        println!(
            "{name:32} {:8.2} {:8.2} {both:8.2} {:7.2}  {:5.0} {}",
            took.fold_us,
            took.assemble_us,
            both / sum,
            took.resident as f64 / events as f64,
            &took.hash[..12]
        );
    }
    Ok(())
}
