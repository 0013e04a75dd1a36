//! What a start does not take: it says what is wrong and leaves every file as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_model::{Timestamp, Value};
use penstock_store::config::StoreConfig;
use penstock_store::disk::{Disk as _, SimDisk};
use penstock_store::error::{ErrorKind, StoreError};
use penstock_store::recovery::OpenReport;
use penstock_store::row::{Row, SeriesId};
use penstock_store::store::Store;

use crate::support::{DAY, SetClock, TODAY, append, contents, files, selection};

fn config() -> StoreConfig {
    StoreConfig {
        wal_segment_bytes: 16 << 10,
        group_bytes_max: 4 << 10,
        sealed_rows: 100,
        sealed_bytes_max: 1 << 10,
        hash_seed: 1,
        ..StoreConfig::default()
    }
}

fn open_with(disk: &SimDisk, config: StoreConfig) -> Result<(Store, OpenReport), StoreError> {
    let clock = Arc::new(SetClock::default());
    Store::open_without_threads(Arc::new(disk.clone()), clock, config)
}

fn open(disk: &SimDisk) -> Result<(Store, OpenReport), StoreError> {
    open_with(disk, config())
}

/// As [`config`], but with memory enough for everything: nothing leaves the log.
fn roomy() -> StoreConfig {
    StoreConfig {
        sealed_rows: 1 << 20,
        sealed_bytes_max: 1 << 30,
        ..config()
    }
}

fn bytes_of(disk: &SimDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: &PathBuf| {
        let file = disk.open(path).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    };
    let paths = files(disk);
    paths
        .iter()
        .map(|path| (path.clone(), read(path)))
        .collect()
}

/// Opens, expects a refusal that a person has to see to, and that no file has changed.
fn refused(disk: &SimDisk) -> StoreError {
    let before = bytes_of(disk);
    let error = open(disk).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Repair, "{error:?}");
    let after = bytes_of(disk);
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>(),
        "{error:?}"
    );
    assert!(before == after, "a file has changed: {error:?}");
    error
}

fn copy(from: &SimDisk, to: &SimDisk, path: &Path, under: &Path) {
    let bytes = &bytes_of(from)[path];
    to.create_dir(under.parent().unwrap()).unwrap();
    let file = to.create(under).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    to.sync_dir(under.parent().unwrap()).unwrap();
}

fn of_kind(disk: &SimDisk, kind: &str) -> Vec<PathBuf> {
    let mut paths = files(disk);
    paths.retain(|path| path.starts_with(kind));
    paths
}

/// A day's block in a file, and the same rows nowhere else.
fn flushed(days: i64) -> SimDisk {
    let disk = SimDisk::new();
    let (store, _) = open(&disk).unwrap();
    for day in 0..days {
        append(
            &store,
            1,
            &[(TODAY - day * DAY, day), (TODAY - day * DAY + 1, day)],
        )
        .unwrap();
        store.flush().unwrap();
    }
    disk.killed()
}

#[test]
fn a_block_that_a_lost_manifest_named_is_not_removed() {
    let disk = flushed(3);
    for path in of_kind(&disk, "manifest")
        .iter()
        .chain(&of_kind(&disk, "wal"))
    {
        disk.remove(path).unwrap();
    }
    let error = refused(&disk);
    assert!(matches!(error, StoreError::LostEdit { .. }), "{error:?}");
    assert!(error.to_string().contains("the manifest has lost an edit"));
}

#[test]
fn a_series_run_that_a_lost_manifest_named_is_not_removed() {
    let disk = flushed(1);
    for path in files(&disk) {
        if !path.starts_with("series") {
            disk.remove(&path).unwrap();
        }
    }
    let error = refused(&disk);
    assert!(matches!(error, StoreError::LostEdit { .. }), "{error:?}");
}

#[test]
fn a_replay_that_flushes_overwrites_no_unnamed_block() {
    // A manifest that has lost its edits gives numbers again that files already have.
    let donor = flushed(9);
    let disk = SimDisk::new();
    let (store, _) = open_with(&disk, roomy()).unwrap();
    for i in 0..500 {
        append(&store, 2, &[(TODAY + i, i)]).unwrap();
    }
    store.wait_durable(store.append(&[]).unwrap()).unwrap();
    drop(store);
    let disk = disk.killed();
    let donated = of_kind(&donor, "blocks");
    for number in 0..9 {
        let under = format!("blocks/20261125/{number:010}");
        copy(&donor, &disk, donated.first().unwrap(), Path::new(&under));
    }
    // All donated sequences are in this log, too: the files go. A crash on the way loses nothing.
    for crash in 0..200 {
        let crashing = disk.killed();
        crashing.crash_at(crash);
        if open(&crashing).is_ok() {
            break;
        }
        let (store, _) = open(&crashing.image(crash)).unwrap();
        assert_eq!(contents(&store).len(), 500);
    }
    let (store, report) = open(&disk).unwrap();
    assert_eq!(report.removed.len(), 9);
    assert_eq!(contents(&store).len(), 500);
    assert!(contents(&store).keys().all(|(series, _)| *series == 2));
}

#[test]
fn a_log_larger_than_memory_is_read_to_its_end_before_anything_is_written() {
    let disk = SimDisk::new();
    let (store, _) = open_with(&disk, roomy()).unwrap();
    for i in 0..600 {
        append(&store, 1, &[(TODAY + i, i * i * 7_919)]).unwrap();
    }
    store.wait_durable(store.append(&[]).unwrap()).unwrap();
    drop(store);
    let disk = disk.killed();
    let segments = of_kind(&disk, "wal");
    let before_last = &segments[segments.len() - 3];
    disk.corrupt(before_last, 600, 0x10).unwrap();
    refused(&disk);
}

#[test]
fn a_missing_block_or_run_is_for_a_person_to_see_to() {
    for kind in ["blocks", "series"] {
        let disk = flushed(2);
        disk.remove(of_kind(&disk, kind).first().unwrap()).unwrap();
        refused(&disk);
    }
}

#[test]
fn rows_of_a_series_that_nothing_defines_are_refused() {
    let disk = SimDisk::new();
    let (store, _) = open(&disk).unwrap();
    append(&store, 1, &[(TODAY, 1)]).unwrap();
    let time = Timestamp::from_millis(TODAY);
    let rows = [Row::new(SeriesId(77), time, Value::Integer(1))];
    let last = store.append(&rows).unwrap();
    store.wait_durable(last).unwrap();
    drop(store);
    let error = refused(&disk.killed());
    assert!(matches!(error, StoreError::UnknownSeries(_)), "{error:?}");
}

#[test]
fn blocks_of_a_series_that_no_run_defines_are_refused() {
    let donor = flushed(1);
    let disk = SimDisk::new();
    let (store, _) = open(&disk).unwrap();
    for i in 0..3 {
        append(&store, i, &[(TODAY, 1)]).unwrap();
    }
    store.flush().unwrap();
    drop(store);
    let disk = disk.killed();
    // A run of fewer series in place of the right one.
    let run = of_kind(&disk, "series").remove(0);
    disk.remove(&run).unwrap();
    copy(&donor, &disk, &of_kind(&donor, "series").remove(0), &run);
    let error = refused(&disk);
    assert!(matches!(error, StoreError::UnknownSeries(_)), "{error:?}");
}

#[test]
fn a_replay_keeps_to_the_memory_that_running_had() {
    let disk = SimDisk::new();
    let (store, _) = open_with(&disk, roomy()).unwrap();
    let long_ago = Timestamp::from_millis(0);
    for i in 0..40 {
        let rows: Vec<_> = (0..30).map(|n| (TODAY + i * 100 + n, n * i)).collect();
        append(&store, 1, &rows).unwrap();
        store
            .delete(&selection(Some(1)), long_ago, long_ago)
            .unwrap();
    }
    store.wait_durable(store.append(&[]).unwrap()).unwrap();
    drop(store);
    let (store, report) = open(&disk.killed()).unwrap();
    assert_eq!(
        (report.rows_replayed, contents(&store).len()),
        (1_200, 1_200)
    );
    let unencoded = store.stats().rows_unencoded;
    assert!(unencoded <= 100, "{unencoded} rows wait to be encoded");
}
