//! The grants of points' own `ovh.auth` tags. Collectors that cannot authenticate otherwise put the same tag on
//! every point, so a session or request remembers the few that it has seen.

use std::fmt;
use std::sync::Arc;

use super::gate::{Denied, Gate};
use crate::auth::Grant;
use crate::limit::ConnectionPermit;

/// Tokens that are remembered; one more pushes out the one that was used longest ago.
const TOKENS_MAX: usize = 8;

/// What is remembered, the latest first.
#[derive(Debug, Default)]
pub(crate) struct PointTokens(Vec<PointToken>);

struct PointToken {
    credential: Box<[u8]>,
    grant: Arc<Grant>,
    _permit: ConnectionPermit,
}

impl PointTokens {
    /// The grant of a point's credential.
    #[inline]
    pub(crate) fn grant(
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

    /// Forgets tokens whose right has ended; their next point is checked anew and told why.
    pub(crate) fn forget_cut(&mut self) {
        self.0.retain(|token| !token.grant.cut().is_cancelled());
    }

    /// The token of the latest point that had one.
    pub(crate) fn latest(&self) -> Option<&Arc<Grant>> {
        self.0.first().map(|token| &token.grant)
    }

    #[cold]
    fn admit(&mut self, credential: &[u8], gate: &Gate<'_>) -> Result<(), Denied> {
        let (grant, permit) = gate.admit(credential)?;
        self.0.truncate(TOKENS_MAX - 1);
        let token = PointToken {
            credential: credential.into(),
            grant,
            _permit: permit,
        };
        self.0.insert(0, token);
        Ok(())
    }
}

impl fmt::Debug for PointToken {
    /// Never shows the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PointToken")
            .field("token", &self.grant.token())
            .finish_non_exhaustive()
    }
}
