//! What is told about a token: which step it is at, why it is not ready, what to do.

mod keys;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff;
use penstock_model::Timestamp;
use penstock_tenancy::{KeyHash, LedgerKey, TokenId};

use crate::condition::{Conditions, Verdict};
use crate::entry::moment;
use crate::problem::Problem;
use crate::propagation::Reach;
use crate::rotation::Step;
use crate::{State, Token, TokenStatus};

pub use keys::fingerprint;

/// What there is to tell about a token.
#[derive(Clone, Debug)]
pub struct TokenFacts<'a> {
    /// Why it cannot be used, if it cannot.
    pub problem: Option<&'a Problem>,
    /// Its public name, once there is one.
    pub id: Option<TokenId>,
    /// The hashes that the ledger has or is to have.
    pub keys: &'a [LedgerKey],
    /// The key that stands in the Secret.
    pub held: Option<KeyHash>,
    /// When keys were last used, by their fingerprints, as far as the pods have told.
    pub last_used: &'a BTreeMap<String, Timestamp>,
    /// How many keys were handed out: the number of the one that stands in the Secret.
    pub version: i64,
    /// Its Secret.
    pub secret: SecretFacts,
    /// What comes next for its keys.
    pub step: Step,
    /// How far its entry has come.
    pub reach: Reach,
    /// When the key will be replaced by schedule.
    pub next_rotation: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Whether it is, or has once been, revoked: that is final.
    pub is_revoked: bool,
    /// Whether its application is paused.
    pub is_application_paused: bool,
}

/// What there is to tell about a token's Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFacts {
    /// It is not written yet.
    Missing,
    /// It holds what it should.
    Written,
    /// Somebody else's Secret has its name.
    Conflict,
    /// It cannot be written: what the API server said.
    Failed(String),
}

/// A moment as resources write it, in whole seconds.
pub fn time(moment: Timestamp) -> Time {
    let second = moment.millis().div_euclid(1_000);
    Time(jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

/// The status that tells it.
pub fn token_status(token: &Token, facts: &TokenFacts<'_>, now: Timestamp) -> TokenStatus {
    let before = token.status();
    let generation = token.metadata().generation;
    let told = before.map_or(&[][..], |status| &status.conditions);
    let mut conditions = Conditions::after(told, generation, time(now));
    for (type_, verdict) in [
        ("Ready", facts.ready(token, now)),
        ("Accepted", facts.accepted()),
        ("SecretReady", facts.secret_ready(token)),
        ("Propagated", facts.reach.propagated()),
        ("Rotating", facts.rotating(now)),
        ("Expired", facts.expired(now)),
        ("Revoked", facts.revoked()),
    ] {
        conditions.set(type_, verdict);
    }
    let secret_name = match facts.secret {
        SecretFacts::Written => Some(token.secret_name()),
        _ => before.and_then(|before| before.secret_name.clone()),
    };
    let keys = facts.key_statuses(before, now);
    let used = keys.iter().filter_map(|key| key.last_used.clone());
    let used_before = before.and_then(|before| before.last_used.clone());
    TokenStatus {
        observed_generation: generation,
        id: facts.id.map(|id| id.to_string()),
        secret_name,
        last_used: used.chain(used_before).max_by_key(|time| time.0),
        keys,
        next_rotation: facts.next_rotation.map(time),
        expires_at: facts.expires_at.map(time),
        propagation: facts
            .reach
            .told(before.and_then(|before| before.propagation.as_ref())),
        conditions: conditions.into_list(),
    }
}

impl TokenFacts<'_> {
    /// Whether all is well and a key is about to be handed out.
    pub fn is_on_its_way(&self) -> bool {
        let is_moving = matches!(self.reach, Reach::Staged | Reach::Telling { .. });
        self.problem.is_none() && is_moving && matches!(self.step, Step::HandOut(_))
    }

    fn accepted(&self) -> Verdict {
        match self.problem {
            None => Verdict::yes("Accepted", ""),
            Some(problem) => Verdict::no(problem.reason.as_str(), problem.advice()),
        }
    }

    /// The summary: the first thing that is in the way.
    fn ready(&self, token: &Token, now: Timestamp) -> Verdict {
        let spec = token.spec();
        if self.is_revoked {
            return Verdict::no(
                "Revoked",
                "it was revoked, which is final: every pod refuses it for ever. Make another token",
            );
        }
        if self.problem.is_some() {
            return self.accepted();
        }
        if let Some(end) = self.expires_at.filter(|end| *end <= now) {
            let message = format!(
                "it ended at {}, by spec.expiresAt or by spec.tokens.maxTTL of its application: set that later, or make another token",
                shown(end)
            );
            return Verdict::no("Expired", message);
        }
        if spec.state == State::Paused {
            return Verdict::no(
                "Paused",
                "spec.state is Paused, and every pod refuses it: set it to Active",
            );
        }
        if self.is_application_paused {
            let (namespace, name) = token.application();
            let message = format!(
                "the MetricsApplication {namespace}/{name} is paused: set its spec.paused to false"
            );
            return Verdict::no("ApplicationPaused", message);
        }
        if let Some(start) = spec
            .not_before
            .as_ref()
            .map(moment)
            .filter(|start| now < *start)
        {
            let message = format!(
                "it is refused before {}, its spec.notBefore: wait, or set that earlier",
                shown(start)
            );
            return Verdict::no("NotYetValid", message);
        }
        match self.secret {
            SecretFacts::Written if self.reach.is_all() => {
                Verdict::yes("Works", "the key in its Secret works on every pod")
            }
            SecretFacts::Written => self.reach.propagated(),
            _ => self.secret_ready(token),
        }
    }

    fn secret_ready(&self, token: &Token) -> Verdict {
        let name = token.secret_name();
        match &self.secret {
            SecretFacts::Written => Verdict::yes(
                "Written",
                format!(
                    "the Secret {name} holds the key of version {}",
                    self.version
                ),
            ),
            SecretFacts::Conflict => Verdict::no(
                "SecretConflict",
                format!(
                    "the Secret {name} belongs to something else and is left alone: remove it, choose another spec.secret.name, or annotate it with penstock.dev/adopt=\"true\""
                ),
            ),
            SecretFacts::Failed(why) => Verdict::no(
                "SecretFailed",
                format!(
                    "the Secret {name} cannot be written, which is tried again every 10 s. Mend what the API server says: {why}"
                ),
            ),
            SecretFacts::Missing if self.is_revoked => {
                Verdict::no("Revoked", "a revoked token gets no Secret")
            }
            SecretFacts::Missing if self.problem.is_some() => Verdict::no(
                "NotAccepted",
                format!(
                    "the Secret {name} is written as soon as the token is accepted: see the condition Accepted"
                ),
            ),
            SecretFacts::Missing => match self.step {
                Step::Full(_) => self.full(),
                _ => match &self.reach {
                    Reach::Refused(_) | Reach::Waiting { .. } | Reach::NoPods { .. } => {
                        self.reach.propagated()
                    }
                    _ => Verdict::no(
                        "WaitingForPods",
                        format!(
                            "the Secret {name} is written as soon as every Ready pod knows the key"
                        ),
                    ),
                },
            },
        }
    }

    fn full(&self) -> Verdict {
        let comes = match self.step {
            Step::Full(Some(end)) => format!(
                "when one of them ends, at {}. A shorter spec.rotation.overlap ends replaced keys sooner",
                shown(end)
            ),
            _ => "two minutes after the operator's start, when those go that were never handed out"
                .to_owned(),
        };
        Verdict::no(
            "KeysFull",
            format!(
                "four keys are taken already, as many as a token has: the new one comes {comes}"
            ),
        )
    }

    fn rotating(&self, now: Timestamp) -> Verdict {
        let retiring = self
            .keys
            .iter()
            .filter(|key| key.not_after.is_some_and(|end| end > now));
        match self.step {
            Step::Full(_) => Verdict { ..self.full() },
            Step::Draw | Step::HandOut(_) if self.held.is_some() => Verdict::yes(
                "Staged",
                "a new key is on its way to the pods; then the Secret gets it",
            ),
            Step::Settling => Verdict::yes(
                "Settling",
                "the replaced keys get their end two minutes after the operator's start",
            ),
            _ => match retiring.filter_map(|key| key.not_after).max() {
                Some(end) => Verdict::yes(
                    "Overlap",
                    format!("a replaced key is taken until {}", shown(end)),
                ),
                None => Verdict::no("Stable", ""),
            },
        }
    }

    fn expired(&self, now: Timestamp) -> Verdict {
        match self.expires_at {
            None => Verdict::no("NoEnd", ""),
            Some(end) if end <= now => {
                Verdict::yes("Expired", format!("it ended at {}", shown(end)))
            }
            Some(end) => Verdict::no("NotYet", format!("it ends at {}", shown(end))),
        }
    }

    fn revoked(&self) -> Verdict {
        if self.is_revoked {
            Verdict::yes("Revoked", "every pod refuses it for ever")
        } else {
            Verdict::no("NotRevoked", "")
        }
    }
}

fn shown(moment: Timestamp) -> String {
    time(moment).0.to_string()
}

#[cfg(test)]
mod tests;
