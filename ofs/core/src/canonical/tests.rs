use super::*;

fn canonical(text: &str) -> Option<String> {
    canonicalize(text.as_bytes()).ok().map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn writes_the_example_of_the_rfc() {
    let text = r#"{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"#;
    let expected = concat!(
        r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    assert_eq!(canonical(text).unwrap(), expected);
}

#[test]
fn sorts_names_by_utf16_code_units() {
    let text = "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}";
    let expected = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
    assert_eq!(canonical(text).unwrap(), expected);
}

#[test]
fn orders_names_as_their_utf16_does() {
    let names = [
        "",
        "a",
        "aa",
        "ab",
        "b",
        "\u{7f}",
        "\u{80}",
        "\u{7ff}",
        "\u{800}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{efff}",
        "\u{f000}",
        "\u{ffff}",
        "\u{10000}",
        "\u{10ffff}",
        "\u{10000}\u{e000}",
        "\u{10000}\u{10000}",
        "a\u{e000}",
        "a\u{10000}",
        "\u{e000}a",
    ];
    for a in names {
        for b in names {
            assert_eq!(cmp_utf16(a, b), a.encode_utf16().cmp(b.encode_utf16()), "{a:?} {b:?}");
        }
    }
}

#[test]
fn keeps_the_last_of_members_given_twice() {
    for (text, expected) in [
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":1,"\u0061":2}"#, r#"{"a":2}"#),
        (
            r#"{"b":0,"a":{"x":1,"x":{"y":1}},"b":3,"a":{"x":2,"z":1,"x":[5]},"c":4}"#,
            r#"{"a":{"x":[5],"z":1},"b":3,"c":4}"#,
        ),
        (r#"[{"a":1,"a":2,"a":3},{"a":{"b":1,"a":1}}]"#, r#"[{"a":3},{"a":{"a":1,"b":1}}]"#),
    ] {
        assert_eq!(canonical(text).unwrap(), expected);
    }
}

#[test]
fn writes_numbers_exactly_or_as_doubles() {
    for (text, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("9007199254740991", "9007199254740991"),
        ("-9007199254740991", "-9007199254740991"),
        ("9007199254740992", "\"9007199254740992\""),
        ("-9007199254740993", "\"-9007199254740993\""),
        ("123456789012345678901234567890", "\"123456789012345678901234567890\""),
        ("-9223372036854775808", "\"-9223372036854775808\""),
        ("-0.0", "0"),
        ("1.0", "1"),
        ("1e2", "100"),
        ("9007199254740993.0", "9007199254740992"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("1e-7", "1e-7"),
        ("0.000001", "0.000001"),
        ("5e-324", "5e-324"),
        ("1e-400", "0"),
        ("-1e-400", "0"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("1e309", "\"1e309\""),
        ("-1.50E+400", "\"-1.50E+400\""),
    ] {
        assert_eq!(canonical(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn writes_integers_by_magnitude() {
    for (value, expected) in [
        (0, "0"),
        (-1, "-1"),
        ((1 << 53) - 1, "9007199254740991"),
        (1 << 53, "\"9007199254740992\""),
        (-(1 << 53), "\"-9007199254740992\""),
        (i128::MAX, "\"170141183460469231731687303715884105727\""),
        (i128::MIN, "\"-170141183460469231731687303715884105728\""),
    ] {
        let mut out = Vec::new();
        write_int(&mut out, value);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn escapes_only_what_must_be() {
    let mut out = Vec::new();
    write_string(&mut out, "\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f} \"\\/\u{7f}\u{2028}é\u{1f600}");
    assert_eq!(out, "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\u{7f}\u{2028}é\u{1f600}\"".as_bytes());
}

#[test]
fn finds_what_is_escaped_anywhere() {
    for length in 0..40 {
        for at in 0..=length {
            for (sign, written) in [("\"", "\\\""), ("\\", "\\\\"), ("\u{1f}", "\\u001f"), ("é", "é"), ("", "")] {
                let (before, after) = ("a".repeat(at), "z".repeat(length - at));
                let mut out = Vec::new();
                write_string(&mut out, &format!("{before}{sign}{after}"));
                assert_eq!(String::from_utf8(out).unwrap(), format!("\"{before}{written}{after}\""));
            }
        }
    }
}

#[test]
fn is_its_own_canonical_form() {
    for text in [r#"{"b":[1.5e300,"\u0007",{"z":{},"a":[]}],"a":12345678901234567890}"#, "[]", "\"\"", "null"] {
        let once = canonical(text).unwrap();
        assert_eq!(canonical(&once).unwrap(), once);
    }
}

#[test]
fn refuses_what_is_not_json() {
    for text in ["", "{", "{\"a\":1}x", "[1,]", "\"\\ud800\"", "NaN", "\u{feff}{}"] {
        assert_eq!(canonical(text), None, "{text}");
    }
    assert_eq!(canonicalize(b"\"\xff\""), Err(NotJson));
    assert!(canonical(&("[".repeat(128) + &"]".repeat(128))).is_some());
    assert!(canonical(&("[".repeat(129) + &"]".repeat(129))).is_none());
    assert!(canonical(&("{\"a\":".repeat(129) + "1" + &"}".repeat(129))).is_none());
}

#[test]
fn knows_where_members_came_from_and_went() {
    let text = r#" {"b": [1, 2.0] ,"a":{"y":1,"x":2},"b":"last\u0021", "c":null}"#;
    let mut writer = Canonicalizer::default();
    writer.write(text.as_bytes()).unwrap();
    let found: Vec<(&str, &str, &[u8])> =
        writer.members().iter().map(|m| (m.name.as_ref(), m.source, m.canonical(&writer.out))).collect();
    let expected: [(&str, &str, &[u8]); 3] = [
        ("a", r#"{"y":1,"x":2}"#, br#"{"x":2,"y":1}"#),
        ("b", r#""last\u0021""#, b"\"last!\""),
        ("c", "null", b"null"),
    ];
    assert_eq!(found, expected);
    assert!(writer.is_object());
    writer.write(b"[{\"a\":1}]").unwrap();
    assert!(writer.members().is_empty() && !writer.is_object());
}

#[test]
fn gives_the_same_of_a_text_whatever_came_before() {
    let texts = [
        r#"{"a":{"b":1,"c":[1,"x"]},"d":"e","f":1}"#,
        r#"{"a":{"b":1,"c":[1,"x"]},"d":"e","f":12}"#,
        r#"{"a":{"b":1,"c":[1,"x"]},"d":"e","f":12.5}"#,
        r#"{"a":{"b":1,"c":[1,"x"]},"d":"e"}"#,
        r#"{"a":{"b":1,"c":[1,"x"]},"d":"e","f":1.50}"#,
        r#"{"a":{"b":1,"c":[1,"x"]}, "d":"e","f":1}"#,
        r#"{"a":{"b":1,"c":[1,"x"]},"d":"e","d":"e"}"#,
        r#"{"d":"e","a":{"b":1,"c":[1,"x"]}}"#,
        r#"{"a":{"c":1,"b":2},"d":"e"}"#,
        r#"{"a":{"b":1,"b":2},"d":"e"}"#,
        r#"{"a":{"b":1,"c":[1,"x"]}x,"d":"e"}"#,
        r#"{"a":{"b":1,"c":[1,"x"]},"d":"e"x}"#,
        r#"{"a":{"b":1,"c":[1,"x"]},"d":"e"}x"#,
        r#"{"a":{"b":1,"c":[1,"x"]},"d":"e\u0041"}"#,
        r#"{"a":{"b":-0,"c":9007199254740993},"d":-1,"f":-1.5,"g":1e30}"#,
        r#"{"a":-5,"b":9007199254740991,"c":123456789012345678,"d":[],"e":{},"f":null,"g":true}"#,
        " {} ",
        "{}",
        "[]",
        "1",
        "",
    ];
    let alone = texts.map(|text| canonicalize(text.as_bytes()).ok());
    for first in texts {
        for (second, expected) in texts.iter().zip(&alone) {
            let mut writer = Canonicalizer::default();
            let _ = writer.write(first.as_bytes());
            let found = writer.write(second.as_bytes()).ok().map(|()| writer.bytes().to_vec());
            assert_eq!(&found, expected, "{second} after {first}");
            if let Some(bytes) = found {
                let spaced = format!(" {second}");
                let mut slow = Canonicalizer::default();
                slow.write(spaced.as_bytes()).unwrap();
                assert_eq!(slow.bytes(), bytes, "{second}");
                let parts = |writer: &Canonicalizer<'_>| -> Vec<(String, String, Vec<u8>)> {
                    let members = writer.members().iter();
                    let part = |member: &Member<'_>| {
                        let canonical = member.canonical(writer.bytes()).to_vec();
                        (member.name.to_string(), member.source.to_owned(), canonical)
                    };
                    members.map(part).collect()
                };
                assert_eq!(parts(&slow), parts(&writer), "{second}");
            }
        }
    }
}
