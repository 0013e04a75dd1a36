//! Where log lines go and how they look.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogArgs, LogFormat};

/// The logs cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is none: wrong configuration.
    #[error("--log-level: `{level}` is no level and no list of directives")]
    Level {
        /// What was given.
        level: String,
        /// Why not.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process logs already.
    #[error("logs were started twice")]
    Twice(#[source] TryInitError),
}

/// Sends the log lines of the whole process to standard error. Called by a `main`, once.
///
/// # Errors
/// [`LogError`].
pub fn start_logs(log: &LogArgs) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&log.level).map_err(|source| LogError::Level {
        level: log.level.clone(),
        source,
    })?;
    let to_person = match log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if to_person {
        builder
            .with_ansi(std::io::stderr().is_terminal())
            .finish()
            .try_init()
    } else {
        builder.json().flatten_event(true).finish().try_init()
    };
    started.map_err(LogError::Twice)
}
