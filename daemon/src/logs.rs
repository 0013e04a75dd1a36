//! Where log lines go and how they look.

use std::io::IsTerminal;

use clap::ValueEnum;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// The logs cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is none: wrong configuration.
    #[error("{setting}: `{level}` is no level and no list of directives")]
    Level {
        /// Where it was given.
        setting: &'static str,
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
/// `level` is one of `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,penstock_ingest=debug`;
/// `setting` is what its user calls it.
///
/// # Errors
/// [`LogError`].
pub fn start_logs(setting: &'static str, level: &str, format: LogFormat) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(level).map_err(|source| LogError::Level {
        setting,
        level: level.to_owned(),
        source,
    })?;
    let to_person = match format {
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
