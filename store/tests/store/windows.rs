//! Windows of a store compared with a map in memory: blocks, sealed parts, rows and deletes mixed, series opened in any
//! order, again, and two at once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use penstock_model::{Timestamp, Value};
use penstock_store::config::StoreConfig;
use penstock_store::disk::SimDisk;
use penstock_store::error::AppendError;
use penstock_store::row::{Row, Sequence};
use penstock_store::scan::latest::latest;
use penstock_store::scan::window::{Window, WindowRows};
use penstock_store::store::Store;
use proptest::prelude::*;

use crate::support::{Contents, DAY, SetClock, TODAY, append, selection};

#[derive(Debug, Clone)]
enum Step {
    /// Samples of a series from a moment on, so far apart, all with one value.
    Put {
        series: u8,
        from: i64,
        step: i64,
        count: usize,
        value: i64,
    },
    /// Hides a range of one series, or of all.
    Delete(Option<u8>, i64, i64),
    Flush,
}

const SERIES: u8 = 6;

fn moment() -> impl Strategy<Value = i64> {
    // Two days, and their border.
    prop_oneof![0i64..2 * DAY, DAY - 3_000..DAY + 3_000].prop_map(|offset| TODAY - DAY + offset)
}

fn step() -> impl Strategy<Value = Step> {
    let put = (0..SERIES, moment(), 1i64..20_000, 1usize..400, 0i64..1_000);
    prop_oneof![
        6 => put.prop_map(|(series, from, step, count, value)| Step::Put {
            series,
            from,
            step,
            count,
            value
        }),
        1 => (proptest::option::of(0..SERIES), moment(), moment())
            .prop_map(|(series, a, b)| Step::Delete(series, a.min(b), a.max(b))),
        2 => Just(Step::Flush),
    ]
}

/// What the store says of a change, made again after a flush where it pushed back because its maintenance thread is
/// behind.
fn admitted<T>(store: &Store, change: impl Fn() -> Result<T, AppendError>) -> T {
    let answer = change().or_else(|refusal| match refusal {
        AppendError::Busy(_) => {
            store.flush().unwrap();
            change()
        }
        AppendError::Stopped => Err(refusal),
    });
    answer.unwrap()
}

fn put(store: &Store, series: u8, samples: &[(i64, i64)]) -> Sequence {
    admitted(store, || append(store, series, samples))
}

fn run(steps: &[Step]) -> (Store, Contents) {
    let config = StoreConfig {
        wal_segment_bytes: 64 << 10,
        group_bytes_max: 16 << 10,
        sealed_rows: 700,
        hash_seed: 1,
        ..StoreConfig::default()
    };
    let disk = Arc::new(SimDisk::new());
    let (store, _) = Store::open(disk, Arc::new(SetClock::default()), config).unwrap();
    let mut model = Contents::new();
    for step in steps {
        match step {
            Step::Put {
                series,
                from,
                step,
                count,
                value,
            } => {
                let samples: Vec<(i64, i64)> = (0i64..)
                    .take(*count)
                    .map(|at| (from + at * step, *value))
                    .collect();
                store.wait_durable(put(&store, *series, &samples)).unwrap();
                model.extend(
                    samples
                        .iter()
                        .map(|(time, value)| ((*series, *time), *value)),
                );
            }
            Step::Delete(series, from, to) => {
                let (start, end) = (Timestamp::from_millis(*from), Timestamp::from_millis(*to));
                let deleted = admitted(&store, || store.delete(&selection(*series), start, end));
                store.wait_durable(deleted.sequence).unwrap();
                model.retain(|(of, time), _| {
                    series.is_some_and(|series| series != *of) || !(*from..=*to).contains(time)
                });
            }
            Step::Flush => store.flush().unwrap(),
        }
    }
    (store, model)
}

/// Of a series, after checking that times ascend.
type Samples = BTreeMap<i64, i64>;

fn next(rows: &mut WindowRows<'_>, samples: &mut Samples) -> bool {
    let mut batch: Vec<Row> = Vec::new();
    let more = rows.next_batch(&mut batch).unwrap();
    assert_eq!(more, !batch.is_empty());
    for row in batch {
        let Value::Integer(value) = row.value() else {
            panic!("an integer came back as {row:?}")
        };
        assert!(
            samples
                .last_key_value()
                .is_none_or(|(last, _)| *last < row.time)
        );
        samples.insert(row.time, value);
    }
    more
}

/// Two series read side by side.
fn read(window: &Window, places: [usize; 2]) -> [Samples; 2] {
    let [mut a, mut b] = places.map(|place| window.open(place).unwrap());
    let mut samples = [Samples::new(), Samples::new()];
    loop {
        let more_a = next(&mut a, &mut samples[0]);
        let more_b = next(&mut b, &mut samples[1]);
        if !more_a && !more_b {
            return samples;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_window_has_what_was_written_and_not_deleted(
        steps in proptest::collection::vec(step(), 1..14),
        a in moment(),
        b in moment(),
        c in moment(),
        d in moment(),
        order in Just((0..usize::from(SERIES)).collect::<Vec<_>>()).prop_shuffle(),
        is_expected in any::<bool>(),
    ) {
        let (store, model) = run(&steps);
        let (from, to) = (a.min(b), a.max(b));
        let snapshot = Arc::new(store.snapshot().unwrap());
        // What comes later is not in the snapshot.
        put(&store, 0, &[(from, -1)]);
        let range = (Timestamp::from_millis(from), Timestamp::from_millis(to));
        let mut window =
            Window::new(Arc::clone(&snapshot), &selection(None), range, usize::MAX).unwrap();
        let names: Vec<u8> = window
            .series()
            .iter()
            .map(|series| {
                let identity = snapshot.identity(*series).unwrap();
                identity.tags.get("host").unwrap()["host".len()..].parse().unwrap()
            })
            .collect();
        let places: Vec<usize> = order.into_iter().filter(|place| *place < names.len()).collect();
        if is_expected {
            window.expect(places.clone());
        }
        let expected = |series: u8| -> Samples {
            let all = model.iter().filter(|((of, time), _)| *of == series && (from..=to).contains(time));
            all.map(|((_, time), value)| (*time, *value)).collect()
        };
        for place in &places {
            let other = places[0];
            let [samples, others] = read(&window, [*place, other]);
            let last = window.open(*place).unwrap().last().unwrap();
            prop_assert_eq!(last.map(|row| row.time), samples.keys().last().copied());
            prop_assert_eq!(samples, expected(names[*place]));
            prop_assert_eq!(others, expected(names[other]));
        }
        // Of a part of it the same, but for series that have nothing there.
        let (start, end) = (c.min(d), c.max(d));
        window.narrow((Timestamp::from_millis(start), Timestamp::from_millis(end)));
        for place in &places {
            let all = expected(names[*place]);
            let part: Samples = all
                .iter()
                .filter(|(time, _)| (start..=end).contains(*time))
                .map(|(time, value)| (*time, *value))
                .collect();
            let [samples, _] = read(&window, [*place, *place]);
            prop_assert_eq!(samples, if part.is_empty() { all } else { part });
        }
        // Whoever is not there has nothing.
        for series in (0..SERIES).filter(|series| !names.contains(series)) {
            prop_assert!(expected(series).is_empty());
        }
        prop_assert!(!next(&mut window.open(names.len()).unwrap(), &mut Samples::new()));
        let mut newest = BTreeMap::new();
        let all = store.series().find(&selection(None));
        latest(&snapshot, all, range.0, &mut |series, row| {
            newest.insert(series, row.time);
            ControlFlow::Continue(())
        }).unwrap();
        let of_all: BTreeMap<u8, i64> = model
            .keys()
            .filter(|(_, time)| *time >= from)
            .map(|(series, time)| (*series, *time))
            .collect();
        prop_assert_eq!(newest.len(), of_all.len());
        for (series, time) in newest {
            let identity = snapshot.identity(series).unwrap();
            let name: u8 = identity.tags.get("host").unwrap()["host".len()..].parse().unwrap();
            prop_assert_eq!(Some(&time), of_all.get(&name));
        }
        let few = Window::new(snapshot, &selection(None), range, 1).unwrap();
        prop_assert_eq!(few.series().len(), names.len().min(1));
    }
}
