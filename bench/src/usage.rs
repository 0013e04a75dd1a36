//! What a process has used, as the kernel counts it in /proc.

use anyhow::{Context, Result};
use penstock_e2e::wait;
use std::fs;
use std::time::{Duration, Instant};

/// The kernel reports processor time in hundredths of a second on every Linux we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// So long a process must do next to nothing to count as idle, and what next to nothing is.
const IDLE_WINDOW: Duration = Duration::from_secs(2);
const IDLE_TICKS: u64 = 2;

/// Background work may take this long before the wait is given up.
const SETTLE_LIMIT: Duration = Duration::from_mins(5);

/// User and system time in ticks; also of a process that has ended and is not yet waited for.
fn processor_ticks(process: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name before the last `)` may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let field = |index: usize| -> Result<u64> {
        Ok(fields
            .split_whitespace()
            .nth(index)
            .context("short stat")?
            .parse()?)
    };
    // utime and stime are fields 14 and 15 of the line, 12 and 13 after the name.
    Ok(field(11)? + field(12)?)
}

/// Whether the process has ended and only waits to be reaped.
pub(crate) fn has_ended(process: u32) -> Result<bool> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    Ok(stat
        .rsplit_once(')')
        .is_some_and(|(_, fields)| fields.trim_start().starts_with('Z')))
}

/// User and system time in seconds.
pub(crate) fn processor_seconds(process: u32) -> Result<f64> {
    Ok(crate::load::precise(processor_ticks(process)?) / TICKS_PER_SECOND)
}

/// Waits until background work is done: nothing but stray ticks over the idle window.
pub(crate) fn settle(process: u32) -> Result<()> {
    let mut since = Instant::now();
    let mut ticks = processor_ticks(process)?;
    wait::at_most(SETTLE_LIMIT, "background work ends", || {
        let now = processor_ticks(process)?;
        if now > ticks + IDLE_TICKS {
            (since, ticks) = (Instant::now(), now);
        }
        Ok((since.elapsed() >= IDLE_WINDOW).then_some(()))
    })
}

/// The most memory it ever held, in MiB.
pub(crate) fn peak_mebibytes(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no VmHWM")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let own = std::process::id();
        assert!(processor_seconds(own).unwrap() >= 0.0);
        assert!(peak_mebibytes(own).unwrap() > 0.5);
        assert!(!has_ended(own).unwrap());
    }
}
