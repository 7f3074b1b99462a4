//! Any lines are decisions or dead letters, each of them accounted for, never a panic.

#![no_main]

use _core::decisions::Decisions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let mut decisions = Decisions::default();
    assert!(decisions.add(lines.iter().copied()).is_ok());
    assert!(decisions.seal().is_ok());
    let dead = decisions.dead_letters().len();
    let copies = usize::try_from(decisions.duplicates()).unwrap_or(usize::MAX);
    assert_eq!(decisions.len() + copies + dead, lines.len(), "a line is lost");
    let regular: usize = decisions.shapes().iter().map(|shape| shape.decisions.len()).sum();
    assert_eq!(regular + decisions.irregular().len(), decisions.len(), "a decision is lost");
    let texts =
        decisions.dead_letters().iter().map(|(line, _)| usize::try_from(*line).ok().and_then(|line| lines.get(line)));
    let texts: Vec<&[u8]> = texts.map(|text| text.copied().unwrap_or_default()).collect();
    assert!(decisions.digest(texts.into_iter()).is_ok());
});
