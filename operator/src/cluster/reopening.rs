//! How soon a watch that broke is opened again.
//!
//! kube's own pauses grow to a minute, so that after an API server was away for half of one, nothing that was revoked
//! meanwhile would be seen for as long again. Two operators with seven watches each burden no API server.

use std::time::Duration;

use kube::runtime::utils::Backoff;

const FIRST: Duration = Duration::from_millis(100);
const MAX: Duration = Duration::from_secs(3);

/// Pauses that double from 0.1 s to 3 s, and begin anew with whatever the watch delivers.
#[derive(Debug)]
pub struct Reopening {
    next: Duration,
}

impl Default for Reopening {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Iterator for Reopening {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(MAX);
        Some(pause)
    }
}

impl Backoff for Reopening {
    fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_noticed_to_be_over_within_three_seconds() {
        let mut pauses = Reopening::default();
        assert_eq!(pauses.next(), Some(FIRST));
        let longest = pauses.by_ref().take(100).max();
        assert_eq!(longest, Some(MAX));
        pauses.reset();
        assert_eq!(pauses.next(), Some(FIRST));
    }
}
