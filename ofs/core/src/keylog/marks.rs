//! Where the contributions of a log came from: offset and log timestamp, in eight bytes each while they lie near.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub offset: i64,
    pub log_ts_us: i64,
}

impl Mark {
    /// The offset less `base` and the log timestamp less the event time, a half each; None where one does not fit.
    pub fn pack(self, base: i64, time_us: i64) -> Option<i64> {
        let offset = i32::try_from(self.offset.checked_sub(base)?).ok()?;
        let lag_us = i32::try_from(self.log_ts_us.checked_sub(time_us)?).ok()?;
        Some(i64::from(lag_us) << 32 | i64::from(offset.cast_unsigned()))
    }

    /// What `pack` was given, with the same `base` and `time_us`.
    pub fn unpack(packed: i64, base: i64, time_us: i64) -> Mark {
        let offset = base.wrapping_add(i64::from(packed as i32));
        Mark { offset, log_ts_us: time_us.wrapping_add(packed >> 32) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_what_was_given() {
        let (least, largest) = (i64::from(i32::MIN), i64::from(i32::MAX));
        for base in [0, 7, -9, 1 << 40, i64::MAX, i64::MIN] {
            for time_us in [0, 50, 1 << 50, i64::MAX, i64::MIN] {
                for (offset, lag_us) in [(0, 0), (5, 9), (-5, -9), (least, largest), (largest, least), (-1, 0), (0, -1)]
                {
                    let (Some(offset), Some(log_ts_us)) = (base.checked_add(offset), time_us.checked_add(lag_us))
                    else {
                        continue;
                    };
                    let mark = Mark { offset, log_ts_us };
                    let packed = mark.pack(base, time_us);
                    assert_eq!(packed.map(|packed| Mark::unpack(packed, base, time_us)), Some(mark));
                }
            }
        }
    }

    #[test]
    fn what_lies_far_is_not_packed() {
        let far = i64::from(i32::MAX) + 1;
        for (offset, log_ts_us) in [(far, 0), (-far - 1, 0), (0, far), (0, -far - 1), (i64::MAX, 0), (0, i64::MIN)] {
            assert_eq!(Mark { offset, log_ts_us }.pack(0, 0), None);
        }
        assert_eq!(Mark { offset: i64::MAX, log_ts_us: 0 }.pack(-1, 0), None);
        assert_eq!(Mark { offset: 0, log_ts_us: i64::MIN }.pack(0, 1), None);
    }
}
