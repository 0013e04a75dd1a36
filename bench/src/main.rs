//! Load generator and side-by-side benchmark.
//!
//! ```text
//! dataset   which points           \
//! render    as telnet or JSON text  > load: some connections push them
//! scenario  what a server is put through, bars: how good it must be
//! contender zstd, the server, VictoriaMetrics; each pinned to one core
//! compare   all of it in turn, several rounds > table: medians in z
//! queries   what is asked of a day of points, and what it costs
//! ```
//!
//! It knows servers by their sockets and /proc alone. Nothing here is a test: no figure fails a build.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

mod bars;
mod compare;
mod contender;
mod dataset;
mod load;
mod push;
mod queries;
mod render;
mod scenario;
mod table;
mod usage;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures a metrics server from outside.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Measure zstd, Penstock and VictoriaMetrics side by side and print the table.
    Compare(compare::Plan),
    /// Measure what queries cost, beside VictoriaMetrics where it is installed.
    Queries(queries::Plan),
    /// Push points to a server that is already running.
    Push(push::Arguments),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Compare(plan) => {
            let mut results = table::Results::default();
            let outcome = compare::run(&plan, &mut results);
            // What was measured before a failure took its time too.
            println!("{}\n\n{results}", machine());
            outcome?;
        }
        Command::Queries(plan) => {
            let mut results = String::new();
            let outcome = queries::run(&plan, &mut results);
            println!("{}\n\n{results}", machine());
            outcome?;
        }
        Command::Push(arguments) => println!("{}", arguments.run()?),
    }
    Ok(())
}

/// Date, processor and kernel, without which the figures mean nothing.
fn machine() -> String {
    let first = |path: &str, start: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_default();
        line.split(':')
            .next_back()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let date = penstock_e2e::Program::new("date")
        .args(["-u", "+%F"])
        .run()
        .unwrap_or_default();
    let processor = first("/proc/cpuinfo", "model name");
    let kernel = first("/proc/sys/kernel/osrelease", "");
    let cores = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = cores
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let date = date.trim();
    format!("{date} · {processor}, {cores} cores · Linux {kernel}")
}
