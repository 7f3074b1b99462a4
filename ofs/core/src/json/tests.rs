use super::*;

fn is_json(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.skip(0).and_then(|()| scanner.finish()).is_ok()
}

fn read_string(text: &str) -> Option<String> {
    let mut scanner = Scanner::new(text);
    match scanner.field(0) {
        Ok(Field::String(string)) if scanner.finish().is_ok() => Some(string.into_owned()),
        _ => None,
    }
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    open.repeat(depth) + "1" + &close.repeat(depth)
}

#[test]
fn accepts_every_kind_of_value() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "-12.5e+3",
        "1E5",
        "0.10",
        "\"\"",
        "[]",
        "{}",
        " [ 1 , 2 ] ",
        "\t\r\n {\"a\" : {} , \"b\":[[],{}]}\n",
        "[null,true,false,0,\"x\"]",
        "{\"a\":1,\"a\":2}",
        "\"\u{7f}\u{2028}\u{feff}\"",
    ] {
        assert!(is_json(text), "{text}");
    }
}

#[test]
fn refuses_what_is_not_one_value() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "-",
        "-a",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1.e5",
        "0x1",
        "1_0",
        "--1",
        "\"",
        "\"a",
        "'a'",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1]",
        "{,}",
        "[1:2]",
        "1 2",
        "{} {}",
        "[]x",
        "\u{feff}1",
        "\u{feff}",
        "1\u{a0}",
        "\u{b}1",
        "\0",
        "1\0",
        "//\n1",
        "[1,/**/2]",
    ] {
        assert!(!is_json(text), "{text:?}");
    }
}

#[test]
fn resolves_every_escape() {
    let text = r#""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\uD83D\ude00 plain \\u0041""#;
    assert_eq!(read_string(text).unwrap(), "\"\\/\u{8}\u{c}\n\r\tA\u{e9}\u{20ac}\u{1f600} plain \\u0041");
    assert_eq!(read_string(r#""\u0000\uffff\ud7ff\ue000""#).unwrap(), "\0\u{ffff}\u{d7ff}\u{e000}");
    assert_eq!(read_string(r#""\udbff\udfff\ud800\udc00""#).unwrap(), "\u{10ffff}\u{10000}");
}

#[test]
fn refuses_bad_escapes_and_control_characters() {
    for text in [
        r#""\a""#,
        r#""\""#,
        r#""\x41""#,
        r#""\u""#,
        r#""\u004""#,
        r#""\u004g""#,
        r#""\U0041""#,
        r#""\u+041""#,
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\ud800\u0041""#,
        r#""\udc00\ud800""#,
        r#""\ud800\u""#,
        r#""\ud83d\\ude00""#,
        "\"\u{0}\"",
        "\"\n\"",
        "\"\t\"",
        "\"\u{1f}\"",
        "\"12345678\u{1f}\"",
        "\"123456789\u{1f}bcdefg\"",
    ] {
        assert!(!is_json(text), "{text}");
        assert!(!is_json(&format!("[{text}]")), "in an array: {text}");
        assert!(!is_json(&format!("{{{text}:1}}")), "as a name: {text}");
    }
}

#[test]
fn finds_the_end_of_a_string_at_every_alignment() {
    for length in 0..40 {
        for (special, unescaped) in [("\\\"", "\""), ("\\\\", "\\"), ("\u{80}", "\u{80}"), ("\u{10ffff}", "\u{10ffff}")]
        {
            let plain = "!".repeat(length);
            let text = format!("\"{plain}{special}{plain}\"");
            assert_eq!(read_string(&text).unwrap(), format!("{plain}{unescaped}{plain}"), "{length}");
        }
        assert!(!is_json(&format!("\"{}\u{1f}{}\"", "x".repeat(length), "x".repeat(40 - length))), "{length}");
    }
}

#[test]
fn counts_nesting_from_the_outermost() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let step = open.matches(['[', '{']).count();
        assert!(is_json(&nested(open, close, 128 / step)), "{open}");
        assert!(!is_json(&nested(open, close, 128 / step + 1)), "{open}");
    }
    assert!(is_json(&("[".repeat(128) + &"]".repeat(128))));
    assert!(!is_json(&("[".repeat(129) + &"]".repeat(129))));
    assert!(!is_json(&"[".repeat(1_000_000)));
}

#[test]
fn siblings_do_not_add_to_the_nesting() {
    let wide = format!("[{}{}]", "[[]],".repeat(1000), nested("[", "]", 127));
    assert!(is_json(&wide));
}

#[test]
fn limits_the_length_of_a_number() {
    for (literal, length) in [
        ("9".repeat(100), 100),
        (format!("-{}", "9".repeat(99)), 100),
        (format!("0.{}", "1".repeat(98)), 100),
        (format!("1e-{}", "0".repeat(97)), 100),
    ] {
        assert_eq!(literal.len(), length);
        assert!(is_json(&literal));
        assert!(!is_json(&format!("{literal}0")));
        assert!(!is_json(&format!("{{\"skipped\":[{literal}0]}}")));
    }
}

#[test]
fn gives_fields_and_spans() {
    let mut scanner = Scanner::new(r#" {"a": -1.50 , "b":[ 1, {} ] ,"c\n":null,"d":true,"e":"\u0041"} "#);
    let mut found = Vec::new();
    scanner.peek();
    scanner
        .object(0, |name, scanner| {
            let name = name.cow().into_owned();
            found.push((name, scanner.span(1)?));
            Ok(())
        })
        .unwrap();
    scanner.finish().unwrap();
    let expected = [("a", "-1.50"), ("b", "[ 1, {} ]"), ("c\n", "null"), ("d", "true"), ("e", r#""\u0041""#)];
    assert_eq!(found, expected.map(|(name, span)| (name.to_owned(), span)));
    let fields: Vec<Field<'_>> = found.iter().map(|(_, span)| Scanner::new(span).field(0).unwrap()).collect();
    let string = Field::String("A".into());
    assert_eq!(fields, [Field::Number("-1.50"), Field::Other, Field::Null, Field::Bool(true), string]);
}

#[test]
fn refuses_long_and_ill_formed_texts() {
    assert_eq!(checked_text(b"ok"), Some("ok"));
    assert_eq!(checked_text(b"\xff"), None);
    assert_eq!(checked_text(b"\xed\xa0\x80"), None);
    assert_eq!(checked_text(b"\xc0\x80"), None);
    assert!(checked_text(&vec![b' '; TEXT_MAX]).is_some());
    assert!(checked_text(&vec![b' '; TEXT_MAX + 1]).is_none());
}
