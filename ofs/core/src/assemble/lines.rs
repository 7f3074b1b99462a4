//! Lines of an output.

/// What is reserved at most ahead of lines that are still to come, in bytes.
const ROOM_MAX: usize = 16 << 20;

/// Lines of an output for the rows of a range, each with its line end; empty for a row that has none.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// How many rows are expected.
    rows: usize,
}

impl Lines {
    /// None yet, of so many rows.
    pub fn of_rows(rows: usize) -> Self {
        Lines { bytes: Vec::new(), ends: Vec::with_capacity(rows), rows }
    }

    /// What is appended here until the row is closed is its line.
    pub fn row(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Ends the line of the next row.
    pub fn close_row(&mut self) {
        let start = self.ends.last().copied().unwrap_or(0);
        if start < self.bytes.len() {
            self.bytes.push(b'\n');
            if start == 0 {
                self.make_room();
            }
        }
        self.ends.push(self.bytes.len());
    }

    /// For lines about as long as the first: growing step by step would copy them again and again.
    fn make_room(&mut self) {
        let (length, rows) = (self.bytes.len(), self.rows.saturating_sub(self.ends.len()));
        self.bytes.reserve((length + length / 8).saturating_mul(rows).min(ROOM_MAX));
    }

    /// The lines of the rows `[lo, hi)`. Bounds: there are so many.
    pub fn rows(&self, lo: usize, hi: usize) -> &[u8] {
        self.bytes.get(self.start(lo)..self.start(hi)).unwrap_or_default()
    }

    /// Where the line of each of these rows ends in them, line end included: where the one before does if it has none.
    pub fn ends(&self, lo: usize, hi: usize) -> impl ExactSizeIterator<Item = usize> {
        let first = self.start(lo);
        (lo..hi).map(move |row| self.start(row + 1).saturating_sub(first))
    }

    fn start(&self, row: usize) -> usize {
        row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_whatever_room_was_made() {
        for rows in [0, 1, 3, 1_000_000_000] {
            let mut lines = Lines::of_rows(rows.min(4));
            lines.rows = rows;
            for text in ["", "first", "", "a longer one", "x"] {
                lines.row().extend_from_slice(text.as_bytes());
                lines.close_row();
            }
            assert!(lines.bytes.capacity() <= ROOM_MAX + 64, "for {rows} rows");
            assert_eq!(lines.rows(0, 5), b"first\na longer one\nx\n");
            assert_eq!(
                (lines.rows(0, 1), lines.rows(1, 2), lines.rows(3, 5)),
                (&b""[..], &b"first\n"[..], &b"a longer one\nx\n"[..])
            );
            assert_eq!(lines.ends(0, 5).collect::<Vec<_>>(), [0, 6, 6, 19, 21]);
            assert_eq!(lines.ends(3, 5).collect::<Vec<_>>(), [13, 15]);
        }
    }

    #[test]
    fn lines_alike_stay_where_the_first_was_put() {
        let mut lines = Lines::of_rows(100);
        for row in 0..100 {
            lines.row().extend_from_slice(b"0123456789");
            lines.close_row();
            assert!(lines.bytes.capacity() >= 100 * 11, "after row {row}");
        }
    }
}
