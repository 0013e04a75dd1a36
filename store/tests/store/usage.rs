//! How much is whose, wherever the samples are at the moment.

use std::sync::Arc;

use penstock_model::{TenantId, Timestamp, Value};
use penstock_store::config::StoreConfig;
use penstock_store::disk::SimDisk;
use penstock_store::row::Row;
use penstock_store::store::Store;
use penstock_store::usage::TenantUsage;

use crate::support::{DAY, SetClock, TODAY, append, identity, resolve, tenant};

fn open(disk: &SimDisk) -> Store {
    let config = StoreConfig {
        hash_seed: 1,
        ..StoreConfig::default()
    };
    let clock = Arc::new(SetClock::default());
    let disk = Arc::new(disk.clone());
    Store::open_without_threads(disk, clock, config).unwrap().0
}

fn other() -> TenantId {
    TenantId::from_bytes([8; 16])
}

fn append_of_other(store: &Store) {
    let mut identity = identity(1);
    identity.tenant = other();
    let time = Timestamp::from_millis(TODAY);
    let series = resolve(store, &identity.to_key(), time).unwrap();
    store
        .append(&[Row::new(series, time, Value::Integer(1))])
        .unwrap();
}

fn samples(store: &Store) -> Vec<(TenantId, u64)> {
    let usage = store.usage();
    usage
        .iter()
        .map(|(tenant, usage)| (*tenant, usage.samples))
        .collect()
}

#[test]
fn every_sample_is_counted_once_wherever_it_lies() {
    let disk = SimDisk::new();
    let store = open(&disk);
    assert!(store.usage().is_empty());
    append(&store, 1, &[(TODAY, 1), (TODAY + 1, 2), (TODAY - DAY, 3)]).unwrap();
    append(&store, 2, &[(TODAY, 4)]).unwrap();
    append_of_other(&store);
    store.wait_durable(store.append(&[]).unwrap()).unwrap();
    let expected = [(tenant(), 4), (other(), 1)];
    assert_eq!(samples(&store), expected, "in memory");
    assert!(store.usage().values().all(|usage| usage.bytes == 0));

    store.flush().unwrap();
    assert_eq!(samples(&store), expected, "in blocks");
    let usage = store.usage();
    let bytes: u64 = usage.values().map(|usage| usage.bytes).sum();
    let stats = store.stats();
    assert!(
        bytes <= stats.block_bytes && bytes + 10 > stats.block_bytes,
        "{usage:?}"
    );

    append(&store, 2, &[(TODAY + 9, 5)]).unwrap();
    store.close().unwrap();
    drop(store);
    let store = open(&disk);
    assert_eq!(
        samples(&store),
        [(tenant(), 5), (other(), 1)],
        "after a start"
    );
    assert_ne!(store.usage().get(&other()), Some(&TenantUsage::default()));
}
