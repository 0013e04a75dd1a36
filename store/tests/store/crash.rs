//! Histories of puts, deletes, flushes and restarts on the simulated disk, cut off after every file
//! operation, compared with a map in memory.
//!
//! What a restart finds must be the state after some prefix of the history: one that has at least everything
//! that was acknowledged, and nothing that was never appended. Unsynced writes are torn and reordered by a seed.
use std::sync::Arc;

use penstock_model::{Timestamp, Value};
use penstock_store::config::StoreConfig;
use penstock_store::disk::{Disk as _, SimDisk};
use penstock_store::error::AppendError;
use penstock_store::row::{Row, Sequence};
use penstock_store::store::Store;
use proptest::prelude::*;

use crate::support::{Contents, DAY, SetClock, TODAY, contents, identity, resolve, selection};

#[derive(Debug, Clone)]
enum Step {
    /// Samples of (series, time, value), appended as one record.
    Put(Vec<(u8, i64, i64)>),
    /// Waits until everything so far is durable: from here on it must not be lost.
    Acknowledge,
    /// Hides a range of one series, or of all.
    Delete(Option<u8>, i64, i64),
    Flush,
    /// A clean stop and a start.
    Close,
    /// As kill -9: the process ends, the disk is as it is.
    Kill,
}

fn apply(model: &mut Contents, step: &Step) {
    match step {
        Step::Put(samples) => {
            model.extend(
                samples
                    .iter()
                    .map(|(series, time, value)| ((*series, *time), *value)),
            );
        }
        Step::Delete(series, from, to) => model.retain(|(of, time), _| {
            series.is_some_and(|series| series != *of) || !(*from..=*to).contains(time)
        }),
        Step::Acknowledge | Step::Flush | Step::Close | Step::Kill => {}
    }
}

fn small() -> StoreConfig {
    StoreConfig {
        wal_segment_bytes: 16 << 10,
        group_bytes_max: 4 << 10,
        sealed_rows: 40,
        sealed_bytes_max: 4 << 10,
        wal_bytes_max: 48 << 10,
        hash_seed: 1,
        ..StoreConfig::default()
    }
}

/// A store on a simulated disk, and what it has been told.
struct Run {
    disk: SimDisk,
    clock: Arc<SetClock>,
    store: Option<Store>,
    /// The state after each step so far; the first is the state before all.
    states: Vec<Contents>,
    /// At least this many steps must survive.
    acknowledged: usize,
}

/// The disk has crashed: the run is over.
struct Crashed;

impl Run {
    fn start(disk: SimDisk) -> Result<Self, Crashed> {
        let clock = Arc::new(SetClock::default());
        let mut run = Self {
            disk,
            clock,
            store: None,
            states: vec![Contents::new()],
            acknowledged: 0,
        };
        run.open().map(|()| run)
    }

    fn open(&mut self) -> Result<(), Crashed> {
        let disk = Arc::new(self.disk.clone());
        let clock: Arc<SetClock> = Arc::clone(&self.clock);
        match Store::open_without_threads(disk, clock, small()) {
            Ok((store, _)) => {
                self.store = Some(store);
                Ok(())
            }
            Err(error) if self.disk.list(std::path::Path::new("")).is_err() => {
                drop(error);
                Err(Crashed)
            }
            Err(error) => panic!("a disk that works must open: {error:?}"),
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn step(&mut self, step: &Step) -> Result<(), Crashed> {
        self.clock.advance(1);
        let mut next = self.states.last().unwrap().clone();
        apply(&mut next, step);
        self.states.push(next);
        let done = match step {
            Step::Put(samples) => {
                let row = |(series, time, value): &(u8, i64, i64)| {
                    let time = Timestamp::from_millis(*time);
                    let key = identity(*series).to_key();
                    let id = resolve(self.store(), &key, time)?;
                    Ok(Row::new(id, time, Value::Integer(*value)))
                };
                let rows: Result<Vec<Row>, AppendError> = samples.iter().map(row).collect();
                let appended = rows.and_then(|rows| self.store().append(&rows));
                return appended.map(drop).map_err(|_| Crashed);
            }
            Step::Delete(series, from, to) => {
                let range = (Timestamp::from_millis(*from), Timestamp::from_millis(*to));
                return self
                    .store()
                    .delete(&selection(*series), range.0, range.1)
                    .map(drop)
                    .map_err(|_| Crashed);
            }
            Step::Acknowledge => {
                let last = Sequence(self.store().stats().sequence_last);
                self.store().wait_durable(last)
            }
            Step::Flush => self.store().flush(),
            Step::Close => self.store().close(),
            Step::Kill => Ok(()),
        };
        done.map_err(|_| Crashed)?;
        match step {
            Step::Acknowledge | Step::Flush => {
                self.acknowledged = self.states.len() - 1;
                assert_eq!(
                    contents(self.store()),
                    *self.states.last().unwrap(),
                    "after {step:?}"
                );
            }
            Step::Close => {
                self.acknowledged = self.states.len() - 1;
                self.store = None;
                self.open()?;
                assert_eq!(
                    contents(self.store()),
                    *self.states.last().unwrap(),
                    "after {step:?}"
                );
            }
            Step::Kill => {
                self.store = None;
                self.disk = self.disk.killed();
                self.open()?;
                self.expect_a_prefix("kill -9");
            }
            Step::Put(_) | Step::Delete(..) => {}
        }
        Ok(())
    }

    /// The store must hold the state after one of the steps that could have survived; the run goes on from it.
    fn expect_a_prefix(&mut self, what: &str) {
        let found = contents(self.store());
        let possible = &self.states[self.acknowledged..];
        assert!(
            possible.contains(&found),
            "{what}: found {found:?}\nacknowledged {:?}\nlast {:?}",
            self.states[self.acknowledged],
            self.states.last()
        );
        self.states = vec![found];
        self.acknowledged = 0;
    }
}

/// Runs a history until the disk crashes at this operation (never, if there are fewer), crashes while what is left is
/// opened, opens it, looks, writes on, and opens once more.
fn run_with_crash(steps: &[Step], operation: u64, seed: u64) -> u64 {
    let disk = SimDisk::new();
    disk.crash_at(operation);
    let Ok(mut run) = Run::start(disk.clone()) else {
        let mut left = Run::start(disk.image(seed)).ok().unwrap();
        left.expect_a_prefix("crash at the first start");
        return disk.operations();
    };
    for step in steps {
        if run.step(step).is_err() {
            break;
        }
    }
    let operations = run.disk.operations();
    run.store = None;
    run.disk = run.disk.image(seed);
    // The power goes again on the way up.
    run.disk.crash_at(seed % 29);
    run.open().ok();
    run.store = None;
    run.disk = run.disk.image(seed.wrapping_add(7));
    assert!(run.open().is_ok(), "the disk works again");
    run.expect_a_prefix("power cut");
    let more = [
        Step::Put(vec![(0, TODAY + 5, 77), (9, TODAY - DAY, 78)]),
        Step::Acknowledge,
    ];
    for step in &more {
        assert!(run.step(step).is_ok(), "the store goes on after a crash");
    }
    run.store = None;
    run.disk = run.disk.image(seed.wrapping_add(1));
    assert!(run.open().is_ok(), "the disk works");
    run.expect_a_prefix("second power cut");
    operations
}

fn sample() -> impl Strategy<Value = (u8, i64, i64)> {
    // Few series and times, so that rows meet; three days, one of them before the epoch of the others, and now and then one
    // of many.
    let time = (
        prop_oneof![
            6 => Just(TODAY),
            6 => Just(TODAY - DAY),
            6 => Just(0),
            1 => (1i64..12).prop_map(|day| day * 400 * DAY),
        ],
        0i64..20,
    )
        .prop_map(|(day, t)| day + t * 1_000);
    (0u8..5, time, any::<i64>())
}

fn step() -> impl Strategy<Value = Step> {
    let range = || (sample(), sample()).prop_map(|((_, a, _), (_, b, _))| (a.min(b), a.max(b)));
    prop_oneof![
        6 => proptest::collection::vec(sample(), 1..30).prop_map(Step::Put),
        3 => Just(Step::Acknowledge),
        1 => (proptest::option::of(0u8..5), range()).prop_map(|(series, (from, to))| Step::Delete(series, from, to)),
        1 => Just(Step::Flush),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_acknowledged_survives_a_crash_after_every_file_operation(
        steps in proptest::collection::vec(step(), 1..14),
        seed in any::<u64>(),
    ) {
        let operations = run_with_crash(&steps, u64::MAX, seed);
        for operation in 0..operations {
            run_with_crash(&steps, operation, seed ^ operation);
        }
    }
}

#[test]
fn a_history_of_many_days_survives_a_crash_after_every_file_operation() {
    let days = |value: i64| Step::Put((0..9).map(|day| (1, day * 300 * DAY, value)).collect());
    let steps = [
        days(1),
        Step::Acknowledge,
        Step::Flush,
        Step::Put(vec![(2, TODAY, 1)]),
        Step::Flush,
        days(2),
        Step::Delete(Some(1), 0, 900 * DAY),
        Step::Acknowledge,
        Step::Close,
    ];
    let operations = run_with_crash(&steps, u64::MAX, 1);
    for operation in 0..operations {
        for seed in 0..4 {
            run_with_crash(&steps, operation, operation.wrapping_mul(31) + seed);
        }
    }
}

#[test]
fn deletes_hide_at_once_survive_flushes_and_never_hide_later_samples() {
    let steps = [
        Step::Put(vec![(1, TODAY, 1), (2, TODAY, 2), (1, TODAY - DAY, 3)]),
        Step::Flush,
        Step::Put(vec![(1, TODAY + 1_000, 4)]),
        Step::Delete(Some(1), TODAY, TODAY + DAY),
        Step::Acknowledge,
        Step::Put(vec![(1, TODAY, 5)]),
        Step::Acknowledge,
        Step::Flush,
        Step::Close,
        Step::Delete(None, 0, TODAY + DAY),
        Step::Acknowledge,
        Step::Close,
        Step::Put(vec![(2, TODAY, 6)]),
        Step::Flush,
    ];
    let operations = run_with_crash(&steps, u64::MAX, 1);
    for operation in 0..operations {
        run_with_crash(&steps, operation, operation);
    }
}
