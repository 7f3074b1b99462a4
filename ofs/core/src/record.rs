//! One decision record, read strictly: either everything in it is as it should be, or it is not understood here.

use std::borrow::Cow;

use crate::admit::has_length;
use crate::canonical::Member;
use crate::digest::{Hash, parse_hex};
use crate::json::{Field, NotJson, Scanner};
use crate::pins::{PinFields, Pins, is_hex};
use crate::time::parse_ts;
use crate::value::int;

/// The hash rule of a decision that names none.
pub const DEFAULT_HASH_RULE: &str = "ofs-jcs-sha256/v1";
/// Characters of a decision's id.
pub const ID_MAX: usize = 256;
const STREAM_MAX: usize = 249;
const KEY_TYPE_MAX: usize = 128;
const PARTITION_MAX: i64 = (1 << 31) - 1;

/// What decides which events a snapshot sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AsOfBasis {
    EventTime,
    IngestTime,
    Watermark,
}

impl AsOfBasis {
    pub fn as_str(self) -> &'static str {
        match self {
            AsOfBasis::EventTime => "event_time",
            AsOfBasis::IngestTime => "ingest_time",
            AsOfBasis::Watermark => "watermark",
        }
    }

    fn parse(text: &str) -> Option<AsOfBasis> {
        [AsOfBasis::EventTime, AsOfBasis::IngestTime, AsOfBasis::Watermark]
            .into_iter()
            .find(|basis| basis.as_str() == text)
    }
}

/// A feature group as a decision names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupRef<'a> {
    pub name: Cow<'a, str>,
    pub version: Cow<'a, str>,
    pub digest: Option<Cow<'a, str>>,
}

/// The next offset to apply of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut<'a> {
    pub stream: Cow<'a, str>,
    pub partition: i64,
    pub next_offset: i64,
    pub topic_id: Option<Cow<'a, str>>,
}

/// A decision as a whole. Units: times are microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    pub request_id: Option<Cow<'a, str>>,
    pub pins: Pins<'a>,
    /// (key type, key id), as given.
    pub keys: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Sorted by name.
    pub groups: Vec<GroupRef<'a>>,
    pub as_of_basis: AsOfBasis,
    pub as_of_us: Option<i64>,
    /// Sorted by stream and partition; the partitions 0 to n-1 of each stream.
    pub cuts: Vec<Cut<'a>>,
    pub hash_rule: Cow<'a, str>,
    pub online_hash: Option<Hash>,
    pub has_online_features: bool,
    pub decided_us: Option<i64>,
}

/// The values of the members that a decision can have, as JSON texts.
#[derive(Default)]
struct Sources<'a> {
    request_id: Option<&'a str>,
    context_pins: Option<&'a str>,
    feature_keys: Option<&'a str>,
    feature_groups: Option<&'a str>,
    as_of_spec: Option<&'a str>,
    basis: Option<&'a str>,
    hash_rule: Option<&'a str>,
    online_snapshot_hash: Option<&'a str>,
    online_features: Option<&'a str>,
    online_snapshot_ref: Option<&'a str>,
    decided_at_utc: Option<&'a str>,
    extensions: Option<&'a str>,
}

/// The decision with these top-level members, each given once; None where anything is missing or malformed.
pub fn decode<'a>(decision_id: &str, members: &[Member<'a>]) -> Option<Record<'a>> {
    let sources = Sources::of(members);
    if !has_length(decision_id, ID_MAX) {
        return None;
    }
    let (as_of_basis, as_of_us) = as_of(sources.as_of_spec?)?;
    let has_online_features = is_object(sources.online_features)?;
    is_object(sources.extensions)?;
    text(sources.online_snapshot_ref)?;
    Some(Record {
        request_id: text(sources.request_id)?,
        pins: pins(sources.context_pins?)?,
        keys: keys(sources.feature_keys?)?,
        groups: groups(sources.feature_groups?)?,
        as_of_basis,
        as_of_us,
        cuts: cuts(sources.basis?)?,
        hash_rule: text(sources.hash_rule)?.unwrap_or(Cow::Borrowed(DEFAULT_HASH_RULE)),
        online_hash: match text(sources.online_snapshot_hash)? {
            Some(digits) => Some(parse_hex(&digits)?),
            None => None,
        },
        has_online_features,
        decided_us: match text(sources.decided_at_utc)? {
            Some(time) => Some(parse_ts(&time)?),
            None => None,
        },
    })
}

impl<'a> Sources<'a> {
    fn of(members: &[Member<'a>]) -> Self {
        let mut sources = Sources::default();
        for member in members {
            let slot = match &*member.name {
                "request_id" => &mut sources.request_id,
                "context_pins" => &mut sources.context_pins,
                "feature_keys" => &mut sources.feature_keys,
                "feature_groups" => &mut sources.feature_groups,
                "as_of_spec" => &mut sources.as_of_spec,
                "basis" => &mut sources.basis,
                "hash_rule" => &mut sources.hash_rule,
                "online_snapshot_hash" => &mut sources.online_snapshot_hash,
                "online_features" => &mut sources.online_features,
                "online_snapshot_ref" => &mut sources.online_snapshot_ref,
                "decided_at_utc" => &mut sources.decided_at_utc,
                "extensions" => &mut sources.extensions,
                _ => continue,
            };
            *slot = Some(member.source);
        }
        sources
    }
}

/// Some(None) where the member is absent or null, None where it is no string.
fn text(source: Option<&str>) -> Option<Option<Cow<'_, str>>> {
    match source.map(value) {
        None | Some(Field::Null) => Some(None),
        Some(Field::String(text)) => Some(Some(text)),
        _ => None,
    }
}

/// Whether the member is an object; None where it is neither that, nor null, nor absent.
fn is_object(source: Option<&str>) -> Option<bool> {
    match source.map(|source| source.as_bytes().first().copied()) {
        None | Some(Some(b'n')) => Some(false),
        Some(Some(b'{')) => Some(true),
        _ => None,
    }
}

/// A value of a text that was checked before.
fn value(source: &str) -> Field<'_> {
    Scanner::new(source).field(0).unwrap_or_default()
}

fn pins(source: &str) -> Option<Pins<'_>> {
    let mut fields = PinFields::default();
    let mut scanner = Scanner::new(source);
    scanner
        .object(0, |name, scanner| {
            *fields.member(&name.cow()).ok_or(NotJson)? = scanner.field(1)?;
            Ok(())
        })
        .ok()?;
    fields.check()
}

fn as_of(source: &str) -> Option<(AsOfBasis, Option<i64>)> {
    let [time, basis] = members(&mut Scanner::new(source), |name| match name {
        "as_of_time_utc" => Some(0),
        "as_of_basis" => Some(1),
        _ => None,
    })
    .ok()?;
    let basis = AsOfBasis::parse(&string(basis)?)?;
    match time {
        Field::String(time) => Some((basis, Some(parse_ts(&time)?))),
        Field::Missing | Field::Null if basis == AsOfBasis::Watermark => Some((basis, None)),
        _ => None,
    }
}

fn keys(source: &str) -> Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> {
    let place = |name: &str| match name {
        "key_type" => Some(0),
        "key_id" => Some(1),
        _ => None,
    };
    let keys = elements(source, place, |[key_type, key_id]| {
        let (key_type, key_id) = (string(key_type)?, string(key_id)?);
        (is_key_type(&key_type) && !key_id.is_empty()).then_some((key_type, key_id))
    })?;
    are_distinct(&keys, |key| key).then_some(keys)
}

fn groups(source: &str) -> Option<Vec<GroupRef<'_>>> {
    let place = |name: &str| match name {
        "name" => Some(0),
        "version" => Some(1),
        "digest" => Some(2),
        _ => None,
    };
    let mut groups = elements(source, place, |[name, version, digest]| {
        let (name, version) = (string(name)?, string(version)?);
        let digest = match digest {
            Field::Missing | Field::Null => None,
            digest => Some(string(digest).filter(|digest| is_hex(digest, 64))?),
        };
        (!name.is_empty() && !version.is_empty()).then_some(GroupRef { name, version, digest })
    })?;
    groups.sort();
    are_distinct(&groups, |group| &group.name).then_some(groups)
}

fn cuts(source: &str) -> Option<Vec<Cut<'_>>> {
    let place = |name: &str| match name {
        "stream" => Some(0),
        "partition" => Some(1),
        "next_offset" => Some(2),
        "topic_id" => Some(3),
        _ => None,
    };
    let mut cuts = elements(source, place, |[stream, partition, next_offset, topic_id]| {
        let topic_id = match topic_id {
            Field::Missing | Field::Null => None,
            topic_id => Some(string(topic_id).filter(|topic_id| !topic_id.is_empty())?),
        };
        let stream = string(stream).filter(|stream| has_length(stream, STREAM_MAX))?;
        let partition = natural(&partition).filter(|partition| *partition <= PARTITION_MAX)?;
        Some(Cut { stream, partition, next_offset: natural(&next_offset)?, topic_id })
    })?;
    cuts.sort_by(|a, b| (&a.stream, a.partition).cmp(&(&b.stream, b.partition)));
    let mut before: Option<&Cut<'_>> = None;
    for cut in &cuts {
        let expected = before.filter(|before| before.stream == cut.stream).map_or(0, |before| before.partition + 1);
        if cut.partition != expected {
            return None;
        }
        before = Some(cut);
    }
    Some(cuts)
}

fn string(field: Field<'_>) -> Option<Cow<'_, str>> {
    match field {
        Field::String(text) => Some(text),
        _ => None,
    }
}

/// A JSON integer of 0 to 2^63-1.
pub fn natural(field: &Field<'_>) -> Option<i64> {
    match field {
        Field::Number(literal) => int(literal).filter(|value| *value >= 0),
        _ => None,
    }
}

/// `[a-z][a-z0-9_]*`, up to 128 characters.
fn is_key_type(text: &str) -> bool {
    text.len() <= KEY_TYPE_MAX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// The elements of a non-empty array of objects that have only members with a place.
fn elements<'a, T, const N: usize>(
    source: &'a str,
    place: impl Fn(&str) -> Option<usize>,
    read: impl Fn([Field<'a>; N]) -> Option<T>,
) -> Option<Vec<T>> {
    let mut found = Vec::with_capacity(4);
    let mut scanner = Scanner::new(source);
    if scanner.peek() != b'[' {
        return None;
    }
    scanner
        .array(0, |scanner| {
            found.push(read(members(scanner, &place)?).ok_or(NotJson)?);
            Ok(())
        })
        .ok()?;
    if found.is_empty() { None } else { Some(found) }
}

/// The members of the object that comes next, by their places; an error where it is none or a member has no place.
fn members<'a, const N: usize>(
    scanner: &mut Scanner<'a>,
    place: impl Fn(&str) -> Option<usize>,
) -> Result<[Field<'a>; N], NotJson> {
    let mut fields = [const { Field::Missing }; N];
    if scanner.peek() != b'{' {
        return Err(NotJson);
    }
    scanner.object(0, |name, scanner| {
        let slot = place(&name.cow()).and_then(|place| fields.get_mut(place));
        *slot.ok_or(NotJson)? = scanner.field(1)?;
        Ok(())
    })?;
    Ok(fields)
}

/// No two are equal by `part`. Few are compared in pairs, many are sorted.
pub fn are_distinct<T, P: Ord + ?Sized>(items: &[T], part: impl Fn(&T) -> &P) -> bool {
    if items.len() <= 8 {
        return items.iter().enumerate().all(|(at, item)| items.iter().take(at).all(|other| part(other) != part(item)));
    }
    let mut sorted: Vec<&P> = items.iter().map(&part).collect();
    sorted.sort();
    sorted.windows(2).all(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests;
