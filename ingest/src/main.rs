//! The program `penstock-ingest`: reads its configuration and runs the server until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use penstock_daemon::start_logs;
use penstock_ingest::config::Config;
use penstock_ingest::server::{Server, ServerError};
use penstock_model::SystemClock;

/// Takes data points over TLS and keeps them.
#[derive(Debug, Parser)]
#[command(name = "penstock-ingest", version)]
struct Args {
    /// Its settings. `PENSTOCK_...` variables of the environment win over them.
    #[arg(long, value_name = "FILE", default_value = "/etc/penstock/ingest.yaml")]
    config: PathBuf,
}

const FAILED: u8 = 1;
const WRONG_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let (config, log) = match Config::load(&args.config, |name| std::env::var(name).ok()) {
        Ok(loaded) => loaded,
        Err(error) => return complain(&error.into(), WRONG_CONFIGURATION),
    };
    if let Err(error) = start_logs("log.level", &log.level, log.format) {
        return complain(&error.into(), WRONG_CONFIGURATION);
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error
                .downcast_ref::<ServerError>()
                .map_or(FAILED, ServerError::exit_code);
            tracing::error!(error = format!("{error:#}"), "penstock-ingest ends");
            ExitCode::from(code)
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok()
        .context("a TLS provider was installed before")?;
    let server = Server::start(config, Arc::new(SystemClock::new()))?;
    server.stop_on_signals()?;
    server.wait()?;
    Ok(())
}

/// Before there are logs.
#[expect(clippy::print_stderr, reason = "there are no logs yet")]
fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("penstock-ingest: {error:#}");
    ExitCode::from(code)
}
