//! A clock that a test sets.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use penstock_model::{Clock, Timestamp};

/// Stands still until somebody moves it; the wall clock and the monotonic one move apart.
#[derive(Debug)]
pub(crate) struct ManualClock {
    now_millis: AtomicI64,
    monotonic_nanos: AtomicU64,
}

impl ManualClock {
    pub(crate) const fn at(now: Timestamp) -> Self {
        Self {
            now_millis: AtomicI64::new(now.millis()),
            monotonic_nanos: AtomicU64::new(0),
        }
    }

    /// Both clocks go on.
    pub(crate) fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.now_millis.fetch_add(millis, Ordering::Relaxed);
        self.monotonic_nanos
            .fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_millis.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.monotonic_nanos.load(Ordering::Relaxed))
    }
}
