//! How far a change has come on its way to the ingest pods.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Verdict;

/// The revision of the ledger that holds a change, and who has loaded it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Propagation {
    /// The revision.
    pub revision: i64,
    /// How many pods have it, of how many that run: `3/3`.
    pub pods: String,
    /// Seconds from the decision until the last of them had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

const STAGED: &str = "waits for the next revision of the ledger, some seconds at most: after a minute look at the operator's log";

/// How far a change has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// There is nothing to tell the pods.
    Nothing,
    /// It waits for the next ledger.
    Staged,
    /// No ledger can take it.
    Refused(String),
    /// It is written, and pods are being told.
    Telling {
        /// The ledger's revision.
        revision: u64,
    },
    /// Some pods have not answered in time.
    Waiting {
        /// The ledger's revision.
        revision: u64,
        /// Pods that have it.
        pods: u32,
        /// Pods that run.
        of: u32,
        /// Those that have not.
        missing: Vec<String>,
    },
    /// There is no pod to tell.
    NoPods {
        /// The ledger's revision.
        revision: u64,
    },
    /// Every pod has it.
    All {
        /// The ledger's revision.
        revision: u64,
        /// Pods that have it.
        pods: u32,
        /// Pods that run.
        of: u32,
        /// How long that took; `None` if it was so before anybody looked.
        seconds: Option<Duration>,
    },
}

impl Reach {
    /// Whether every pod has it.
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All { .. })
    }

    /// The condition `Programmed`: whether the ledger has it.
    pub fn programmed(&self) -> Verdict {
        match self {
            Self::Nothing | Self::Staged => Verdict::unknown("Staged", STAGED),
            Self::Refused(why) => Verdict::no("Refused", why.clone()),
            Self::Telling { .. }
            | Self::Waiting { .. }
            | Self::NoPods { .. }
            | Self::All { .. } => Verdict::yes("LedgerWritten", "the ledger has it"),
        }
    }

    /// The condition `Propagated`: whether every pod has it.
    pub fn propagated(&self) -> Verdict {
        match self {
            Self::Nothing => Verdict::unknown(
                "NothingToTell",
                "the ingest pods have nothing to know of it",
            ),
            Self::Staged => Verdict::no("Staged", STAGED),
            Self::Refused(why) => Verdict::no("Refused", why.clone()),
            Self::Telling { revision } => Verdict::no(
                "Telling",
                format!(
                    "the pods are told revision {revision}: those that have not answered after 5 s are named here"
                ),
            ),
            Self::Waiting {
                pods,
                of,
                missing,
                revision,
            } => Verdict::no(
                "WaitingForPods",
                format!(
                    "{pods} of {of} pods have revision {revision}; missing: {}. Look whether they run, and whether a network policy keeps the operator from their admin port",
                    names(missing)
                ),
            ),
            Self::NoPods { .. } => Verdict::no(
                "NoPods",
                "no ingest pod is ready: look at the pods with the label app.kubernetes.io/component=ingest, in the operator's namespace",
            ),
            // Without figures: those of a new leader are others, which is no news of 10,000 tokens.
            Self::All { .. } => Verdict::yes("AllPods", "the pods have it"),
        }
    }

    /// What the status tells of it. What was told when every pod had it stays, for one who did not see it happen.
    pub fn told(&self, before: Option<&Propagation>) -> Option<Propagation> {
        let told = |revision: u64, pods: String, seconds: Option<Duration>| Propagation {
            revision: i64::try_from(revision).unwrap_or(i64::MAX),
            pods,
            seconds: seconds.map(|seconds| (seconds.as_secs_f64() * 1_000.0).round() / 1_000.0),
        };
        match self {
            Self::Nothing => None,
            Self::Staged | Self::Refused(_) => before.cloned(),
            Self::Telling { revision } => Some(told(*revision, "0/?".to_owned(), None)),
            Self::NoPods { revision } => Some(told(*revision, "0/0".to_owned(), None)),
            Self::Waiting {
                revision, pods, of, ..
            } => Some(told(*revision, format!("{pods}/{of}"), None)),
            Self::All { seconds: None, .. } if before.is_some_and(is_complete) => before.cloned(),
            Self::All {
                revision,
                pods,
                of,
                seconds,
            } => Some(told(*revision, format!("{pods}/{of}"), *seconds)),
        }
    }
}

fn is_complete(told: &Propagation) -> bool {
    told.pods
        .split_once('/')
        .is_some_and(|(pods, of)| pods == of && pods != "0")
}

/// The first few of them.
fn names(missing: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<_> = missing.iter().take(SHOWN).map(String::as_str).collect();
    match missing.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_leader_leaves_what_was_told() {
        let before = Propagation {
            revision: 7,
            pods: "3/3".to_owned(),
            seconds: Some(0.02),
        };
        let found = |seconds| Reach::All {
            revision: 9,
            pods: 2,
            of: 2,
            seconds,
        };
        assert_eq!(found(None).told(Some(&before)), Some(before.clone()));
        let now = found(Some(Duration::from_millis(35)))
            .told(Some(&before))
            .unwrap();
        assert_eq!(
            (now.revision, &*now.pods, now.seconds),
            (9, "2/2", Some(0.035))
        );
        let half = Propagation {
            pods: "1/3".to_owned(),
            ..before
        };
        assert_eq!(found(None).told(Some(&half)).unwrap().pods, "2/2");
    }

    #[test]
    fn many_missing_pods_make_no_long_message() {
        let missing: Vec<_> = (0..7).map(|n| format!("ingest-{n}")).collect();
        let reach = Reach::Waiting {
            revision: 1,
            pods: 0,
            of: 7,
            missing,
        };
        let message = reach.propagated().message;
        assert!(message.contains("ingest-4 and 2 more. Look"), "{message}");
    }
}
