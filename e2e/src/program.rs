//! A client program run once: arguments, perhaps input, and all that it printed.

use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Seconds after which a client counts as hanging; some of them retry for ever.
const LIMIT_SECONDS: &str = "60";

/// A program about to run, under a time limit.
#[derive(Debug)]
pub struct Program {
    command: Command,
    input: Vec<u8>,
}

impl Program {
    /// The program of that name on the PATH.
    pub fn new(name: impl AsRef<OsStr>) -> Program {
        let mut command = Command::new("timeout");
        command.arg(LIMIT_SECONDS).arg(name);
        Program {
            command,
            input: Vec::new(),
        }
    }

    /// Arguments, after those already given.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Program {
        self.command.args(arguments);
        self
    }

    /// What it reads on standard input, before the end of it.
    #[must_use]
    pub fn input(mut self, text: &str) -> Program {
        self.input = text.as_bytes().to_vec();
        self
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn output(mut self) -> Result<Output> {
        let name = format!("{:?}", self.command);
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().with_context(|| name.clone())?;
        let mut pipe = child.stdin.take().context("stdin is piped")?;
        // A program that ends without reading all of its input is judged by its output.
        drop(pipe.write_all(&self.input));
        drop(pipe);
        child.wait_with_output().context(name)
    }

    /// Runs it and gives its standard output.
    ///
    /// # Errors
    /// When it fails; what it printed is in the error.
    pub fn run(self) -> Result<String> {
        let name = format!("{:?}", self.command);
        let output = self.output()?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "{name}: {}\n{text}{complaint}",
            output.status
        );
        Ok(text)
    }
}
