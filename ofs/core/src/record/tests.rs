use super::*;
use crate::canonical::Canonicalizer;

const PINS: &str = r#"{"manifest_fingerprint":"00000000000000000000000000000000000000000000000000000000000000ff","parameter_hash":"1111111111111111111111111111111111111111111111111111111111111111","scenario_id":"s1","run_id":"22222222222222222222222222222222","seed":null}"#;
const HASH: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

/// The members of a whole decision; a test replaces, adds or leaves out some.
fn whole() -> Vec<(&'static str, String)> {
    [
        ("decision_id", r#""d1""#),
        ("context_pins", PINS),
        ("feature_keys", r#"[{"key_type":"card","key_id":"c1"}]"#),
        ("feature_groups", r#"[{"name":"g","version":"v1"}]"#),
        ("as_of_spec", r#"{"as_of_time_utc":"1970-01-01T00:00:01Z","as_of_basis":"event_time"}"#),
        ("basis", r#"[{"stream":"s","partition":0,"next_offset":5}]"#),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

fn with(name: &'static str, value: &str) -> String {
    let mut members = whole();
    members.retain(|(known, _)| *known != name);
    if !value.is_empty() {
        members.push((name, value.to_owned()));
    }
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn read<T>(line: &str, look: impl Fn(Option<Record<'_>>) -> T) -> T {
    let mut canonicalizer = Canonicalizer::default();
    canonicalizer.write(line.as_bytes()).unwrap();
    look(decode("d1", canonicalizer.members()))
}

fn is_regular(line: &str) -> bool {
    read(line, |record| record.is_some())
}

#[test]
fn reads_a_decision_without_optional_members() {
    read(&with("none", ""), |record| {
        let record = record.unwrap();
        assert_eq!(record.keys, [("card".into(), "c1".into())]);
        assert_eq!(record.groups, [GroupRef { name: "g".into(), version: "v1".into(), digest: None }]);
        assert_eq!((record.as_of_basis, record.as_of_us), (AsOfBasis::EventTime, Some(1_000_000)));
        assert_eq!((record.hash_rule.as_ref(), record.online_hash), (DEFAULT_HASH_RULE, None));
        assert_eq!((record.request_id, record.decided_us, record.has_online_features), (None, None, false));
        assert_eq!((record.cuts[0].next_offset, record.cuts[0].topic_id.is_none()), (5, true));
    });
}

#[test]
fn sorts_groups_and_cuts() {
    let groups = r#"[{"name":"z","version":"v1"},{"name":"a","version":"v2","digest":null}]"#;
    let names = |record: Option<Record<'_>>| -> Vec<String> {
        record.unwrap().groups.iter().map(|group| group.name.to_string()).collect()
    };
    assert_eq!(read(&with("feature_groups", groups), names), ["a", "z"]);
    let basis = r#"[{"stream":"b","partition":1,"next_offset":1},{"stream":"a","partition":0,"next_offset":2,"topic_id":"t"},
        {"next_offset":3,"partition":-0,"stream":"\u0062"}]"#;
    let cuts = |record: Option<Record<'_>>| -> Vec<(String, i64, i64)> {
        let cuts = record.unwrap().cuts;
        cuts.iter().map(|cut| (cut.stream.to_string(), cut.partition, cut.next_offset)).collect()
    };
    let expected = [("a", 0, 2), ("b", 0, 3), ("b", 1, 1)].map(|(stream, p, o)| (stream.to_owned(), p, o));
    assert_eq!(read(&with("basis", basis), cuts), expected);
}

#[test]
fn requires_its_members() {
    for name in ["context_pins", "feature_keys", "feature_groups", "as_of_spec", "basis"] {
        assert!(!is_regular(&with(name, "")), "{name}");
        assert!(!is_regular(&with(name, "null")), "{name}");
        assert!(!is_regular(&with(name, "\"x\"")), "{name}");
    }
}

#[test]
fn takes_or_refuses_each_value_of_a_member() {
    let hash = format!("\"{HASH}\"");
    let upper = hash.replace("aa", "AA");
    for (name, good, bad) in [
        ("request_id", vec!["null", "\"\"", "\"r\""], vec!["1", "{}", "true"]),
        ("hash_rule", vec!["null", "\"other/v2\""], vec!["1", "[]"]),
        ("online_snapshot_hash", vec!["null", &hash], vec!["\"\"", "\"ab\"", &upper, "1"]),
        ("online_features", vec!["null", "{}", "{\"a\":[1e400]}"], vec!["[]", "\"x\"", "1", "false"]),
        ("online_snapshot_ref", vec!["null", "\"x\""], vec!["1", "{}"]),
        ("decided_at_utc", vec!["null", "\"1970-01-01T00:00:00Z\""], vec!["\"\"", "\"1970-01-01\"", "0"]),
        ("extensions", vec!["null", "{}", "{\"x\":1}"], vec!["[]", "1"]),
        ("unknown", vec!["null", "1", "{}"], vec![]),
        (
            "feature_keys",
            vec![
                r#"[{"key_id":"1","key_type":"a_9"},{"key_type":"a_9","key_id":"2"}]"#,
                r#"[{"key_type":"a","key_type":"b","key_id":"1"},{"key_type":"a","key_id":"1"}]"#,
            ],
            vec![
                "[]",
                "{}",
                "[1]",
                "[[]]",
                "[{}]",
                "[null]",
                r#"[{"key_type":"a"}]"#,
                r#"[{"key_type":"a","key_id":""}]"#,
                r#"[{"key_type":"a","key_id":1}]"#,
                r#"[{"key_type":"A","key_id":"1"}]"#,
                r#"[{"key_type":"9a","key_id":"1"}]"#,
                r#"[{"key_type":"","key_id":"1"}]"#,
                r#"[{"key_type":"a-b","key_id":"1"}]"#,
                r#"[{"key_type":"a","key_id":"1","x":null}]"#,
                r#"[{"key_type":"a","key_id":"1"},{"key_type":"a","key_id":"\u0031"}]"#,
            ],
        ),
        (
            "feature_groups",
            vec![
                r#"[{"name":"G","version":"x","digest":"00000000000000000000000000000000000000000000000000000000000000aa"}]"#,
            ],
            vec![
                "[]",
                "{}",
                "[1]",
                "[{}]",
                r#"[{"name":"g"}]"#,
                r#"[{"name":"","version":"v1"}]"#,
                r#"[{"name":"g","version":""}]"#,
                r#"[{"name":"g","version":1}]"#,
                r#"[{"name":"g","version":"v1","digest":"x"}]"#,
                r#"[{"name":"g","version":"v1","digest":1}]"#,
                r#"[{"name":"g","version":"v1","extra":1}]"#,
                r#"[{"name":"g","version":"v1"},{"name":"g","version":"v2"}]"#,
            ],
        ),
        (
            "as_of_spec",
            vec![
                r#"{"as_of_time_utc":"1970-01-01T00:00:00Z","as_of_basis":"ingest_time"}"#,
                r#"{"as_of_time_utc":"1970-01-01T00:00:00Z","as_of_basis":"watermark"}"#,
                r#"{"as_of_time_utc":null,"as_of_basis":"watermark"}"#,
                r#"{"as_of_basis":"watermark"}"#,
            ],
            vec![
                "{}",
                "[]",
                r#"{"as_of_basis":"event_time"}"#,
                r#"{"as_of_time_utc":null,"as_of_basis":"ingest_time"}"#,
                r#"{"as_of_time_utc":"1970-01-01T00:00:00Z"}"#,
                r#"{"as_of_time_utc":"1970-01-01T00:00:00Z","as_of_basis":"other"}"#,
                r#"{"as_of_time_utc":"1970-01-01","as_of_basis":"watermark"}"#,
                r#"{"as_of_time_utc":0,"as_of_basis":"watermark"}"#,
                r#"{"as_of_basis":"watermark","x":null}"#,
            ],
        ),
        (
            "basis",
            vec![
                r#"[{"stream":"s","partition":0,"next_offset":9223372036854775807,"topic_id":null}]"#,
                r#"[{"stream":"s","partition":1,"next_offset":0},{"stream":"s","partition":0,"next_offset":0}]"#,
            ],
            vec![
                "[]",
                "{}",
                "[1]",
                r#"[{"stream":"s","partition":0}]"#,
                r#"[{"stream":"","partition":0,"next_offset":0}]"#,
                r#"[{"stream":"s","partition":1,"next_offset":0}]"#,
                r#"[{"stream":"s","partition":-1,"next_offset":0}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":-1}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":1.0}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":1e0}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":"1"}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":9223372036854775808}]"#,
                r#"[{"stream":"s","partition":2147483648,"next_offset":0}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":0,"topic_id":1}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":0,"topic_id":""}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":0,"x":1}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":0},{"stream":"s","partition":0,"next_offset":0}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":0},{"stream":"s","partition":2,"next_offset":0}]"#,
                r#"[{"stream":"s","partition":0,"next_offset":0},{"stream":"t","partition":1,"next_offset":0}]"#,
            ],
        ),
    ] {
        for value in good {
            assert!(is_regular(&with(name, value)), "{name} {value}");
        }
        for value in bad {
            assert!(!is_regular(&with(name, value)), "{name} {value}");
        }
    }
}

#[test]
fn holds_pins_to_known_members() {
    let extra = PINS.replace("\"seed\":null", "\"other\":null");
    let bad_seed = PINS.replace("\"seed\":null", "\"seed\":1.5");
    let seed_twice = PINS.replace("\"seed\":null", "\"seed\":\"x\",\"seed\":9223372036854775807");
    assert!(!is_regular(&with("context_pins", &extra)));
    assert!(!is_regular(&with("context_pins", &bad_seed)));
    assert!(is_regular(&with("context_pins", &seed_twice)));
    assert!(!is_regular(&with("context_pins", "[]")));
}

#[test]
fn the_last_of_members_given_twice_counts() {
    let line = with("hash_rule", r#"1,"hash_rule":"\u0078""#);
    assert_eq!(read(&line, |record| record.unwrap().hash_rule.into_owned()), "x");
    assert!(!is_regular(&with("hash_rule", r#""x","\u0068ash_rule":1"#)));
}

#[test]
fn limits_the_decision_id_and_names() {
    let line = with("none", "");
    let mut canonicalizer = Canonicalizer::default();
    canonicalizer.write(line.as_bytes()).unwrap();
    for (id, regular) in [(String::new(), false), ("\u{e9}".repeat(256), true), ("x".repeat(257), false)] {
        assert_eq!(decode(&id, canonicalizer.members()).is_some(), regular, "{}", id.len());
    }
    for (length, regular) in [(249, true), (250, false)] {
        let basis = format!(r#"[{{"stream":"{}","partition":0,"next_offset":5}}]"#, "\u{e9}".repeat(length));
        assert_eq!(is_regular(&with("basis", &basis)), regular);
    }
    for (length, regular) in [(128, true), (129, false)] {
        let keys = format!(r#"[{{"key_type":"{}","key_id":"1"}}]"#, "a".repeat(length));
        assert_eq!(is_regular(&with("feature_keys", &keys)), regular);
    }
}

#[test]
fn finds_equal_keys_among_many() {
    let keys = |last: usize| {
        let keys: Vec<String> =
            (0..50).chain([last]).map(|id| format!(r#"{{"key_type":"a","key_id":"{id}"}}"#)).collect();
        with("feature_keys", &format!("[{}]", keys.join(",")))
    };
    assert!(is_regular(&keys(50)));
    assert!(!is_regular(&keys(7)));
}
