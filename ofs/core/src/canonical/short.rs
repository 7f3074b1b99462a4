//! Short texts, appended without a call: a fixed number of bytes is copied, and what is too much taken away again.

/// So many bytes are copied.
pub const SHORT: usize = 32;

/// Appends the first `len` bytes. Bounds: `len` is at most `SHORT`.
#[inline]
pub fn put_short(out: &mut Vec<u8>, bytes: &[u8; SHORT], len: usize) {
    let end = out.len() + len;
    out.extend_from_slice(bytes);
    out.truncate(end);
}

/// The name of a member as it stands in an object, with what separates it from the member before.
#[derive(Debug)]
pub struct Label {
    /// `,"<name>":` and room up to a fixed number of bytes behind each of the first two.
    text: Box<[u8]>,
    len: usize,
}

impl Label {
    /// Bounds: the name needs no escapes.
    pub fn new(name: &str) -> Label {
        let mut text = format!(",\"{name}\":").into_bytes();
        let len = text.len();
        text.resize(len + SHORT, 0);
        Label { text: text.into(), len }
    }

    #[inline]
    pub fn write(&self, is_first: bool, out: &mut Vec<u8>) {
        let from = usize::from(is_first);
        match self.text.get(from..).and_then(|text| text.first_chunk()) {
            Some(bytes) if self.len <= SHORT => put_short(out, bytes, self.len - from),
            _ => out.extend_from_slice(self.text.get(from..self.len).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_stands_first_or_behind_another() {
        for length in [0, 1, 20, 28, 29, 30, 31, 60] {
            let name = "n".repeat(length);
            let mut out = b"{".to_vec();
            Label::new(&name).write(true, &mut out);
            Label::new(&name).write(false, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), format!("{{\"{name}\":,\"{name}\":"));
        }
    }
}
