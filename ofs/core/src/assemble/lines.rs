//! Lines of an output.

/// Lines of an output for the rows of a range, each with its line end; empty for a row that has none.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    /// What is appended here until the row is closed is its line.
    pub fn row(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Ends the line of the next row.
    pub fn close_row(&mut self) {
        if self.ends.last().copied().unwrap_or(0) < self.bytes.len() {
            self.bytes.push(b'\n');
        }
        self.ends.push(self.bytes.len());
    }

    /// The lines of the rows `[lo, hi)`. Bounds: there are so many.
    pub fn rows(&self, lo: usize, hi: usize) -> &[u8] {
        self.bytes.get(self.start(lo)..self.start(hi)).unwrap_or_default()
    }

    /// The length of each of these rows, line end included; 0 where there is no line.
    pub fn lengths(&self, lo: usize, hi: usize) -> impl Iterator<Item = usize> {
        (lo..hi).map(|row| self.start(row + 1).saturating_sub(self.start(row)))
    }

    fn start(&self, row: usize) -> usize {
        row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }
}
