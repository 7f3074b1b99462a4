//! Compiled definitions: what is read from an event, what is kept for a key, what is computed for a window.

mod compile;
mod condition;
mod definition;

use std::sync::Arc;

use hashbrown::HashMap;

use crate::admit::PathSet;
use crate::canonical::canonicalize;
use crate::canonical::short::Label;
use crate::digest::{hex, sha256};
use crate::keylog::column::Keep;
use crate::keylog::indexes::Declared;
use crate::ops::Unit;
use crate::ops::finish::Finish;
use crate::value::ValueType;
use crate::windows::Edge;
use compile::Compiler;
pub use condition::Condition;
use definition::Definition;

/// All groups of a run. A group's position is its index everywhere.
#[derive(Debug)]
pub struct Plan {
    pub groups: Vec<GroupPlan>,
    pub paths: PathSet,
    /// What is typed: a slot of the paths and a type. Groups that read the same share one.
    pub typed: Vec<(usize, ValueType)>,
    by_event_type: HashMap<String, Vec<usize>>,
}

#[derive(Debug)]
pub struct GroupPlan {
    pub name: String,
    pub label: Label,
    pub version: String,
    pub digest: String,
    pub key_type: String,
    pub key_slot: usize,
    pub conditions: Vec<Condition>,
    /// How late an event may be; None where every event counts.
    pub allowed_lateness_us: Option<i64>,
    pub stale_after_us: Option<i64>,
    /// The typed fields: positions in `Plan::typed`, a column each.
    pub columns: Vec<usize>,
    pub keeps: Vec<Keep>,
    /// Distinct searches; the first is as-of.
    pub edges: Vec<Edge>,
    pub windows: Vec<WindowPlan>,
    pub features: Vec<FeaturePlan>,
    /// How many IRs the windows have together.
    pub ir_count: usize,
    /// What its logs keep once they are long.
    pub declared: Declared,
    /// Some window can tell changes.
    pub has_changes: bool,
    /// See `ir::plain`; None of any other group.
    pub plain: Option<PlainColumns>,
}

/// Which columns a group sums, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainColumns(pub u32);

#[derive(Debug)]
pub struct WindowPlan {
    /// Positions in the group's edges.
    pub start: usize,
    pub end: usize,
    /// Of a session.
    pub gap_us: Option<i64>,
    pub units: Vec<Unit>,
    /// Where its IRs begin among the group's.
    pub base: usize,
}

#[derive(Debug)]
pub struct FeaturePlan {
    pub name: String,
    pub label: Label,
    pub finish: Finish,
}

impl Plan {
    /// Compiles definitions given as RFC 8785 bytes with their hex digests. Raises, as text, what is wrong with one.
    pub fn new(definitions: &[&[u8]], digests: &[&str]) -> Result<Arc<Plan>, String> {
        if definitions.len() != digests.len() {
            return Err("as many digests as definitions are needed".to_owned());
        }
        let mut compiler = Compiler::default();
        for (bytes, digest) in definitions.iter().zip(digests) {
            let definition = decode(bytes, digest).map_err(|error| format!("definition {digest}: {error}"))?;
            compiler.add(definition, (*digest).to_owned());
        }
        compiler.finish().map(Arc::new)
    }

    /// The groups that read events of a type.
    pub fn groups_of(&self, event_type: &str) -> &[usize] {
        self.by_event_type.get(event_type).map_or(&[], Vec::as_slice)
    }
}

impl WindowPlan {
    /// Whether an answer may tell what changed since the one before.
    pub fn has_changes(&self) -> bool {
        self.gap_us.is_some() || self.units.iter().any(|unit| matches!(unit, Unit::Tally { .. }))
    }
}

impl FeaturePlan {
    pub fn new(name: String, finish: Finish) -> Self {
        FeaturePlan { label: Label::new(&name), name, finish }
    }
}

impl GroupPlan {
    /// The earliest start of any window.
    pub fn start_us(&self, as_of_us: i64) -> i64 {
        self.windows.iter().map(|window| self.edges[window.start].at(as_of_us)).min().unwrap_or(as_of_us)
    }
}

fn decode(bytes: &[u8], digest: &str) -> Result<Definition, String> {
    if hex(&sha256(bytes)) != *digest {
        return Err("the digest is another".to_owned());
    }
    if canonicalize(bytes).ok().as_deref() != Some(bytes) {
        return Err("it is not canonical JSON".to_owned());
    }
    let definition: Definition = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    definition.check()?;
    Ok(definition)
}

#[cfg(test)]
pub mod tests;
