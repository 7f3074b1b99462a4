//! Which definitions compile, and into what.

use serde_json::{Value, json};

use super::*;
use crate::ops::TypedField;

/// A definition's canonical bytes and digest.
fn canonical(definition: &Value) -> (Vec<u8>, String) {
    let bytes = canonicalize(definition.to_string().as_bytes()).unwrap();
    let digest = hex(&sha256(&bytes));
    (bytes, digest)
}

fn compile(definitions: &[Value]) -> Result<Arc<Plan>, String> {
    let canonical: Vec<(Vec<u8>, String)> = definitions.iter().map(canonical).collect();
    let bytes: Vec<&[u8]> = canonical.iter().map(|(bytes, _)| bytes.as_slice()).collect();
    let digests: Vec<&str> = canonical.iter().map(|(_, digest)| digest.as_str()).collect();
    Plan::new(&bytes, &digests)
}

fn definition() -> Value {
    let cents = json!({"kind": "decimal", "scale": 2});
    let hour = json!({"kind": "sliding", "size_us": 3_600_000_000_i64});
    json!({
        "feature_group": "velocity", "version": "v1", "key": {"type": "account", "field": "payload.account"},
        "event_types": ["auth"], "late": {"policy": "include"},
        "where": [{"field": "payload.status", "op": "eq", "operand": {"string": "OK"}}],
        "features": [
            {"name": "a_count", "op": "count", "window": hour},
            {"name": "b_mean", "op": "mean", "field": "payload.amount", "type": cents, "window": hour, "scale": 6},
            {"name": "c_ratio", "op": "ratio", "of": ["d_sum", "a_count"], "scale": 2},
            {"name": "d_sum", "op": "sum", "field": "payload.amount", "type": cents, "window": hour},
            {"name": "e_list", "op": "last_k", "k": 3, "field": "payload.amount", "type": cents, "window": hour},
            {"name": "f_last", "op": "last", "field": "payload.amount", "type": cents, "window": hour},
            {"name": "g_dev", "op": "stddev", "field": "payload.amount", "type": cents, "scale": 1,
             "window": {"kind": "tumbling", "size_us": 10, "back": 1}},
        ],
    })
}

/// One group with these features; what it reads must come in this order: an int, then a string.
pub fn plan_of(features: &Value) -> Arc<Plan> {
    compile(&[json!({
        "feature_group": "velocity", "version": "v1", "key": {"type": "account", "field": "payload.account"},
        "event_types": ["auth"], "late": {"policy": "include"}, "where": [], "features": features,
    })])
    .unwrap()
}

/// One group that counts events by key, and reads no field but the key.
pub fn plan_of_counts() -> Arc<Plan> {
    plan_of(&json!([{"name": "n", "op": "count", "window": {"kind": "lifetime"}}]))
}

#[test]
fn features_share_windows_edges_columns_and_units() {
    let plan = compile(&[definition(), definition()]).unwrap();
    assert_eq!((plan.paths.len(), plan.typed.len(), plan.groups_of("auth")), (3, 1, &[0, 1][..]));
    assert!(plan.groups_of("other").is_empty());
    let group = &plan.groups[0];
    let field = TypedField { column: 0, kind: ValueType::Decimal(2) };
    assert_eq!(group.windows.len(), 2);
    assert_eq!(
        group.windows[0].units,
        [Unit::Count, Unit::Moments { field, squares: false }, Unit::Ends { field, last: true, k: 3 }]
    );
    assert_eq!(group.windows[1].units, [Unit::Moments { field, squares: true }]);
    assert_eq!((group.windows[1].base, group.ir_count), (3, 4));
    assert_eq!(group.keeps, [Keep { sums: true, squares: true }]);
    assert_eq!(group.edges.len(), 4);
    assert_eq!(group.edges[0], Edge::AS_OF);
    assert_eq!(group.start_us(25), 25 - 3_600_000_000);
}

#[test]
fn what_the_definition_language_forbids_does_not_compile() {
    let cases: &[(&str, Value)] = &[
        ("/version", json!("v0")),
        ("/version", json!("1")),
        ("/feature_group", json!("Velocity")),
        ("/key/type", json!("account-id")),
        ("/key/field", json!("account")),
        ("/key/field", json!("payload.a-b")),
        ("/key", json!({"type": "account", "field": "payload.account", "more": 1})),
        ("/event_types", json!([])),
        ("/event_types", json!(["auth", "auth"])),
        ("/event_types", json!([""])),
        ("/late", json!({"policy": "drop"})),
        ("/late", json!({"policy": "drop", "allowed_lateness_us": 0})),
        ("/late", json!({"policy": "include", "allowed_lateness_us": 5})),
        ("/where/0/operand", json!({"number": "1e5"})),
        ("/where/0/operand", json!({"number": "1.50"})),
        ("/where/0/operand", json!({"number": "-0"})),
        ("/where/0/operand", json!({"string": "x", "bool": true})),
        ("/where/0/operand", json!([{"string": "x"}])),
        ("/where/0/op", json!("gt")),
        ("/where/0/op", json!("like")),
        ("/where/0", json!({"field": "payload.a", "op": "in", "operand": []})),
        ("/where/0", json!({"field": "payload.a", "op": "in", "operand": [{"bool": true}, {"bool": true}]})),
        ("/features", json!([])),
        ("/features/0/name", json!("z_count")),
        ("/features/0/window", json!({"kind": "sliding", "size_us": 0})),
        ("/features/0/window", json!({"kind": "sliding", "size_us": 1_i64 << 53})),
        ("/features/0/window", json!({"kind": "tumbling", "size_us": 1_i64 << 52, "back": 1})),
        ("/features/0/window", json!({"kind": "tumbling", "size_us": 5, "back": 1001})),
        ("/features/0/window", json!({"kind": "hopping", "size_us": 5})),
        ("/features/0/window", json!({"kind": "session", "gap_us": 5, "max_us": null})),
        ("/features/0/window", json!({"kind": "lifetime", "size_us": 5})),
        ("/features/0/window", json!({"kind": "sliding", "size_us": 1.5})),
        ("/features/0/window", Value::Null),
        ("/features/1/scale", json!(19)),
        ("/features/1/type", json!({"kind": "decimal"})),
        ("/features/1/type", json!({"kind": "int", "scale": 2})),
        ("/features/1/type", json!({"kind": "string"})),
        ("/features/1/type", json!({"kind": "decimal", "scale": 3})),
        ("/features/2/of", json!(["d_sum"])),
        ("/features/2/of", json!(["d_sum", "f_last"])),
        ("/features/2/of", json!(["d_sum", "unknown"])),
        ("/features/4/k", json!(0)),
        ("/features/4/k", json!(1001)),
        ("/features/5/op", json!("last_k")),
        ("/features/3/op", json!("count")),
        ("/features/3/op", json!("median")),
    ];
    assert!(compile(&[definition()]).is_ok());
    for (place, value) in cases {
        let mut broken = definition();
        *broken.pointer_mut(place).unwrap() = value.clone();
        assert!(compile(&[broken]).is_err(), "{place} {value}");
    }
    for (place, name) in [("", "stale_after_us"), ("", "comment"), ("/features/0", "k"), ("/features/0", "comment")] {
        let mut broken = definition();
        broken.pointer_mut(place).unwrap()[name] = if name == "k" { json!(3) } else { Value::Null };
        assert!(compile(&[broken]).is_err(), "{place} {name}");
    }
}

#[test]
fn bytes_must_be_canonical_and_of_their_digest() {
    let (bytes, digest) = canonical(&definition());
    assert!(Plan::new(&[&bytes], &[&digest]).is_ok());
    assert!(Plan::new(&[&bytes], &[]).is_err());
    assert!(Plan::new(&[&bytes], &[&digest.replace('a', "b")]).is_err());
    let spaced = [b" ", bytes.as_slice()].concat();
    assert!(Plan::new(&[&spaced], &[&hex(&sha256(&spaced))]).is_err());
}
