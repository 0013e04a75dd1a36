//! Several threads put, define, delete, scan and flush until the disk crashes at an operation that a seed chooses;
//! then it crashes again while it is opened.
//!
//! Sequences are one order, so every state that anybody may ever see is the state after some first part of that
//! order: a scan's at least what was durable before it, at most what is durable after it; a restart's at least
//! what was durable before the crash.

use std::sync::Arc;

use parking_lot::Mutex;
use penstock_model::Timestamp;
use penstock_store::config::StoreConfig;
use penstock_store::disk::SimDisk;
use penstock_store::error::AppendError;
use penstock_store::row::Sequence;
use penstock_store::store::Store;

use crate::support::{Contents, DAY, SetClock, TODAY, append, contents, contents_of, selection};

const WRITERS: u8 = 3;
const STEPS: i64 = 150;

#[derive(Debug, Clone)]
enum Change {
    Put(u8, Vec<(i64, i64)>),
    Delete(u8, i64, i64),
}

/// What was appended, by the sequence that the store answered.
type History = Vec<(Sequence, Change)>;

fn config() -> StoreConfig {
    StoreConfig {
        wal_segment_bytes: 16 << 10,
        group_bytes_max: 4 << 10,
        sealed_rows: 60,
        sealed_bytes_max: 2 << 10,
        wal_bytes_max: 32 << 10,
        hash_seed: 1,
        ..StoreConfig::default()
    }
}

/// The states after each part of the history from `from` on; the first is the one after all up to it.
fn states(history: &History, from: Sequence) -> impl Iterator<Item = Contents> {
    let (before, after): (History, History) = history
        .iter()
        .cloned()
        .partition(|(sequence, _)| *sequence <= from);
    let mut state = Contents::new();
    for (_, change) in &before {
        apply(&mut state, change);
    }
    let mut next = Some(state);
    let mut after = after.into_iter();
    std::iter::from_fn(move || {
        let state = next.take()?;
        next = after.next().map(|(_, change)| {
            let mut next = state.clone();
            apply(&mut next, &change);
            next
        });
        Some(state)
    })
}

fn apply(state: &mut Contents, change: &Change) {
    match change {
        Change::Put(series, samples) => {
            state.extend(
                samples
                    .iter()
                    .map(|(time, value)| ((*series, *time), *value)),
            );
        }
        Change::Delete(series, from, to) => {
            state.retain(|(of, time), _| of != series || !(*from..=*to).contains(time));
        }
    }
}

/// One writer's steps, until the store stops. Every writer has series of its own, new ones now and then.
fn write(store: &Store, writer: u8, history: &Mutex<History>) {
    for step in 0..STEPS {
        let series = writer * 40 + u8::try_from(step / 10).unwrap();
        let at = TODAY - (step % 3) * DAY + step % 7 * 1_000;
        let change = if step % 11 == 10 {
            Change::Delete(series, at, at + 3_000)
        } else {
            let samples = (0..=step % 9).map(|n| (at + n % 5 * 500, step * 100 + n));
            Change::Put(series, samples.collect())
        };
        // The lock makes sure that a scan's checker knows all that the scan may see.
        let mut written = history.lock();
        let done = match &change {
            Change::Put(series, samples) => append(store, *series, samples),
            Change::Delete(series, from, to) => {
                let range = (Timestamp::from_millis(*from), Timestamp::from_millis(*to));
                let deleted = store.delete(&selection(Some(*series)), range.0, range.1);
                deleted.map(|deleted| deleted.sequence)
            }
        };
        match done {
            Ok(sequence) => written.push((sequence, change)),
            Err(AppendError::Busy(_)) => {
                drop(written);
                std::thread::yield_now();
                continue;
            }
            Err(AppendError::Stopped) => return,
        }
        let waits = (step + i64::from(writer)) % 20 == 0;
        let last = written.last().unwrap().0;
        drop(written);
        if waits && store.wait_durable(last).is_err() {
            return;
        }
    }
}

fn scan(store: &Store, history: &Mutex<History>) {
    let before = store.durable();
    let Ok(found) = contents_of(store, &selection(None)) else {
        return; // Blocks cannot be read once the disk has crashed.
    };
    let after = store.durable();
    let history: History = history.lock().clone();
    let possible = history
        .iter()
        .filter(|(of, _)| *of > before && *of <= after)
        .count();
    assert!(
        states(&history, before)
            .take(possible + 1)
            .any(|state| state == found),
        "a scan between {before} and {after} found {found:?}"
    );
}

fn open(disk: &SimDisk) -> Option<Store> {
    let clock = Arc::new(SetClock::default());
    Store::open(Arc::new(disk.clone()), clock, config())
        .ok()
        .map(|(store, _)| store)
}

fn run(seed: u64) {
    let disk = SimDisk::new();
    disk.crash_at(10 + seed * 37 % 900);
    let Some(store) = open(&disk) else { return };
    let history = Mutex::new(History::new());
    std::thread::scope(|scope| {
        let (store, history) = (&store, &history);
        for writer in 0..WRITERS {
            scope.spawn(move || write(store, writer, history));
        }
        scope.spawn(move || (0..10).for_each(|_| scan(store, history)));
        scope.spawn(move || (0..5).for_each(|_| drop(store.flush())));
    });
    let acknowledged = store.durable();
    if seed.is_multiple_of(3) {
        store.close().ok();
    }
    drop(store);
    let history = history.into_inner();
    let mut image = disk.image(seed);
    for crash in [seed % 7, seed % 31, seed % 101] {
        image.crash_at(crash);
        drop(open(&image));
        image = image.image(seed ^ crash);
    }
    let store = open(&image).unwrap();
    let found = contents(&store);
    assert!(
        states(&history, acknowledged).any(|state| state == found),
        "seed {seed}: acknowledged up to {acknowledged}, found {found:?}"
    );
    store.close().unwrap();
}

#[test]
fn what_threads_were_told_is_durable_survives_a_crash_at_any_moment() {
    for seed in 0..60 {
        run(seed);
    }
}
