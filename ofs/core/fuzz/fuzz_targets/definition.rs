//! Any bytes under their true digest are compiled or refused, never a panic; each is tried in its canonical form.

#![no_main]

use _core::canonical::canonicalize;
use _core::digest::{hex, sha256};
use _core::plan::Plan;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let bytes = canonicalize(text).unwrap_or_else(|_| text.to_vec());
    let _ = Plan::new(&[&bytes], &[&hex(&sha256(&bytes))]);
});
