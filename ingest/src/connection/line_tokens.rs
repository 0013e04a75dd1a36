//! The grants of `ovh.auth` tags: collectors that cannot send `auth` put the same tag on every line, so a
//! session remembers the few that it has seen.

use std::fmt;
use std::sync::Arc;

use super::gate::{Denied, Gate};
use crate::auth::Grant;
use crate::limit::ConnectionPermit;

/// Tokens that a session remembers; one more pushes out the one that was used longest ago.
const TOKENS_MAX: usize = 8;

/// What a session remembers, the latest first.
#[derive(Debug, Default)]
pub(super) struct LineTokens(Vec<LineToken>);

struct LineToken {
    credential: Box<[u8]>,
    grant: Arc<Grant>,
    _permit: ConnectionPermit,
}

impl LineTokens {
    /// The grant of a line's credential.
    #[inline]
    pub(super) fn grant(
        &mut self,
        credential: &[u8],
        gate: &Gate<'_>,
    ) -> Result<&Arc<Grant>, Denied> {
        let at = self
            .0
            .iter()
            .position(|token| *token.credential == *credential);
        match at {
            Some(0) => {}
            Some(at) => {
                let token = self.0.remove(at);
                self.0.insert(0, token);
            }
            None => self.admit(credential, gate)?,
        }
        let token = self.0.first_mut().ok_or(Denied::NoCredential)?;
        if token.grant.is_superseded() {
            token.grant = gate.renew(&token.grant)?;
        }
        Ok(&token.grant)
    }

    /// Forgets tokens whose right has ended; their next line is checked anew and told why.
    pub(super) fn forget_cut(&mut self) {
        self.0.retain(|token| !token.grant.cut().is_cancelled());
    }

    /// The token of the latest line that had one.
    pub(super) fn latest(&self) -> Option<&Arc<Grant>> {
        self.0.first().map(|token| &token.grant)
    }

    #[cold]
    fn admit(&mut self, credential: &[u8], gate: &Gate<'_>) -> Result<(), Denied> {
        let (grant, permit) = gate.admit(credential)?;
        self.0.truncate(TOKENS_MAX - 1);
        let token = LineToken {
            credential: credential.into(),
            grant,
            _permit: permit,
        };
        self.0.insert(0, token);
        Ok(())
    }
}

impl fmt::Debug for LineToken {
    /// Never shows the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineToken")
            .field("token", &self.grant.token())
            .finish_non_exhaustive()
    }
}
