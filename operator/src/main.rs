//! The program `penstock-operator`: reads its settings and runs the operator until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use penstock_daemon::start_logs;
use penstock_model::SystemClock;
use penstock_operator::config::{Args, Config};

const FAILED: u8 = 1;
const WRONG_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let log = args.log.clone();
    let config = match Config::validate(args) {
        Ok(config) => config,
        Err(error) => return complain(&error.into(), WRONG_CONFIGURATION),
    };
    if let Err(error) = start_logs("--log-level", &log.level, log.format) {
        return complain(&error.into(), WRONG_CONFIGURATION);
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "penstock-operator ends");
            ExitCode::from(FAILED)
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok()
        .context("a TLS provider was installed before")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(penstock_operator::run(
        Arc::new(config),
        Arc::new(SystemClock::new()),
    ))?;
    Ok(())
}

/// Before there are logs.
#[expect(clippy::print_stderr, reason = "there are no logs yet")]
fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("penstock-operator: {error:#}");
    ExitCode::from(code)
}
