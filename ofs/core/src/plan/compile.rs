//! From definitions to a plan: slots, columns, shared windows, edges and units.

use hashbrown::HashMap;

use super::definition::{Definition, Feature, Late, Op};
use super::{Condition, FeaturePlan, GroupPlan, PlainColumns, Plan, WindowPlan};
use crate::admit::PathSet;
use crate::canonical::short::Label;
use crate::keylog::column::Keep;
use crate::keylog::indexes::Declared;
use crate::ops::extreme::ranked;
use crate::ops::finish::Finish;
use crate::ops::{TypedField, Unit};
use crate::value::ValueType;
use crate::windows::{Edge, Window};

/// Gathers paths and groups; slots are known at the end, until then a slot is the position of its path.
#[derive(Default)]
pub struct Compiler {
    paths: Vec<String>,
    typed: Vec<(usize, ValueType)>,
    groups: Vec<GroupPlan>,
    by_event_type: HashMap<String, Vec<usize>>,
}

impl Compiler {
    /// Bounds: the definition passed its check.
    pub fn add(&mut self, definition: Definition, digest: String) {
        for event_type in definition.event_types {
            self.by_event_type.entry(event_type).or_default().push(self.groups.len());
        }
        let mut group = GroupPlan {
            label: Label::new(&definition.feature_group),
            name: definition.feature_group,
            version: definition.version,
            digest,
            key_type: definition.key.key_type,
            key_slot: self.path(definition.key.field),
            conditions: Vec::new(),
            allowed_lateness_us: match definition.late {
                Late::Include {} => None,
                Late::Drop { allowed_lateness_us } => Some(allowed_lateness_us),
            },
            stale_after_us: definition.stale_after_us,
            columns: Vec::new(),
            keeps: Vec::new(),
            edges: vec![Edge::AS_OF],
            windows: Vec::new(),
            features: Vec::new(),
            ir_count: 0,
            declared: Declared::default(),
            has_changes: false,
            plain: None,
        };
        for condition in definition.conditions {
            let slot = self.path(condition.field.clone());
            group.conditions.push(Condition::new(condition, slot));
        }
        self.add_features(&mut group, &definition.features);
        self.groups.push(group);
    }

    pub fn finish(mut self) -> Result<Plan, String> {
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        let (set, slots) = PathSet::new(&paths).ok_or("a field is not a path under payload")?;
        self.typed.iter_mut().for_each(|(slot, _)| *slot = slots[*slot]);
        for group in &mut self.groups {
            group.key_slot = slots[group.key_slot];
            group.conditions.iter_mut().for_each(|condition| condition.slot = slots[condition.slot]);
        }
        Ok(Plan { groups: self.groups, paths: set, typed: self.typed, by_event_type: self.by_event_type })
    }

    fn add_features(&mut self, group: &mut GroupPlan, features: &[Feature]) {
        let mut windows: Vec<Window> = Vec::new();
        let mut places: Vec<Option<(usize, usize)>> = Vec::new();
        for feature in features {
            let field = self.typed_field(group, feature);
            let place = match (feature.window, unit_of(feature, field)) {
                (Some(shape), Some(unit)) => {
                    let window = window_place(group, &mut windows, shape.window());
                    Some((window, share(&mut group.windows[window].units, unit)))
                }
                _ => None,
            };
            places.push(place);
        }
        for window in &mut group.windows {
            window.base = group.ir_count;
            group.ir_count += window.units.len();
        }
        declare(group);
        group.plain = plain_columns(group);
        for (feature, place) in features.iter().zip(places) {
            let ir = place.map_or(0, |(window, unit)| group.windows[window].base + unit);
            let finish = finish_of(feature, ir, features);
            group.features.push(FeaturePlan::new(feature.name.clone(), finish));
        }
    }

    fn typed_field(&mut self, group: &mut GroupPlan, feature: &Feature) -> Option<TypedField> {
        let kind = feature.kind?.value_type();
        let entry = (self.path(feature.field.clone()?), kind);
        let typed = place_of(&mut self.typed, entry);
        let column = place_of(&mut group.columns, typed);
        group.keeps.resize(group.columns.len(), Keep::default());
        let keep = &mut group.keeps[column];
        keep.squares |= matches!(feature.op, Op::Variance | Op::Stddev);
        keep.sums |= keep.squares || matches!(feature.op, Op::Sum | Op::Mean);
        Some(TypedField { column, kind })
    }

    fn path(&mut self, path: String) -> usize {
        place_of(&mut self.paths, path)
    }
}

fn place_of<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    match items.iter().position(|known| *known == item) {
        Some(place) => place,
        None => {
            items.push(item);
            items.len() - 1
        }
    }
}

fn window_place(group: &mut GroupPlan, windows: &mut Vec<Window>, window: Window) -> usize {
    let place = place_of(windows, window);
    if place == group.windows.len() {
        let (start, end) = window.edges();
        group.windows.push(WindowPlan {
            start: place_of(&mut group.edges, start),
            end: place_of(&mut group.edges, end),
            gap_us: match window {
                Window::Session { gap_us, .. } => Some(gap_us),
                _ => None,
            },
            units: Vec::new(),
            base: 0,
        });
    }
    place
}

/// What the logs keep for the group's operators.
fn declare(group: &mut GroupPlan) {
    for window in &group.windows {
        if let Some(gap_us) = window.gap_us {
            place_of(&mut group.declared.gaps, gap_us);
        }
        for unit in &window.units {
            if let Unit::Extreme { field, largest } = unit {
                place_of(&mut group.declared.extremes, ranked(*field, *largest));
            }
        }
        group.has_changes |= window.has_changes();
    }
}

/// See `GroupPlan::plain`.
fn plain_columns(group: &GroupPlan) -> Option<PlainColumns> {
    if group.windows.iter().any(|window| window.gap_us.is_some()) {
        return None;
    }
    let mut units = group.windows.iter().flat_map(|window| &window.units);
    let columns = units.try_fold(0, |columns, unit| match unit {
        Unit::Count => Some(columns),
        Unit::Moments { field, squares: false } => {
            Some(columns | 1_u32.checked_shl(u32::try_from(field.column).ok()?)?)
        }
        _ => None,
    })?;
    Some(PlainColumns(columns))
}

/// The place of a unit that serves `unit` too; one that is there is widened where that is enough.
fn share(units: &mut Vec<Unit>, unit: Unit) -> usize {
    for (place, known) in units.iter_mut().enumerate() {
        match (known, unit) {
            (Unit::Moments { field, squares }, Unit::Moments { field: other, squares: more }) if *field == other => {
                *squares |= more;
                return place;
            }
            (Unit::Ends { field, last, k }, Unit::Ends { field: other, last: end, k: more })
                if *field == other && *last == end =>
            {
                *k = (*k).max(more);
                return place;
            }
            (Unit::Tally { field, k }, Unit::Tally { field: other, k: more }) if *field == other => {
                *k = (*k).max(more);
                return place;
            }
            (known, unit) if *known == unit => return place,
            _ => {}
        }
    }
    units.push(unit);
    units.len() - 1
}

fn unit_of(feature: &Feature, field: Option<TypedField>) -> Option<Unit> {
    let k = feature.k.unwrap_or(1);
    Some(match (feature.op, field) {
        (Op::Count, _) => Unit::Count,
        (Op::AgeOfFirst, _) => Unit::Age { last: false },
        (Op::AgeOfLast, _) => Unit::Age { last: true },
        (Op::Sum | Op::Mean, Some(field)) => Unit::Moments { field, squares: false },
        (Op::Variance | Op::Stddev, Some(field)) => Unit::Moments { field, squares: true },
        (Op::Min, Some(field)) => Unit::Extreme { field, largest: false },
        (Op::Max, Some(field)) => Unit::Extreme { field, largest: true },
        (Op::First | Op::FirstK, Some(field)) => Unit::Ends { field, last: false, k },
        (Op::Last | Op::LastK, Some(field)) => Unit::Ends { field, last: true, k },
        (Op::CountDistinct, Some(field)) => Unit::Tally { field, k: 0 },
        (Op::TopK, Some(field)) => Unit::Tally { field, k },
        _ => return None,
    })
}

fn finish_of(feature: &Feature, ir: usize, features: &[Feature]) -> Finish {
    let kind = feature.kind.map_or(ValueType::Int, |kind| kind.value_type());
    let (scale, k) = (feature.scale.unwrap_or(0), feature.k.unwrap_or(1));
    match feature.op {
        Op::Count => Finish::Count { ir },
        Op::AgeOfFirst | Op::AgeOfLast => Finish::Age { ir },
        Op::Sum => Finish::Sum { ir, kind },
        Op::Mean => Finish::Mean { ir, kind, scale },
        Op::Variance => Finish::Variance { ir, kind, scale },
        Op::Stddev => Finish::Stddev { ir, kind, scale },
        Op::Min | Op::Max => Finish::Extreme { ir, kind },
        Op::First => Finish::One { ir, last: false, kind },
        Op::Last => Finish::One { ir, last: true, kind },
        Op::FirstK => Finish::List { ir, last: false, k, kind },
        Op::LastK => Finish::List { ir, last: true, k, kind },
        Op::CountDistinct => Finish::Distinct { ir },
        Op::TopK => Finish::Top { ir, k, kind },
        Op::Ratio => {
            let place = |name: &String| features.iter().position(|other| other.name == *name).unwrap_or(0);
            let (num, den) = feature.of.as_ref().map_or((0, 0), |(num, den)| (place(num), place(den)));
            Finish::Ratio { num, den, scale }
        }
    }
}
