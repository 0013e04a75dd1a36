//! How many waiting writers a group is held back for. Pure.
//!
//! A sync costs the same whatever it covers. With one writer that waits, holding back gains nothing; with sixty
//! that come again as soon as they are answered, a sync for each two of them costs more than their points. So
//! the committer waits for as many as came together lately: more than expected raise the expectation at once, a
//! hold in vain lowers it to what came, and now and then one more is tried.
//!
//! The hold has an end, which is further off the more are expected: on one core they come one after another.

use std::time::Duration;

/// The unit in which the committer waits, and how long a group is held back at least before it goes without those
/// who are missing.
pub(crate) const HOLD_STEP: Duration = Duration::from_millis(1);

/// So many writers are read and parsed in one step, on one core, if their requests are small.
const WRITERS_PER_STEP: u32 = 16;

/// How long a group is held back at most.
const HOLD_STEPS_MAX: u32 = 4;

/// After so many groups one more writer is expected, to notice that there are more.
const TRY_MORE_AFTER: u32 = 16;

/// The expectation, and what it rests on.
#[derive(Debug)]
pub(crate) struct Gathering {
    waiting: u32,
    expected: u32,
    groups: u32,
}

impl Gathering {
    pub(crate) const fn new() -> Self {
        Self {
            waiting: 0,
            expected: 1,
            groups: 0,
        }
    }

    /// One more writer waits. True if no more are expected: the group is to be written.
    pub(crate) const fn add(&mut self) -> bool {
        self.waiting = self.waiting.saturating_add(1);
        self.is_complete()
    }

    /// Whether all who are expected wait.
    pub(crate) const fn is_complete(&self) -> bool {
        self.waiting >= self.expected
    }

    /// Whether anybody waits.
    pub(crate) const fn is_awaited(&self) -> bool {
        self.waiting > 0
    }

    /// How long a group that is awaited may be held back for those who are missing.
    pub(crate) fn hold_max(&self) -> Duration {
        let steps = self.expected.div_ceil(WRITERS_PER_STEP);
        HOLD_STEP * steps.clamp(1, HOLD_STEPS_MAX)
    }

    /// The group is taken, with those who wait for it.
    pub(crate) fn take(&mut self) {
        let came = std::mem::take(&mut self.waiting);
        if came == 0 {
            return;
        }
        // As many as expected or more; or fewer, and the hold was in vain.
        self.expected = came;
        self.groups = self.groups.wrapping_add(1);
        if self.groups.is_multiple_of(TRY_MORE_AFTER) {
            self.expected = self.expected.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of a closed loop: `writers` of them come one after another, and each again after its group.
    fn groups(gathering: &mut Gathering, writers: u32, rounds: usize) -> Vec<u32> {
        let mut sizes = Vec::new();
        for _ in 0..rounds {
            let mut size = 0;
            while size < writers {
                size += 1;
                if gathering.add() {
                    break;
                }
            }
            gathering.take();
            sizes.push(size);
        }
        sizes
    }

    #[test]
    fn one_writer_is_not_held_back_but_for_a_try_now_and_then() {
        let mut gathering = Gathering::new();
        let mut held = 0;
        for _ in 0..160 {
            if !gathering.add() {
                held += 1;
            }
            gathering.take();
        }
        assert_eq!(held, 9);
    }

    #[test]
    fn many_writers_are_found_and_lost_again() {
        let mut gathering = Gathering::new();
        let sizes = groups(&mut gathering, 4, 100);
        assert_eq!(sizes[0], 1);
        assert_eq!(sizes[99], 4);
        // During a sync many more may come at once.
        for _ in 0..40 {
            gathering.add();
        }
        gathering.take();
        assert!(!gathering.add());
        gathering.take();
        assert!(
            gathering.add(),
            "the forty are gone: nobody waits for them twice"
        );
    }

    #[test]
    fn a_hold_is_longer_for_many_and_has_an_end() {
        let hold = |expected| {
            let gathering = Gathering {
                expected,
                ..Gathering::new()
            };
            gathering.hold_max().as_millis()
        };
        assert_eq!(
            [0, 1, 16, 17, 64, 65, u32::MAX].map(hold),
            [1, 1, 1, 2, 4, 4, 4]
        );
    }

    #[test]
    fn lazy_groups_change_nothing() {
        let mut gathering = Gathering::new();
        groups(&mut gathering, 3, 64);
        let expected = gathering.expected;
        gathering.take();
        assert_eq!(gathering.expected, expected);
        assert!(!gathering.is_awaited());
    }
}
