use super::*;
use crate::digest::sha256;
use crate::testing::{Chance, json_object, json_value, spoil};

const SPEC: &str = r#"{"as_of_time_utc":"1970-01-01T00:00:01Z","as_of_basis":"event_time"}"#;
const WATERMARK: &str = r#"{"as_of_basis":"watermark"}"#;

/// A regular decision line. `scenario`: what tells pins apart; `cuts`: of the partitions 0 to n-1 of stream s.
fn line(id: &str, scenario: &str, spec: &str, cuts: &[i64], more: &str) -> String {
    let basis: Vec<String> = cuts
        .iter()
        .enumerate()
        .map(|(partition, cut)| format!(r#"{{"stream":"s","partition":{partition},"next_offset":{cut}}}"#))
        .collect();
    format!(
        r#"{{"decision_id":"{id}","context_pins":{{"manifest_fingerprint":"{0}","parameter_hash":"{0}","scenario_id":"{scenario}","run_id":"{1}"}},"feature_keys":[{{"key_type":"card","key_id":"c1"}},{{"key_type":"shop","key_id":"ß"}}],"feature_groups":[{{"name":"g","version":"v1"}}],"as_of_spec":{spec},"basis":[{2}]{more}}}"#,
        "0".repeat(64),
        "1".repeat(32),
        basis.join(",")
    )
}

fn sealed(lines: &[&str]) -> Decisions {
    let mut decisions = Decisions::default();
    decisions.add(lines.iter().map(|line| line.as_bytes())).unwrap();
    decisions.seal().unwrap();
    decisions
}

fn dead(decisions: &Decisions) -> Vec<(u64, &'static str)> {
    decisions.dead_letters().iter().map(|(line, reason)| (*line, reason.as_str())).collect()
}

#[test]
fn tells_decisions_from_dead_letters() {
    let good = line("d1", "a", SPEC, &[1], "");
    let decisions = sealed(&[
        "[1]",
        &good,
        "{\"x\":1}",
        "not json",
        "{\"decision_id\":7}",
        "{\"decision_id\":\"\"}",
        "{\"decision_id\":\"d3\"}",
        "{\"decision_id\":null}",
        "",
        "{\"decision_id\":\"\\ud800\"}",
    ]);
    let expected = [
        (0, "NOT_AN_OBJECT"),
        (2, "DECISION_ID_MISSING"),
        (3, "NOT_AN_OBJECT"),
        (4, "DECISION_ID_MISSING"),
        (7, "DECISION_ID_MISSING"),
        (8, "NOT_AN_OBJECT"),
        (9, "NOT_AN_OBJECT"),
    ];
    assert_eq!(dead(&decisions), expected);
    assert_eq!((decisions.len(), decisions.irregular(), decisions.line_count()), (3, vec![1, 2], 10));
    assert_eq!([decisions.id(0), decisions.id(1), decisions.id(2)], ["d1", "", "d3"]);
    assert_eq!([decisions.line(0), decisions.line(1), decisions.line(3)], [Some(1), Some(5), None]);
}

#[test]
fn counts_equal_copies_and_casts_out_differing_ones() {
    let (a, b) = (line("a", "x", SPEC, &[1], ""), line("b", "x", SPEC, &[1], ""));
    let b_spaced = b.replace("\"decision_id\"", " \"decision_id\" ");
    let a_other = line("a", "x", SPEC, &[2], "");
    let decisions = sealed(&[&b, &a, &b_spaced, &a, &a_other, &b]);
    assert_eq!(decisions.len(), 1);
    assert_eq!((decisions.id(0), decisions.line(0), decisions.duplicates()), ("b", Some(0), 2));
    let conflicts = [1, 3, 4].map(|line| (line, "DECISION_CONFLICT"));
    assert_eq!(dead(&decisions), conflicts);
    assert_eq!(decisions.shapes().len(), 1);
    assert_eq!(decisions.line_count(), 6);
}

#[test]
fn finds_conflicts_of_irregular_decisions_too() {
    let decisions = sealed(&["{\"decision_id\":\"a\"}", "{\"decision_id\":\"a\",\"x\":1}", "{\"decision_id\":\"b\"}"]);
    assert_eq!((decisions.len(), decisions.id(0)), (1, "b"));
    assert_eq!(dead(&decisions), [(0, "DECISION_CONFLICT"), (1, "DECISION_CONFLICT")]);
}

#[test]
fn digests_decisions_in_order_then_dead_letters() {
    let (a, spaced) = (line("a", "x", SPEC, &[1], ""), "{ \"decision_id\" : \"b\" }");
    let decisions = sealed(&["nonsense", spaced, &a, "[ ]", &a]);
    let canonical = crate::canonical::canonicalize(a.as_bytes()).unwrap();
    let mut bytes = vec![0];
    bytes.extend(sha256(b"{\"decision_id\":\"b\"}"));
    bytes.push(0);
    bytes.extend(sha256(&canonical));
    for (line, raw) in [(0_u64, "nonsense"), (3, "[ ]")] {
        bytes.push(1);
        bytes.extend(line.to_be_bytes());
        bytes.extend(sha256(raw.as_bytes()));
    }
    assert_eq!(decisions.digest([&b"nonsense"[..], b"[ ]"].into_iter()), Ok(sha256(&bytes)));
    assert_eq!(decisions.digest([&b"nonsense"[..]].into_iter()), Err(Misuse::DeadLetterCount));
}

#[test]
fn numbers_shapes_and_pins_by_first_appearance_after_conflicts() {
    let lines = [
        line("gone", "first", SPEC, &[1], ""),
        line("a", "second", SPEC, &[10, 20], ""),
        line("gone", "first", SPEC, &[2], ""),
        line("b", "third", WATERMARK, &[5], ""),
        line("c", "second", SPEC, &[7, 30], ",\"decided_at_utc\":\"1970-01-01T00:00:09Z\""),
        line("d", "second", WATERMARK, &[5], ""),
    ];
    let decisions = sealed(&lines.each_ref().map(String::as_str));
    assert_eq!(decisions.pins().len(), 2);
    let [first, second, third] = decisions.shapes() else { unreachable!("three shapes") };
    assert_eq!((first.scope, &first.decisions, &first.cuts), (0, &vec![0, 2], &vec![(7, 10), (20, 30)]));
    assert_eq!((first.as_of_us, first.decided_us), (Some((1_000_000, 1_000_000)), (1_000_000, 9_000_000)));
    assert_eq!((second.scope, second.as_of_us, second.decided_us), (1, None, (i64::MIN, i64::MIN)));
    assert_eq!((third.scope, &third.decisions), (0, &vec![3]));
    assert_eq!(decisions.decided_us(2), Some(9_000_000));
}

#[test]
fn tells_shapes_apart_by_all_that_the_planner_looks_at() {
    let base = line("0", "x", SPEC, &[1], "");
    let hash = format!(",\"online_snapshot_hash\":\"{}\"", "a".repeat(64));
    let lines = [
        base.clone(),
        line("1", "y", SPEC, &[1], ""),
        line("2", "x", &SPEC.replace("event", "ingest"), &[1], ""),
        line("3", "x", &SPEC.replace("event_time", "watermark"), &[1], ""),
        line("4", "x", WATERMARK, &[1], ""),
        line("5", "x", SPEC, &[1, 1], ""),
        line("6", "x", SPEC, &[1], ",\"hash_rule\":\"other\""),
        line("7", "x", SPEC, &[1], &hash),
        base.replace("\"0\",\"context", "\"8\",\"context").replace("\"v1\"", "\"v2\""),
        base.replace("\"0\",\"context", "\"9\",\"context")
            .replace("\"v1\"", &format!("\"v1\",\"digest\":\"{}\"", "b".repeat(64))),
        base.replace("\"0\",\"context", "\"10\",\"context").replace("\"stream\":\"s\"", "\"stream\":\"t\""),
        base.replace("\"0\",\"context", "\"11\",\"context")
            .replace("\"next_offset\":1", "\"next_offset\":1,\"topic_id\":\"i\""),
        line("12", "x", SPEC, &[99], ",\"hash_rule\":\"ofs-jcs-sha256/v1\",\"request_id\":\"r\""),
    ];
    let decisions = sealed(&lines.each_ref().map(String::as_str));
    assert_eq!((decisions.len(), decisions.irregular()), (13, vec![]));
    assert_eq!(decisions.shapes().len(), 12);
    assert_eq!(decisions.shapes()[0].decisions, [0, 12]);
}

#[test]
fn shows_a_decision_as_it_is_to_be_answered() {
    let more = format!(
        ",\"request_id\":\"r\u{e9}\",\"online_snapshot_hash\":\"{}\",\"online_features\":{{\"b\":1.0,\"a\":{{}}}}",
        "a".repeat(64)
    );
    let mut decisions = sealed(&[&line("d\u{e9}", "x", SPEC, &[5, 6], &more), "{\"decision_id\":\"odd\"}"]);
    let view = decisions.view(0).unwrap();
    assert_eq!((view.id, view.request_id, view.cuts), ("d\u{e9}", Some("r\u{e9}"), &[5_i64, 6][..]));
    assert_eq!(view.keys().collect::<Vec<_>>(), [("card", "c1"), ("shop", "\u{df}")]);
    assert_eq!((view.as_of_us, view.online_hash), (Some(1_000_000), Some(&[0xaa; 32])));
    assert_eq!(view.online_features_digest, Some(&sha256(b"{\"a\":{},\"b\":1}")));
    assert!(!view.answerable && view.group_indexes().is_empty());
    decisions.bind(0, vec![3]).unwrap();
    assert!(decisions.view(0).unwrap().answerable);
    assert_eq!(decisions.view(0).unwrap().group_indexes(), [3]);
    decisions.exclude(&[0]).unwrap();
    assert!(!decisions.view(0).unwrap().answerable);
    assert!(decisions.view(1).is_none() && decisions.view(2).is_none());
}

#[test]
fn answers_watermark_decisions_once_derived() {
    let given = SPEC.replace("event_time", "watermark");
    let mut decisions = sealed(&[&line("a", "x", &given, &[5], ""), &line("b", "x", SPEC, &[5], "")]);
    for shape in 0..2 {
        decisions.bind(shape, vec![0]).unwrap();
    }
    let view = decisions.view(0).unwrap();
    assert_eq!((view.as_of_given_us, view.as_of_us, view.answerable), (Some(1_000_000), None, false));
    decisions.set_as_of(0, 0).unwrap();
    let view = decisions.view(0).unwrap();
    assert_eq!((view.as_of_us, view.answerable), (Some(0), true));
    assert_eq!(decisions.set_as_of(1, 0), Err(Misuse::NotWatermark));
    assert_eq!(decisions.set_as_of(2, 0), Err(Misuse::NotWatermark));
}

#[test]
fn finds_the_largest_cut_of_what_can_be_answered() {
    let mut decisions = sealed(&[
        &line("a", "x", SPEC, &[5, 50], ""),
        &line("b", "x", SPEC, &[9, 1], ""),
        &line("c", "x", WATERMARK, &[20], ""),
        &line("d", "y", SPEC, &[99], ""),
        "{\"decision_id\":\"odd\"}",
    ]);
    decisions.bind(0, vec![0]).unwrap();
    decisions.bind(1, vec![0]).unwrap();
    let found = |decisions: &Decisions| [0, 1, 2].map(|partition| decisions.cut_max("s", partition, 0, 5));
    assert_eq!(found(&decisions), [20, 50, -1]);
    assert_eq!(
        (decisions.cut_max("s", 0, 0, 2), decisions.cut_max("s", 0, 3, 5), decisions.cut_max("t", 0, 0, 5)),
        (9, -1, -1)
    );
    decisions.exclude(&[0, 2]).unwrap();
    assert_eq!(found(&decisions), [9, 1, -1]);
}

#[test]
fn refuses_calls_out_of_turn() {
    let mut decisions = Decisions::default();
    assert_eq!(decisions.check_sealed(), Err(Misuse::NotSealed));
    assert_eq!(decisions.bind(0, vec![]), Err(Misuse::NotSealed));
    assert_eq!(decisions.exclude(&[]), Err(Misuse::NotSealed));
    decisions.add([line("a", "x", SPEC, &[5], "").as_bytes()]).unwrap();
    decisions.seal().unwrap();
    assert_eq!(decisions.seal(), Err(Misuse::Sealed));
    assert_eq!(decisions.add([]), Err(Misuse::Sealed));
    assert_eq!(decisions.bind(0, vec![]), Err(Misuse::GroupCount));
    assert_eq!(decisions.bind(1, vec![]), Err(Misuse::NoShape));
    assert_eq!(decisions.exclude(&[1]), Err(Misuse::NoDecision));
}

#[test]
fn of_no_lines_has_the_digest_of_no_bytes() {
    let decisions = sealed(&[]);
    assert_eq!((decisions.len(), decisions.digest([].into_iter())), (0, Ok(sha256(b""))));
    assert!(decisions.is_empty() && decisions.shapes().is_empty() && decisions.cut_max("s", 0, 0, 0) == -1);
}

/// Everything that can be asked of sealed decisions.
fn told(decisions: &Decisions) -> String {
    let views: Vec<String> = (0..decisions.len())
        .map(|index| {
            let Some(view) = decisions.view(index) else { return decisions.id(index).to_owned() };
            let keys: Vec<_> = view.keys().collect();
            format!(
                "{:?}",
                (
                    (view.id, view.request_id, view.pins, view.shape_index, view.cuts, keys),
                    (view.as_of_given_us, decisions.decided_us(index), view.online_hash, view.online_features_digest),
                )
            )
        })
        .collect();
    let dead = decisions.dead_letters();
    let counts = (decisions.line_count(), decisions.duplicates());
    let digest = decisions.digest(dead.iter().map(|_| &b""[..]));
    format!("{views:?} {dead:?} {counts:?} {digest:?} {:?}", decisions.shapes())
}

#[test]
fn takes_up_decoded_lines_as_if_they_were_added_one_by_one() {
    let with = |more: &str| line("d", "b", SPEC, &[3, 4], more);
    let lines = [
        line("gone", "first", SPEC, &[1], ""),
        line("a", "second", SPEC, &[10, 20], ",\"request_id\":\"r\u{e9}\""),
        "[]".to_owned(),
        line("gone", "first", SPEC, &[2], ""),
        line("b", "third", WATERMARK, &[5], ",\"online_features\":{\"x\":1}"),
        line("a", "second", SPEC, &[10, 20], ",\"request_id\":\"r\u{e9}\""),
        "{\"decision_id\":\"odd\"}".to_owned(),
        with(",\"online_features\":{\"x\":2}").replace("\"card\"", "\"till\""),
        line("e", "second", SPEC, &[7, 8], ""),
        "{}".to_owned(),
    ];
    let whole = told(&sealed(&lines.each_ref().map(String::as_str)));
    for size in 1..lines.len() {
        let mut decisions = Decisions::default();
        for chunk in lines.chunks(size) {
            let decoded = DecodedLines::of(chunk.iter().map(|line| line.as_bytes()));
            assert_eq!((decoded.len(), decoded.is_empty()), (chunk.len(), false));
            decisions.append(&decoded).unwrap();
        }
        decisions.seal().unwrap();
        assert_eq!(told(&decisions), whole, "{size} lines at a time");
        assert_eq!(decisions.append(&DecodedLines::default()), Err(Misuse::Sealed));
    }
}

/// Lines that are alike but for their values, of a few structures, some of them spoiled.
fn drawn_lines(chance: &mut Chance) -> Vec<String> {
    let structures: Vec<Chance> = (0..1 + chance.below(3)).map(|_| chance.fork()).collect();
    let mut lines: Vec<String> = Vec::new();
    for number in 0..32 {
        let mut structure = structures[chance.below(structures.len())].clone();
        let line = match chance.below(8) {
            0 if number > 0 => lines[chance.below(number)].clone(),
            _ => drawn_line(&mut structure, chance, number),
        };
        lines.push(if chance.below(4) == 0 { spoil(&line, chance) } else { line });
    }
    lines
}

fn drawn_line(structure: &mut Chance, chance: &mut Chance, number: usize) -> String {
    let mut odd = |usual: String| if chance.below(24) == 0 { json_value(chance).to_owned() } else { usual };
    let hex = |digit: usize, length: usize| format!("\"{}\"", digit.to_string().repeat(length));
    let spaces = ["", "", " "];
    let mut members = vec![
        format!("\"decision_id\":{}", odd(format!("\"d{number}\""))),
        format!(
            "\"context_pins\":{{\"manifest_fingerprint\":{0},\"parameter_hash\":{0},\"scenario_id\":{1},\"run_id\":{2}}}",
            hex(0, 64),
            odd("\"s\"".to_owned()),
            hex(structure.below(2), 32),
        ),
    ];
    let kinds = [["card", "shop"], ["card", "card"]][structure.below(2)];
    let keys = [0, 1].map(|at| {
        let id = odd(format!("\"k{}\"", number % 3 * (at + 1)));
        format!("{{\"key_type\":\"{}\",\"key_id\":{id}}}", kinds[at])
    });
    members.push(format!("\"feature_keys\":[{}]", keys.join(",")));
    members.push(format!("\"feature_groups\":[{{\"version\":{},\"name\":\"g\"}}]", odd("\"v1\"".to_owned())));
    let time = odd(format!("\"1970-01-01T00:00:{number:02}Z\""));
    members.push(match structure.below(3) {
        0 => format!("\"as_of_spec\":{WATERMARK}"),
        _ => format!("\"as_of_spec\":{{\"as_of_time_utc\":{time},\"as_of_basis\":\"event_time\"}}"),
    });
    let mut cuts = [0, 1, 2].map(|partition| {
        let next = odd((number * 10 + partition).to_string());
        format!("{{\"next_offset\":{next},\"stream\":\"s\",\"partition\":{partition}}}")
    });
    cuts.rotate_left(structure.below(3));
    members.push(format!("\"basis\":[{}]", cuts.join(", ")));
    for name in ["request_id", "hash_rule", "online_snapshot_ref", "extensions", "decided_at_utc", "more", "more"] {
        if structure.below(2) == 0 {
            let usual = if name == "decided_at_utc" { "\"1970-01-01T00:00:09Z\"" } else { "null" };
            members.push(format!("\"{name}\":{}", odd(usual.to_owned())));
        }
    }
    if structure.below(2) == 0 {
        members.push(format!("\"online_snapshot_hash\":{}", odd(hex(number % 10, 64))));
    }
    if structure.below(2) == 0 {
        members.push(format!("\"online_features\":{}", json_object(&mut structure.clone(), chance)));
    }
    let place = structure.below(members.len());
    members.rotate_left(place);
    format!("{{{}{}}}", members.join(&format!(",{}", structure.pick(&spaces))), structure.pick(&spaces))
}

#[test]
fn reads_lines_alike_whatever_came_before_them() {
    let mut regular = 0;
    for seed in 0..300 {
        let lines = drawn_lines(&mut Chance::new(seed));
        let mut alone = Decisions::default();
        for line in &lines {
            alone.add([line.as_bytes()]).unwrap();
        }
        alone.seal().unwrap();
        let together = sealed(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(told(&together), told(&alone), "seed {seed}");
        let dead = || alone.dead_letters().iter().map(|(line, _)| lines[usize::try_from(*line).unwrap()].as_bytes());
        let digest = |decisions: &Decisions| decisions.digest(dead().collect::<Vec<_>>().into_iter());
        assert_eq!(digest(&together), digest(&alone), "seed {seed}");
        regular += alone.len() - alone.irregular().len();
    }
    assert!(regular > 300 * 6, "{regular}");
}

#[test]
fn follows_the_form_of_lines_before() {
    let hash = |digit: &str| format!(",\"online_snapshot_hash\":\"{}\"", digit.repeat(64));
    let lines = [
        line("a", "x", SPEC, &[1, 2], &hash("a")),
        line("b", "x", &SPEC.replace(":01Z", ":02.5Z"), &[3, 400], &hash("b")),
        line("c\\u00e9", "x", SPEC, &[0, 9_223_372_036_854_775_807], &hash("c")),
        line("d", "y", SPEC, &[1, 2], &hash("d")),
        line("e", "x", SPEC, &[1, 2, 3], &hash("e")),
        line("f", "y", SPEC, &[5, 5], &hash("f")),
    ];
    let (mut reader, mut canonical) = (lines::Reader::default(), Vec::new());
    let followed: Vec<bool> = lines
        .iter()
        .map(|line| {
            reader.follow(line, &mut canonical).is_some() || reader.read(line.as_bytes(), &mut canonical).is_err()
        })
        .collect();
    assert_eq!(followed, [false, true, true, false, false, true]);
}
