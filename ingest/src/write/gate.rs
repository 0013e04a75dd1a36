//! Where points and their senders show their credentials.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use penstock_tenancy::{Credential, Permission, Protocol};

use crate::auth::{AuthError, Authenticator, Grant};
use crate::limit::{ConnectionPermit, LimitExceeded};

/// Checks the credentials of writers that come from one peer over one protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate<'a> {
    authenticator: &'a Authenticator,
    protocol: Protocol,
    source: IpAddr,
}

/// Why somebody may not write. Never quotes what was shown.
#[derive(Debug)]
pub(crate) enum Denied {
    /// Neither `auth` nor a tag of the line.
    NoCredential,
    /// The credential.
    Auth(AuthError),
    /// The token or its application has too many connections.
    Limit(LimitExceeded),
}

impl<'a> Gate<'a> {
    pub(crate) fn new(
        authenticator: &'a Authenticator,
        protocol: Protocol,
        source: IpAddr,
    ) -> Self {
        Self {
            authenticator,
            protocol,
            source,
        }
    }

    /// The grant of a credential in any of its forms, counted as one more connection of its token.
    pub(crate) fn admit(
        &self,
        credential: &[u8],
    ) -> Result<(Arc<Grant>, ConnectionPermit), Denied> {
        let credential = Credential::parse(credential)
            .map_err(|error| Denied::Auth(AuthError::Malformed(error)))?;
        let grant = self
            .authenticator
            .check(&credential, self.protocol, self.source)?;
        grant.require(Permission::Write).map_err(AuthError::from)?;
        let permit = grant.limits().connect().map_err(Denied::Limit)?;
        Ok((grant, permit))
    }

    /// The same grant, or what the ledger has made of it since.
    pub(crate) fn renew(&self, grant: &Arc<Grant>) -> Result<Arc<Grant>, Denied> {
        if !grant.is_superseded() {
            return Ok(Arc::clone(grant));
        }
        let renewed = self
            .authenticator
            .renew(grant, self.protocol, self.source)?;
        renewed
            .require(Permission::Write)
            .map_err(AuthError::from)?;
        Ok(renewed)
    }

    /// Why the sessions of this grant were cut.
    pub(crate) fn why_cut(&self, grant: &Grant) -> Denied {
        match self.authenticator.renew(grant, self.protocol, self.source) {
            Err(error) => Denied::Auth(error),
            // Taken again since: a new session will work.
            Ok(_) => Denied::Auth(AuthError::Unknown),
        }
    }
}

impl From<AuthError> for Denied {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredential => f.write_str(
                "no token: send \"auth <id>:<key>\", or a tag ovh.auth=<id>:<key> on each line",
            ),
            Self::Auth(error) => {
                // A client's text is all there is, so it gets the whole chain.
                error.fmt(f)?;
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
            Self::Limit(exceeded) => exceeded.fmt(f),
        }
    }
}
