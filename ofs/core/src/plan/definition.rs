//! A definition as its canonical JSON has it, and the rules that it must have passed.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer};

use crate::admit::{ID_MAX, has_length};
use crate::value::ValueType;
use crate::windows::Window;

const NAME_MAX: usize = 128;
const SCALE_MAX: u8 = 18;
const K_MAX: usize = 1_000;
const BACK_MAX: i64 = 1_000;
const DURATION_MAX_US: i64 = (1 << 53) - 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    pub feature_group: String,
    pub version: String,
    pub key: Key,
    pub event_types: Vec<String>,
    #[serde(rename = "where")]
    pub conditions: Vec<Condition>,
    pub late: Late,
    #[serde(default, deserialize_with = "present")]
    pub stale_after_us: Option<i64>,
    pub features: Vec<Feature>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    #[serde(rename = "type")]
    pub key_type: String,
    pub field: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub field: String,
    pub op: Comparison,
    pub operand: Operands,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    Eq,
    Ne,
    In,
    Gt,
    Gte,
    Lt,
    Lte,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Operands {
    One(Operand),
    Many(Vec<Operand>),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    Number(String),
    String(String),
    Bool(bool),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case", deny_unknown_fields)]
pub enum Late {
    Include {},
    Drop { allowed_lateness_us: i64 },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    pub name: String,
    pub op: Op,
    #[serde(default, deserialize_with = "present")]
    pub field: Option<String>,
    #[serde(rename = "type", default, deserialize_with = "present")]
    pub kind: Option<Kind>,
    #[serde(default, deserialize_with = "present")]
    pub window: Option<Shape>,
    #[serde(default, deserialize_with = "present")]
    pub scale: Option<u8>,
    #[serde(default, deserialize_with = "present")]
    pub k: Option<usize>,
    #[serde(default, deserialize_with = "present")]
    pub of: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    Count,
    AgeOfLast,
    AgeOfFirst,
    Sum,
    Mean,
    Variance,
    Stddev,
    Min,
    Max,
    First,
    Last,
    FirstK,
    LastK,
    CountDistinct,
    TopK,
    Ratio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    Int {},
    Decimal { scale: u8 },
    String {},
    Bool {},
    Timestamp {},
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    Sliding {
        size_us: i64,
    },
    Tumbling {
        size_us: i64,
        back: i64,
    },
    Hopping {
        size_us: i64,
        every_us: i64,
    },
    Session {
        gap_us: i64,
        #[serde(default, deserialize_with = "present")]
        max_us: Option<i64>,
    },
    Lifetime {},
}

/// A member that may be absent but not null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Kind {
    pub fn value_type(self) -> ValueType {
        match self {
            Kind::Int {} => ValueType::Int,
            Kind::Decimal { scale } => ValueType::Decimal(scale),
            Kind::String {} => ValueType::String,
            Kind::Bool {} => ValueType::Bool,
            Kind::Timestamp {} => ValueType::Timestamp,
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Kind::Int {} | Kind::Decimal { .. })
    }
}

impl Shape {
    pub fn window(self) -> Window {
        match self {
            Shape::Sliding { size_us } => Window::Sliding { size_us },
            Shape::Tumbling { size_us, back } => Window::Tumbling { size_us, back },
            Shape::Hopping { size_us, every_us } => Window::Hopping { size_us, every_us },
            Shape::Session { gap_us, max_us } => Window::Session { gap_us, max_us },
            Shape::Lifetime {} => Window::Lifetime,
        }
    }

    fn is_valid(self) -> bool {
        match self {
            Shape::Sliding { size_us } => is_duration(size_us),
            Shape::Tumbling { size_us, back } => {
                (0..=BACK_MAX).contains(&back)
                    && is_duration(size_us)
                    && size_us.checked_mul(back + 1).is_some_and(is_duration)
            }
            Shape::Hopping { size_us, every_us } => is_duration(size_us) && is_duration(every_us),
            Shape::Session { gap_us, max_us } => is_duration(gap_us) && max_us.is_none_or(is_duration),
            Shape::Lifetime {} => true,
        }
    }
}

impl Op {
    /// Which of field and type, window, scale, k, of stand with the operator; all of them must.
    fn members(self) -> [bool; 5] {
        match self {
            Op::Count | Op::AgeOfLast | Op::AgeOfFirst => [false, true, false, false, false],
            Op::Mean | Op::Variance | Op::Stddev => [true, true, true, false, false],
            Op::Sum | Op::Min | Op::Max | Op::First | Op::Last | Op::CountDistinct => [true, true, false, false, false],
            Op::FirstK | Op::LastK | Op::TopK => [true, true, false, true, false],
            Op::Ratio => [false, false, true, false, true],
        }
    }

    fn takes(self, kind: Kind) -> bool {
        match self {
            Op::Sum | Op::Mean | Op::Variance | Op::Stddev => kind.is_number(),
            Op::Min | Op::Max => !matches!(kind, Kind::Bool {}),
            _ => true,
        }
    }
}

impl Definition {
    /// Raises, as text, the first rule that is broken.
    pub fn check(&self) -> Result<(), String> {
        let named = is_name(&self.feature_group) && is_version(&self.version) && is_name(&self.key.key_type);
        rule(named, "a name or the version is malformed")?;
        let types: HashSet<&String> = self.event_types.iter().collect();
        rule(!types.is_empty() && types.len() == self.event_types.len(), "event types are missing or stand twice")?;
        rule(self.event_types.iter().all(|text| has_length(text, ID_MAX)), "an event type is malformed")?;
        rule(self.stale_after_us.is_none_or(is_duration), "stale_after is out of range")?;
        if let Late::Drop { allowed_lateness_us } = self.late {
            rule(is_duration(allowed_lateness_us), "allowed_lateness is out of range")?;
        }
        for condition in &self.conditions {
            condition.check()?;
        }
        let sorted = self.features.windows(2).all(|pair| pair[0].name < pair[1].name);
        rule(sorted && !self.features.is_empty(), "features are missing or not sorted by unique names")?;
        for feature in &self.features {
            self.check_feature(feature).map_err(|error| format!("feature {}: {error}", feature.name))?;
        }
        Ok(())
    }

    fn check_feature(&self, feature: &Feature) -> Result<(), String> {
        rule(is_name(&feature.name), "the name is malformed")?;
        let present = [
            feature.field.is_some(),
            feature.window.is_some(),
            feature.scale.is_some(),
            feature.k.is_some(),
            feature.of.is_some(),
        ];
        let complete = present == feature.op.members() && feature.kind.is_some() == feature.field.is_some();
        rule(complete, "a member is missing or does not stand with the operator")?;
        rule(feature.kind.is_none_or(|kind| feature.op.takes(kind)), "the operator does not take the type")?;
        let scales = [feature.scale, feature.kind.and_then(Kind::scale)];
        rule(scales.iter().flatten().all(|scale| *scale <= SCALE_MAX), "a scale is out of range")?;
        rule(feature.window.is_none_or(Shape::is_valid), "the window is out of range")?;
        rule(feature.k.is_none_or(|k| (1..=K_MAX).contains(&k)), "k is out of range")?;
        let one_type = self.features.iter().all(|other| other.field != feature.field || other.kind == feature.kind);
        rule(one_type, "the field has another type in this group")?;
        match &feature.of {
            Some((num, den)) => rule(self.is_operand(num) && self.is_operand(den), "an operand has no exact number"),
            None => Ok(()),
        }
    }

    fn is_operand(&self, name: &str) -> bool {
        self.features.iter().find(|feature| feature.name == *name).is_some_and(|feature| match feature.op {
            Op::Count | Op::CountDistinct | Op::Sum | Op::Mean | Op::AgeOfFirst | Op::AgeOfLast => true,
            Op::Min | Op::Max => feature.kind.is_some_and(Kind::is_number),
            _ => false,
        })
    }
}

impl Kind {
    fn scale(self) -> Option<u8> {
        match self {
            Kind::Decimal { scale } => Some(scale),
            _ => None,
        }
    }
}

impl Condition {
    fn check(&self) -> Result<(), String> {
        let fits = match (&self.operand, self.op) {
            (Operands::Many(operands), Comparison::In) => {
                !operands.is_empty()
                    && operands.iter().enumerate().all(|(place, operand)| !operands[..place].contains(operand))
            }
            (Operands::One(_), Comparison::Eq | Comparison::Ne) => true,
            (Operands::One(operand), Comparison::Gt | Comparison::Gte | Comparison::Lt | Comparison::Lte) => {
                matches!(operand, Operand::Number(_))
            }
            _ => false,
        };
        let operands = match &self.operand {
            Operands::One(operand) => std::slice::from_ref(operand),
            Operands::Many(operands) => operands,
        };
        let plain = operands.iter().all(|operand| match operand {
            Operand::Number(digits) => is_plain_number(digits),
            _ => true,
        });
        rule(fits && plain, "a condition's operand does not fit its comparison")
    }
}

fn rule(holds: bool, message: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(message.to_owned()) }
}

fn is_duration(duration_us: i64) -> bool {
    (1..=DURATION_MAX_US).contains(&duration_us)
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= NAME_MAX
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_version(text: &str) -> bool {
    let digits = text.strip_prefix('v').unwrap_or_default();
    text.len() <= NAME_MAX
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(digits.bytes().next(), Some(b'1'..=b'9'))
}

/// Plain digits: no exponent, no trailing zeros behind the point, no negative zero.
fn is_plain_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 100
        && text != "-0"
        && digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(|part| digits(part) && !part.ends_with('0'))
}
