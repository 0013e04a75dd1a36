//! The keys of one token over time: which hashes the ledger must hold, and which key its Secret may hold.
//!
//! ```text
//!    drawn            loaded by the pods      in the Secret            overlap over
//!    ──┬──────────────────┬───────────────────────┬────────────────────────┬──────────▶
//!      │ ledger: old, new │ the Secret gets new   │ ledger: old notAfter   │ ledger: new
//! ```
//!
//! [`plan`] looks at what is there, not at what was done before: it can be asked at any moment, also by a leader that
//! knows nothing of the former one. It answers the hashes that the ledger must hold now and one next step. What it
//! promises, whatever crashes in between:
//!
//! - A key is in the ledger before it is in the Secret: whatever can be read can be used.
//! - A key that may have been handed out leaves only by its `notAfter`, and gets one only when the Secret holds another.
//! - What stands in the Secret has no end, also if somebody or a late write has put an older key back that is still taken.
//! - A key that was drawn and never handed out (an orphan of a crash) stays until its slot is needed, and goes only when
//!   no former leader's write can still hand it out; the newest goes first.

use penstock_model::Timestamp;
use penstock_tenancy::token::KEYS_MAX;
use penstock_tenancy::{KeyHash, LedgerKey};

use crate::Span;

/// What there is of a token's keys.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, named where they are given"
)]
pub struct Situation<'a> {
    /// The hashes in the ledger, staged changes included, in the order in which they came.
    pub recorded: &'a [LedgerKey],
    /// The key that the token's Secret holds, or stands for; `None` if there is no Secret or no key can be read from it.
    pub held: Option<KeyHash>,
    /// Whether the token's status says that a key was handed out.
    pub is_announced: bool,
    /// Whether there is a Secret of the token's, whatever it holds.
    pub has_secret: bool,
    /// The key that the Secret shall hold, if it is known: the user's, or one that was drawn and is not handed out yet.
    pub candidate: Option<Candidate>,
    /// Whether the time has come for a new key, by schedule or trigger. Only of interest for keys that are drawn.
    pub due: bool,
    /// How long a key is taken after another has replaced it in the Secret.
    pub overlap: Span,
    /// Whether no write of a former leader can still arrive.
    pub settled: bool,
    /// The present.
    pub now: Timestamp,
}

/// A key that the Secret shall hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// It was drawn, and stands nowhere but in memory.
    Drawn(KeyHash),
    /// The user brings it along.
    Brought(KeyHash),
}

/// What to do about a token's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The hashes that the ledger must hold. One that has its end already may leave it.
    pub keys: Vec<LedgerKey>,
    /// What comes next.
    pub step: Step,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: the Secret holds the right key, and every other one has its end.
    Settled,
    /// Nothing yet: the Secret holds the right key, but a former leader's write may still put another one in its place.
    Settling,
    /// Draw a key, keep it in memory and plan again.
    Draw,
    /// When the pods have loaded the ledger with `keys`, put this key into the Secret and plan again.
    HandOut(HandOut),
    /// All slots are taken by keys that may be in use. One is free at this moment; `None`: as soon as orphans may go.
    Full(Option<Timestamp>),
}

/// A key that may be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOut {
    /// Its hash.
    pub key: KeyHash,
    /// Whether the token's status must say so first: it is the first one, and only the status can tell it from the orphans
    /// beside it, should its Secret be lost at once.
    pub announce: bool,
}

/// Decides.
pub fn plan(situation: Situation<'_>) -> Plan {
    let mut slots = Slots::of(situation);
    let held = situation.held.filter(|held| slots.revive(*held));
    let is_right = match situation.candidate {
        Some(Candidate::Brought(brought)) => held == Some(brought),
        Some(Candidate::Drawn(_)) | None => held.is_some() && !situation.due,
    };
    let step = match (is_right, situation.candidate) {
        (true, _) if slots.close_all_but(held) => Step::Settled,
        (true, _) => Step::Settling,
        (false, None) => slots.room().map_or_else(Step::Full, |()| Step::Draw),
        (false, Some(Candidate::Drawn(key) | Candidate::Brought(key))) => {
            let announce =
                !situation.is_announced && slots.keys.iter().any(|other| other.hash != key);
            let hand_out = || Step::HandOut(HandOut { key, announce });
            slots.open(key).map_or_else(Step::Full, |()| hand_out())
        }
    };
    Plan {
        keys: slots.keys,
        step,
    }
}

/// The hashes of a token, at most [`KEYS_MAX`] of them alive.
struct Slots<'a> {
    situation: Situation<'a>,
    keys: Vec<LedgerKey>,
}

impl<'a> Slots<'a> {
    fn of(situation: Situation<'a>) -> Self {
        let keys = situation.recorded.iter();
        let alive = keys.filter(|key| is_alive(key, situation.now)).cloned();
        Self {
            situation,
            keys: alive.collect(),
        }
    }

    /// Takes the end away from a key that is still taken: what stands in the Secret must not die. Whether there is such a
    /// key.
    fn revive(&mut self, hash: KeyHash) -> bool {
        let found = self.keys.iter_mut().find(|key| key.hash == hash);
        found.map(|key| key.not_after = None).is_some()
    }

    /// Gives every open key but this one its end. Whether all have it: a key that a former leader's write may still hand
    /// out gets none.
    fn close_all_but(&mut self, held: Option<KeyHash>) -> bool {
        let end = later(self.situation.now, self.situation.overlap);
        let is_open = |key: &&mut LedgerKey| Some(key.hash) != held && key.not_after.is_none();
        let mut open = self.keys.iter_mut().filter(is_open);
        if self.situation.settled {
            open.for_each(|key| key.not_after = Some(end));
            true
        } else {
            open.next().is_none()
        }
    }

    /// Makes the key one that is taken without an end.
    fn open(&mut self, hash: KeyHash) -> Result<(), Option<Timestamp>> {
        if let Some(key) = self.keys.iter_mut().find(|key| key.hash == hash) {
            key.not_after = None;
            return Ok(());
        }
        self.room()?;
        self.keys.push(LedgerKey {
            hash,
            not_after: None,
        });
        Ok(())
    }

    /// Sees to it that one more key has its place; the error tells when there is one.
    fn room(&mut self) -> Result<(), Option<Timestamp>> {
        let now = self.situation.now;
        let alive = self.keys.iter().filter(|key| is_alive(key, now)).count();
        if alive < KEYS_MAX {
            return Ok(());
        }
        if !self.situation.settled {
            let ends = self.keys.iter().filter_map(|key| key.not_after);
            return Err(ends.min());
        }
        if let Some(orphan) = self.newest_orphan() {
            orphan.not_after = Some(now);
            return Ok(());
        }
        // Any of them may be in use, and nobody can read a newer one: their overlap begins now.
        self.close_all_but(self.situation.held);
        Err(self.keys.iter().filter_map(|key| key.not_after).min())
    }

    /// A key that nobody can have: every key after the one in the Secret, for a key that is handed out is the newest then;
    /// and every key of a token whose Secret has never been written.
    fn newest_orphan(&mut self) -> Option<&mut LedgerKey> {
        let is_open = |key: &LedgerKey| key.not_after.is_none();
        let newest = self.keys.iter().rposition(is_open)?;
        let is_held = |key: &LedgerKey| Some(key.hash) == self.situation.held && is_open(key);
        let is_orphan = match self.keys.iter().position(is_held) {
            Some(held) => newest > held,
            None => !self.may_be_in_use(),
        };
        self.keys.get_mut(newest).filter(|_| is_orphan)
    }

    /// Whether any key may have been handed out.
    fn may_be_in_use(&self) -> bool {
        let is_replaced = |key: &LedgerKey| key.not_after.is_some();
        self.situation.is_announced
            || self.situation.has_secret
            || self.keys.iter().any(is_replaced)
    }
}

fn is_alive(key: &LedgerKey, now: Timestamp) -> bool {
    key.not_after.is_none_or(|end| now < end)
}

/// Rounded up to whole seconds, as resources tell it.
fn later(moment: Timestamp, span: Span) -> Timestamp {
    let end = moment.millis().saturating_add(span.millis());
    Timestamp::from_millis(
        end.saturating_add(999)
            .div_euclid(1_000)
            .saturating_mul(1_000),
    )
}

#[cfg(test)]
mod tests;
