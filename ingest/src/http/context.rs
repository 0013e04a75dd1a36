//! What every handler is given, and what it asks of it first: who is asking, and what may he do.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use penstock_tenancy::Permission;

use super::credentials::Claim;
use super::error::ApiError;
use super::session::HttpSession;
use crate::auth::{AuthError, Grant};
use crate::context::{LoopContext, ServerContext};
use crate::read::Reader;
use crate::volumes::FromServer;

/// The state that every handler gets, one for each loop. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct HttpContext(Arc<LoopContext>);

impl HttpContext {
    /// The state of one loop's handlers.
    pub fn new(context: Arc<LoopContext>) -> Self {
        Self(context)
    }

    /// What all loops share.
    pub fn server(&self) -> &ServerContext {
        &self.0.server
    }

    /// What belongs to this loop.
    pub fn event_loop(&self) -> &LoopContext {
        &self.0
    }

    /// The grant of the credential in a request's header; `None` if it carries none.
    ///
    /// The connection is closed when the grant is cut.
    ///
    /// # Errors
    /// [`AuthError`], counted.
    pub fn authenticate<B>(
        &self,
        request: &http::Request<B>,
    ) -> Result<Option<Arc<Grant>>, AuthError> {
        let granted = Claim::from_headers(request.headers()).and_then(|claim| {
            let Some(claim) = claim else { return Ok(None) };
            let session = HttpSession::of(request);
            let grant = claim.check(&self.server().authenticator, source(request))?;
            if let Some(session) = session {
                session.granted(&grant);
            }
            Ok(Some(grant))
        });
        granted.inspect_err(|error| self.server().metrics.count_refusal(*error))
    }

    /// The grant of the credential in a request's header, which must be there and have a right.
    ///
    /// # Errors
    /// 401, 403.
    pub fn authorize<B>(
        &self,
        request: &http::Request<B>,
        permission: Permission,
    ) -> Result<Arc<Grant>, ApiError> {
        let grant = self.authorize_any(request)?;
        grant.require(permission)?;
        Ok(grant)
    }

    /// The grant of the credential in a request's header, which must be there.
    ///
    /// # Errors
    /// 401, 403.
    pub fn authorize_any<B>(&self, request: &http::Request<B>) -> Result<Arc<Grant>, ApiError> {
        self.authenticate(request)?.ok_or_else(|| {
            self.server().metrics.count_refusal(AuthError::Missing);
            AuthError::Missing.into()
        })
    }

    /// What the credential in a request's header may read. Hold it until the answer has been made.
    ///
    /// # Errors
    /// 401, 403, 429.
    pub fn authorize_read<B>(&self, request: &http::Request<B>) -> Result<Reader, ApiError> {
        let grant = self.authorize(request, Permission::Read)?;
        self.reader(request, grant)
    }

    /// What a grant that has the right may read, or delete. Hold it until the answer has been made.
    ///
    /// # Errors
    /// 429.
    pub fn reader<B>(
        &self,
        request: &http::Request<B>,
        grant: Arc<Grant>,
    ) -> Result<Reader, ApiError> {
        if request.extensions().get::<FromServer>().is_some() {
            return Ok(Reader::charged_elsewhere(grant));
        }
        Reader::new(grant).map_err(|exceeded| ApiError::too_many_requests(&exceeded))
    }
}

/// Where a request comes from; if another server has passed it on, where it came from there. It always comes over a
/// connection, but types do not say so: else it is an address that no allow-list holds.
pub(crate) fn source<B>(request: &http::Request<B>) -> IpAddr {
    if let Some(passed_on) = request.extensions().get::<FromServer>() {
        return passed_on.source;
    }
    let session = HttpSession::of(request);
    session.map_or(Ipv4Addr::UNSPECIFIED.into(), |session| {
        session.peer().source()
    })
}
