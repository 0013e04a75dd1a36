//! A server watched by strace: its system calls in order, or some of them made to fail.

use crate::process::Process;
use crate::wait;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// strace attached to a running process, all its threads included.
#[derive(Debug)]
pub struct Trace {
    strace: Process,
    calls: PathBuf,
}

/// One system call. Calls of different threads overlap: they begin and end at lines of the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name, such as `fdatasync`.
    pub name: String,
    /// Arguments as strace prints them; those that a call fills in come when it ends.
    pub arguments: String,
    /// What it returned, with the error's name.
    pub result: String,
    /// Line of the trace where it began.
    pub begin: usize,
    /// Line of the trace where it ended.
    pub end: usize,
}

impl Trace {
    /// Attaches to `process` and waits until strace says so. `expressions` are values of its option `-e`.
    ///
    /// # Errors
    /// When this user may not trace.
    pub fn attach(process: u32, folder: &Path, expressions: &[&str]) -> Result<Trace> {
        let calls = folder.join("calls");
        let mut command = Command::new("strace");
        command
            .args(["-f", "-s", "1000", "-p", &process.to_string(), "-o"])
            .arg(&calls);
        for expression in expressions {
            command.args(["-e", expression]);
        }
        let mut strace = Process::start(&mut command, &folder.join("strace.log"))?;
        wait::until("strace is attached", || {
            // Asked before the output is read: an injected fault may end the process at once, and strace with it.
            let ended = strace.ended()?.is_some();
            let attached = strace.output().contains(" attached");
            ensure!(attached || !ended, "strace ended: {}", strace.output());
            Ok(attached.then_some(()))
        })?;
        Ok(Trace { strace, calls })
    }

    /// Lets go of the process and gives the finished calls in the order in which they ended.
    ///
    /// # Errors
    /// When there is no trace.
    pub fn detach(mut self) -> Result<Vec<Call>> {
        if self.strace.ended()?.is_none() {
            self.strace.signal("INT")?;
            self.strace.wait()?;
        }
        let text = fs::read(&self.calls).context("strace wrote nothing")?;
        Ok(parse(&String::from_utf8_lossy(&text)))
    }
}

/// ```text
/// 12 fdatasync(7)                    = 0
/// 12 recvfrom(9, <unfinished ...>
/// 13 write(5, "x", 1)                = 1
/// 12 <... recvfrom resumed>"put", 3) = 3
/// ```
fn parse(text: &str) -> Vec<Call> {
    let mut unfinished: Vec<(&str, Call)> = Vec::new();
    let mut calls = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, line)) = line.split_once(' ') else {
            continue;
        };
        let line = line.trim_start();
        if let Some(rest) = line.strip_prefix("<... ") {
            let Some(index) = unfinished.iter().position(|(owner, _)| *owner == thread) else {
                continue;
            };
            let (_, mut call) = unfinished.swap_remove(index);
            let rest = rest.split_once("resumed>").map_or("", |(_, rest)| rest);
            let (arguments, result) = split_result(rest);
            call.arguments.push_str(arguments);
            result.clone_into(&mut call.result);
            call.end = number;
            calls.push(call);
        } else if let Some((name, rest)) = line.split_once('(') {
            let mut call = Call {
                name: name.to_owned(),
                arguments: String::new(),
                result: String::new(),
                begin: number,
                end: number,
            };
            if let Some(arguments) = rest.strip_suffix(" <unfinished ...>") {
                arguments.clone_into(&mut call.arguments);
                unfinished.push((thread, call));
            } else {
                let (arguments, result) = split_result(rest);
                arguments.clone_into(&mut call.arguments);
                result.clone_into(&mut call.result);
                calls.push(call);
            }
        }
    }
    calls
}

fn split_result(rest: &str) -> (&str, &str) {
    let (arguments, result) = rest.rsplit_once(" = ").unwrap_or((rest, ""));
    (arguments.trim_end().trim_end_matches(')'), result.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_two_threads_are_told_apart() {
        let text = "12 fdatasync(7 <unfinished ...>\n13 write(5, \"a = b\", 5) = 5\n12 <... fdatasync resumed>) = 0\n";
        let calls = parse(text);
        assert_eq!(calls.len(), 2);
        assert_eq!(
            (calls[0].arguments.as_str(), calls[0].result.as_str()),
            ("5, \"a = b\", 5", "5")
        );
        assert_eq!(
            (calls[1].name.as_str(), calls[1].begin, calls[1].end),
            ("fdatasync", 0, 2)
        );
        assert_eq!(calls[1].result, "0");
    }
}
