//! A token in a cache, of whatever kind.

use kube::core::ObjectMeta;
use penstock_api::{Kind, Reason, TokenSpec, TokenStatus};

use crate::controllers::kinds::{Guarded, TokenKind};

/// A token in a cache, of whatever kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) kind: Kind,
    pub(crate) metadata: &'a ObjectMeta,
    pub(crate) spec: &'a TokenSpec,
    pub(crate) status: Option<&'a TokenStatus>,
}

impl Listed<'_> {
    /// Whether it was refused for want of room.
    pub(super) fn is_over_quota(&self) -> bool {
        let conditions = self.status.map_or(&[][..], |status| &status.conditions);
        conditions
            .iter()
            .any(|condition| condition.reason == Reason::QuotaExceeded.as_str())
    }
}

/// Looks at a token, if it can be read.
pub(super) fn look_at<K: TokenKind>(token: &Guarded<K>, look: &mut impl FnMut(&Listed<'_>)) {
    if let Ok(token) = &token.0 {
        look(&Listed {
            kind: K::KIND,
            metadata: token.meta(),
            spec: token.token_spec(),
            status: token.token_status(),
        });
    }
}
