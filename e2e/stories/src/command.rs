//! The programs that a user of Kubernetes has at hand, started and waited for.

use anyhow::{Context, Result, ensure};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The root of this repository.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Runs a command to its end and gives what it printed.
///
/// # Errors
/// When it fails; all it said is in the error.
pub(crate) fn run(command: &mut Command, input: &str) -> Result<String> {
    let line = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| line.clone())?;
    let mut pipe = child.stdin.take().context("stdin is piped")?;
    pipe.write_all(input.as_bytes())?;
    drop(pipe);
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{line}: {}\n{text}{complaint}",
        output.status
    );
    Ok(text)
}
