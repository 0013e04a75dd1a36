//! What readers copy out of memory has a budget.

use std::sync::Arc;

use penstock_model::Timestamp;
use penstock_store::config::StoreConfig;
use penstock_store::disk::SimDisk;
use penstock_store::error::ErrorKind;
use penstock_store::store::Store;

use crate::support::{SetClock, TODAY, append, selection};

#[test]
fn readers_that_hold_more_than_they_may_are_told_to_come_back() {
    const ROWS: i64 = 1_000;
    let config = StoreConfig {
        copied_bytes_max: 120_000,
        ..StoreConfig::default()
    };
    let disk = Arc::new(SimDisk::new());
    let clock = Arc::new(SetClock::default());
    let (store, _) = Store::open_without_threads(disk, clock, config).unwrap();
    let samples: Vec<_> = (0..ROWS).map(|at| (TODAY + at, at)).collect();
    let appended = append(&store, 1, &samples).unwrap();
    store.wait_durable(appended).unwrap();
    let copy_bytes = 24 * u64::try_from(ROWS).unwrap();
    let everything = selection(None);
    let all = || store.scan(&everything, Timestamp::MIN, Timestamp::MAX);
    let mut held = Vec::new();
    let refused = loop {
        match all() {
            Ok(scan) => held.push(scan),
            Err(refused) => break refused,
        }
        assert!(held.len() < 6, "nobody is refused");
        let counted = store.stats().copied_bytes;
        assert!(counted >= copy_bytes * u64::try_from(held.len()).unwrap());
        assert!(counted <= 120_000, "{counted}");
    };
    assert!(held.len() >= 2);
    assert_eq!(refused.kind(), ErrorKind::Retry);
    assert!(refused.to_string().contains("120000 bytes"), "{refused}");
    held.clear();
    assert_eq!(store.stats().copied_bytes, 0);
    drop(all().unwrap());
    // What is in blocks is not copied.
    store.flush().unwrap();
    let _scan = all().unwrap();
    assert_eq!(store.stats().copied_bytes, 0);
}
