//! Paths to endpoints. (Signatures; bodies follow.)

use std::sync::Arc;

use crate::server::ServerContext;

/// The state that every handler gets, one for each loop. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct HttpContext {
    /// What all loops share.
    pub server: Arc<ServerContext>,
}
