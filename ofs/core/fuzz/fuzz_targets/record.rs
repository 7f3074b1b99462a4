//! Any bytes are a record value: admitted or rejected, never a panic; what is admitted has a canonical form.

#![no_main]

use _core::admit::PathSet;
use _core::canonical::canonicalize;
use _core::inspect::inspect;
use libfuzzer_sys::fuzz_target;

const PATHS: [&str; 4] = ["payload.key", "payload.amount", "payload.n.x", "payload.a"];

fuzz_target!(|value: &[u8]| {
    let Some((set, slots)) = PathSet::new(&PATHS) else { return };
    let found = inspect(Some(value), &set, &PATHS, &slots);
    let canonical = canonicalize(value);
    let is_admitted = !found.starts_with(b"{\"rejected\"");
    assert!(!is_admitted || canonical.is_ok(), "admitted, but without a canonical form");
    if let Ok(canonical) = canonical {
        assert!(canonicalize(&canonical).is_ok(), "a canonical form that is no JSON");
    }
    assert!(canonicalize(&found).as_deref() == Ok(&found[..]), "what inspect says is not canonical");
});
