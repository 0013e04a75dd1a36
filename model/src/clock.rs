//! Time as a parameter.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crate::Timestamp;

/// Where code asks what time it is, so that a test can answer.
pub trait Clock: Send + Sync + Debug {
    /// The wall clock. It can jump; use it for data and for dates people wrote, never to measure.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment. It never goes back; use it for rates, delays and deadlines.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose [`Clock::monotonic`] starts at zero now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock that everybody else asks"
    )]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock that everybody else asks"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}
