//! One history, again and again, with a fault at each of its file operations in turn.
//!
//! A write, sync, rename or creation that fails stops the store, and what was acknowledged is there afterwards. A
//! disk that is full holds things up: nothing is lost, nothing is left behind.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use penstock_model::Timestamp;
use penstock_store::config::StoreConfig;
use penstock_store::disk::SimDisk;
use penstock_store::error::{AppendError, ErrorKind, StoreError};
use penstock_store::row::Sequence;
use penstock_store::store::Store;

use crate::support::{Contents, DAY, SetClock, TODAY, append, contents, files, selection};

const STEPS: u32 = 40;

fn open(disk: &SimDisk) -> Result<Store, StoreError> {
    let config = StoreConfig {
        wal_segment_bytes: 4 << 10,
        group_bytes_max: 1 << 10,
        sealed_rows: 40,
        wal_bytes_max: 12 << 10,
        hash_seed: 1,
        ..StoreConfig::default()
    };
    let clock = Arc::new(SetClock::default());
    Store::open_without_threads(Arc::new(disk.clone()), clock, config).map(|(store, _)| store)
}

/// Why a step was not done.
#[derive(Debug)]
enum Refused {
    Full,
    Stopped,
}

impl From<AppendError> for Refused {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Busy(_) => Self::Full,
            AppendError::Stopped => Self::Stopped,
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            ErrorKind::Retry => Self::Full,
            _ => Self::Stopped,
        }
    }
}

/// Puts of three series and two days or many, deletes, flushes; every fourth step waits.
fn step(store: &Store, at: u32, state: &mut Contents) -> Result<(), Refused> {
    let (series, at) = (u8::try_from(at % 3).unwrap(), i64::from(at));
    match at % 13 {
        7 => {
            let range = (TODAY, TODAY + at * 500);
            let times = (
                Timestamp::from_millis(range.0),
                Timestamp::from_millis(range.1),
            );
            store.delete(&selection(Some(series)), times.0, times.1)?;
            state.retain(|(of, time), _| *of != series || !(range.0..=range.1).contains(time));
        }
        11 => store.flush()?,
        _ => {
            // Every fifth step has a day for each sample.
            let days = if at % 5 == 3 { 400 } else { 0 };
            let day = TODAY - at % 2 * DAY;
            let samples: Vec<_> = (0..12)
                .map(|n| {
                    let time = day + (at + n) % 20 * 1_000;
                    (time - n * days * DAY, at * 100 + n)
                })
                .collect();
            append(store, series, &samples)?;
            state.extend(
                samples
                    .iter()
                    .map(|(time, value)| ((series, *time), *value)),
            );
        }
    }
    Ok(())
}

fn sync(store: &Store) -> Result<(), Refused> {
    Ok(store.wait_durable(Sequence(store.stats().sequence_last))?)
}

/// Runs the history until the store stops. Answers the states that a restart may find, oldest first.
fn run_until_stopped(store: &Store) -> Vec<Contents> {
    let mut possible = vec![Contents::new()];
    for at in 0..STEPS {
        let mut state = possible.last().unwrap().clone();
        let done = step(store, at, &mut state);
        possible.push(state);
        let done = done.and_then(|()| if at % 4 == 0 { sync(store) } else { Ok(()) });
        match done {
            Ok(()) if at % 4 == 0 || at % 13 == 11 => drop(possible.drain(..possible.len() - 1)),
            Ok(()) => {}
            Err(Refused::Full) => panic!("the disk is not full"),
            Err(Refused::Stopped) => return possible,
        }
    }
    possible
}

#[test]
fn a_failure_of_any_operation_stops_the_store_and_loses_nothing() {
    let mut stopped = 0;
    for operation in 0.. {
        let disk = SimDisk::new();
        disk.fail_at(operation, io::ErrorKind::Other);
        let told = Arc::new(AtomicU64::new(0));
        let possible = match open(&disk) {
            Ok(store) => {
                let count = Arc::clone(&told);
                store.on_failure(Box::new(move |error| {
                    assert_eq!(error.kind(), ErrorKind::GiveUp, "{error:?}");
                    count.fetch_add(1, Ordering::Relaxed);
                }));
                let possible = run_until_stopped(&store);
                let has_stopped = append(&store, 1, &[(TODAY, 1)]) == Err(AppendError::Stopped);
                assert_eq!(told.load(Ordering::Relaxed), u64::from(has_stopped));
                stopped += u64::from(has_stopped);
                possible
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::GiveUp, "{error:?}");
                vec![Contents::new()]
            }
        };
        for seed in 0..3 {
            let found = contents(&open(&disk.image(operation ^ seed)).unwrap());
            assert!(
                possible.contains(&found),
                "operation {operation}: found {found:?}"
            );
        }
        if disk.operations() < operation {
            break;
        }
    }
    assert!(stopped > 80, "only {stopped} operations matter");
}

#[test]
fn a_disk_that_fills_at_any_operation_holds_things_up_and_leaves_nothing_behind() {
    for operation in 0.. {
        let disk = SimDisk::new();
        disk.fill_at(operation);
        let store = open(&disk).unwrap();
        store.on_failure(Box::new(|error| {
            panic!("a full disk is no failure: {error:?}")
        }));
        let mut state = Contents::new();
        for at in 0..STEPS {
            let mut refusals = 0;
            while let Err(refused) = step(&store, at, &mut state).and_then(|()| sync(&store)) {
                assert!(
                    matches!(refused, Refused::Full),
                    "operation {operation}: {refused:?}"
                );
                refusals += 1;
                assert!(refusals < 3, "operation {operation}: the pressure stays");
                disk.set_full(false);
                sync(&store).unwrap();
            }
            assert_eq!(contents(&store), state, "operation {operation}, step {at}");
        }
        // It may fill just now. Everything is durable all the same.
        store.close().ok();
        disk.set_full(false);
        let before = files(&disk);
        let store = open(&disk.image(operation)).unwrap();
        assert_eq!(contents(&store), state);
        drop(store);
        let (_, report) = Store::open_without_threads(
            Arc::new(disk.killed()),
            Arc::new(SetClock::default()),
            StoreConfig {
                wal_segment_bytes: 4 << 10,
                group_bytes_max: 1 << 10,
                ..StoreConfig::default()
            },
        )
        .unwrap();
        assert!(
            report.removed.is_empty(),
            "left behind: {report:?} of {before:?}"
        );
        if disk.operations() < operation {
            break;
        }
    }
}
