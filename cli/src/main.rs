//! The program `penstock`: a server on one machine without Kubernetes, and commands for its users.
//!
//! Each command has a file of its own; this one only reads the command line and turns the outcome into an exit
//! code: 0 for a clean stop, 1 for a failure at run time, 2 for a wrong configuration, which is told before
//! anything is bound or written.

mod standalone;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use penstock_model::WithCauses;

/// Penstock: a metrics store for everything that speaks `OpenTSDB`.
#[derive(Parser, Debug)]
#[command(
    name = "penstock",
    version,
    about = "A metrics store for everything that speaks OpenTSDB"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Standalone(standalone::Arguments),
}

fn main() -> ExitCode {
    // The first line of every program of ours: all TLS in the process uses this one library.
    let installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    debug_assert!(installed.is_ok(), "nobody came before us");
    let outcome = match Arguments::parse().command {
        Command::Standalone(arguments) => standalone::run(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints an error with its whole chain of causes.
fn tell(error: &dyn std::error::Error) {
    // Nobody is left to hear that standard error is closed.
    drop(writeln!(
        std::io::stderr(),
        "penstock: {}",
        WithCauses(error)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}
