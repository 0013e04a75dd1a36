//! Who wants what of the ledger, and how far it has come. Pure: time is an argument, pods and Secrets are told of.
//!
//! ```text
//!   stage ─▶ staged ─ take ─▶ in flight ─ written ─▶ tracked, pending by revision ─ settle ─▶ loaded
//!               │                  └───── refused ─▶ refused
//!               └─ says what the ledger says already: nothing to do
//! ```
//!
//! Every step costs what it moves: 10,000 staged tokens are moved once each, however many revisions there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use penstock_api::propagation::Reach;
use penstock_model::Timestamp;

use super::change::{Change, EntryKey, WakeKey};
use super::committed::Committed;
use super::merge::{Service, is_in};
use super::refused::Refused;
use crate::propagation::{Needs, Roster};

/// After so long a pod that has not answered is called missing.
pub(crate) const WAITING_AFTER: Duration = Duration::from_secs(5);

/// The state of the publisher.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    committed: Arc<Committed>,
    /// The revision that this leader found.
    found: u64,
    pub(super) service: Option<Service>,
    /// Whether absence of a resource may be believed: all caches are full.
    removals_allowed: bool,
    staged: HashMap<EntryKey, Staged>,
    /// Something staged must not wait for company.
    urgent: bool,
    in_flight: HashMap<EntryKey, Staged>,
    refused: HashMap<EntryKey, RefusedChange>,
    tracked: HashMap<EntryKey, Tracked>,
    pending: BTreeMap<(Needs, u64), Pending>,
    pub(super) roster: Roster,
}

/// A change that is in no revision yet.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    pub(crate) change: Change,
    waker: WakeKey,
    /// When this entry was first staged since it was last in a revision.
    at: Duration,
}

/// An entry that this leader has put into a revision, or waits for.
#[derive(Debug)]
struct Tracked {
    since: u64,
    needs: Needs,
    staged_at: Option<Duration>,
    waker: WakeKey,
    loaded: Option<Loaded>,
}

#[derive(Debug, Clone, Copy)]
struct Loaded {
    pods: u32,
    of: u32,
    seconds: Option<Duration>,
}

/// A change that a ledger could not take.
#[derive(Debug)]
struct RefusedChange {
    change: Change,
    waker: WakeKey,
    reason: Refused,
    /// The ledger that it did not fit: the next one may have room.
    revision: u64,
}

/// The entries of one revision that wait for the same pods.
#[derive(Debug)]
struct Pending {
    written_at: Duration,
    entries: Vec<EntryKey>,
    /// The pods that were called missing.
    told: Option<Vec<String>>,
}

/// What a step of the desk leads to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Who is to be woken.
    pub(crate) wake: BTreeSet<WakeKey>,
    /// How long each change that is loaded now has taken.
    pub(crate) seconds: Vec<Duration>,
}

impl Desk {
    /// Begins with the ledger that was found.
    pub(crate) fn new(found: Arc<Committed>) -> Self {
        Self {
            found: found.revision(),
            committed: found,
            ..Self::default()
        }
    }

    pub(crate) fn committed(&self) -> &Arc<Committed> {
        &self.committed
    }

    /// From now on the absence of a resource may be believed.
    pub(crate) fn allow_removals(&mut self) {
        self.removals_allowed = true;
    }

    /// Says whether there is something to write now.
    pub(crate) fn stage(
        &mut self,
        waker: WakeKey,
        change: Change,
        wall: Timestamp,
        now: Duration,
    ) -> bool {
        let entry = change.entry();
        if self.refusal(&change).is_some() {
            return false;
        }
        if let Some(in_flight) = self.in_flight.get(&entry) {
            if in_flight.change == change {
                self.staged.remove(&entry);
                return false;
            }
        } else {
            match self.judge(&change, wall) {
                Ok(true) => {
                    self.staged.remove(&entry);
                    self.refused.remove(&entry);
                    self.track_found(entry, waker, &change, now);
                    return false;
                }
                Ok(false) => {}
                Err(reason) => {
                    self.staged.remove(&entry);
                    self.refuse(entry, change, waker, reason);
                    return false;
                }
            }
        }
        self.refused.remove(&entry);
        self.urgent |= change.restricts();
        let at = self.staged.get(&entry).map_or(now, |staged| staged.at);
        let is_held = change.removes() && !self.removals_allowed;
        self.staged.insert(entry, Staged { change, waker, at });
        !is_held
    }

    /// Why this very change does not fit the ledger as it is: to try again would only go round.
    fn refusal(&self, change: &Change) -> Option<&Refused> {
        let refused = self.refused.get(&change.entry())?;
        let stands = refused.revision == self.committed.revision() && refused.change == *change;
        stands.then_some(&refused.reason)
    }

    fn refuse(&mut self, entry: EntryKey, change: Change, waker: WakeKey, reason: Refused) {
        let revision = self.committed.revision();
        let refused = RefusedChange {
            change,
            waker,
            reason,
            revision,
        };
        self.refused.insert(entry, refused);
    }

    /// Whether the ledger says so already. An application that is on its way counts as there.
    fn judge(&self, change: &Change, wall: Timestamp) -> Result<bool, Refused> {
        match is_in(&self.committed, change, wall) {
            Err(Refused::NoApplication) if self.application_is_coming(change) => Ok(false),
            judged => judged,
        }
    }

    fn application_is_coming(&self, change: &Change) -> bool {
        let Change::Token { tenant, .. } = change else {
            return false;
        };
        let entry = EntryKey::Application(*tenant);
        self.staged.contains_key(&entry) || self.in_flight.contains_key(&entry)
    }

    /// An entry that the found ledger had: its object is woken when the pods have confirmed that ledger.
    fn track_found(&mut self, entry: EntryKey, waker: WakeKey, change: &Change, now: Duration) {
        if self.tracked.contains_key(&entry) {
            return;
        }
        let needs = change.needs();
        let tracked = Tracked {
            since: self.found,
            needs,
            staged_at: None,
            waker,
            loaded: self.loaded(self.found, needs, None, now),
        };
        if tracked.loaded.is_none() {
            self.push_pending(entry, needs, self.found, now);
        }
        self.tracked.insert(entry, tracked);
    }

    fn push_pending(&mut self, entry: EntryKey, needs: Needs, revision: u64, now: Duration) {
        let pending = self.pending.entry((needs, revision)).or_insert(Pending {
            written_at: now,
            entries: Vec::new(),
            told: None,
        });
        pending.entries.push(entry);
    }

    /// How far a change has come. What is loaded stays so, whatever pods come later: a pod opens its doors only with a
    /// ledger of now.
    pub(crate) fn progress(&self, change: &Change, wall: Timestamp, now: Duration) -> Reach {
        let entry = change.entry();
        if let Some(reason) = self.refusal(change) {
            return Reach::Refused(reason.to_string());
        }
        match is_in(&self.committed, change, wall) {
            Ok(true) => self.propagation(entry, change.needs(), now),
            Err(reason) if !self.application_is_coming(change) => {
                Reach::Refused(reason.to_string())
            }
            Ok(false) | Err(_) => Reach::Staged,
        }
    }

    fn propagation(&self, entry: EntryKey, needs: Needs, now: Duration) -> Reach {
        let tracked = self.tracked.get(&entry);
        let revision = tracked.map_or(self.found, |tracked| tracked.since);
        let loaded = match tracked {
            Some(tracked) => tracked.loaded,
            None => self.loaded(revision, needs, None, now),
        };
        if let Some(Loaded { pods, of, seconds }) = loaded {
            return Reach::All {
                revision,
                pods,
                of,
                seconds,
            };
        }
        if self.roster.reach(needs, now).is_none() {
            return Reach::NoPods { revision };
        }
        let written_at = self
            .pending
            .get(&(needs, revision))
            .map_or(now, |pending| pending.written_at);
        if now < written_at.saturating_add(WAITING_AFTER) {
            return Reach::Telling { revision };
        }
        let (pods, of) = self.roster.counts(revision);
        let missing = self.roster.missing(needs, revision, now);
        Reach::Waiting {
            revision,
            pods,
            of,
            missing,
        }
    }

    fn loaded(
        &self,
        revision: u64,
        needs: Needs,
        staged_at: Option<Duration>,
        now: Duration,
    ) -> Option<Loaded> {
        let reach = self.roster.reach(needs, now)?;
        (reach >= revision).then(|| {
            let (pods, of) = self.roster.counts(revision);
            let seconds = staged_at.map(|at| now.saturating_sub(at));
            Loaded { pods, of, seconds }
        })
    }

    /// Takes everything that may be in the next revision. It is in flight until [`Desk::written`].
    pub(crate) fn take(&mut self) -> Vec<(EntryKey, Change)> {
        self.urgent = false;
        let allowed = self.removals_allowed;
        let taken = self
            .staged
            .extract_if(|_, staged| allowed || !staged.change.removes());
        let taken: Vec<(EntryKey, Staged)> = taken.collect();
        let changes = taken
            .iter()
            .map(|(entry, staged)| (*entry, staged.change.clone()))
            .collect();
        self.in_flight.extend(taken);
        changes
    }

    /// Whether something waits that must not wait for company.
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent
    }

    pub(crate) fn staged(&self) -> usize {
        self.staged.len()
    }

    /// The revision that has what was taken is in the Secrets: `committed`, or the old one if nothing differed.
    pub(crate) fn written(
        &mut self,
        committed: Arc<Committed>,
        refused: Vec<(EntryKey, Refused)>,
        now: Duration,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut refusals = Vec::new();
        for (entry, reason) in refused {
            if let Some(staged) = self.in_flight.remove(&entry) {
                outcome.wake.insert(staged.waker.clone());
                refusals.push((entry, staged, reason));
            }
        }
        let revision = committed.revision();
        self.committed = committed;
        outcome.wake.extend(self.adopted());
        for (entry, staged, reason) in refusals {
            self.refuse(entry, staged.change, staged.waker, reason);
        }
        for (entry, staged) in std::mem::take(&mut self.in_flight) {
            let needs = staged.change.needs();
            self.push_pending(entry, needs, revision, now);
            let tracked = Tracked {
                since: revision,
                needs,
                staged_at: Some(staged.at),
                waker: staged.waker,
                loaded: None,
            };
            self.tracked.insert(entry, tracked);
        }
        outcome
    }

    /// The tokens that were refused for want of their application, which the ledger has now: nobody else would look at
    /// them again.
    fn adopted(&self) -> impl Iterator<Item = WakeKey> {
        let waits = |refused: &&RefusedChange| match &refused.change {
            Change::Token { tenant, .. } if refused.reason == Refused::NoApplication => {
                let application = self.committed.application(*tenant);
                application.is_some_and(|application| !application.removed)
            }
            _ => false,
        };
        let refused = self.refused.values().filter(waits);
        refused.map(|refused| refused.waker.clone())
    }

    /// Wakes whoever's revision is loaded where it must be, or is not after [`WAITING_AFTER`].
    pub(crate) fn settle(&mut self, now: Duration) -> Outcome {
        let mut outcome = Outcome::default();
        for needs in [Needs::ReadyPods, Needs::AllPods] {
            if let Some(reach) = self.roster.reach(needs, now) {
                self.settle_loaded(needs, reach, now, &mut outcome);
            }
            self.tell_waiting(needs, now, &mut outcome);
        }
        outcome
    }

    fn settle_loaded(&mut self, needs: Needs, reach: u64, now: Duration, outcome: &mut Outcome) {
        let loaded: Vec<_> = self
            .pending
            .range((needs, 0)..=(needs, reach))
            .map(|(key, _)| *key)
            .collect();
        for (needs, revision) in loaded {
            let Some(pending) = self.pending.remove(&(needs, revision)) else {
                continue;
            };
            let (pods, of) = self.roster.counts(revision);
            for entry in pending.entries {
                let Some(tracked) = self.tracked.get_mut(&entry) else {
                    continue;
                };
                // A later revision changed it again.
                if (tracked.since, tracked.needs) != (revision, needs) {
                    continue;
                }
                let seconds = tracked.staged_at.map(|at| now.saturating_sub(at));
                tracked.loaded = Some(Loaded { pods, of, seconds });
                outcome.seconds.extend(seconds);
                outcome.wake.insert(tracked.waker.clone());
            }
        }
    }

    fn tell_waiting(&mut self, needs: Needs, now: Duration, outcome: &mut Outcome) {
        for ((_, revision), pending) in self.pending.range_mut((needs, 0)..=(needs, u64::MAX)) {
            if now < pending.written_at.saturating_add(WAITING_AFTER) {
                continue;
            }
            let missing = self.roster.missing(needs, *revision, now);
            if pending.told.as_ref() == Some(&missing) {
                continue;
            }
            pending.told = Some(missing);
            let wakers = pending
                .entries
                .iter()
                .filter_map(|entry| self.tracked.get(entry));
            outcome
                .wake
                .extend(wakers.map(|tracked| tracked.waker.clone()));
        }
    }

    /// When [`Desk::settle`] should be called again, whatever happens until then.
    pub(crate) fn next_deadline(&self, now: Duration) -> Option<Duration> {
        if self.pending.is_empty() {
            return None;
        }
        let waiting = self
            .pending
            .values()
            .map(|pending| pending.written_at.saturating_add(WAITING_AFTER))
            .filter(|end| *end > now)
            .min();
        waiting
            .into_iter()
            .chain(self.roster.next_deadline(now))
            .min()
    }
}

impl Change {
    /// The pods that it waits for.
    pub(crate) fn needs(&self) -> Needs {
        if self.restricts() {
            Needs::AllPods
        } else {
            Needs::ReadyPods
        }
    }
}

#[cfg(test)]
mod tests;
