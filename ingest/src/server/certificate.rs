//! The certificate at the start: there, wrong, or not mounted yet.
//!
//! On a first install the pods start before the operator has made the certificate. A server that an operator serves waits
//! for it, with its admin port open and the reason at `/readyz`. Any other server needs it at once, and what is there and
//! cannot be served is wrong configuration for all of them.

use std::time::Duration;

use penstock_model::WithCauses;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::ServerError;
use crate::admin::Admin;
use crate::config::{Config, LedgerSource, TlsListen};
use crate::listener::tls::{Tls, TlsError};

/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What there is at the start.
pub(super) enum Certificate {
    /// It can be served; `None`: nothing needs one.
    There(Option<Tls>),
    /// Its files are not there, and an operator will have them mounted.
    Missing(TlsListen, TlsError),
}

impl Certificate {
    /// Looks at the files.
    ///
    /// # Errors
    /// [`TlsError`]: nobody will mend that.
    pub(super) fn look(config: &Config) -> Result<Self, TlsError> {
        let Some(listen) = &config.listen.tls else {
            return Ok(Self::There(None));
        };
        match load(listen) {
            Ok(tls) => Ok(Self::There(Some(tls))),
            Err(missing)
                if missing.is_missing() && matches!(config.ledger, LedgerSource::Signed { .. }) =>
            {
                Ok(Self::Missing(listen.clone(), missing))
            }
            Err(error) => Err(error),
        }
    }

    /// Blocks until it is there. The admin port answers meanwhile.
    ///
    /// # Errors
    /// [`ServerError`]: what came cannot be served, or the process is told to stop.
    pub(super) fn wait(self, runtime: &Runtime, admin: &Admin) -> Result<Option<Tls>, ServerError> {
        let (listen, missing) = match self {
            Self::There(tls) => {
                admin.readiness().has_certificate();
                return Ok(tls);
            }
            Self::Missing(listen, missing) => (listen, missing),
        };
        let missing = WithCauses(&missing).to_string();
        tracing::warn!(error = missing, "waiting for the certificate");
        admin.readiness().lacks_certificate(format!(
            "no certificate yet: {missing}; the operator makes it, kubelet mounts it within 90 s"
        ));
        let tls = runtime.block_on(until_there(&listen))?;
        admin.readiness().has_certificate();
        Ok(Some(tls))
    }
}

/// The first process of a container ignores signals that it does not handle.
async fn until_there(listen: &TlsListen) -> Result<Tls, ServerError> {
    let handler = |kind| signal(kind).map_err(ServerError::system("signal handlers"));
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = terminate.recv() => return Err(ServerError::Stopped),
            _ = interrupt.recv() => return Err(ServerError::Stopped),
        }
        match load(listen) {
            Err(error) if error.is_missing() => {}
            loaded => return Ok(loaded?),
        }
    }
}

fn load(listen: &TlsListen) -> Result<Tls, TlsError> {
    Tls::load(listen.certificate_file.clone(), listen.key_file.clone())
}
