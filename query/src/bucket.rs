//! Where a bucket of a fixed length begins and ends.

/// A bucket of a fixed length, from the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) start: i64,
    pub(crate) length: i64,
}

impl Fixed {
    /// The first bucket of this length, counted from the epoch, that begins at a moment or later.
    pub(crate) const fn first_from(time: i64, length: i64) -> Self {
        let into = time.rem_euclid(length);
        let start = if into == 0 {
            time
        } else {
            time.saturating_add(length - into)
        };
        Self { start, length }
    }

    /// The first moment behind it.
    #[inline]
    pub(crate) const fn end(self) -> i64 {
        self.start.saturating_add(self.length)
    }

    /// The bucket of the same length that holds a moment in this one or behind it: mostly this one or the next.
    #[inline]
    pub(crate) const fn at_or_behind(self, time: i64) -> Self {
        let ahead = time - self.start;
        let start = if ahead < self.length {
            self.start
        } else if ahead - self.length < self.length {
            self.end()
        } else {
            time - time.rem_euclid(self.length)
        };
        Self { start, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_behind_has_its_bucket() {
        for start in [-20, 0, 10] {
            let bucket = Fixed { start, length: 10 };
            for time in start..start + 55 {
                let found = bucket.at_or_behind(time);
                assert_eq!(found.start, time - time.rem_euclid(10), "{time}");
                assert!(time < found.end());
            }
        }
    }
}
