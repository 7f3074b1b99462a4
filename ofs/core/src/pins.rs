//! ContextPins: the scope of everything. Equal means equal as a whole, absent members included.

use std::borrow::Cow;

use hashbrown::HashMap;

use crate::admit::has_length;
use crate::canonical::{write_int, write_string};
use crate::json::Field;
use crate::value::int;

const SCENARIO_ID_MAX: usize = 256;
const PLATFORM_RUN_ID_MAX: usize = 128;

/// Valid pins. The fingerprint and the parameter hash are 64, the run ids 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pins<'a> {
    pub manifest_fingerprint: Cow<'a, str>,
    pub parameter_hash: Cow<'a, str>,
    pub scenario_id: Cow<'a, str>,
    pub run_id: Cow<'a, str>,
    pub seed: Option<i64>,
    pub platform_run_id: Option<Cow<'a, str>>,
    pub scenario_run_id: Option<Cow<'a, str>>,
}

impl Pins<'_> {
    /// Writes the canonical JSON object; absent members are left out.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut separator = b'{';
        let texts = [
            ("manifest_fingerprint", Some(&self.manifest_fingerprint)),
            ("parameter_hash", Some(&self.parameter_hash)),
            ("platform_run_id", self.platform_run_id.as_ref()),
            ("run_id", Some(&self.run_id)),
            ("scenario_id", Some(&self.scenario_id)),
            ("scenario_run_id", self.scenario_run_id.as_ref()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                out.push(separator);
                separator = b',';
                write_string(out, name);
                out.push(b':');
                write_string(out, text);
            }
        }
        if let Some(seed) = self.seed {
            out.extend_from_slice(b",\"seed\":");
            write_int(out, i128::from(seed));
        }
        out.push(b'}');
    }

    pub fn into_owned(self) -> Pins<'static> {
        let owned = |text: Cow<'_, str>| -> Cow<'static, str> { Cow::Owned(text.into_owned()) };
        Pins {
            manifest_fingerprint: owned(self.manifest_fingerprint),
            parameter_hash: owned(self.parameter_hash),
            scenario_id: owned(self.scenario_id),
            run_id: owned(self.run_id),
            seed: self.seed,
            platform_run_id: self.platform_run_id.map(owned),
            scenario_run_id: self.scenario_run_id.map(owned),
        }
    }
}

/// Members that pins can have.
pub const PIN_NAMES: [&str; 7] =
    ["manifest_fingerprint", "parameter_hash", "scenario_id", "run_id", "seed", "platform_run_id", "scenario_run_id"];

/// The members of pins as they were read, unchecked; by `PIN_NAMES`.
#[derive(Debug, Clone, Default)]
pub struct PinFields<'a>([Field<'a>; PIN_NAMES.len()]);

impl<'a> PinFields<'a> {
    /// Where the member of this name goes.
    #[inline]
    pub fn member(&mut self, name: &str) -> Option<&mut Field<'a>> {
        let place = PIN_NAMES.iter().position(|known| *known == name)?;
        self.0.get_mut(place)
    }

    /// The pins, None where a required one is missing or any is malformed.
    pub fn check(self) -> Option<Pins<'a>> {
        let [manifest_fingerprint, parameter_hash, scenario_id, run_id, seed, platform_run_id, scenario_run_id] =
            self.0;
        Some(Pins {
            manifest_fingerprint: text(manifest_fingerprint, |text| is_hex(text, 64))?,
            parameter_hash: text(parameter_hash, |text| is_hex(text, 64))?,
            scenario_id: text(scenario_id, |text| has_length(text, SCENARIO_ID_MAX))?,
            run_id: text(run_id, |text| is_hex(text, 32))?,
            seed: optional(seed, |field| match field {
                Field::Number(literal) => int(literal).filter(|seed| *seed >= 0),
                _ => None,
            })?,
            platform_run_id: optional(platform_run_id, |field| {
                text(field, |text| has_length(text, PLATFORM_RUN_ID_MAX))
            })?,
            scenario_run_id: optional(scenario_run_id, |field| text(field, |text| is_hex(text, 32)))?,
        })
    }
}

fn text<'a>(field: Field<'a>, check: impl Fn(&str) -> bool) -> Option<Cow<'a, str>> {
    match field {
        Field::String(text) if check(&text) => Some(text),
        _ => None,
    }
}

/// Some(None) where the member is absent or null, None where it is malformed.
fn optional<'a, T>(field: Field<'a>, read: impl Fn(Field<'a>) -> Option<T>) -> Option<Option<T>> {
    match field {
        Field::Missing | Field::Null => Some(None),
        field => read(field).map(Some),
    }
}

/// The text is `length` lower-case hexadecimal digits.
pub fn is_hex(text: &str, length: usize) -> bool {
    // Without an early exit, so that it is done many bytes at once.
    let good = |byte: u8| byte.is_ascii_digit() | (b'a'..=b'f').contains(&byte);
    text.len() == length && text.bytes().fold(true, |all, byte| all & good(byte))
}

/// Numbers distinct pins in order of first appearance; the same pins as last time cost a comparison only.
#[derive(Debug, Clone, Default)]
pub struct PinsTable {
    ids: HashMap<Box<[u8]>, u32>,
    canonical: Vec<Box<[u8]>>,
    last: Option<(Pins<'static>, Option<u32>)>,
    scratch: Vec<u8>,
}

impl PinsTable {
    /// A table of given canonical pins; a position is an id. Equal ones share the first.
    pub fn of(scopes: &[&[u8]]) -> PinsTable {
        let mut table = PinsTable::default();
        for scope in scopes {
            let id = table.next_id();
            table.ids.entry((*scope).into()).or_insert(id);
            table.canonical.push((*scope).into());
        }
        table
    }

    /// The id of the pins, None where the table does not hold them.
    #[inline]
    pub fn find(&mut self, pins: &Pins<'_>) -> Option<u32> {
        if let Some((last, id)) = &self.last
            && last == pins
        {
            return *id;
        }
        self.render(pins);
        let id = self.ids.get(self.scratch.as_slice()).copied();
        self.last = Some((pins.clone().into_owned(), id));
        id
    }

    /// The id of the pins, a new one where the table did not hold them.
    pub fn intern(&mut self, pins: &Pins<'_>) -> u32 {
        if let Some(id) = self.find(pins) {
            return id;
        }
        let id = self.next_id();
        self.render(pins);
        self.ids.insert(self.scratch.as_slice().into(), id);
        self.canonical.push(self.scratch.as_slice().into());
        self.last = Some((pins.clone().into_owned(), Some(id)));
        id
    }

    /// The id of canonical pins of another table, a new one where this table did not hold them.
    pub fn intern_canonical(&mut self, pins: &[u8]) -> u32 {
        if let Some(id) = self.ids.get(pins) {
            return *id;
        }
        let id = self.next_id();
        self.ids.insert(pins.into(), id);
        self.canonical.push(pins.into());
        self.last = None;
        id
    }

    /// The canonical bytes of an id of this table.
    pub fn canonical(&self, id: u32) -> &[u8] {
        self.canonical.get(id as usize).map(AsRef::as_ref).unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.canonical.len()
    }

    pub fn is_empty(&self) -> bool {
        self.canonical.is_empty()
    }

    fn next_id(&self) -> u32 {
        u32::try_from(self.canonical.len()).unwrap_or(u32::MAX)
    }

    fn render(&mut self, pins: &Pins<'_>) {
        self.scratch.clear();
        pins.write(&mut self.scratch);
    }
}

#[cfg(test)]
mod tests;
