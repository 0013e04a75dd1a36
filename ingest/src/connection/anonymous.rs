//! A session that has not said who it is: it may ask questions, and write lines that carry their own token.

use tokio_util::sync::CancellationToken;

use super::authenticated::Authenticated;
use crate::write::gate::{Denied, Gate};

/// Before `auth`.
#[derive(Debug, Default)]
pub(super) struct Anonymous {
    never_cut: CancellationToken,
}

impl Anonymous {
    /// Never cancelled: a session without a token has nothing that could be taken from it.
    pub(super) fn cut(&self) -> &CancellationToken {
        &self.never_cut
    }

    /// Becomes the session of a token. There is no way back; a session may only change to another token.
    pub(super) fn authenticate(
        gate: &Gate<'_>,
        credential: &[u8],
    ) -> Result<Authenticated, Denied> {
        let (grant, permit) = gate.admit(credential)?;
        Ok(Authenticated::new(grant, permit))
    }
}
