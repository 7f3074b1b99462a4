use super::*;

fn valid() -> Vec<(&'static str, Field<'static>)> {
    let hex = |text: &'static str, times| Field::String(Cow::Owned(text.repeat(times)));
    vec![
        ("manifest_fingerprint", hex("0f", 32)),
        ("parameter_hash", hex("a1", 32)),
        ("scenario_id", Field::String("s \"1\"".into())),
        ("run_id", hex("0b", 16)),
    ]
}

fn check(members: &[(&'static str, Field<'static>)]) -> Option<Pins<'static>> {
    let mut fields = PinFields::default();
    for (name, field) in members {
        *fields.member(name).unwrap() = field.clone();
    }
    fields.check()
}

fn with(name: &'static str, field: Field<'static>) -> Option<Pins<'static>> {
    let mut members = valid();
    members.push((name, field));
    check(&members)
}

fn text(text: impl Into<String>) -> Field<'static> {
    Field::String(Cow::Owned(text.into()))
}

#[test]
fn writes_canonical_pins_without_absent_members() {
    let mut out = Vec::new();
    check(&valid()).unwrap().write(&mut out);
    let expected = format!(
        r#"{{"manifest_fingerprint":"{}","parameter_hash":"{}","run_id":"{}","scenario_id":"s \"1\""}}"#,
        "0f".repeat(32),
        "a1".repeat(32),
        "0b".repeat(16)
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn writes_a_large_seed_as_a_string() {
    for (literal, written) in [("7", "7"), ("-0", "0"), ("9223372036854775807", "\"9223372036854775807\"")] {
        let mut out = Vec::new();
        with("seed", Field::Number(literal)).unwrap().write(&mut out);
        assert!(String::from_utf8(out).unwrap().ends_with(&format!(",\"seed\":{written}}}")), "{literal}");
    }
}

#[test]
fn requires_four_members() {
    for (at, (name, _)) in valid().into_iter().enumerate() {
        let mut members = valid();
        members.remove(at);
        assert!(check(&members).is_none(), "{name}");
        assert!(with(name, Field::Null).is_none(), "{name}");
        assert!(with(name, Field::Number("1")).is_none(), "{name}");
    }
}

#[test]
fn takes_null_for_an_absent_optional_member() {
    for name in ["seed", "platform_run_id", "scenario_run_id"] {
        assert_eq!(with(name, Field::Null), check(&valid()), "{name}");
        assert!(with(name, Field::Bool(true)).is_none(), "{name}");
        assert!(with(name, Field::Other).is_none(), "{name}");
    }
}

#[test]
fn holds_members_to_their_grammar() {
    for (name, field, good) in [
        ("manifest_fingerprint", text("0F".repeat(32)), false),
        ("manifest_fingerprint", text("0".repeat(63)), false),
        ("parameter_hash", text("g".repeat(64)), false),
        ("run_id", text("0".repeat(64)), false),
        ("scenario_run_id", text("0".repeat(32)), true),
        ("scenario_run_id", text("0".repeat(31)), false),
        ("scenario_id", text(""), false),
        ("scenario_id", text("\u{1f600}".repeat(256)), true),
        ("scenario_id", text("\u{1f600}".repeat(257)), false),
        ("platform_run_id", text("x".repeat(128)), true),
        ("platform_run_id", text("x".repeat(129)), false),
        ("platform_run_id", text(""), false),
        ("seed", Field::Number("0"), true),
        ("seed", Field::Number("9223372036854775807"), true),
        ("seed", Field::Number("9223372036854775808"), false),
        ("seed", Field::Number("-1"), false),
        ("seed", Field::Number("1.0"), false),
        ("seed", Field::Number("1e0"), false),
        ("seed", text("1"), false),
    ] {
        assert_eq!(with(name, field.clone()).is_some(), good, "{name} {field:?}");
    }
}

#[test]
fn numbers_distinct_pins_once() {
    let (bare, seeded) = (check(&valid()).unwrap(), with("seed", Field::Number("0")).unwrap());
    let mut table = PinsTable::default();
    assert_eq!(table.find(&bare), None);
    assert_eq!([table.intern(&bare), table.intern(&seeded), table.intern(&bare)], [0, 1, 0]);
    assert_eq!([table.find(&seeded), table.find(&bare)], [Some(1), Some(0)]);
    assert_eq!(table.len(), 2);
    let mut given = PinsTable::of(&[table.canonical(1), b"{}"]);
    assert_eq!(
        [given.find(&bare), given.find(&bare), given.find(&seeded), given.find(&bare)],
        [None, None, Some(0), None]
    );
    assert_eq!(given.canonical(1), b"{}");
    assert_eq!(given.intern(&bare), 2);
}
