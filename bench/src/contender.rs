//! Who is measured: zstd as the yardstick, the server, and VictoriaMetrics where it is installed.
//!
//! Each runs on [`SERVER_CORE`] alone, the load generator on [`LOAD_CORE`].

pub(crate) mod penstock;
pub(crate) mod victoria_metrics;
pub(crate) mod zstd;

use crate::scenario::{Stage, Wire};
use anyhow::Result;
use penstock_e2e::{Endpoint, Token};
use std::ffi::OsString;
use std::fmt;

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Name {
    Zstd,
    Penstock,
    VictoriaMetrics,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Name::Zstd => "zstd -1",
            Name::Penstock => "Penstock",
            Name::VictoriaMetrics => "VictoriaMetrics",
        })
    }
}

/// A running server under measurement.
pub(crate) trait Server {
    /// The process whose time and memory count.
    fn process(&mut self) -> Result<u32>;

    /// Where a load of this kind goes.
    fn endpoint(&self, stage: &Stage, wire: Wire) -> Result<Endpoint>;

    /// Credentials, if it asks for any.
    fn token(&self) -> Result<Option<Token>>;

    /// SIGKILL, and a new start until it is ready. None if nothing would be left.
    fn kill_and_start_again(&mut self) -> Result<Option<Restart>>;
}

/// A server that is asked for what it has taken.
pub(crate) trait Queried: Server {
    /// Where it takes telnet lines.
    fn lines(&self) -> Endpoint;

    /// Where it is asked, in plain HTTP.
    fn http(&self) -> Endpoint;

    /// The credentials of a reader, if it asks for any.
    fn reader(&self) -> Result<Option<Token>>;

    /// Brings all that it has taken into its files.
    fn flush(&mut self) -> Result<()>;
}

/// A start after SIGKILL.
#[derive(Debug)]
pub(crate) struct Restart {
    /// From the start of the process until it is ready.
    pub(crate) seconds: f64,
    /// Of these, on a processor. The rest was spent waiting for the disk, or for other programs on this core.
    processor_seconds: f64,
    /// Bytes of the log that only memory had beside it.
    log_bytes: u64,
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Restart {
            seconds,
            processor_seconds,
            log_bytes,
        } = self;
        let mebibytes = log_bytes >> 20;
        write!(
            f,
            "ready in {seconds:.2} s, {processor_seconds:.2} s of them busy; log {mebibytes} MiB"
        )
    }
}

/// What stands before the command line of a contender to keep it on its core.
fn on_server_core() -> Vec<OsString> {
    ["taskset", "-c", SERVER_CORE].map(OsString::from).to_vec()
}

/// Moves this process to the load generator's core; threads started later follow.
///
/// # Errors
/// When the machine has no second core.
pub(crate) fn stay_on_load_core() -> Result<()> {
    let own = std::process::id().to_string();
    penstock_e2e::Program::new("taskset")
        .args(["-c", "-p", LOAD_CORE, &own])
        .run()?;
    Ok(())
}
