//! The keys of a token as its status names them.

use std::collections::HashMap;

use penstock_model::Timestamp;
use penstock_tenancy::{KeyHash, LedgerKey};

use super::{TokenFacts, time};
use crate::{KeyState, KeyStatus, TokenStatus};

/// The name of a key in the open: the first eight digits of its hash, as the ingest pods name it too.
pub fn fingerprint(hash: KeyHash) -> String {
    hash.to_string().chars().take(8).collect()
}

impl TokenFacts<'_> {
    /// The keys that were handed out and are taken, the newest first. One that was not told before has the number before
    /// that of its successor.
    pub(super) fn key_statuses(
        &self,
        before: Option<&TokenStatus>,
        now: Timestamp,
    ) -> Vec<KeyStatus> {
        let told = before.map_or(&[][..], |before| &before.keys);
        let by_name: HashMap<_, _> = told.iter().map(|key| (&*key.fingerprint, key)).collect();
        let is_held = |key: &&LedgerKey| self.held == Some(key.hash);
        let others = self.keys.iter().rev().filter(|key| !is_held(key));
        // One that was told stays told until its end, also while the Secret is lost and nothing has taken its place.
        let was_told = |key: &LedgerKey| {
            let name = fingerprint(key.hash);
            told.iter().any(|told| told.fingerprint == name)
        };
        let retiring = others.filter(|key| match key.not_after {
            Some(end) => end > now,
            None => was_told(key),
        });
        let mut next = self.version;
        let mut statuses = Vec::new();
        for key in self.keys.iter().filter(is_held).chain(retiring) {
            let is_held = is_held(&key);
            let name = fingerprint(key.hash);
            let before = by_name.get(&*name);
            let version = match before {
                Some(before) if !is_held => before.version,
                _ => next,
            };
            next = version - 1;
            let used_before = before.and_then(|before| before.last_used.clone());
            let used = self.last_used.get(&name).map(|used| time(*used));
            statuses.push(KeyStatus {
                version,
                fingerprint: name,
                state: if is_held {
                    KeyState::Active
                } else {
                    KeyState::Retiring
                },
                not_after: key.not_after.map(time),
                // A pod that has started again has forgotten.
                last_used: used
                    .into_iter()
                    .chain(used_before)
                    .max_by_key(|time| time.0),
            });
        }
        statuses
    }
}
