//! The admission of one record value as canonical JSON, for tests and vectors.

use crate::admit::{Admission, PathSet};
use crate::canonical::{cmp_utf16, write_string};
use crate::json::Field;

/// `{"rejected": reason}`, or id, type, time, pins and the field of each path. `slots`: the paths' in `set`.
pub fn inspect(value: Option<&[u8]>, set: &PathSet, paths: &[&str], slots: &[usize]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut admission = Admission::new(set);
    let event = match admission.admit(value) {
        Ok(event) => event,
        Err(reason) => {
            out.extend_from_slice(b"{\"rejected\":");
            write_string(&mut out, reason.as_str());
            out.push(b'}');
            return out;
        }
    };
    out.extend_from_slice(b"{\"event_id\":");
    write_string(&mut out, &event.event_id);
    out.extend_from_slice(b",\"event_type\":");
    write_string(&mut out, &event.event_type);
    out.extend_from_slice(b",\"fields\":{");
    let mut named: Vec<(&str, usize)> = paths.iter().copied().zip(slots.iter().copied()).collect();
    named.sort_by(|(a, _), (b, _)| cmp_utf16(a, b));
    named.dedup();
    for (at, (path, slot)) in named.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(&mut out, path);
        out.push(b':');
        write_field(&mut out, event.fields.get(*slot).unwrap_or(&Field::Missing));
    }
    out.extend_from_slice(b"},\"pins\":");
    event.pins.write(&mut out);
    out.extend_from_slice(b",\"ts_us\":");
    write_string(&mut out, &event.ts_us.to_string());
    out.push(b'}');
    out
}

fn write_field(out: &mut Vec<u8>, field: &Field<'_>) {
    match field {
        Field::Null => out.extend_from_slice(b"null"),
        Field::Missing => out.extend_from_slice(b"{\"missing\":true}"),
        Field::Other => out.extend_from_slice(b"{\"other\":true}"),
        Field::Bool(bool) => out.extend_from_slice(if *bool { b"{\"bool\":true}" } else { b"{\"bool\":false}" }),
        Field::Number(literal) => write_member(out, b"{\"number\":", literal),
        Field::String(text) => write_member(out, b"{\"string\":", text),
    }
}

fn write_member(out: &mut Vec<u8>, opening: &[u8], text: &str) {
    out.extend_from_slice(opening);
    write_string(out, text);
    out.push(b'}');
}
