//! What is told when a Secret has got another key. Pure.

use std::fmt::Display;

use kube::runtime::events::{Event, EventType};

use super::super::status::note;

/// Why a Secret has got a key that is not its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewKey {
    /// Its user has brought it along.
    Brought,
    /// The Secret was deleted, or edited so that its key was none of the token's.
    Lost,
    /// Its time had come.
    Scheduled,
    /// `spec.rotation.trigger` has changed.
    Triggered,
}

impl NewKey {
    /// The event that tells it.
    pub(crate) fn event(self, secret: &str, version: i64, overlap: &impl Display) -> Event {
        let (type_, reason, text) = match self {
            Self::Brought => (
                EventType::Normal,
                "KeyTaken",
                format!(
                    "the Secret {secret} holds the key of version {version}, which was brought along"
                ),
            ),
            Self::Lost => (
                EventType::Warning,
                "KeyReplaced",
                format!(
                    "the Secret {secret} was deleted or edited by hand: it holds a new key of version {version}. Whoever copied the old one has {overlap} to read it anew"
                ),
            ),
            Self::Scheduled | Self::Triggered => {
                let why = if self == Self::Scheduled {
                    "by schedule, spec.rotation.every"
                } else {
                    "by spec.rotation.trigger"
                };
                let text = format!(
                    "the Secret {secret} holds a new key of version {version}, {why}; the old one is taken for another {overlap}"
                );
                (EventType::Normal, "KeyRotated", text)
            }
        };
        note(type_, reason, "HandOut", &text)
    }
}
