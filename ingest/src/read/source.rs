//! The store as a query sees it: one tenant's series, as far as a scope reaches, at one moment.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use penstock_model::{NameRole, SeriesIdentity, SeriesKey, SeriesKind, Uids, Value};
use penstock_query::{
    Name, Point, SelectedSeries, Selection as Wanted, SeriesReader, SeriesSource, StoredRollup,
    Target,
};
use penstock_store::error::StoreError;
use penstock_store::scan::snapshot::Snapshot;
use penstock_store::scan::window::{Window, WindowRows};
use penstock_store::series::{KindFilter, Matcher, SeriesFilter, SeriesRegistry};
use penstock_store::store::Store;
use penstock_store::{Row, SeriesId, ValueKind};

use super::tsuid::{self, NoSuchTsuid};
use super::{ReadScope, filters};
use crate::protocol::quote::Quoted;
use crate::volumes::VolumeError;

/// What a scope shows of a snapshot of the store.
#[derive(Debug)]
pub struct StoreSource {
    store: Store,
    scope: ReadScope,
    snapshot: Arc<Snapshot>,
    /// Whether TSUIDs are asked for: making one takes longer than finding a series.
    with_tsuids: bool,
    passes_over_unknown_tsuids: bool,
    window: Option<Window>,
    /// Every series that was opened.
    opened: RefCell<BTreeSet<SeriesId>>,
}

/// Why a source has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// What is stored cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A TSUID that no series has.
    #[error(transparent)]
    Tsuid(#[from] NoSuchTsuid),
    /// A name that no series has.
    #[error("No such name for '{kind}': '{name}'")]
    Name {
        /// `metrics`, `tagk` or `tagv`.
        kind: &'static str,
        /// The name.
        name: Quoted,
    },
    /// Another volume cannot be read.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// What another server takes for the key of a series is none.
    #[error("another server names a series by a damaged key")]
    Key,
}

impl StoreSource {
    /// Everything in the scope that is durable now.
    ///
    /// # Errors
    /// [`StoreError::Stopped`].
    pub fn new(store: Store, scope: ReadScope, with_tsuids: bool) -> Result<Self, StoreError> {
        let snapshot = Arc::new(store.snapshot()?);
        Ok(Self {
            store,
            scope,
            snapshot,
            with_tsuids,
            passes_over_unknown_tsuids: false,
            window: None,
            opened: RefCell::default(),
        })
    }

    /// Every series that has been opened so far: those that an answer was made of.
    pub fn into_opened(self) -> Vec<SeriesId> {
        self.opened.into_inner().into_iter().collect()
    }

    /// A TSUID that no series here has selects nothing instead of being an error: another server may have it.
    #[must_use]
    pub fn passing_over_unknown_tsuids(mut self) -> Self {
        self.passes_over_unknown_tsuids = true;
        self
    }

    /// Whether any series of the scope has this TSUID.
    pub fn knows_tsuid(&self, tsuid: &str) -> bool {
        tsuid::filter(self.registry(), &self.scope, tsuid, &KindFilter::RawOnly).is_ok()
    }

    /// The key of a selected series.
    pub fn key(&self, place: usize) -> Option<SeriesKey> {
        let series = self.window.as_ref()?.series().get(place)?;
        self.registry().key(*series)
    }

    fn registry(&self) -> &SeriesRegistry {
        self.store.series()
    }

    fn filters(&self, wanted: &Wanted) -> Result<Vec<SeriesFilter>, NoSuchTsuid> {
        let kind = filters::kind(&wanted.kind);
        match &wanted.target {
            Target::Metric(metric) => Ok(vec![SeriesFilter {
                metric: Matcher::Equals(metric.clone()),
                kind,
                tags: wanted
                    .tags
                    .iter()
                    .map(|(key, predicate)| (key.clone(), filters::matcher(predicate)))
                    .collect(),
            }]),
            Target::Tsuids(tsuids) => tsuids
                .iter()
                .map(|tsuid| tsuid::filter(self.registry(), &self.scope, tsuid, &kind))
                .filter(|filter| filter.is_ok() || !self.passes_over_unknown_tsuids)
                .collect(),
        }
    }

    fn selected(&self, series: SeriesId) -> Result<SelectedSeries, StoreError> {
        Ok(self.describe(self.snapshot.identity(series)?))
    }

    /// A series as a query sees it, wherever it lies.
    pub fn describe(&self, identity: SeriesIdentity) -> SelectedSeries {
        let tsuid = self.with_tsuids.then(|| {
            let uids = Uids::of(self.scope.tenant());
            uids.tsuid(&identity.metric, &identity.tags).into()
        });
        SelectedSeries {
            function: identity.kind.parts().aggregator,
            metric: identity.metric,
            tags: identity.tags,
            tsuid,
        }
    }
}

impl SeriesSource for StoreSource {
    type Error = SourceError;
    type Reader<'a> = StoreReader<'a>;

    fn knows(&self, name: Name<'_>) -> Result<bool, SourceError> {
        let (kind, name) = match name {
            Name::Metric(name) => (NameRole::Metric, name),
            Name::TagKey(name) => (NameRole::TagKey, name),
            Name::TagValue(name) => (NameRole::TagValue, name),
        };
        Ok(self.scope.knows(self.registry(), kind, name))
    }

    fn rollups(&self, metric: &str) -> Result<Vec<StoredRollup>, SourceError> {
        let kinds = self.registry().rollups_of(self.scope.tenant(), metric);
        let is_seen = |kind: &SeriesKind| {
            self.scope.is_whole_tenant() || {
                let filter = SeriesFilter {
                    metric: Matcher::Equals(metric.into()),
                    kind: filters::exactly(kind),
                    tags: Vec::new(),
                };
                let selection = self.scope.selection(vec![filter]);
                self.registry().has_any(&selection)
            }
        };
        Ok(kinds
            .iter()
            .filter(|kind| is_seen(kind))
            .filter_map(|kind| {
                let parts = kind.parts();
                Some(StoredRollup {
                    interval: *parts.interval?,
                    aggregator: parts.aggregator?,
                    is_pre_aggregate: parts.group_by.is_some(),
                })
            })
            .collect())
    }

    fn select(&mut self, wanted: &Wanted) -> Result<Vec<SelectedSeries>, SourceError> {
        let selection = self.scope.selection(self.filters(wanted)?);
        let mut window = Window::new(
            Arc::clone(&self.snapshot),
            &selection,
            (wanted.from, wanted.to),
            wanted.series_max.saturating_add(1),
        )?;
        window.narrow(wanted.needed);
        let found = window
            .series()
            .iter()
            .map(|series| self.selected(*series))
            .collect::<Result<_, _>>()?;
        self.window = Some(window);
        Ok(found)
    }

    fn expect(&mut self, lanes: Vec<Vec<usize>>) {
        if let Some(window) = &mut self.window {
            window.expect(side_by_side(lanes));
        }
    }

    fn open(&self, series: usize) -> Result<StoreReader<'_>, SourceError> {
        let rows = match &self.window {
            Some(window) => {
                let opened = window.series().get(series).copied();
                self.opened.borrow_mut().extend(opened);
                Some(window.open(series)?)
            }
            None => None,
        };
        Ok(StoreReader {
            rows,
            batch: Vec::new(),
        })
    }
}

/// One order out of several lanes: the first of each, the second of each.
fn side_by_side(lanes: Vec<Vec<usize>>) -> Vec<usize> {
    let mut lanes: Vec<_> = lanes.into_iter().map(Vec::into_iter).collect();
    let mut order = Vec::new();
    loop {
        let before = order.len();
        order.extend(lanes.iter_mut().filter_map(Iterator::next));
        if order.len() == before {
            return order;
        }
    }
}

/// The samples of one series.
#[derive(Debug)]
pub struct StoreReader<'a> {
    rows: Option<WindowRows<'a>>,
    batch: Vec<Row>,
}

impl SeriesReader for StoreReader<'_> {
    type Error = SourceError;

    fn next_batch(&mut self, out: &mut Vec<Point>) -> Result<bool, SourceError> {
        out.clear();
        let Some(rows) = &mut self.rows else {
            return Ok(false);
        };
        let more = rows.next_batch(&mut self.batch)?;
        if more {
            out.extend(self.batch.iter().map(point));
        }
        Ok(more)
    }
}

/// Without the normal form of a [`Row::value`]: a query makes doubles of decimals.
pub(super) fn point(row: &Row) -> Point {
    let value = match row.kind {
        ValueKind::Decimal => Value::Decimal {
            mantissa: row.bits,
            exponent: row.exponent,
        },
        ValueKind::Integer => Value::Integer(row.bits),
        ValueKind::Double => row.value(),
    };
    Point::new(row.timestamp(), value)
}
