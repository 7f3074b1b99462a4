//! The name of a key: short ones stand in place, so that comparing one reads no further memory.

const SHORT_MAX: usize = 22;

#[derive(Debug)]
pub enum Name {
    Short { length: u8, bytes: [u8; SHORT_MAX] },
    Long(Box<str>),
}

impl Name {
    pub fn new(text: &str) -> Name {
        let mut bytes = [0; SHORT_MAX];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(start), Ok(length)) => {
                start.copy_from_slice(text.as_bytes());
                Name::Short { length, bytes }
            }
            _ => Name::Long(text.into()),
        }
    }

    /// UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Name::Short { length, bytes } => &bytes[..usize::from(*length)],
            Name::Long(text) => text.as_bytes(),
        }
    }

    /// What the name takes beside itself.
    pub fn heap(&self) -> usize {
        match self {
            Name::Short { .. } => 0,
            Name::Long(text) => text.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_text_whatever_its_length() {
        assert_eq!(size_of::<Name>(), 24);
        for length in 0..60 {
            let text: String = ["ä", "b"].iter().cycle().take(length).copied().collect();
            let name = Name::new(&text);
            assert_eq!(name.as_bytes(), text.as_bytes());
            assert_eq!(name.heap(), if text.len() > SHORT_MAX { text.len() } else { 0 });
        }
    }
}
