//! When to read the manifests again.
//!
//! Editors truncate, write, rename; `cp` writes many files. So a change is not read at once, but when the folder has
//! been still for 300 ms, and in any case 700 ms after the first change.
//!
//! ```text
//!   change  change        change
//!     │  …    │ …           │ ……… 300 ms ………▶ read
//!     └───────── at most 700 ms ─────────▶ read
//! ```

use std::path::Path;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// How long the folder must be still.
const STILL: Duration = Duration::from_millis(300);
/// How long after the first change it is read even so.
const PATIENCE: Duration = Duration::from_millis(700);

/// Decides when changes have settled. Times are those of a monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    first_and_last: Option<(Duration, Duration)>,
}

impl Settling {
    /// Something changed.
    pub(crate) fn changed(&mut self, now: Duration) {
        let first = self.first_and_last.map_or(now, |(first, _)| first);
        self.first_and_last = Some((first, now));
    }

    /// When to read, if nothing changes any more.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.first_and_last
            .map(|(first, last)| (last + STILL).min(first + PATIENCE))
    }

    /// Whether it is time to read. Then the next change begins anew.
    pub(crate) fn take(&mut self, now: Duration) -> bool {
        let is_due = self.due().is_some_and(|due| now >= due);
        if is_due {
            self.first_and_last = None;
        }
        is_due
    }
}

/// Calls `changed` for every change of the folder, on a thread of its own, as long as the watcher lives.
///
/// # Errors
/// The system refuses to watch the folder.
pub(crate) fn watch(
    folder: &Path,
    changed: impl Fn() + Send + 'static,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error means that events may be lost: reading once too often does no harm.
        if event.map_or(true, |event| is_change(event.kind)) {
            changed();
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Calls `removed` whenever a file of this name is removed anywhere below the folder, on a thread of its own, as long
/// as the watcher lives.
///
/// # Errors
/// The system refuses to watch the folder.
pub(crate) fn watch_removals(
    folder: &Path,
    file_name: &'static str,
    removed: impl Fn() + Send + 'static,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let is_removal = |event: Event| {
            event.kind.is_remove() && event.paths.iter().any(|path| path.ends_with(file_name))
        };
        if event.map_or(true, is_removal) {
            removed();
        }
    })?;
    watcher.watch(folder, RecursiveMode::Recursive)?;
    Ok(watcher)
}

/// Watches the folder again, if it is another one than before. While there is none, reading it fails and is tried again.
pub(crate) fn again(watcher: &mut RecommendedWatcher, folder: &Path) {
    if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
        tracing::warn!(%error, folder = %folder.display(), "folder not watched");
    }
}

/// Our own reading is no change.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn it_waits_until_the_folder_is_still() {
        let mut settling = Settling::default();
        assert!(!settling.take(at(0)));
        settling.changed(at(1_000));
        settling.changed(at(1_200));
        assert_eq!(settling.due(), Some(at(1_500)));
        assert!(!settling.take(at(1_499)));
        assert!(settling.take(at(1_500)));
        assert!(!settling.take(at(9_000)), "one change, one reading");
    }

    #[test]
    fn it_does_not_wait_for_ever() {
        let mut settling = Settling::default();
        for millis in (1_000..2_000).step_by(100) {
            settling.changed(at(millis));
        }
        assert_eq!(settling.due(), Some(at(1_700)));
        assert!(settling.take(at(1_700)));
        settling.changed(at(1_750));
        assert_eq!(settling.due(), Some(at(2_050)));
    }

    #[test]
    fn reading_is_no_change() {
        let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert!(!is_change(open));
        assert!(is_change(written));
        assert!(is_change(EventKind::Any));
    }
}
