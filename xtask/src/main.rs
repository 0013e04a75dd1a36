//! Chores of the repository, in Rust so that they need nothing but cargo: `cargo xtask tidy`.
//!
//! No build step depends on this crate and no other crate imports it.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool reports on its standard output"
)]

mod tidy;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};

/// Chores of the Penstock repository.
#[derive(Parser, Debug)]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand, Debug)]
enum Chore {
    /// Check the house rules: crate arrows, borders, file names and sizes, documents, dependencies.
    Tidy,
}

fn main() -> anyhow::Result<()> {
    let root = repository_root()?;
    match Args::parse().chore {
        Chore::Tidy => report(&tidy::check(&root)?),
    }
}

/// Prints what was found; anything found is a failure.
fn report(findings: &[tidy::Finding]) -> anyhow::Result<()> {
    for finding in findings {
        println!("{finding}");
    }
    anyhow::ensure!(findings.is_empty(), "{} house rules broken", findings.len());
    println!("tidy");
    Ok(())
}

/// The folder above this crate: chores work from wherever cargo was called.
fn repository_root() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    Ok(root
        .context("the crate xtask stands in a workspace")?
        .to_owned())
}
