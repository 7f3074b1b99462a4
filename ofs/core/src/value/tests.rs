use super::*;

const MAX: i64 = i64::MAX;

fn number(literal: &str, kind: ValueType) -> Result<Option<Value>, Invalid> {
    typed(&Field::Number(literal), kind)
}

fn text(text: &str, kind: ValueType) -> Result<Option<Value>, Invalid> {
    typed(&Field::String(text.into()), kind)
}

#[test]
fn missing_and_null_are_no_value_of_any_type() {
    for kind in [ValueType::Int, ValueType::Decimal(2), ValueType::String, ValueType::Bool, ValueType::Timestamp] {
        assert_eq!(typed(&Field::Missing, kind), Ok(None));
        assert_eq!(typed(&Field::Null, kind), Ok(None));
        assert_eq!(typed(&Field::Other, kind), Err(Invalid));
    }
}

#[test]
fn reads_integers_within_64_bits() {
    for (literal, value) in
        [("0", 0), ("-0", 0), ("-5", -5), ("9223372036854775807", MAX), ("-9223372036854775807", -MAX)]
    {
        assert_eq!(number(literal, ValueType::Int), Ok(Some(Value::Int(value))), "{literal}");
    }
    for literal in ["9223372036854775808", "-9223372036854775808", "1.0", "1e0", "1E2", &"9".repeat(100)] {
        assert_eq!(number(literal, ValueType::Int), Err(Invalid), "{literal}");
    }
    assert_eq!(text("1", ValueType::Int), Err(Invalid));
}

#[test]
fn reads_decimals_exactly() {
    for (literal, scale, value) in [
        ("0", 0, 0),
        ("-0", 2, 0),
        ("-0.00", 2, 0),
        ("0.000000", 2, 0),
        ("1", 2, 100),
        ("1.5", 2, 150),
        ("1.50000", 2, 150),
        ("-12.34", 2, -1234),
        ("100", 0, 100),
        ("92233720368547758.07", 2, MAX),
        ("-92233720368547758.07", 2, -MAX),
        ("9223372036854775807", 0, MAX),
        ("0.000000000000000001", 18, 1),
        ("9.223372036854775807", 18, MAX),
        ("0.1234", 4, 1234),
        ("9223372036854775807.000", 0, MAX),
    ] {
        let expected = Ok(Some(Value::Decimal(value)));
        assert_eq!(number(literal, ValueType::Decimal(scale)), expected, "{literal}");
        assert_eq!(text(literal, ValueType::Decimal(scale)), expected, "{literal:?}");
    }
}

#[test]
fn reads_exponents_of_numbers_only() {
    for (literal, scale, value) in [
        ("1e2", 0, 100),
        ("1E+2", 2, 10_000),
        ("1.25e1", 1, 125),
        ("125e-2", 2, 125),
        ("12500e-4", 2, 125),
        ("0.00012e4", 1, 12),
        ("1e00000000000000000000000000000002", 0, 100),
        ("0e30", 2, 0),
        ("0e-30", 2, 0),
        ("-0.0e5", 2, 0),
        ("1000000000000000000000000000000e-30", 0, 1),
        ("0.000000000000000000000000000001e30", 0, 1),
        ("1e18", 0, 1_000_000_000_000_000_000),
    ] {
        assert_eq!(number(literal, ValueType::Decimal(scale)), Ok(Some(Value::Decimal(value))), "{literal}");
    }
    for literal in ["0e31", "0e-31", "1e31", "1e-31", "0e99999999999999999999", "1e19", "1e30", "1e-3", "1.5e-1"] {
        let scale = if literal == "1.5e-1" { 1 } else { 2 };
        assert_eq!(number(literal, ValueType::Decimal(scale)), Err(Invalid), "{literal}");
    }
    assert_eq!(text("1e2", ValueType::Decimal(0)), Err(Invalid));
}

#[test]
fn refuses_decimals_that_do_not_fit() {
    for (literal, scale) in [
        ("1.001", 2),
        ("0.001", 2),
        ("1.5", 0),
        ("92233720368547758.08", 2),
        ("-92233720368547758.08", 2),
        ("99999999999999999999", 0),
        ("10000000000000000000", 0),
        ("9.223372036854775808", 18),
        ("0.0000000000000000001", 18),
    ] {
        assert_eq!(number(literal, ValueType::Decimal(scale)), Err(Invalid), "{literal}");
        assert_eq!(text(literal, ValueType::Decimal(scale)), Err(Invalid), "{literal:?}");
    }
}

#[test]
fn refuses_decimal_texts_outside_the_grammar() {
    let (longest, longer) = ("1.".to_owned() + &"0".repeat(98), "1.".to_owned() + &"0".repeat(99));
    assert_eq!(text(&longest, ValueType::Decimal(0)), Ok(Some(Value::Decimal(1))));
    for literal in [
        "", "-", "+1", "01", "-01", "00", ".5", "5.", "1.-5", "1..5", "1.2.3", " 1", "1 ", "1_0", "1e2", "NaN", "--1",
        "\u{661}", "1,5", "0x1", "1\n", &longer,
    ] {
        assert_eq!(text(literal, ValueType::Decimal(2)), Err(Invalid), "{literal:?}");
    }
}

#[test]
fn reads_the_other_types_without_coercion() {
    assert_eq!(text("", ValueType::String), Ok(Some(Value::Str("".into()))));
    assert_eq!(number("1", ValueType::String), Err(Invalid));
    assert_eq!(typed(&Field::Bool(true), ValueType::Bool), Ok(Some(Value::Bool(true))));
    assert_eq!(text("true", ValueType::Bool), Err(Invalid));
    assert_eq!(number("1", ValueType::Bool), Err(Invalid));
    assert_eq!(text("1970-01-01T00:00:00.000001Z", ValueType::Timestamp), Ok(Some(Value::Time(1))));
    assert_eq!(text("1970-01-01", ValueType::Timestamp), Err(Invalid));
    assert_eq!(number("1", ValueType::Timestamp), Err(Invalid));
    assert_eq!(typed(&Field::Bool(true), ValueType::Decimal(0)), Err(Invalid));
}

#[test]
fn a_key_is_a_text_or_an_integer() {
    let long = "9".repeat(100);
    for (field, key) in [
        (Field::String("a".into()), "a"),
        (Field::String(" ".into()), " "),
        (Field::String("007".into()), "007"),
        (Field::Number("7"), "7"),
        (Field::Number("-7"), "-7"),
        (Field::Number("-0"), "0"),
        (Field::Number(&long), &long),
    ] {
        assert_eq!(key_text(&field), KeyText::Key(key.into()));
    }
    for field in [Field::Missing, Field::Null] {
        assert_eq!(key_text(&field), KeyText::None);
    }
    for field in [Field::String("".into()), Field::Number("1.0"), Field::Number("1e0"), Field::Bool(true), Field::Other]
    {
        assert_eq!(key_text(&field), KeyText::Invalid);
    }
}

#[test]
fn compares_numbers_exactly() {
    let huge = "1e".to_owned() + &"9".repeat(98);
    let huger = "10e".to_owned() + &"9".repeat(97) + "9";
    let tiny = "1e-".to_owned() + &"9".repeat(97);
    let ascending = [
        "-1e400",
        "-9223372036854775809",
        "-9223372036854775808",
        "-2",
        "-1.5",
        "-1.0000000000000000000001",
        "-1",
        "-1e-400",
        "0",
        &tiny,
        "1e-400",
        "0.1",
        "0.10000000000000000001",
        "1",
        "1.0000000000000000000001",
        "9",
        "10",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "1e400",
        "1.5e400",
        "2e400",
        &huge,
        &huger,
    ];
    for (at, a) in ascending.iter().enumerate() {
        for (other, b) in ascending.iter().enumerate() {
            assert_eq!(compare_numbers(a, b), at.cmp(&other), "{a} {b}");
        }
    }
}

#[test]
fn finds_equal_numbers_equal_however_written() {
    for equal in [
        vec!["0", "-0", "0.0", "-0.000", "0e5", "0e-99999999999999999999999", "-0e99999999999999999999"],
        vec!["1", "1.0", "1e0", "10e-1", "0.1e1", "0.001E+3", "1.000e00000000000000000000000000"],
        vec!["-120", "-1.2e2", "-12e1", "-120.00", "-0.0120e4"],
        vec!["1e100000000000000000000", "10e99999999999999999999", "0.1e100000000000000000001"],
    ] {
        for a in &equal {
            for b in &equal {
                assert_eq!(compare_numbers(a, b), Ordering::Equal, "{a} {b}");
            }
        }
    }
}
