use super::*;
use crate::testing::{Chance, json_object, json_value, spoil};

/// The event of a value alone.
fn alone<'a>(value: Option<&'a [u8]>, paths: &PathSet) -> Result<Event<'a>, Reject> {
    let mut admission = Admission::new(paths);
    admission.admit(value).map(drop)?;
    Ok(admission.event)
}

const PINS: &str = concat!(
    r#""manifest_fingerprint":"00000000000000000000000000000000000000000000000000000000000000ff","#,
    r#""parameter_hash":"1111111111111111111111111111111111111111111111111111111111111111","#,
    r#""scenario_id":"s1","run_id":"22222222222222222222222222222222""#
);

fn envelope(payload: &str) -> String {
    format!(r#"{{"event_id":"e1","event_type":"t","ts_utc":"1970-01-01T00:00:01Z",{PINS},"payload":{payload}}}"#)
}

fn verdict(value: &[u8]) -> Result<(), Reject> {
    let (paths, _) = PathSet::new(&["payload.a"]).unwrap();
    alone(Some(value), &paths).map(drop)
}

/// The fields of the paths under a payload.
fn fields<'a>(value: &'a str, paths: &[&str]) -> Vec<Field<'a>> {
    let (set, slots) = PathSet::new(paths).unwrap();
    let event = alone(Some(value.as_bytes()), &set).unwrap();
    slots.iter().map(|&slot| event.fields[slot].clone()).collect()
}

#[test]
fn admits_a_whole_envelope() {
    let value = envelope(r#"{"a":"x"}"#);
    let (set, slots) = PathSet::new(&["payload.a"]).unwrap();
    let event = alone(Some(value.as_bytes()), &set).unwrap();
    assert_eq!((&*event.event_id, &*event.event_type, event.ts_us), ("e1", "t", 1_000_000));
    assert_eq!(event.pins.scenario_id, "s1");
    assert_eq!(event.fields[slots[0]], Field::String("x".into()));
}

#[test]
fn names_the_first_reason_that_applies() {
    let (paths, _) = PathSet::new(&[]).unwrap();
    let good = envelope("{}");
    assert_eq!(verdict(good.as_bytes()), Ok(()));
    assert_eq!(alone(None, &paths).err(), Some(Reject::ValueNull));
    let mut long = good.clone().into_bytes();
    long.resize(TEXT_MAX, b' ');
    assert_eq!(verdict(&long), Ok(()));
    long.push(0xff);
    assert_eq!(verdict(&long), Err(Reject::ValueTooLarge));
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replace(from, to)
    };
    for (value, reason) in [
        (String::new(), Reject::NotJson),
        ("[1,]".into(), Reject::NotJson),
        ("[1]".into(), Reject::NotObject),
        ("\"x\"".into(), Reject::NotObject),
        ("null".into(), Reject::NotObject),
        (format!("{good}x"), Reject::NotJson),
        (format!("\u{feff}{good}"), Reject::NotJson),
        ("{}".into(), Reject::EventIdInvalid),
        (replaced("\"e1\"", "\"\""), Reject::EventIdInvalid),
        (replaced("\"e1\"", "1"), Reject::EventIdInvalid),
        (replaced("\"e1\"", "null"), Reject::EventIdInvalid),
        (replaced("e1", &"x".repeat(257)), Reject::EventIdInvalid),
        (replaced("\"t\"", "true"), Reject::EventTypeInvalid),
        (replaced("1970-01-01T00:00:01Z", "1970-01-01T00:00:60Z"), Reject::TsUtcInvalid),
        (replaced("\"1970-01-01T00:00:01Z\"", "0"), Reject::TsUtcInvalid),
        (replaced("\"scenario_id\"", "\"scenario\""), Reject::PinsInvalid),
        (replaced("\"s1\"", "\"s1\",\"seed\":-1"), Reject::PinsInvalid),
        (replaced(":{}", ":[]"), Reject::PayloadInvalid),
        (replaced(":{}", ":null"), Reject::PayloadInvalid),
        (replaced("\"payload\"", "\"payloads\""), Reject::PayloadInvalid),
        (replaced(":{}", ":{},\"payload\":1"), Reject::PayloadInvalid),
        (r#"{"event_id":1,"x":"\ud800"}"#.into(), Reject::NotJson),
    ] {
        assert_eq!(verdict(value.as_bytes()), Err(reason), "{value}");
    }
    assert_eq!(verdict(&[good.as_bytes(), b"\xff"].concat()), Err(Reject::NotUtf8));
}

#[test]
fn accepts_the_longest_id_in_code_points() {
    let value = envelope("{}").replace("e1", &"\u{1f600}".repeat(256));
    assert_eq!(verdict(value.as_bytes()), Ok(()));
    assert_eq!(
        verdict(value.replace("\"t\"", &format!("\"{}\"", "\\n".repeat(257))).as_bytes()),
        Err(Reject::EventTypeInvalid)
    );
}

#[test]
fn checks_members_that_nobody_reads() {
    for (inside, reason) in [
        (&b"\"\xff\""[..], Reject::NotUtf8),
        (b"\"\xed\xa0\x80\"", Reject::NotUtf8),
        (b"\"\\udc00\"", Reject::NotJson),
        (b"\"\x01\"", Reject::NotJson),
        (b"NaN", Reject::NotJson),
        (b"01", Reject::NotJson),
        (&[b'9'; 101], Reject::NotJson),
        (b"[1,]", Reject::NotJson),
        (b"{\"\\ud800\":1}", Reject::NotJson),
    ] {
        for payload in [&b"{\"skipped\":"[..], b"{\"skipped\":{\"deep\":", b"{\"a\":{\"b\":"] {
            let closing = if payload.ends_with(b"{\"skipped\":") { &b"}"[..] } else { b"}}" };
            let mut value = envelope("").into_bytes();
            value.pop();
            let value = [&value, payload, inside, closing, b"}"].concat();
            assert_eq!(verdict(&value), Err(reason), "{}", String::from_utf8_lossy(&value));
        }
    }
}

#[test]
fn counts_nesting_from_the_envelope() {
    for (inner, admitted) in [(126, true), (127, false)] {
        for name in ["a", "skipped"] {
            let payload = format!("{{\"{name}\":{}{}}}", "[".repeat(inner), "]".repeat(inner));
            assert_eq!(verdict(envelope(&payload).as_bytes()).is_ok(), admitted, "{name} {inner}");
        }
        let path = format!("payload{}", ".a".repeat(inner + 1));
        let payload = "{\"a\":".repeat(inner + 1) + "1" + &"}".repeat(inner + 1);
        let (set, _) = PathSet::new(&[&path]).unwrap();
        let value = envelope(&payload);
        assert_eq!(alone(Some(value.as_bytes()), &set).is_ok(), admitted, "read {inner}");
    }
}

#[test]
fn reads_fields_by_path() {
    let value = envelope(r#"{"a":{"b":{"c":1.50},"d":null},"e":[1],"f":false,"\u0067":"\n"}"#);
    let paths = [
        "payload.a.b.c",
        "payload.a.d",
        "payload.a",
        "payload.e",
        "payload.f",
        "payload.g",
        "payload.e.x",
        "payload.f.x",
        "payload.none",
        "payload.a.b.none",
        "payload.a.b.c",
    ];
    let expected = [
        Field::Number("1.50"),
        Field::Null,
        Field::Other,
        Field::Other,
        Field::Bool(false),
        Field::String("\n".into()),
        Field::Missing,
        Field::Missing,
        Field::Missing,
        Field::Missing,
        Field::Number("1.50"),
    ];
    assert_eq!(fields(&value, &paths), expected);
}

#[test]
fn the_last_of_members_given_twice_counts_at_every_level() {
    let paths = ["payload.a.b", "payload.a", "payload.c"];
    for (payload, expected) in [
        (r#"{"a":{"b":1},"a":{"b":2}}"#, [Field::Number("2"), Field::Other, Field::Missing]),
        (r#"{"a":{"b":1},"a":{}}"#, [Field::Missing, Field::Other, Field::Missing]),
        (r#"{"a":{"b":1},"a":7}"#, [Field::Missing, Field::Number("7"), Field::Missing]),
        (r#"{"a":7,"a":{"b":1,"\u0062":null}}"#, [Field::Null, Field::Other, Field::Missing]),
        (r#"{"a":{"b":1},"\u0061":[]}"#, [Field::Missing, Field::Other, Field::Missing]),
        (r#"{"c":1,"c":{"a":1}}"#, [Field::Missing, Field::Missing, Field::Other]),
        (r#"{"c":1,"a":{"b":1}},"payload":{"c":2}"#, [Field::Missing, Field::Missing, Field::Number("2")]),
        (r#"7,"payload":{"c":2}"#, [Field::Missing, Field::Missing, Field::Number("2")]),
    ] {
        assert_eq!(fields(&envelope(payload), &paths), expected, "{payload}");
    }
    let twice = envelope(r#"{},"event_id":"later","\u0065vent_type":"u","seed":1,"seed":null"#);
    let event = alone(Some(twice.as_bytes()), &PathSet::new(&[]).unwrap().0).unwrap();
    assert_eq!((&*event.event_id, &*event.event_type, event.pins.seed), ("later", "u", None));
}

#[test]
fn an_event_keeps_nothing_of_the_one_before() {
    let (set, slots) = PathSet::new(&["payload.a"]).unwrap();
    let (first, second) = (envelope(r#"{"a":1}"#), envelope("{}"));
    let mut admission = Admission::new(&set);
    admission.admit(Some(first.as_bytes())).unwrap();
    assert_eq!(admission.admit(Some(second.as_bytes())).unwrap().fields[slots[0]], Field::Missing);
}

#[test]
fn shares_the_slot_of_equal_paths_and_refuses_others() {
    let (set, slots) = PathSet::new(&["payload.a", "payload.a.b", "payload.a", "payload._x9"]).unwrap();
    assert_eq!((slots, set.len(), set.is_empty()), (vec![0, 1, 0, 2], 3, false));
    for path in [
        "",
        "payload",
        "payload.",
        "a",
        "payload..a",
        "payload.a.",
        "payload.9",
        "payload.a-b",
        "payload.é",
        "Payload.a",
    ] {
        assert!(PathSet::new(&[path]).is_none(), "{path}");
    }
}

#[test]
fn reasons_stand_in_their_order() {
    assert!(Reject::ALL.is_sorted());
    let names: Vec<&str> = Reject::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!((names[0], names[3], names[9]), ("value_null", "not_json", "payload_invalid"));
}

#[test]
fn reads_pins_the_same_whatever_came_before() {
    let digits = |digit: &str, count: usize| format!("\"{}\"", digit.repeat(count));
    let pins = |more: &str| {
        format!(
            r#""manifest_fingerprint":{},"parameter_hash":{},"scenario_id":"s1","run_id":{}{more}"#,
            digits("a", 64),
            digits("b", 64),
            digits("c", 32)
        )
    };
    let envelope = |pins: &str| {
        format!(r#"{{"event_id":"e","event_type":"t","ts_utc":"2026-01-01T00:00:00Z","payload":{{}},{pins}}}"#)
    };
    let values = [
        envelope(&pins("")),
        envelope(&pins(r#","seed":1"#)),
        envelope(&pins(r#","seed":12"#)),
        envelope(&pins(r#","seed":null"#)),
        envelope(&pins(r#","seed":-1"#)),
        envelope(&pins(r#","platform_run_id":"p""#)),
        envelope(&pins(r#","platform_run_id":"p\u0041""#)),
        envelope(&pins(r#","platform_run_id":7"#)),
        envelope(&pins(r#","scenario_id":"s2""#)),
        envelope(&pins(r#","scenario_id":"s2","scenario_id":"s1""#)),
        envelope(&pins(r#","scenario_id":"s1"x"#)),
        envelope(&pins("").replace("\"s1\"", " \"s1\" ")),
        envelope(&pins("").replace("\"scenario_id\":\"s1\",", "")),
        envelope(&pins("")).replace("2026", "2O26"),
        "{".to_owned(),
        "1".to_owned(),
    ];
    let paths = PathSet::default();
    for first in &values {
        for second in &values {
            for third in &values {
                let mut admission = Admission::new(&paths);
                let mut found = Vec::new();
                for value in [first, second, third] {
                    let admitted = admission.admit(Some(value.as_bytes()));
                    found.push(admitted.map(|event| (event.pins.clone(), event.pins_version)));
                    let expected = alone(Some(value.as_bytes()), &paths).map(|event| event.pins);
                    let pins = found.last().unwrap().clone().map(|(pins, _)| pins);
                    assert_eq!(pins, expected, "{third} after {second} after {first}");
                }
                let events: Vec<_> = found.into_iter().flatten().collect();
                for (pins, version) in &events {
                    let same = events.iter().filter(|(_, other)| other == version);
                    assert!(*version > 0 && same.fold(true, |all, (other, _)| all && other == pins), "{third}");
                }
            }
        }
    }
}

/// Envelopes of a few structures that are alike but for their values, some of them spoiled.
fn drawn_values(chance: &mut Chance) -> Vec<String> {
    let structures: Vec<Chance> = (0..1 + chance.below(3)).map(|_| chance.fork()).collect();
    let values = (0..32).map(|number| {
        let value = drawn_value(&mut structures[chance.below(structures.len())].clone(), chance, number);
        if chance.below(4) == 0 { spoil(&value, chance) } else { value }
    });
    values.collect()
}

fn drawn_value(structure: &mut Chance, chance: &mut Chance, number: usize) -> String {
    let mut odd = |usual: String| if chance.below(24) == 0 { json_value(chance).to_owned() } else { usual };
    let mut members = vec![
        format!("\"event_id\":{}", odd(format!("\"e{number}\""))),
        format!("\"event_type\":{}", odd(format!("\"{}\"", ["t", "u"][number % 2]))),
        format!("\"ts_utc\":{}", odd(format!("\"1970-01-01T00:00:{number:02}Z\""))),
        PINS.replace("\"s1\"", &odd(format!("\"s{}\"", number / 16))),
        format!("\"seed\":{}", odd(structure.pick(&["null", "1", "2"]).to_owned())),
        format!("\"payload\":{}", json_object(structure, chance)),
        format!("\"more\":{}", json_value(chance)),
    ];
    if structure.below(4) == 0 {
        members.push(format!("\"payload\":{}", json_object(structure, chance)));
    }
    let place = structure.below(members.len());
    members.rotate_left(place);
    format!("{{{}}}", members.join(structure.pick(&[",", ",", ", "])))
}

#[test]
fn reads_values_alike_whatever_came_before_them() {
    let (paths, _) =
        PathSet::new(&["payload.a", "payload.a.b", "payload.ab", "payload.mark", "payload.b.a.a"]).unwrap();
    let mut admitted = 0;
    for seed in 0..300 {
        let values = drawn_values(&mut Chance::new(seed));
        let mut admission = Admission::new(&paths);
        let mut versions: Vec<(u64, Pins<'_>)> = Vec::new();
        for value in &values {
            let (found, expected) = (admission.admit(Some(value.as_bytes())), alone(Some(value.as_bytes()), &paths));
            let seen = |event: &Event<'_>| {
                format!(
                    "{:?}",
                    Event {
                        pins_version: 0,
                        fields: event.fields.clone(),
                        pins: event.pins.clone(),
                        event_id: event.event_id.clone(),
                        event_type: event.event_type.clone(),
                        ..*event
                    }
                )
            };
            assert_eq!(found.map(seen), expected.as_ref().map(seen).map_err(|reason| *reason), "{value}");
            if let Ok(event) = found {
                assert!(versions.iter().all(|(version, pins)| *version != event.pins_version || *pins == event.pins));
                versions.push((event.pins_version, event.pins.clone()));
                admitted += 1;
            }
        }
    }
    assert!(admitted > 300 * 12, "{admitted}");
}

#[test]
fn follows_the_form_of_values_before() {
    let (paths, _) = PathSet::new(&["payload.a"]).unwrap();
    let values = [
        envelope(r#"{"a":1}"#),
        envelope(r#"{"a":"x"}"#).replace("\"e1\"", "\"e\\u00e9\""),
        envelope(r#"{"a":1}"#).replace("\"t\"", "\"u\""),
        envelope(r#"{"a":[1,{}]}"#).replace("01Z", "02.5Z"),
        envelope(r#"{"a":{}}"#),
        envelope(r#"{"a":2}"#).replace("\"s1\"", "\"s2\""),
        envelope(r#"{"a":null}"#).replace("\"t\"", "\"u\""),
        envelope(r#"{"a":2}"#).replace("\"e1\"", "\"\""),
        envelope(r#"{"a":2}"#).replace("01Z", "61Z"),
    ];
    let mut admission = Admission::new(&paths);
    let followed = values.each_ref().map(|value| {
        let follows = admission.follow(value);
        let _ = admission.admit(Some(value.as_bytes()));
        follows
    });
    assert_eq!(followed, [false, true, false, true, false, false, true, false, false]);
}
