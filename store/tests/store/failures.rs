//! A running store, with its threads, on disks that fill up, fail and go away.
use std::io;
use std::sync::Arc;
use std::sync::mpsc;

use penstock_store::config::StoreConfig;
use penstock_store::disk::sim::FileOp;
use penstock_store::disk::{OsDisk, SimDisk};
use penstock_store::error::{AppendError, Pressure};
use penstock_store::row::Sequence;
use penstock_store::store::Store;

use crate::support::{SetClock, TODAY, append, values};

fn open(disk: &SimDisk, config: StoreConfig) -> Store {
    Store::open(
        Arc::new(disk.clone()),
        Arc::new(SetClock::default()),
        config,
    )
    .unwrap()
    .0
}

fn small() -> StoreConfig {
    StoreConfig {
        wal_segment_bytes: 256 << 10,
        group_bytes_max: 64 << 10,
        ..StoreConfig::default()
    }
}

#[test]
fn appends_of_many_threads_are_all_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let disk = || Arc::new(OsDisk::new(folder.path()).unwrap());
    let config = StoreConfig {
        sealed_rows: 1_000,
        ..small()
    };
    let (store, _) = Store::open(disk(), Arc::new(SetClock::default()), config.clone()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for i in 0..500 {
                    let sequence = loop {
                        match append(store, thread, &[(TODAY + i, i), (TODAY + 500 + i, -i)]) {
                            Ok(sequence) => break sequence,
                            // Sealed rows wait to be encoded: this passes by itself.
                            Err(AppendError::Busy(_)) => std::thread::yield_now(),
                            Err(AppendError::Stopped) => panic!("the store stopped"),
                        }
                    };
                    if i % 50 == 0 {
                        store.wait_durable(sequence).unwrap();
                    }
                }
            });
        }
    });
    store.close().unwrap();
    assert_eq!(append(&store, 0, &[(TODAY, 1)]), Err(AppendError::Stopped));
    drop(store);
    let (store, report) = Store::open(disk(), Arc::new(SetClock::default()), config).unwrap();
    assert_eq!(
        report.rows_replayed, 0,
        "a clean stop leaves nothing to replay"
    );
    for thread in 0..4 {
        let found = values(&store, thread);
        assert_eq!(found.len(), 1_000);
        assert_eq!(found.get(&(TODAY + 499)), Some(&499));
        assert_eq!(found.get(&(TODAY + 999)), Some(&-499));
    }
}

#[test]
fn two_processes_cannot_open_one_directory() {
    let folder = tempfile::tempdir().unwrap();
    let disk = || Arc::new(OsDisk::new(folder.path()).unwrap());
    let clock = || Arc::new(SetClock::default());
    let (_store, _) = Store::open(disk(), clock(), small()).unwrap();
    let error = Store::open(disk(), clock(), small()).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
}

#[test]
fn a_failed_sync_stops_the_store_and_keeps_what_was_acknowledged() {
    let disk = SimDisk::new();
    let store = open(&disk, small());
    let acknowledged = append(&store, 1, &[(TODAY, 1)]).unwrap();
    store.wait_durable(acknowledged).unwrap();
    let (tell, told) = mpsc::channel();
    store.on_failure(Box::new(move |error| tell.send(error.to_string()).unwrap()));
    // The next one may be a spare segment's, which the maintenance thread makes; either stops the store.
    for _ in 0..64 {
        disk.fail_next(FileOp::Sync, io::ErrorKind::Other);
    }
    let lost = append(&store, 1, &[(TODAY + 1, 2)]).unwrap();
    assert!(
        store.wait_durable(lost).is_err(),
        "nothing may be acknowledged after a failed sync"
    );
    assert_eq!(told.recv().unwrap(), "the write-ahead log failed");
    assert_eq!(
        append(&store, 1, &[(TODAY + 2, 3)]),
        Err(AppendError::Stopped)
    );
    assert!(store.durable() < lost);
    drop(store);
    let image = disk.image(3);
    let found = values(&open(&image, small()), 1);
    assert_eq!(
        found.get(&TODAY),
        Some(&1),
        "acknowledged before the failure"
    );
}

#[test]
fn a_full_disk_refuses_appends_and_recovers_by_itself() {
    let disk = SimDisk::new();
    let store = open(&disk, small());
    disk.set_full(true);
    // Fill the segments there are, until a new one would be needed.
    let mut appended = 0;
    let refused = loop {
        let rows: Vec<_> = (0..1_000)
            .map(|i| (TODAY + appended * 1_000 + i, i * 7_919_317 % 1_000_003))
            .collect();
        match append(&store, 1, &rows) {
            Ok(_) => appended += 1,
            Err(AppendError::Busy(pressure)) => break pressure,
            Err(AppendError::Stopped) => panic!("a full disk must not stop the store"),
        }
        store.request_sync();
    };
    assert!(
        matches!(refused, Pressure::DiskFull | Pressure::PendingLog),
        "{refused:?}"
    );
    disk.set_full(false);
    let last = Sequence(store.stats().sequence_last);
    store.wait_durable(last).unwrap();
    let sequence = loop {
        match append(&store, 2, &[(TODAY, 5)]) {
            Ok(sequence) => break sequence,
            Err(AppendError::Busy(_)) => std::thread::yield_now(),
            Err(AppendError::Stopped) => panic!("the store stopped"),
        }
    };
    store.wait_durable(sequence).unwrap();
    assert_eq!(
        values(&store, 1).len(),
        usize::try_from(appended * 1_000).unwrap()
    );
    assert_eq!(values(&store, 2).len(), 1);
}
