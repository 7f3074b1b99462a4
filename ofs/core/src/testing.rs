//! Drawn JSON for tests: the same for the same seed.

/// A small generator (xorshift64*) of chance for tests.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    pub fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }

    pub fn fork(&mut self) -> Chance {
        Chance::new(self.below(usize::MAX) as u64)
    }
}

const NAMES: [&str; 9] = ["a", "b", "aa", "mark", "a\\u0062", "ab", "\u{e9}", "\u{fb33}", "\u{1f600}"];
const SPACES: [&str; 6] = ["", "", "", "", " ", "\n\t"];
const VALUES: [&str; 26] = [
    "\"\"",
    "\"x\"",
    "\"long enough for two words\"",
    "\"\u{df}\u{20ac}\u{1f600}\"",
    "\"\\u00df\\\"\\\\\\n\"",
    "\"\\ud83d\\ude00\"",
    "0",
    "-0",
    "7",
    "-12",
    "9007199254740991",
    "9007199254740992",
    "123456789012345678901234567890",
    "1.0",
    "0.5",
    "-1.50",
    "1e5",
    "1E-7",
    "1e400",
    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
    "null",
    "true",
    "false",
    "[]",
    "[1, {\"b\":2,\"a\":[1.0]}]",
    "[[\"\\u0041\"],null]",
];

/// A scalar or an array.
pub fn json_value(chance: &mut Chance) -> &'static str {
    chance.pick(&VALUES)
}

/// An object; its structure by the one chance, its values by the other.
pub fn json_object(structure: &mut Chance, values: &mut Chance) -> String {
    let mut text = String::new();
    object(structure, values, 0, &mut text);
    text
}

fn object(structure: &mut Chance, values: &mut Chance, depth: usize, out: &mut String) {
    out.push('{');
    for at in 0..structure.below(6) {
        if at > 0 {
            out.push(',');
        }
        let space = structure.pick(&SPACES);
        out.push_str(&format!("{space}\"{}\"{space}:{space}", structure.pick(&NAMES)));
        if depth < 3 && structure.below(4) == 0 {
            object(structure, values, depth + 1, out);
        } else {
            // Most values are those of every text of the structure.
            out.push_str(json_value(if structure.below(2) == 0 { values } else { structure }));
        }
        out.push_str(structure.pick(&SPACES));
    }
    out.push('}');
}

/// The text with some characters changed, doubled, left out or put in.
pub fn spoil(text: &str, chance: &mut Chance) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=chance.below(2) {
        let at = chance.below(characters.len() + 1);
        let other = ['"', '\\', '0', '1', 'e', '.', '-', ',', ':', '{', '}', '[', ']', ' ', '\u{1}', 'x', '\u{df}'];
        let other = other[chance.below(other.len())];
        match chance.below(3) {
            0 => characters.insert(at, other),
            1 if at < characters.len() => characters[at] = other,
            _ if at < characters.len() => drop(characters.remove(at)),
            _ => (),
        }
    }
    characters.into_iter().collect()
}
