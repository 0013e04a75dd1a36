//! Measured durations, told as a distribution. They are printed beside the goal, never
//! asserted: what a busy machine takes is no fault of the code.

use std::time::Duration;

/// Durations of one thing done many times.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    sorted: Vec<Duration>,
}

impl Figures {
    pub(crate) fn add(&mut self, duration: Duration) {
        let place = self.sorted.partition_point(|other| *other <= duration);
        self.sorted.insert(place, duration);
    }

    /// The value that this many of a hundred stay at or below.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        let place = (self.sorted.len() * percent)
            .div_ceil(100)
            .saturating_sub(1);
        self.sorted
            .get(place.min(last))
            .copied()
            .unwrap_or_default()
    }

    /// Prints the distribution in milliseconds and what users are promised, one line.
    pub(crate) fn print(&self, what: &str, goal: &str) {
        let at = |percent| self.percentile(percent).as_millis();
        println!(
            "figure: {what}: {} times, p50 {} ms, p90 {} ms, p99 {} ms, most {} ms (goal: {goal})",
            self.sorted.len(),
            at(50),
            at(90),
            at(99),
            at(100)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut figures = Figures::default();
        assert_eq!(figures.percentile(50), Duration::ZERO);
        for millis in (1..=50).rev() {
            figures.add(Duration::from_millis(millis));
        }
        assert_eq!(figures.percentile(50), Duration::from_millis(25));
        assert_eq!(figures.percentile(99), Duration::from_millis(50));
        assert_eq!(figures.percentile(100), Duration::from_millis(50));
    }
}
