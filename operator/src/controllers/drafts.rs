//! Keys that are drawn and stand in no Secret yet, and what is known of the tokens that wait for them. In memory alone: a
//! crash loses keys that nobody has seen.
//!
//! A reconcile that finds a draft draws nothing, so a token that is looked at ten times before the pods have its key gets
//! one id and one key.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use penstock_tenancy::{Key, TokenId};

/// How long it counts that there was no Secret: one that comes meanwhile is found when ours is created, and not replaced.
const NO_SECRET_FOR: Duration = Duration::from_mins(1);

/// The drafts of all tokens, by the UID of each.
#[derive(Debug, Default)]
pub(crate) struct Drafts(Mutex<HashMap<String, Draft>>);

#[derive(Debug)]
struct Draft {
    id: TokenId,
    key: Option<Key>,
    began: Duration,
    has_no_secret: bool,
}

impl Drafts {
    /// The id that was drawn for a token; another is drawn if there is none, or one that can no longer be had.
    pub(crate) fn id(
        &self,
        token: &str,
        may_have: impl Fn(TokenId) -> bool,
        draw: impl FnOnce() -> TokenId,
        now: Duration,
    ) -> TokenId {
        let mut drafts = self.0.lock();
        if let Some(draft) = drafts.get(token).filter(|draft| may_have(draft.id)) {
            return draft.id;
        }
        let id = draw();
        drafts.insert(token.to_owned(), Draft::new(id, now));
        id
    }

    /// Remembers a key from the moment it is drawn until [`Drafts::forget`]; and whether there was no Secret then.
    pub(crate) fn keep(
        &self,
        token: &str,
        id: TokenId,
        key: Key,
        has_no_secret: bool,
        now: Duration,
    ) {
        let mut drafts = self.0.lock();
        let draft = drafts
            .entry(token.to_owned())
            .or_insert_with(|| Draft::new(id, now));
        *draft = Draft {
            id,
            key: Some(key),
            began: now,
            has_no_secret,
        };
    }

    /// The key that was drawn for a token of this id.
    pub(crate) fn key(&self, token: &str, id: TokenId) -> Option<Key> {
        let drafts = self.0.lock();
        let draft = drafts.get(token).filter(|draft| draft.id == id);
        draft.and_then(|draft| draft.key.clone())
    }

    /// Whether the token had no Secret a moment ago, so that nobody need ask.
    pub(crate) fn has_no_secret(&self, token: &str, now: Duration) -> bool {
        let drafts = self.0.lock();
        drafts.get(token).is_some_and(|draft| {
            draft.has_no_secret && now < draft.began.saturating_add(NO_SECRET_FOR)
        })
    }

    /// It may have one now.
    pub(crate) fn may_have_secret(&self, token: &str) {
        if let Some(draft) = self.0.lock().get_mut(token) {
            draft.has_no_secret = false;
        }
    }

    /// How long the token has waited; `None`: it waits for nothing.
    pub(crate) fn age(&self, token: &str, now: Duration) -> Option<Duration> {
        let drafts = self.0.lock();
        drafts
            .get(token)
            .map(|draft| now.saturating_sub(draft.began))
    }

    /// The key is in its Secret, or nobody will ever need it.
    pub(crate) fn forget(&self, token: &str) {
        self.0.lock().remove(token);
    }
}

impl Draft {
    fn new(id: TokenId, began: Duration) -> Self {
        Self {
            id,
            key: None,
            began,
            has_no_secret: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(5);

    fn id(text: &str) -> TokenId {
        text.parse().unwrap()
    }

    #[test]
    fn one_id_is_drawn_until_it_can_no_longer_be_had() {
        let (drafts, first, second) = (Drafts::default(), id("AbCdEfGhIjK1"), id("AbCdEfGhIjK2"));
        assert_eq!(drafts.id("u", |_| true, || first, NOW), first);
        assert_eq!(drafts.id("u", |_| true, || second, NOW), first);
        drafts.keep("u", first, Key::parse(&"k".repeat(32)).unwrap(), true, NOW);
        assert_eq!(drafts.id("u", |id| id != first, || second, NOW), second);
        assert_eq!(drafts.key("u", first), None, "a key goes with its id");
    }

    #[test]
    fn that_there_was_no_secret_counts_for_a_while() {
        let (drafts, first) = (Drafts::default(), id("AbCdEfGhIjK1"));
        let key = Key::parse(&"k".repeat(32)).unwrap();
        drafts.keep("u", first, key.clone(), true, NOW);
        assert!(drafts.has_no_secret("u", NOW));
        assert!(!drafts.has_no_secret("u", NOW + NO_SECRET_FOR));
        assert_eq!(drafts.age("u", NOW * 2), Some(NOW));
        drafts.may_have_secret("u");
        assert!(!drafts.has_no_secret("u", NOW));
        assert_eq!(drafts.key("u", first), Some(key));
        drafts.forget("u");
        assert_eq!(drafts.age("u", NOW), None);
    }
}
