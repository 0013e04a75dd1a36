//! How long a flush takes whose samples lie in many days, and how long an append waits meanwhile.
//!
//! `cargo run --release -p penstock-store --example many_days [DAYS]`, with the data in the system's folder for temporary
//! files: set `TMPDIR` to a disk that is one.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures real time, and prints it"
)]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_model::{SeriesIdentity, SeriesKind, SystemClock, Tags, TenantId, Timestamp, Value};
use penstock_store::Row;
use penstock_store::config::StoreConfig;
use penstock_store::disk::OsDisk;
use penstock_store::series::Unlimited;
use penstock_store::store::Store;

const DAY: i64 = 86_400_000;

fn main() -> Result<(), Box<dyn Error>> {
    let days = std::env::args().nth(1).map_or(Ok(20_000), |n| n.parse())?;
    let folder = tempfile::tempdir()?;
    let disk = Arc::new(OsDisk::new(folder.path())?);
    let (store, _) = Store::open(disk, Arc::new(SystemClock::new()), StoreConfig::default())?;
    let key = SeriesIdentity {
        tenant: TenantId::from_bytes([1; 16]),
        kind: SeriesKind::Raw,
        metric: "m".into(),
        tags: Tags::default(),
    }
    .to_key();
    let row = |day: i64| {
        let time = Timestamp::from_millis(day * DAY);
        let series = store.resolve(&key, time.day(), &Unlimited)?;
        Ok::<_, Box<dyn Error>>(Row::new(series, time, Value::Integer(day)))
    };
    let rows = (1..=days).map(row).collect::<Result<Vec<_>, _>>()?;
    let last = store.append(&rows)?;
    store.wait_durable(last)?;
    let flushing = std::thread::spawn({
        let store = store.clone();
        move || {
            let started = Instant::now();
            store.flush().map(|()| started.elapsed())
        }
    });
    let mut waits = Vec::new();
    while !flushing.is_finished() {
        let started = Instant::now();
        let last = store.append(&[row(1)?])?;
        store.wait_durable(last)?;
        waits.push(started.elapsed());
    }
    let flushed = flushing.join().map_err(|_| "the flush panicked")??;
    waits.sort_unstable();
    let at = |percent: usize| waits.get(waits.len() * percent / 100).copied();
    println!(
        "{days} days: flushed in {flushed:?}; an append was durable after {:?} (median), {:?} (99 %), {:?} at most",
        at(50).unwrap_or_default(),
        at(99).unwrap_or_default(),
        waits.last().copied().unwrap_or(Duration::ZERO),
    );
    store.close()?;
    Ok(())
}
