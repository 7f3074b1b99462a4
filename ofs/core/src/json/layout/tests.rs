use super::*;
use crate::canonical::canonicalize;
use crate::canonical::template::Template;
use crate::testing::{Chance, json_object, spoil};

/// Whether the text follows after those before it; if so it is held to what is read of it without a layout.
fn follows<'a>(layout: &mut Layout<'a>, text: &'a str) -> bool {
    if !layout.follow(text) {
        return false;
    }
    let template = Template::of(layout, "mark").unwrap();
    let mut canonical = Vec::new();
    let marked = template.write(layout, &mut canonical).unwrap();
    let expected = canonicalize(text.as_bytes()).expect(text);
    assert_eq!(String::from_utf8_lossy(&canonical), String::from_utf8_lossy(&expected), "{text} by {}", layout.model);
    let alone = Layout::of(text, &[]).expect(text);
    let member = alone.root().get("mark").is_some();
    let open = canonical.get(..marked.start).unwrap();
    assert_eq!(member, open.ends_with(b"\"mark\":"), "{text}");
    if member {
        canonicalize(canonical.get(marked).unwrap()).unwrap();
    }
    same_values(layout, layout.root(), &alone, alone.root(), text);
    true
}

fn same_values(a: &Layout<'_>, node_a: &Node<'_>, b: &Layout<'_>, node_b: &Node<'_>, text: &str) {
    match (node_a, node_b) {
        (Node::Leaf(at), Node::Leaf(other)) => {
            let (found, expected) = (a.value(*at).unwrap(), b.value(*other).unwrap());
            assert_eq!((found, found.field()), (expected, expected.field()), "{text}");
            assert_eq!(found.field(), Scanner::new(found.source()).field(0).unwrap(), "{text}");
        }
        (Node::Object(members), Node::Object(others)) => {
            let names = |members: &[(Cow<'_, str>, Node<'_>)]| -> Vec<String> {
                members.iter().map(|(name, _)| name.to_string()).collect()
            };
            assert_eq!(names(members), names(others), "{text}");
            for ((_, member), (_, other)) in members.iter().zip(others) {
                same_values(a, member, b, other, text);
            }
        }
        _ => unreachable!("{text}: without opened members there are objects and values alone"),
    }
}

#[test]
fn whatever_follows_is_read_as_without_a_layout() {
    let mut followed = 0;
    for seed in 0..400 {
        let mut chance = Chance::new(seed);
        let structure = chance.fork();
        let texts: Vec<String> = (0..24)
            .map(|number| {
                let text = json_object(&mut structure.clone(), &mut chance);
                if number % 3 == 2 { spoil(&text, &mut chance) } else { text }
            })
            .collect();
        let mut layout = Layout::of(&texts[0], &[]).unwrap();
        followed += texts.iter().filter(|text| follows(&mut layout, text)).count();
    }
    assert!(followed > 400 * 16, "{followed}");
}

#[test]
fn texts_that_differ_in_values_alone_follow() {
    let texts = [
        r#"{"a":"x","b":{"c":1,"d":[1,"z"]},"e":null,"a":2,"mark":{"f":0.5}} "#,
        r#"{"a":"","b":{"c":1,"d":[1,"z"]},"e":null,"a":2,"mark":{"f":0.5}} "#,
        r#"{"a":"x\"","b":{"c":12,"d":[]},"e":[],"a":"2","mark":{"f":0.50}} "#,
        r#"{"a":"ß","b":{"c":"1","d":{"#,
        r#"{"a":"\u00df\ud83d\ude00","b":{"c":-0,"d":[{"b":[1.0],"a":-0}]},"e":true,"a":1e5,"mark":{"f":-1E-7}} "#,
        r#"{"a":false,"b":{"c":9007199254740993,"d":null},"e":"","a":0,"mark":{"f":[[]]}}"#,
    ];
    let mut layout = Layout::of(texts[0], &[]).unwrap();
    let found: Vec<bool> = texts.iter().map(|text| follows(&mut layout, text)).collect();
    assert_eq!(found, [true, true, true, false, true, true]);
}

#[test]
fn nothing_else_follows() {
    let model = r#"{"a":"x","b":{"c":1},"d":[1]}"#;
    for text in [
        "",
        "{",
        r#"{"a":"x","b":{"c":1},"d":[1]"#,
        r#"{"a":"x","b":{"c":1},"d":[1]}}"#,
        r#"{"a":"x","b":{"c":1},"d":[1]}x"#,
        r#"{"a":"x","b":{"c":},"d":[1]}"#,
        r#"{"a":"x","b":{"c":01},"d":[1]}"#,
        r#"{"a":"x","b":{"c":1 },"d":[1]}"#,
        r#"{"a":"x","b":{"c":1.},"d":[1]}"#,
        r#"{"a":"x","b":{"c":+1},"d":[1]}"#,
        r#"{"a":"x","b":{"c":{}},"d":[1]}"#,
        r#"{"a":"x","b":[1],"d":[1]}"#,
        r#"{"a":"x","b":{"e":1},"d":[1]}"#,
        r#"{"a":"\x","b":{"c":1},"d":[1]}"#,
        r#"{"a":"\ud800","b":{"c":1},"d":[1]}"#,
        "{\"a\":\"\t\",\"b\":{\"c\":1},\"d\":[1]}",
        r#"{"a":tru,"b":{"c":1},"d":[1]}"#,
        r#"{"a":nulll,"b":{"c":1},"d":[1]}"#,
        r#"{"a":"x","b":{"c":1},"d":[1,]}"#,
        r#"{"a":"x","b":{"c":1},"d":[}"#,
        r#" {"a":"x","b":{"c":1},"d":[1]}"#,
        r#"{"b":{"c":1},"a":"x","d":[1]}"#,
    ] {
        assert!(!Layout::of(model, &[]).unwrap().follow(text), "{text}");
    }
    let long = format!(r#"{{"a":"x","b":{{"c":{}}},"d":[1]}}"#, "1".repeat(101));
    assert!(!Layout::of(model, &[]).unwrap().follow(&long));
    let deep = format!(r#"{{"a":"x","b":{{"c":1}},"d":{}{}}}"#, "[".repeat(128), "]".repeat(128));
    assert!(!Layout::of(model, &[]).unwrap().follow(&deep));
    let less = format!(r#"{{"a":"x","b":{{"c":1}},"d":{}{}}}"#, "[".repeat(127), "]".repeat(127));
    assert!(follows(&mut Layout::of(model, &[]).unwrap(), &less));
}

#[test]
fn opens_the_arrays_of_named_members_alone() {
    let layout = Layout::of(r#"{"a":[{"x":[1]},2],"b":[1]}"#, &["a"]).unwrap();
    let [first, second] = layout.root().get("a").unwrap().elements() else { unreachable!("two elements") };
    assert_eq!((first.get("x").unwrap().elements().len(), second.leaf()), (1, Some(1)));
    assert_eq!(layout.root().get("b").unwrap().leaf(), Some(2));
}

#[test]
fn values_vary_as_far_as_they_may() {
    let mut layout = Layout::of(r#"{"a":"x","b":"y","c":"z"}"#, &[]).unwrap();
    layout.let_vary(0, Vary::Never);
    layout.let_vary(1, Vary::AsString);
    assert!(!layout.follow(r#"{"a":"xx","b":"y","c":"z"}"#));
    assert!(layout.follow(r#"{"a":"x","b":"yy","c":0}"#));
    assert!(!layout.follow(r#"{"a":"x","b":null,"c":"z"}"#));
    assert_eq!((layout.varies(0), layout.varies(1), layout.varies(2)), (false, true, true));
}

#[test]
fn texts_that_are_no_objects_or_hold_too_much_have_no_layout() {
    for text in ["", "1", "[]", "\"\"", "{", "{}x", "{\"a\":01}"] {
        assert!(Layout::of(text, &[]).is_none(), "{text}");
    }
    let many = |count: usize| format!("{{{}}}", vec!["\"a\":1"; count].join(","));
    assert!(Layout::of(&many(LEAVES_MAX), &[]).is_some());
    assert!(Layout::of(&many(LEAVES_MAX + 1), &[]).is_none());
}

#[test]
fn layouts_take_turns_without_being_made_again() {
    let texts: Vec<String> = (0..1_000).map(|number| format!("{{\"m{}\":{number}}}", number % HELD_MAX)).collect();
    let (mut layouts, mut made) = (Layouts::default(), 0);
    for text in &texts {
        if layouts.follow(text).is_none() {
            made += 1;
            layouts.learn(|| Some((Layout::of(text, &[])?, ())));
        }
    }
    assert_eq!(made, HELD_MAX);
}

#[test]
fn layouts_of_texts_that_never_follow_are_made_rarely() {
    let texts: Vec<String> = (0..10_000).map(|number| format!("{{\"m{number}\":1}}")).collect();
    let (mut layouts, mut made) = (Layouts::default(), 0);
    for text in &texts {
        assert!(layouts.follow(text).is_none());
        layouts.learn(|| {
            made += 1;
            Some((Layout::of(text, &[])?, ()))
        });
    }
    assert!((150..200).contains(&made), "{made}");
}
