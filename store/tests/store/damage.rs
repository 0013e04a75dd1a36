//! A flipped byte in any file is reported at the start or at the read, and never becomes a wrong value.

use std::sync::Arc;

use penstock_model::{Timestamp, WithCauses};
use penstock_store::config::StoreConfig;
use penstock_store::disk::{Disk as _, SimDisk};
use penstock_store::error::StoreError;
use penstock_store::store::Store;

use crate::support::{Contents, DAY, SetClock, TODAY, append, contents, files, selection};

fn config() -> StoreConfig {
    StoreConfig {
        wal_segment_bytes: 64 << 10,
        group_bytes_max: 16 << 10,
        hash_seed: 1,
        ..StoreConfig::default()
    }
}

fn open(disk: &SimDisk) -> Result<Store, String> {
    Store::open_without_threads(
        Arc::new(disk.clone()),
        Arc::new(SetClock::default()),
        config(),
    )
    .map(|(store, _)| store)
    .map_err(|error| told(&error))
}

fn told(error: &StoreError) -> String {
    WithCauses(error).to_string()
}

/// Blocks of three days, a series run, a tombstone, and rows that only the log has.
fn populated() -> (SimDisk, Contents, Contents) {
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    for series in 0..5 {
        let rows: Vec<_> = (0..700)
            .map(|i| (TODAY - (i % 3) * DAY + i * 100, i * i))
            .collect();
        append(&store, series, &rows).unwrap();
    }
    store.flush().unwrap();
    let range = (
        Timestamp::from_millis(TODAY),
        Timestamp::from_millis(TODAY + 5_000),
    );
    store.delete(&selection(Some(1)), range.0, range.1).unwrap();
    store.flush().unwrap();
    let last = append(&store, 5, &[(TODAY, 1), (TODAY + 1, 2)]).unwrap();
    store.wait_durable(last).unwrap();
    let before_last_group = contents(&store);
    let last = append(&store, 6, &[(TODAY, 3), (TODAY + 1, 4)]).unwrap();
    store.wait_durable(last).unwrap();
    let all = contents(&store);
    drop(store);
    (disk, before_last_group, all)
}

/// What a start and a whole scan answer, or the first error.
fn read_everything(disk: &SimDisk) -> Result<Contents, String> {
    let store = open(disk)?;
    let mut scan = store
        .scan(&selection(None), Timestamp::MIN, Timestamp::MAX)
        .map_err(|error| told(&error))?;
    let mut rows = Vec::new();
    while let Some(mut cursor) = scan.next_series().map_err(|error| told(&error))? {
        while cursor.next_batch(&mut rows).map_err(|error| told(&error))? {}
    }
    drop(scan);
    Ok(contents(&store))
}

/// Whether a report names a place within a file, or says that the whole is none of ours.
fn says_where(report: &str) -> bool {
    ["at byte ", "at offset ", "format version"]
        .iter()
        .any(|words| report.contains(words))
}

#[test]
fn a_flipped_byte_is_reported_and_never_a_wrong_value() {
    let (disk, before_last_group, all) = populated();
    let paths = files(&disk);
    let kinds = ["manifest", "wal", "series", "blocks"];
    for kind in kinds {
        assert!(
            paths.iter().any(|path| path.starts_with(kind)),
            "no file of {kind} in {paths:?}"
        );
    }
    for path in paths {
        let length = disk.open(&path).unwrap().len().unwrap();
        // Every byte of the small files; of the segments, which are mostly empty, a sample.
        let step = usize::try_from(length / 1_500).unwrap().max(1);
        for offset in (0..length).step_by(step) {
            let damaged = disk.killed();
            damaged.corrupt(&path, offset, 0x10).unwrap();
            match read_everything(&damaged) {
                Ok(found) => {
                    let torn_tail = path.starts_with("wal") && found == before_last_group;
                    assert!(
                        found == all || torn_tail,
                        "{} at {offset}: silently read something else",
                        path.display()
                    );
                }
                Err(report) => {
                    let file = path.file_name().unwrap().to_str().unwrap();
                    assert!(
                        report.contains(file) && says_where(&report),
                        "{} at {offset}: {report}",
                        path.display()
                    );
                }
            }
        }
    }
}
