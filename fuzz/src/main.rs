//! Mutated input for everything that reads bytes of strangers, or of a disk that may be damaged.
//!
//! ```text
//!   targets   what reads them, good input to begin with, and what must hold of every other
//!   corpus    inputs that did something new, mutated again and again
//!   hunt      one target for so long, and what it found
//! ```
//!
//! It runs on the stable compiler and without instrumentation: instead of the branches that an input took, its feedback is
//! what the reader said of it. `make fuzz` runs it; tests run each target for a moment, so that none rots.
#![expect(clippy::print_stdout, reason = "a program for people")]
#![expect(
    clippy::disallowed_methods,
    reason = "it hunts for so long as it is told"
)]

mod corpus;
mod hunt;
mod targets;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use self::hunt::Hunt;
use self::targets::{TARGETS, Target};

/// Throws mutated input at readers, and keeps what breaks one.
#[derive(Parser, Debug)]
struct Arguments {
    /// Only these targets.
    targets: Vec<String>,
    /// Seconds for each of them.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where the random numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead: gives this file to the one target that is named, once.
    #[arg(long)]
    input: Option<PathBuf>,
    /// Where input goes that breaks a target.
    #[arg(long, default_value = "fuzz/findings")]
    findings: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let targets = chosen(&arguments.targets)?;
    if let Some(path) = &arguments.input {
        let [target] = targets.as_slice() else {
            anyhow::bail!("--input needs the name of one target");
        };
        let input = std::fs::read(path).with_context(|| path.display().to_string())?;
        println!("{}", (target.read)(&input));
        return Ok(());
    }
    let mut broken = Vec::new();
    for target in targets {
        let hunt = Hunt::new(target, arguments.seed);
        let found = hunt.run_for(Duration::from_secs(arguments.seconds));
        println!("{:<10} {found}", target.name);
        if let Some(input) = found.broken {
            std::fs::create_dir_all(&arguments.findings)?;
            let name = format!(
                "{}-{:016x}",
                target.name,
                xxhash_rust::xxh3::xxh3_64(&input)
            );
            let path = arguments.findings.join(name);
            std::fs::write(&path, input)?;
            broken.push(format!("{}: --input {}", target.name, path.display()));
        }
    }
    ensure!(broken.is_empty(), "broken: {}", broken.join(", "));
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Target>> {
    if names.is_empty() {
        return Ok(TARGETS.iter().collect());
    }
    let find = |name: &String| {
        let known = || TARGETS.map(|target| target.name).join(", ");
        let found = TARGETS.iter().find(|target| target.name == name);
        found.with_context(|| format!("no target {name}; there are {}", known()))
    };
    names.iter().map(find).collect()
}
