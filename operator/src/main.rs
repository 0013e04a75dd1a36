//! The program `penstock-operator`: checks its settings.

use std::process::ExitCode;

use clap::Parser;
use penstock_operator::config::{Args, Config};

const WRONG_CONFIGURATION: u8 = 2;

#[expect(clippy::print_stderr, reason = "there are no logs yet")]
fn main() -> ExitCode {
    match Config::validate(Args::parse()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("penstock-operator: {error}");
            ExitCode::from(WRONG_CONFIGURATION)
        }
    }
}
