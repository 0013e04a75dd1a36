//! Where a kill falls, told by the files in the store's directory.
//!
//! ```text
//! blocks/DAY/N.tmp, N ─> series/N.tmp, N ─> manifest/N.tmp, N ─> the manifest before it goes
//! ```
//!
//! What is looked for lasts milliseconds, so nothing waits between two looks.

use anyhow::{Result, ensure};
use penstock_e2e::Standalone;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How far a flush is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Blocks are being written, or are and no manifest names them.
    Blocks,
    /// The run of new series is being written, or is.
    Run,
    /// The new manifest is being written.
    Manifest,
    /// It is there, and so is the one before it.
    Old,
}

/// The files of a store's directory.
#[derive(Debug)]
pub(crate) struct Files(BTreeSet<PathBuf>);

impl Files {
    fn of(server: &Standalone) -> Files {
        let mut files = BTreeSet::new();
        let mut folders = vec![server.data().join("store")];
        while let Some(folder) = folders.pop() {
            // A folder that goes while it is looked at has nothing in it.
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                } else {
                    files.insert(entry.path());
                }
            }
        }
        Files(files)
    }

    /// The step of a flush that has left its files behind since these were listed; none before the first and after the
    /// last step.
    pub(crate) fn step_in(&self, server: &Standalone) -> Result<Option<Step>> {
        let now = Files::of(server);
        ensure!(!now.0.is_empty(), "the store's files are gone");
        Ok(self.step_to(&now))
    }

    fn step_to(&self, now: &Files) -> Option<Step> {
        let new: Vec<&Path> = now.0.difference(&self.0).map(PathBuf::as_path).collect();
        let lies_in = |path: &Path, folder: &str| path.iter().any(|name| name == folder);
        let any_new = |folder: &str| new.iter().any(|path| lies_in(path, folder));
        let manifests = now.0.iter().filter(|path| lies_in(path, "manifest"));
        let (unfinished, whole): (Vec<_>, Vec<_>) =
            manifests.partition(|path| path.extension().is_some());
        if !unfinished.is_empty() {
            Some(Step::Manifest)
        } else if any_new("manifest") {
            (whole.len() > 1).then_some(Step::Old)
        } else if any_new("series") {
            Some(Step::Run)
        } else {
            any_new("blocks").then_some(Step::Blocks)
        }
    }
}

/// Tells the server to stop and comes back when its flush has reached the step, or the server has ended. Gives the files
/// that were there before.
pub(crate) fn stop_until(server: &mut Standalone, wanted: Step) -> Result<Files> {
    let before = Files::of(server);
    server.process()?.signal("TERM")?;
    let mut reached = None;
    while reached < Some(wanted) && server.process()?.ended()?.is_none() {
        let step = before.step_to(&Files::of(server));
        // Past the last step there is nothing to see any more.
        if step < reached {
            break;
        }
        reached = step;
    }
    Ok(before)
}

/// Comes back when a server that starts has the lock of its data and has been looked at so often since, or has ended.
pub(crate) fn until_it_has_the_data(server: &mut Standalone, looks: u64) -> Result<()> {
    let descriptors = PathBuf::from(format!("/proc/{}/fd", server.process()?.id()));
    let lock = server.data().join("store/LOCK");
    let has_it = || {
        let open = fs::read_dir(&descriptors).into_iter().flatten().flatten();
        let mut open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        open.any(|file| file == lock)
    };
    let mut left = looks;
    while left > 0 && server.process()?.ended()?.is_none() {
        left -= u64::from(has_it());
    }
    Ok(())
}
