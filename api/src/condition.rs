//! Conditions: what is true of a resource, since when, and why.
//!
//! Messages are for people: they say what to do where something must be done. Reasons are for programs, a closed set.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody knows yet.
    Unknown,
}

impl Holds {
    /// As resources write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// Whether something holds, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether.
    pub holds: Holds,
    /// A word for programs.
    pub reason: &'static str,
    /// A sentence for people; empty if there is nothing to add.
    pub message: String,
}

impl Verdict {
    /// It holds.
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Holds::True, reason, message)
    }

    /// It does not.
    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Holds::False, reason, message)
    }

    /// Nobody knows yet.
    pub fn unknown(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Holds::Unknown, reason, message)
    }

    fn new(holds: Holds, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            holds,
            reason,
            message: message.into(),
        }
    }
}

/// The conditions of one resource, in the order in which they are given.
#[derive(Debug)]
pub struct Conditions<'a> {
    before: &'a [Condition],
    generation: Option<i64>,
    now: Time,
    list: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    /// Begins a list that follows upon what was told `before`.
    pub fn after(before: &'a [Condition], generation: Option<i64>, now: Time) -> Self {
        Self {
            before,
            generation,
            now,
            list: Vec::new(),
        }
    }

    /// Adds one. The time of its last transition changes only with its status.
    pub fn set(&mut self, type_: &str, verdict: Verdict) {
        let status = verdict.holds.as_str();
        let mut before = self.before.iter();
        let since = before
            .find(|condition| condition.type_ == type_ && condition.status == status)
            .map_or_else(
                || self.now.clone(),
                |same| same.last_transition_time.clone(),
            );
        self.list.push(Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: verdict.reason.to_owned(),
            message: verdict.message,
            observed_generation: self.generation,
            last_transition_time: since,
        });
    }

    /// Leaves one as it was told, where nobody knows better now; `first` if it was not.
    pub fn keep(&mut self, type_: &str, first: Verdict) {
        let told = self.before.iter().find(|told| told.type_ == type_);
        match told {
            Some(told) => self.list.push(Condition {
                observed_generation: self.generation,
                ..told.clone()
            }),
            None => self.set(type_, first),
        }
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Condition> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::jiff::Timestamp;

    fn time(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_transition_is_a_change_of_status_alone() {
        let told = |before: &[Condition], verdict: Verdict, now: i64| {
            let mut conditions = Conditions::after(before, Some(now), time(now));
            conditions.set("Ready", verdict);
            conditions.into_list()
        };
        let first = told(&[], Verdict::no("Staged", "soon"), 1);
        let second = told(&first, Verdict::no("WaitingForPods", "for one"), 2);
        assert_eq!(second[0].last_transition_time, time(1));
        assert_eq!(second[0].observed_generation, Some(2));
        assert_eq!(second[0].reason, "WaitingForPods");
        let third = told(&second, Verdict::yes("Works", ""), 3);
        assert_eq!(third[0].last_transition_time, time(3));
    }

    #[test]
    fn what_nobody_knows_better_stays_as_it_was_told() {
        let kept = |before: &[Condition], now: i64| {
            let mut conditions = Conditions::after(before, Some(now), time(now));
            conditions.keep("WithinLimits", Verdict::unknown("NotTold", ""));
            conditions.into_list()
        };
        let first = kept(&[], 1);
        assert_eq!(
            (&*first[0].status, &*first[0].reason),
            ("Unknown", "NotTold")
        );
        let mut told = first;
        told[0].reason = "ActiveSeries".to_owned();
        let second = kept(&told, 2);
        assert_eq!(second[0].reason, "ActiveSeries");
        assert_eq!(second[0].last_transition_time, time(1));
        assert_eq!(second[0].observed_generation, Some(2));
    }
}
