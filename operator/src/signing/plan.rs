//! Which keys there are, and when one follows another. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use penstock_model::Timestamp;
use penstock_tenancy::signed::LedgerKeyError;
use penstock_tenancy::{SigningKey, VerifyingKey};

use super::Signer;

/// How long the public half of a new key is shown before anything is signed with it: kubelet takes up to a minute and a
/// half.
pub const MOUNTED_AFTER: Duration = Duration::from_mins(5);

/// How long the public half of a replaced key is shown on.
pub const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

const KEY: &str = "key";
const NEXT: &str = "next";
const NEXT_SINCE: &str = "next-since";
const PREVIOUS: &str = "previous";
const PREVIOUS_SINCE: &str = "previous-since";
const REPLACED_FOR: &str = "replaced-for";

/// The keys of an installation.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) key: SigningKey,
    next: Option<(SigningKey, Timestamp)>,
    previous: Option<(VerifyingKey, Timestamp)>,
    replaced_for: Option<String>,
}

/// The Secret's entries are no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its entry `{0}` is missing or damaged")]
pub struct KeysError(&'static str);

impl Keys {
    pub(super) fn new(key: SigningKey) -> Self {
        Self {
            key,
            next: None,
            previous: None,
            replaced_for: None,
        }
    }

    pub(super) fn from_data(data: &BTreeMap<String, ByteString>) -> Result<Self, KeysError> {
        let entry = |name: &'static str| {
            data.get(name)
                .map(|bytes| std::str::from_utf8(&bytes.0).map_err(|_| KeysError(name)))
                .transpose()
        };
        let since = |name: &'static str| {
            let text = entry(name)?.ok_or(KeysError(name))?;
            let millis: i64 = text.trim().parse().map_err(|_| KeysError(name))?;
            Ok(Timestamp::from_millis(millis))
        };
        let private =
            |name: &'static str, text: &str| SigningKey::parse(text).map_err(|_| KeysError(name));
        let next = entry(NEXT)?
            .map(|text| Ok((private(NEXT, text)?, since(NEXT_SINCE)?)))
            .transpose()?;
        let previous = entry(PREVIOUS)?
            .map(|text| {
                let key = text.parse().map_err(|_| KeysError(PREVIOUS))?;
                Ok((key, since(PREVIOUS_SINCE)?))
            })
            .transpose()?;
        Ok(Self {
            key: private(KEY, entry(KEY)?.ok_or(KeysError(KEY))?)?,
            next,
            previous,
            replaced_for: entry(REPLACED_FOR)?.map(str::to_owned),
        })
    }

    pub(super) fn to_data(&self) -> BTreeMap<String, ByteString> {
        let mut data = BTreeMap::new();
        let mut put = |name: &str, text: String| {
            data.insert(name.to_owned(), ByteString(text.into_bytes()));
        };
        put(KEY, self.key.expose());
        if let Some((key, since)) = &self.next {
            put(NEXT, key.expose());
            put(NEXT_SINCE, since.to_string());
        }
        if let Some((key, since)) = &self.previous {
            put(PREVIOUS, key.to_string());
            put(PREVIOUS_SINCE, since.to_string());
        }
        if let Some(wish) = &self.replaced_for {
            put(REPLACED_FOR, wish.clone());
        }
        data
    }

    /// The keys after the next step, if one is due. `wish` is the annotation's value.
    pub(super) fn step(
        self,
        wish: Option<&str>,
        now: Timestamp,
        draw: impl FnOnce() -> Result<SigningKey, LedgerKeyError>,
    ) -> Result<Option<Self>, LedgerKeyError> {
        let is_over = |since: Timestamp, wait: Duration| {
            let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            now >= since.saturating_add_millis(wait)
        };
        Ok(match self {
            Self {
                key,
                next: Some((next, since)),
                replaced_for,
                previous: _,
            } if is_over(since, MOUNTED_AFTER) => Some(Self {
                previous: Some((key.verifying_key(), now)),
                key: next,
                next: None,
                replaced_for,
            }),
            Self {
                next: None,
                previous: Some((_, since)),
                ..
            } if is_over(since, FORGOTTEN_AFTER) => Some(Self {
                previous: None,
                ..self
            }),
            // One at a time: pods know two keys at most.
            Self {
                next: None,
                previous: None,
                ..
            } if wish.is_some() && wish != self.replaced_for.as_deref() => Some(Self {
                next: Some((draw()?, now)),
                replaced_for: wish.map(str::to_owned),
                ..self
            }),
            _ => None,
        })
    }

    /// One a line, as pods read them.
    pub(super) fn verify_keys(&self) -> String {
        let keys: Vec<String> = self
            .believed()
            .iter()
            .map(VerifyingKey::to_string)
            .collect();
        keys.join("\n") + "\n"
    }

    fn believed(&self) -> Vec<VerifyingKey> {
        let next = self.next.as_ref().map(|(key, _)| key.verifying_key());
        let previous = self.previous.as_ref().map(|(key, _)| *key);
        [Some(self.key.verifying_key()), next, previous]
            .into_iter()
            .flatten()
            .collect()
    }

    pub(super) fn into_signer(self) -> Signer {
        Signer {
            believed: self.believed(),
            key: self.key,
        }
    }
}

#[cfg(test)]
mod tests;
