//! What is told of an application's use: its figures, and whether they are within its limits.
//!
//! Figures change all the time, statuses must not: they are told anew once a minute at most, and only if they differ.

use std::time::Duration;

use penstock_model::Timestamp;

use crate::ApplicationUsage;
use crate::application::Limits;
use crate::condition::Verdict;
use crate::entry::moment;
use crate::token_status::time;

/// Figures are told this often at most.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// What an application uses now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Figures {
    /// Series with a point in the current UTC day, added up over the pods.
    pub active_series: u64,
    /// The same in the pod that has most of them: each pod holds the whole limit against its own.
    pub active_series_of_a_pod: u64,
    /// Points that are stored, over all pods.
    pub points: u64,
    /// Bytes that their blocks take, over all pods.
    pub bytes: u64,
}

impl Figures {
    /// Adds what one pod has.
    pub fn add(&mut self, active_series: u64, points: u64, bytes: u64) {
        self.active_series = self.active_series.saturating_add(active_series);
        self.active_series_of_a_pod = self.active_series_of_a_pod.max(active_series);
        self.points = self.points.saturating_add(points);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Whether a status says so already.
    pub fn is_told(&self, told: Option<&ApplicationUsage>) -> bool {
        let figures = [self.active_series, self.points, self.bytes].map(whole);
        told.is_some_and(|told| [told.active_series, told.points, told.bytes] == figures)
    }

    /// What the status tells of them at `now`, after `before`.
    pub(crate) fn told(
        &self,
        before: Option<&ApplicationUsage>,
        now: Timestamp,
    ) -> ApplicationUsage {
        let is_recent = |told: &ApplicationUsage| {
            let age = now.millis().saturating_sub(moment(&told.at).millis());
            // A clock that was set back must not silence it for ever.
            (0..i64::try_from(TELL_EVERY.as_millis()).unwrap_or(i64::MAX)).contains(&age)
        };
        match before {
            Some(before) if self.is_told(Some(before)) || is_recent(before) => before.clone(),
            _ => ApplicationUsage {
                active_series: whole(self.active_series),
                points: whole(self.points),
                bytes: whole(self.bytes),
                at: time(now),
            },
        }
    }

    /// The condition `WithinLimits`.
    pub(crate) fn within(&self, limits: Limits) -> Verdict {
        let most = limits.to_ledger().active_series;
        if most == 0 || self.active_series_of_a_pod < most {
            return Verdict::yes("WithinLimits", "");
        }
        Verdict::no(
            "ActiveSeries",
            format!(
                "spec.limits.activeSeries: a pod has {most} series of today, as many as it may; points of further ones get 429 until midnight UTC. Raise the limit, or look for a tag whose values never repeat"
            ),
        )
    }
}

fn whole(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn figures(series: &[u64]) -> Figures {
        let mut figures = Figures::default();
        for series in series {
            figures.add(*series, series * 10, series * 100);
        }
        figures
    }

    #[test]
    fn figures_are_told_once_a_minute_and_only_if_they_differ() {
        let first = figures(&[1, 2]).told(None, at(100));
        assert_eq!(
            (first.active_series, first.points, first.bytes),
            (3, 30, 300)
        );
        assert_eq!(
            figures(&[3]).told(Some(&first), at(1_000)),
            first,
            "nothing differs"
        );
        assert_eq!(figures(&[9]).told(Some(&first), at(159)), first, "too soon");
        assert_eq!(figures(&[9]).told(Some(&first), at(160)).active_series, 9);
        assert_eq!(figures(&[9]).told(Some(&first), at(7)).active_series, 9);
    }

    #[test]
    fn a_limit_is_each_pods_own() {
        let limits = |most: i64| Limits {
            active_series: Some(most),
            ..Limits::default()
        };
        assert_eq!(figures(&[6, 6]).within(limits(10)).reason, "WithinLimits");
        assert_eq!(figures(&[6, 6]).within(limits(0)).reason, "WithinLimits");
        let over = figures(&[10, 1]).within(limits(10));
        assert_eq!(over.reason, "ActiveSeries");
        assert!(
            over.message
                .starts_with("spec.limits.activeSeries: a pod has 10 series")
        );
    }
}
