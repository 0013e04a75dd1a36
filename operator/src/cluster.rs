//! The API server, as the leader's own parts talk to it.
//!
//! Controllers and watches use an ordinary client, which tries again by itself. What only a leader may write goes through
//! [`Fenced`], whose client never does: a request that is repeated behind our back could arrive after the lease is gone.

mod fenced;
mod reopening;

use std::time::Duration;

use kube::client::ClientBuilder;
use kube::{Client, Config};

pub use fenced::{Fenced, FencedError};
pub use reopening::Reopening;

/// Who we are to the API server: in managed fields and in `app.kubernetes.io/managed-by`.
pub const MANAGER: &str = "penstock-operator";

/// The label that says which program an object belongs to.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The label that says which installation an object belongs to.
pub const INSTANCE: &str = "app.kubernetes.io/instance";

/// How long the API server may be silent within an answer to a fenced request.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The two ways to the API server.
#[derive(Clone)]
pub struct Clients {
    /// Tries again by itself.
    pub patient: Client,
    /// Sends each request once, and gives up on silence.
    pub fenced: Client,
}

/// The API server cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a kubeconfig nor a pod's own account.
    #[error("there is no way to an API server")]
    Infer(#[from] kube::config::InferConfigError),
    /// What was found cannot be used.
    #[error("the configuration for the API server cannot be used")]
    Build(#[source] kube::Error),
}

impl Clients {
    /// Finds the API server: a kubeconfig, else the pod's own account. Sends nothing yet.
    ///
    /// # Errors
    /// [`ConnectError`]: wrong configuration.
    pub async fn infer() -> Result<Self, ConnectError> {
        let patient = Config::infer().await?;
        let mut fenced = patient.clone();
        fenced.default_retry = false;
        fenced.read_timeout = Some(READ_TIMEOUT);
        let build = |config: Config| {
            let builder = ClientBuilder::try_from(config).map_err(ConnectError::Build);
            builder.map(ClientBuilder::build)
        };
        Ok(Self {
            patient: build(patient)?,
            fenced: build(fenced)?,
        })
    }
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clients")
    }
}
