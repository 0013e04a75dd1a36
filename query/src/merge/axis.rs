//! The times of a group, ascending, and what is known of each.

/// A series has a point there.
pub(super) const PRESENT: u8 = 1;
/// A series has a float before or after.
pub(super) const FLOAT: u8 = 2;

/// Collected times beyond which they are sorted in: below, sorting often costs more than it frees.
const COLLECTED_MIN: usize = 64 * 1_024;

#[derive(Debug, Default)]
pub(super) struct Axis {
    times: Vec<i64>,
    marks: Vec<u8>,
    /// Times that are not sorted in.
    collected: Vec<i64>,
}

impl Axis {
    /// Of these times, ascending.
    pub(super) fn of(times: Vec<i64>) -> Self {
        Self {
            marks: vec![0; times.len()],
            times,
            collected: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    #[inline]
    pub(super) fn time(&self, slot: usize) -> Option<i64> {
        self.times.get(slot).copied()
    }

    /// The first place whose time is `time` or later.
    pub(super) fn first_from(&self, time: i64) -> usize {
        self.times.partition_point(|have| *have < time)
    }

    pub(super) fn append(&mut self, time: i64) {
        self.times.push(time);
        self.marks.push(0);
    }

    #[inline]
    pub(super) fn mark(&mut self, slot: usize, mark: u8) {
        if let Some(marks) = self.marks.get_mut(slot) {
            *marks |= mark;
        }
    }

    /// The times from a place on.
    pub(super) fn times_from(&self, slot: usize) -> &[i64] {
        self.times.get(slot..).unwrap_or_default()
    }

    /// Marks so many places from one on.
    pub(super) fn mark_all(&mut self, slot: usize, count: usize, mark: u8) {
        let marks = self.marks.get_mut(slot..).unwrap_or_default();
        for marks in marks.iter_mut().take(count) {
            *marks |= mark;
        }
    }

    pub(super) fn is_float(&self, slot: usize) -> bool {
        self.marks.get(slot).is_some_and(|marks| marks & FLOAT != 0)
    }

    /// The time of a place at which a series has a point.
    pub(super) fn present_time(&self, slot: usize) -> Option<i64> {
        let marks = self.marks.get(slot)?;
        (marks & PRESENT != 0).then(|| self.time(slot))?
    }

    /// Takes note of a time that may be new.
    pub(super) fn collect(&mut self, time: i64) {
        if self.times.binary_search(&time).is_err() {
            self.collected.push(time);
            if self.collected.len() >= COLLECTED_MIN.max(self.times.len()) {
                self.sort_in();
            }
        }
    }

    fn sort_in(&mut self) {
        self.times.append(&mut self.collected);
        #[expect(
            clippy::stable_sort_primitive,
            reason = "ascending runs are what the stable sort merges fastest"
        )]
        self.times.sort();
        self.times.dedup();
    }

    /// All times, ascending.
    pub(super) fn into_times(mut self) -> Vec<i64> {
        self.sort_in();
        self.times
    }

    /// The memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let times = self.times.capacity() + self.collected.capacity();
        times * size_of::<i64>() + self.marks.capacity()
    }
}
