//! What the stories share: a clock that stands, series by number, and what a scan answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use penstock_model::{
    Clock, SeriesIdentity, SeriesKey, SeriesKind, Tags, TenantId, Timestamp, Value,
};
use penstock_store::disk::{Disk as _, SimDisk};
use penstock_store::error::{AppendError, ResolveError, StoreError};
use penstock_store::row::{Row, Sequence, SeriesId};
use penstock_store::series::{KindFilter, Matcher, Selection, SeriesFilter, Unlimited};
use penstock_store::store::Store;

/// 2026-11-25T00:00:00Z.
pub(crate) const TODAY: i64 = 1_795_564_800_000;
pub(crate) const DAY: i64 = 86_400_000;

/// A clock that moves only when it is told to.
#[derive(Debug, Default)]
pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    pub(crate) fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(TODAY + self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed).unsigned_abs())
    }
}

pub(crate) fn tenant() -> TenantId {
    TenantId::from_bytes([7; 16])
}

pub(crate) fn identity(series: u8) -> SeriesIdentity {
    SeriesIdentity {
        tenant: tenant(),
        kind: SeriesKind::Raw,
        metric: if series.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        }
        .into(),
        tags: Tags::from_pairs([("host", format!("host{series}"))]).unwrap(),
    }
}

/// One series, or all.
pub(crate) fn selection(series: Option<u8>) -> Selection {
    let host = series.map_or_else(Matcher::any, |series| {
        Matcher::Equals(format!("host{series}").into())
    });
    Selection {
        tenant: tenant(),
        any_of: vec![SeriesFilter {
            metric: Matcher::any(),
            kind: KindFilter::RawOnly,
            tags: vec![("host".into(), host)],
        }],
    }
}

/// Appends samples of (time, value) to one series.
pub(crate) fn append(
    store: &Store,
    series: u8,
    samples: &[(i64, i64)],
) -> Result<Sequence, AppendError> {
    let key = identity(series).to_key();
    let row = |(time, value): &(i64, i64)| {
        let time = Timestamp::from_millis(*time);
        Ok(Row::new(
            resolve(store, &key, time)?,
            time,
            Value::Integer(*value),
        ))
    };
    let rows = samples.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    store.append(&rows)
}

/// The id of a series without any limit.
pub(crate) fn resolve(
    store: &Store,
    key: &SeriesKey,
    time: Timestamp,
) -> Result<SeriesId, AppendError> {
    store
        .resolve(key, time.day(), &Unlimited)
        .map_err(|error| match error {
            ResolveError::Busy(pressure) => AppendError::Busy(pressure),
            ResolveError::Refused(never) => match never {},
        })
}

/// Per series and time the value.
pub(crate) type Contents = BTreeMap<(u8, i64), i64>;

/// What a scan answers, after checking its order.
pub(crate) fn contents_of(store: &Store, selection: &Selection) -> Result<Contents, StoreError> {
    let mut scan = store.scan(selection, Timestamp::MIN, Timestamp::MAX)?;
    let (mut found, mut rows, mut before) = (Contents::new(), Vec::new(), None);
    while let Some(mut cursor) = scan.next_series()? {
        let key = cursor.identity().to_key();
        assert!(
            before.as_ref() < Some(&key),
            "series come in the order of their keys"
        );
        let series: u8 = cursor.identity().tags.get("host").unwrap()["host".len()..]
            .parse()
            .unwrap();
        assert_eq!(cursor.identity(), &identity(series));
        let mut last = i64::MIN;
        while cursor.next_batch(&mut rows)? {
            for row in &rows {
                assert!(row.time > last, "times ascend");
                last = row.time;
                let Value::Integer(value) = row.value() else {
                    panic!("an integer came back as {row:?}")
                };
                found.insert((series, row.time), value);
            }
        }
        before = Some(key);
    }
    Ok(found)
}

/// Everything that the tenant has.
pub(crate) fn contents(store: &Store) -> Contents {
    contents_of(store, &selection(None)).unwrap()
}

/// The samples of one series.
pub(crate) fn values(store: &Store, series: u8) -> BTreeMap<i64, i64> {
    let found = contents_of(store, &selection(Some(series))).unwrap();
    found
        .into_iter()
        .map(|((_, time), value)| (time, value))
        .collect()
}

/// Every file of the data directory.
pub(crate) fn files(disk: &SimDisk) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for name in disk.list(&folder).unwrap_or_default() {
            let path = folder.join(name);
            if disk.open(&path).is_ok() {
                found.push(path);
            } else {
                folders.push(path);
            }
        }
    }
    found.sort_unstable();
    found
}
