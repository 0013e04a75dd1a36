//! Which ingest pods there are, and which revision each is known to have. Pure.
//!
//! A pod has a revision only since it said so with the right checksum, and only as long as its container runs: a
//! container that starts again is another pod to us.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// How long a new key waits for a pod that starts. A broken pod must not stop hand-outs.
pub const STARTING_MAX: Duration = Duration::from_secs(30);

/// What is known of an ingest pod from the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    /// Its name, which a later pod may have too.
    pub name: String,
    /// Where its admin port is, as soon as it has an address.
    pub address: Option<IpAddr>,
    /// Whether clients are led to it.
    pub ready: bool,
    /// What tells this run of its container from every other: the pod's UID and the container's id.
    pub incarnation: String,
}

#[derive(Clone, Debug)]
struct Pod {
    facts: PodFacts,
    /// When this incarnation was first seen.
    seen_at: Duration,
    /// The highest revision that it has said it has.
    confirmed: u64,
}

/// The running ingest pods by name. Pods that have ended are not in it; terminating ones are: they still hold sessions.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    pods: BTreeMap<String, Pod>,
    /// Whether anybody has said which pods run: to know of none is not to know that there is none.
    is_known: bool,
}

/// What a change waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Needs {
    /// Every Ready pod, and for at most [`STARTING_MAX`] those that start: a key is handed out then.
    ReadyPods,
    /// Every pod that runs: something is taken away.
    AllPods,
}

impl Roster {
    /// Takes what the API server says now. Pods that are not named are gone.
    pub fn set(&mut self, pods: impl IntoIterator<Item = PodFacts>, now: Duration) {
        self.is_known = true;
        let mut before = std::mem::take(&mut self.pods);
        for facts in pods {
            let pod = match before.remove(&facts.name) {
                Some(pod) if pod.facts.incarnation == facts.incarnation => Pod { facts, ..pod },
                _ => Pod {
                    facts,
                    seen_at: now,
                    confirmed: 0,
                },
            };
            self.pods.insert(pod.facts.name.clone(), pod);
        }
    }

    /// A pod has said that it has a revision. What another incarnation says does not count.
    pub fn confirm(&mut self, name: &str, incarnation: &str, revision: u64) {
        if let Some(pod) = self.pods.get_mut(name)
            && pod.facts.incarnation == incarnation
        {
            pod.confirmed = pod.confirmed.max(revision);
        }
    }

    /// Pods that run, and how many of them have `revision`.
    pub fn counts(&self, revision: u64) -> (u32, u32) {
        let have = self.pods.values().filter(|pod| pod.confirmed >= revision);
        let count = |pods: usize| u32::try_from(pods).unwrap_or(u32::MAX);
        (count(have.count()), count(self.pods.len()))
    }

    /// The highest revision that all pods have that a change waits for; `None`: no pod is Ready, and one is needed.
    pub fn reach(&self, needs: Needs, now: Duration) -> Option<u64> {
        if needs == Needs::ReadyPods && !self.pods.values().any(|pod| pod.facts.ready) {
            return None;
        }
        if !self.is_known {
            return Some(0);
        }
        let awaited = self.awaited(needs, now).map(|pod| pod.confirmed);
        Some(awaited.min().unwrap_or(u64::MAX))
    }

    /// The pods that have not said that they have `revision` and that a change waits for, by name.
    pub fn missing(&self, needs: Needs, revision: u64, now: Duration) -> Vec<String> {
        self.awaited(needs, now)
            .filter(|pod| pod.confirmed < revision)
            .map(|pod| pod.facts.name.clone())
            .collect()
    }

    /// When the next starting pod is no longer waited for.
    pub fn next_deadline(&self, now: Duration) -> Option<Duration> {
        let ends = self
            .pods
            .values()
            .filter(|pod| !pod.facts.ready)
            .map(Pod::starting_until);
        ends.filter(|end| *end > now).min()
    }

    fn awaited(&self, needs: Needs, now: Duration) -> impl Iterator<Item = &Pod> {
        self.pods.values().filter(move |pod| match needs {
            Needs::AllPods => true,
            Needs::ReadyPods => pod.facts.ready || pod.starting_until() > now,
        })
    }
}

impl Pod {
    fn starting_until(&self) -> Duration {
        self.seen_at.saturating_add(STARTING_MAX)
    }
}

#[cfg(test)]
mod tests;
