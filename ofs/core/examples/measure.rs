//! Microseconds an item of the core's ground, on one thread: `cargo run --release --no-default-features --example measure
//! [NAME...]`.

use std::hint::black_box;
use std::time::Instant;

use _core::admit::{Admission, PathSet};
use _core::canonical::Canonicalizer;
use _core::decisions::{Decisions, DecodedLines};
use _core::digest::RangeDigest;
use _core::pins::PinsTable;

const COUNT: usize = 200_000;
const PART: usize = 4_000;
const CHUNK: usize = 1_000;

fn pins(separator: &str) -> String {
    [
        format!(r#""manifest_fingerprint":"{}""#, "3f".repeat(32)),
        format!(r#""parameter_hash":"{}""#, "a7".repeat(32)),
        r#""platform_run_id":"platform_20260101T000000Z""#.to_owned(),
        format!(r#""run_id":"{}""#, "0b".repeat(16)),
        r#""scenario_id":"baseline_v1""#.to_owned(),
        format!(r#""scenario_run_id":"{}""#, "9c".repeat(16)),
        r#""seed":42"#.to_owned(),
    ]
    .join(separator)
}

fn envelope(number: usize) -> Vec<u8> {
    let payload = format!(
        r#"{{"account_id":"acc{:06}","amount":"{}.{:02}","merchant_id":"mer{:05}","country":"DE","status":"APPROVED","channel":"web"}}"#,
        number % 100_000,
        number % 5000,
        number % 100,
        number % 9000
    );
    format!(
        r#"{{"emitted_at_utc":"2026-01-01T00:00:00.000000Z","event_id":"{number:032x}","event_type":"card_auth","ts_utc":"2026-01-01T{:02}:{:02}:{:02}.{:06}Z",{},"payload":{payload}}}"#,
        number / 3600 % 24,
        number / 60 % 60,
        number % 60,
        number % 1_000_000,
        pins(",")
    )
    .into_bytes()
}

fn decision(number: usize) -> Vec<u8> {
    let basis: Vec<String> = (0..4)
        .map(|partition| {
            format!(r#"{{"next_offset":{},"partition":{partition},"stream":"fp.bus.traffic.v1"}}"#, number + partition)
        })
        .collect();
    format!(
        r#"{{"as_of_spec":{{"as_of_basis":"event_time","as_of_time_utc":"2026-01-01T00:00:00.{:06}Z"}},"basis":[{}],"context_pins":{{{}}},"decided_at_utc":"2026-01-01T00:00:00.5Z","decision_id":"d{number:032x}","feature_groups":[{{"name":"account_velocity","version":"v1"}},{{"name":"merchant_velocity","version":"v1"}}],"feature_keys":[{{"key_id":"acc{:06}","key_type":"account_id"}},{{"key_id":"mer{:05}","key_type":"merchant_id"}}],"online_snapshot_hash":"{:064x}"}}"#,
        number % 1_000_000,
        basis.join(","),
        pins(","),
        number % 100_000,
        number % 9000,
        number
    )
    .into_bytes()
}

/// The line as many write it: spaces behind colons and commas.
fn loosened(line: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(line).replace("\":", "\": ").replace(",\"", ", \"").into_bytes()
}

/// The best of all parts in three rounds; only what the arguments name, where there are some.
fn measure<'i>(what: &str, items: &'i [Vec<u8>], part: usize, mut run: impl FnMut(&'i [Vec<u8>])) {
    if std::env::args().len() > 1 && !std::env::args().any(|named| named == what) {
        return;
    }
    let parts = (0..3).flat_map(|_| items.chunks(part));
    let best = parts.map(|items| {
        let start = Instant::now();
        run(items);
        start.elapsed().as_secs_f64() / items.len() as f64
    });
    let each = best.fold(f64::INFINITY, f64::min) * 1e6;
    let bytes: usize = items.iter().map(Vec::len).sum();
    println!("{what}: {each:.2} us an item of {} bytes", bytes / items.len());
}

fn main() {
    let paths = ["payload.account_id", "payload.merchant_id", "payload.amount", "payload.status"];
    let Some((set, _)) = PathSet::new(&paths) else { return };
    let events: Vec<Vec<u8>> = (0..COUNT).map(envelope).collect();
    let decisions: Vec<Vec<u8>> = (0..COUNT).map(decision).collect();
    let loose: Vec<Vec<u8>> = decisions.iter().map(|line| loosened(line)).collect();
    measure("admit + pins", &events, PART, |items| {
        let (mut admission, mut table) = (Admission::new(&set), PinsTable::default());
        let (mut admitted, mut version) = (0, 0);
        for value in items {
            let Ok(event) = admission.admit(Some(value)) else { continue };
            admitted += 1;
            if event.pins_version != version {
                version = event.pins_version;
                black_box(table.intern(&event.pins));
            }
        }
        if admitted != items.len() {
            println!("only {admitted} admitted");
        }
    });
    measure("content digest", &events, PART, |items| {
        let mut digest = RangeDigest::default();
        for (offset, value) in (0..).zip(items) {
            black_box(digest.update_one(offset, offset, 1, None, Some(value), [].into_iter()).is_ok());
        }
        black_box(digest.root());
    });
    measure("canonical", &decisions, PART, |items| {
        let mut canonicalizer = Canonicalizer::default();
        for value in items {
            black_box(canonicalizer.write(value).is_ok());
        }
    });
    measure("canonical, not given so", &loose, PART, |items| {
        let mut canonicalizer = Canonicalizer::default();
        for value in items {
            black_box(canonicalizer.write(value).is_ok());
        }
    });
    measure("decode decisions, not given so", &loose, PART, |items| {
        for chunk in items.chunks(CHUNK) {
            black_box(DecodedLines::of(chunk.iter().map(Vec::as_slice)).len());
        }
    });
    measure("decode decisions", &decisions, PART, |items| {
        for chunk in items.chunks(CHUNK) {
            black_box(DecodedLines::of(chunk.iter().map(Vec::as_slice)).len());
        }
    });
    let decoded: Vec<DecodedLines> =
        decisions.chunks(CHUNK).map(|chunk| DecodedLines::of(chunk.iter().map(Vec::as_slice))).collect();
    measure("take up decisions", &decisions, COUNT, |items| {
        let mut held = Decisions::default();
        for lines in &decoded {
            black_box(held.append(lines).is_ok());
        }
        black_box(held.seal().is_ok());
        if held.shapes().len() != 1 || held.len() != items.len() {
            println!("{} shapes of {} decisions", held.shapes().len(), held.len());
        }
    });
}
