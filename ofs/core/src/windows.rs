//! Windows: half-open ranges of event time that end, or once ended, at as-of. Integers only, microseconds.

/// A window of a definition; `range` is all that gives it a meaning (but for the gap of a session).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    Sliding { size_us: i64 },
    Tumbling { size_us: i64, back: i64 },
    Hopping { size_us: i64, every_us: i64 },
    Session { gap_us: i64, max_us: Option<i64> },
    Lifetime,
}

/// One end of a range as a function of as-of, so that windows can share a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    /// Before every event.
    Origin,
    /// as-of minus so much; 0 is as-of itself.
    Before(i64),
    /// The last multiple of `step_us` at or before as-of, minus `minus_us`.
    Floor { step_us: i64, minus_us: i64 },
}

impl Edge {
    pub const AS_OF: Edge = Edge::Before(0);

    /// Bounds: `step_us` is at least 1. Saturates at the ends of i64, far outside all valid times.
    pub fn at(self, as_of_us: i64) -> i64 {
        match self {
            Edge::Origin => i64::MIN,
            Edge::Before(size_us) => as_of_us.saturating_sub(size_us),
            Edge::Floor { step_us, minus_us } => {
                as_of_us.saturating_sub(as_of_us.rem_euclid(step_us.max(1))).saturating_sub(minus_us)
            }
        }
    }
}

impl Window {
    /// (start, end) of the range; of a session the range its events are chained in.
    pub fn edges(self) -> (Edge, Edge) {
        match self {
            Window::Sliding { size_us } => (Edge::Before(size_us), Edge::AS_OF),
            Window::Tumbling { size_us, back: 0 } => (Edge::Floor { step_us: size_us, minus_us: 0 }, Edge::AS_OF),
            Window::Tumbling { size_us, back } => (
                Edge::Floor { step_us: size_us, minus_us: size_us.saturating_mul(back) },
                Edge::Floor { step_us: size_us, minus_us: size_us.saturating_mul(back - 1) },
            ),
            Window::Hopping { size_us, every_us } => {
                (Edge::Floor { step_us: every_us, minus_us: size_us }, Edge::Floor { step_us: every_us, minus_us: 0 })
            }
            Window::Session { max_us: Some(max_us), .. } => (Edge::Before(max_us), Edge::AS_OF),
            Window::Session { max_us: None, .. } | Window::Lifetime => (Edge::Origin, Edge::AS_OF),
        }
    }

    pub fn range(self, as_of_us: i64) -> (i64, i64) {
        let (start, end) = self.edges();
        (start.at(as_of_us), end.at(as_of_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn each_window_has_its_range() {
        let rows = [
            (Window::Sliding { size_us: 10 }, 100, (90, 100)),
            (Window::Sliding { size_us: 10 }, -5, (-15, -5)),
            (Window::Tumbling { size_us: 10, back: 0 }, 100, (100, 100)),
            (Window::Tumbling { size_us: 10, back: 0 }, 109, (100, 109)),
            (Window::Tumbling { size_us: 10, back: 1 }, 100, (90, 100)),
            (Window::Tumbling { size_us: 10, back: 3 }, 109, (70, 80)),
            (Window::Tumbling { size_us: 10, back: 0 }, -1, (-10, -1)),
            (Window::Tumbling { size_us: 10, back: 1 }, -1, (-20, -10)),
            (Window::Hopping { size_us: 60, every_us: 5 }, 63, (0, 60)),
            (Window::Hopping { size_us: 60, every_us: 5 }, 65, (5, 65)),
            (Window::Hopping { size_us: 60, every_us: 5 }, -1, (-65, -5)),
            (Window::Hopping { size_us: 3, every_us: 5 }, 9, (2, 5)),
            (Window::Session { gap_us: 5, max_us: Some(20) }, 50, (30, 50)),
            (Window::Session { gap_us: 5, max_us: None }, 50, (i64::MIN, 50)),
            (Window::Lifetime, HOUR, (i64::MIN, HOUR)),
        ];
        for (window, as_of, range) in rows {
            assert_eq!(window.range(as_of), range, "{window:?} at {as_of}");
        }
    }

    #[test]
    fn extremes_saturate() {
        assert_eq!(Window::Sliding { size_us: i64::MAX }.range(i64::MIN), (i64::MIN, i64::MIN));
        assert_eq!(Window::Tumbling { size_us: i64::MAX, back: 1000 }.range(i64::MIN).0, i64::MIN);
    }
}
