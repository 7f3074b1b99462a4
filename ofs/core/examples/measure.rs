//! Microseconds an item of the core's ground, on one thread: `cargo run --release --no-default-features --example measure`.

use std::hint::black_box;
use std::time::Instant;

use _core::admit::{Event, PathSet, admit};
use _core::canonical::canonicalize;
use _core::decisions::Decisions;
use _core::digest::RangeDigest;
use _core::pins::PinsTable;

const COUNT: usize = 200_000;

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

/// The best of three rounds over all items.
fn measure<'i>(what: &str, items: &'i [Vec<u8>], mut run: impl FnMut(&'i [Vec<u8>])) {
    let bytes: usize = items.iter().map(Vec::len).sum();
    let best = (0..3)
        .map(|_| {
            let start = Instant::now();
            run(items);
            start.elapsed()
        })
        .min()
        .unwrap_or_default();
    let each = best.as_secs_f64() * 1e6 / items.len() as f64;
    println!("{what}: {each:.2} us an item of {} bytes", bytes / items.len());
}

fn main() {
    let paths = ["payload.account_id", "payload.merchant_id", "payload.amount", "payload.status"];
    let Some((set, _)) = PathSet::new(&paths) else { return };
    let events: Vec<Vec<u8>> = (0..COUNT).map(envelope).collect();
    let decisions: Vec<Vec<u8>> = (0..COUNT).map(decision).collect();
    measure("admit + pins", &events, |items| {
        let (mut event, mut table, mut admitted) = (Event::default(), PinsTable::default(), 0);
        for value in items {
            admitted += usize::from(admit(Some(value), &set, &mut event).is_ok());
            black_box(table.intern(&event.pins));
        }
        if admitted != items.len() {
            println!("only {admitted} admitted");
        }
    });
    measure("content digest", &events, |items| {
        let mut digest = RangeDigest::default();
        for (offset, value) in (0..).zip(items) {
            black_box(digest.update_one(offset, offset, 1, None, Some(value), [].into_iter()).is_ok());
        }
        black_box(digest.root());
    });
    measure("canonical", &decisions, |items| {
        for value in items {
            black_box(canonicalize(value).is_ok());
        }
    });
    measure("decisions", &decisions, |items| {
        let mut held = Decisions::default();
        black_box(held.add(items.iter().map(Vec::as_slice)).is_ok());
        black_box(held.seal().is_ok());
        if held.shapes().len() != 1 || held.len() != items.len() {
            println!("{} shapes of {} decisions", held.shapes().len(), held.len());
        }
    });
}
