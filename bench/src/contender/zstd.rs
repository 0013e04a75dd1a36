//! The yardstick: `zstd -1 --single-thread` on the points as telnet text.

use super::on_server_core;
use crate::dataset::{Portion, Shape};
use crate::load::precise;
use crate::{render, usage};
use anyhow::{Result, ensure};
use penstock_e2e::wait;
use std::fs::File;
use std::io::Write;
use std::num::NonZeroU32;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Enough text for a steady figure; more would only fill the disk.
const LINES_MAX: u64 = 3_000_000;

const WRITE_BYTES: usize = 1 << 20;

/// Processor seconds a million points.
///
/// # Errors
/// When zstd is not installed.
pub(crate) fn seconds_per_million(shape: Shape) -> Result<f64> {
    let text = tempfile::NamedTempFile::new()?;
    let lines = write_text(shape, text.as_file())?;
    let mut command = on_server_core();
    command.extend(["zstd", "-1", "--single-thread", "-q", "-c"].map(Into::into));
    command.push(text.path().into());
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| anyhow::anyhow!("no program"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()?;
    wait::at_most(Duration::from_mins(5), "zstd ends", || {
        Ok(usage::has_ended(child.id())?.then_some(()))
    })?;
    let seconds = usage::processor_seconds(child.id())?;
    ensure!(child.wait()?.success(), "zstd failed");
    Ok(seconds / precise(lines) * 1e6)
}

fn write_text(shape: Shape, mut file: &File) -> Result<u64> {
    let mut portion = Portion::new(shape, 0, NonZeroU32::MIN);
    let mut buffer = Vec::with_capacity(WRITE_BYTES + 256);
    let mut lines = 0;
    while lines < LINES_MAX {
        buffer.clear();
        let count = render::telnet_lines(&mut portion, WRITE_BYTES, &mut buffer);
        if count == 0 {
            break;
        }
        file.write_all(&buffer)?;
        lines += count;
    }
    Ok(lines)
}
