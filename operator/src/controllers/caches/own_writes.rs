//! Secrets that this process writes, so that the watch's news of its own writes wakes nobody.
//!
//! The news may come before the answer to the write does. So each write is announced first, and what is seen meanwhile is
//! kept until the answer tells whether it was that.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use parking_lot::Mutex;
use penstock_api::ObjectName;

use super::index::Place;
use crate::publisher::Wakes;

/// One write of a Secret. Dropped, it is over, whether it was answered or not: what was seen of others' changes meanwhile
/// wakes the token then.
#[derive(Debug)]
pub(crate) struct OwnWrite<'a> {
    writes: &'a OwnWrites,
    wakes: &'a Wakes,
    token: ObjectName,
    secret: Place,
    made: Option<String>,
}

impl<'a> OwnWrite<'a> {
    pub(super) fn begin(
        writes: &'a OwnWrites,
        wakes: &'a Wakes,
        token: ObjectName,
        secret: &str,
    ) -> Self {
        let secret = (token.namespace.clone(), secret.to_owned());
        writes.begin(secret.clone());
        Self {
            writes,
            wakes,
            token,
            secret,
            made: None,
        }
    }

    /// The API server has answered with this.
    pub(crate) fn made(&mut self, written: &Secret) {
        self.made = written.resource_version();
    }
}

impl Drop for OwnWrite<'_> {
    fn drop(&mut self) {
        if self.writes.end(&self.secret, self.made.take()) {
            self.wakes.wake([self.token.clone()]);
        }
    }
}

/// Writes of Secrets whose news has not come yet.
#[derive(Debug, Default)]
pub(super) struct OwnWrites(Mutex<HashMap<Place, Write>>);

#[derive(Debug, PartialEq, Eq)]
enum Write {
    /// On its way; the last version that was seen since.
    OnItsWay(Option<String>),
    /// Answered: it made this version.
    Done(String),
}

impl OwnWrites {
    /// A Secret is about to be written. Only one write of it is on its way at a time.
    fn begin(&self, secret: Place) {
        self.0.lock().insert(secret, Write::OnItsWay(None));
    }

    /// The write was answered, with the version that it made, or failed. Says whether something else than that was seen
    /// meanwhile.
    fn end(&self, secret: &Place, version: Option<String>) -> bool {
        let mut writes = self.0.lock();
        let seen = match writes.remove(secret) {
            Some(Write::OnItsWay(seen)) => seen,
            Some(Write::Done(_)) | None => None,
        };
        match (seen, version) {
            (None, None) => false,
            (None, Some(version)) => {
                writes.insert(secret.clone(), Write::Done(version));
                false
            }
            (Some(seen), version) => Some(seen) != version,
        }
    }

    /// A version of a Secret was seen, its end included. Says whether that may concern its token.
    pub(super) fn is_news(&self, secret: &Place, version: Option<String>) -> bool {
        let mut writes = self.0.lock();
        match writes.get_mut(secret) {
            None => true,
            Some(Write::OnItsWay(seen)) => {
                *seen = Some(version.unwrap_or_default());
                false
            }
            Some(Write::Done(done)) => {
                let is_own = version.as_ref() == Some(done);
                writes.remove(secret);
                !is_own
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Place {
        ("team".to_owned(), "sensors".to_owned())
    }

    #[test]
    fn its_own_version_is_no_news_whichever_comes_first() {
        let writes = OwnWrites::default();
        writes.begin(secret());
        assert!(!writes.end(&secret(), Some("7".to_owned())));
        assert!(!writes.is_news(&secret(), Some("7".to_owned())));
        assert!(writes.is_news(&secret(), Some("7".to_owned())), "once");
        writes.begin(secret());
        assert!(!writes.is_news(&secret(), Some("8".to_owned())));
        assert!(!writes.end(&secret(), Some("8".to_owned())));
        assert!(writes.is_news(&secret(), Some("9".to_owned())));
        assert!(writes.0.lock().is_empty());
    }

    #[test]
    fn what_somebody_else_did_meanwhile_is_news() {
        let writes = OwnWrites::default();
        writes.begin(secret());
        writes.is_news(&secret(), Some("8".to_owned()));
        writes.is_news(&secret(), Some("9".to_owned()));
        assert!(writes.end(&secret(), Some("8".to_owned())));
        writes.begin(secret());
        writes.is_news(&secret(), Some("10".to_owned()));
        assert!(writes.end(&secret(), None), "and a write that failed");
        writes.begin(secret());
        assert!(!writes.end(&secret(), Some("11".to_owned())));
        assert!(
            writes.is_news(&secret(), Some("12".to_owned())),
            "the news of 11 was passed over"
        );
        assert!(writes.0.lock().is_empty());
    }
}
