//! What makes a store refuse appends, and that it passes: no limit is forgotten, none holds for ever.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use penstock_model::Timestamp;
use penstock_store::config::StoreConfig;
use penstock_store::disk::sim::FileOp;
use penstock_store::disk::{Disk as _, SimDisk};
use penstock_store::error::{AppendError, Pressure, StoreError};
use penstock_store::store::Store;

use crate::support::{SetClock, TODAY, append, contents, identity, resolve, selection, values};

fn tiny() -> StoreConfig {
    StoreConfig {
        wal_segment_bytes: 16 << 10,
        group_bytes_max: 4 << 10,
        sealed_rows: 100,
        hash_seed: 1,
        ..StoreConfig::default()
    }
}

fn open(disk: &SimDisk, config: StoreConfig) -> Store {
    let clock = Arc::new(SetClock::default());
    let opened = Store::open_without_threads(Arc::new(disk.clone()), clock, config);
    opened.unwrap().0
}

fn open_with_threads(disk: &SimDisk, config: StoreConfig) -> Store {
    let clock = Arc::new(SetClock::default());
    let opened = Store::open(Arc::new(disk.clone()), clock, config);
    opened.unwrap().0
}

/// Appends until the store refuses, at most so often.
fn fill(store: &Store, times: i64) -> Option<AppendError> {
    (0..times).find_map(|i| append(store, 1, &[(TODAY + i, i), (TODAY + 100_000 + i, -i)]).err())
}

#[test]
fn a_flush_that_empties_the_log_ends_the_pressure() {
    let config = StoreConfig {
        wal_bytes_max: 4 << 10,
        ..tiny()
    };
    let store = open(&SimDisk::new(), config);
    for round in 0..50 {
        for i in 0..30 {
            append(&store, 1, &[(TODAY + round * 100 + i, i)]).unwrap();
        }
        store.flush().unwrap();
        assert_eq!(store.pressure(), None, "round {round}");
        assert_eq!(store.stats().wal_bytes_in_use, 0, "all of it is in blocks");
    }
}

#[test]
fn a_running_store_lets_go_of_the_log_without_a_further_append() {
    let config = StoreConfig {
        wal_bytes_max: 2 << 10,
        ..tiny()
    };
    let store = open_with_threads(&SimDisk::new(), config);
    for i in 0..2_000 {
        loop {
            match append(&store, 1, &[(TODAY + i, i)]) {
                Ok(_) => break,
                Err(AppendError::Busy(_)) => std::thread::yield_now(),
                Err(AppendError::Stopped) => panic!("the store stopped"),
            }
        }
        store.request_sync();
    }
    store.close().unwrap();
}

#[test]
fn rows_sealed_by_deletes_count_as_rows_in_memory() {
    let store = open(&SimDisk::new(), tiny());
    let now = Timestamp::from_millis(TODAY);
    let refused = (0..300).find_map(|i| {
        let appended = append(&store, 1, &[(TODAY + i, i), (TODAY + 1_000 + i, i)]);
        let deleted = appended.and_then(|_| store.delete(&selection(Some(1)), now, now));
        deleted.err()
    });
    assert_eq!(refused, Some(AppendError::Busy(Pressure::Memory)));
    store.flush().unwrap();
    assert_eq!(store.pressure(), None);
}

#[test]
fn a_disk_without_reserve_refuses_although_the_log_has_room() {
    let disk = SimDisk::new();
    let store = open(&disk, tiny());
    append(&store, 1, &[(TODAY, 1)]).unwrap();
    store.flush().unwrap();
    disk.set_full(true);
    let last = append(&store, 1, &[(TODAY + 1, 2)]).unwrap();
    store.wait_durable(last).unwrap();
    assert_eq!(store.pressure(), Some(Pressure::DiskFull));
    disk.set_full(false);
    store.wait_durable(last).unwrap();
    assert_eq!(store.pressure(), None);
}

#[test]
fn on_a_full_disk_no_new_series_is_defined_and_known_ones_are_found() {
    let disk = SimDisk::new();
    let store = open(&disk, tiny());
    let last = append(&store, 1, &[(TODAY, 1)]).unwrap();
    store.wait_durable(last).unwrap();
    disk.set_full(true);
    let last = append(&store, 1, &[(TODAY + 1, 2)]).unwrap();
    store.wait_durable(last).unwrap();
    let (known, new) = (identity(1).to_key(), identity(2).to_key());
    let now = Timestamp::from_millis(TODAY);
    resolve(&store, &known, now).unwrap();
    let series = store.stats().series;
    assert_eq!(
        resolve(&store, &new, now),
        Err(AppendError::Busy(Pressure::DiskFull))
    );
    assert_eq!(store.stats().series, series, "nothing waits for room");
    disk.set_full(false);
    store.wait_durable(last).unwrap();
    resolve(&store, &new, now).unwrap();
    assert_eq!(values(&store, 1).len(), 2);
}

#[test]
fn the_next_segment_is_there_before_it_is_needed() {
    let disk = SimDisk::new();
    let store = open(&disk, tiny());
    for i in 0..200 {
        let before = segments(&disk);
        let last = append(&store, 1, &[(TODAY + i, i)]).unwrap();
        store.wait_durable(last).unwrap();
        let in_use = store.stats().wal_bytes_in_use.div_ceil((16 << 10) - 512);
        assert!(segments(&disk) > usize::try_from(in_use).unwrap());
        assert!(segments(&disk) <= before + 1 || i == 0);
    }
}

fn segments(disk: &SimDisk) -> usize {
    disk.list(Path::new("wal")).unwrap().len()
}

#[test]
fn the_log_is_flushed_to_blocks_when_no_segment_can_be_made() {
    let disk = SimDisk::new();
    let store = open_with_threads(&disk, tiny());
    let first = append(&store, 1, &[(TODAY, 1)]).unwrap();
    store.wait_durable(first).unwrap();
    disk.set_full(true);
    while fill(&store, 100_000).is_none() {}
    disk.set_full(false);
    while store.pressure().is_some() {
        std::thread::yield_now();
    }
    let last = append(&store, 2, &[(TODAY, 2)]).unwrap();
    store.wait_durable(last).unwrap();
    store.close().unwrap();
}

#[test]
fn closing_on_a_full_disk_comes_back_and_keeps_what_was_acknowledged() {
    let disk = SimDisk::new();
    let store = open_with_threads(&disk, tiny());
    let acknowledged = append(&store, 2, &[(TODAY, 7)]).unwrap();
    store.wait_durable(acknowledged).unwrap();
    disk.set_full(true);
    while fill(&store, 100_000).is_none() {
        store.request_sync();
    }
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    store.on_failure(Box::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let acknowledged = store.durable();
    assert!(store.close().is_err(), "not everything could be written");
    assert_eq!(told.load(Ordering::Relaxed), 0, "a full disk is no failure");
    assert_eq!(append(&store, 1, &[(TODAY, 1)]), Err(AppendError::Stopped));
    drop(store);
    disk.set_full(false);
    let store = open(&disk.image(1), tiny());
    assert!(store.durable() >= acknowledged);
    assert_eq!(values(&store, 2)[&TODAY], 7);
}

#[test]
fn dropping_a_store_on_a_full_disk_comes_back_and_tells_no_failure() {
    let disk = SimDisk::new();
    let store = open_with_threads(&disk, tiny());
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    store.on_failure(Box::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    disk.set_full(true);
    while fill(&store, 100_000).is_none() {
        store.request_sync();
    }
    drop(store);
    assert_eq!(told.load(Ordering::Relaxed), 0);
}

#[test]
fn a_failure_is_told_once_whoever_waits() {
    for seed in 0..20 {
        let disk = SimDisk::new();
        let config = StoreConfig {
            sealed_rows: 4,
            ..tiny()
        };
        let store = open_with_threads(&disk, config);
        let (tell, told) = mpsc::channel();
        store.on_failure(Box::new(move |error| tell.send(error.to_string()).unwrap()));
        disk.crash_at(disk.operations() + seed);
        while fill(&store, 1_000) != Some(AppendError::Stopped) {
            store.request_sync();
        }
        drop(store);
        assert_eq!(told.iter().count(), 1);
    }
}

#[test]
fn a_worker_that_panics_stops_the_store() {
    let store = open_with_threads(&SimDisk::new(), tiny());
    let (tell, told) = mpsc::channel();
    store.on_failure(Box::new(move |error| tell.send(error.to_string()).unwrap()));
    store.on_durable(Box::new(|_| panic!("a listener's fault")));
    let last = append(&store, 1, &[(TODAY, 1)]).unwrap();
    let later = penstock_store::row::Sequence(last.0 + 1);
    let error = store.wait_durable(later).unwrap_err();
    assert!(matches!(error, StoreError::Stopped), "{error:?}");
    assert_eq!(told.recv().unwrap(), "a thread of the store panicked");
    assert!(store.close().is_err());
}

#[test]
fn a_batch_of_any_size_fits_groups_of_any_size() {
    let disk = SimDisk::new();
    let store = open(&disk, tiny());
    let rows: Vec<_> = (0..9_000)
        .map(|i| (TODAY + i * i, i.wrapping_mul(0x1234_5678_9abc_def1)))
        .collect();
    let last = append(&store, 1, &rows).unwrap();
    store.wait_durable(last).unwrap();
    assert_eq!(contents(&open(&disk.killed(), tiny())).len(), 9_000);
}

#[test]
fn a_name_that_cannot_be_made_durable_is_no_back_pressure() {
    let disk = SimDisk::new();
    let store = open(&disk, tiny());
    let last = append(&store, 1, &[(TODAY, 1)]).unwrap();
    store.wait_durable(last).unwrap();
    disk.fail_next(FileOp::SyncDir, std::io::ErrorKind::StorageFull);
    assert!(matches!(store.flush(), Err(StoreError::Stopped)));
    let store = open(&disk.image(3), tiny());
    assert_eq!(contents(&store).len(), 1);
}

#[test]
fn closing_comes_back_while_series_are_still_defined() {
    for _ in 0..20 {
        let store = open_with_threads(&SimDisk::new(), tiny());
        std::thread::scope(|scope| {
            let (tell, told) = mpsc::channel::<()>();
            scope.spawn(|| {
                let told = told;
                let mut series = 0..=u8::MAX;
                while matches!(told.try_recv(), Err(mpsc::TryRecvError::Empty)) {
                    let Some(series) = series.next() else { return };
                    // Defines the series; the samples are refused once the store closes.
                    append(&store, series, &[(TODAY, 1)]).ok();
                }
            });
            store.close().unwrap();
            drop(tell);
        });
    }
}
