//! The tables: what a series is made of, and how to find it from its key, its metric and its pairs.
//!
//! ```text
//!   key bytes --hash--> keys ----> place 40      records[40..] = series 7 | metric 2 | count 3 | pairs 5 9 17
//!   series 7 -----------places---> place 40
//!   metric bytes -----> metrics -> metric 2 -> bytes, postings 1 7 8 ..
//!   pair bytes -------> pairs ---> pair 9 ---> bytes, postings 7 12 ..
//!   tenant -> its metrics; its tag keys -> the pairs with that key
//! ```
//!
//! Keys are not kept: a key is its metric's bytes and its pairs' bytes, one behind the other. No locks here,
//! no limits, nothing of the disk.

use std::collections::BTreeMap;

use penstock_model::{KeyPieces, SeriesKey, SeriesKind, TenantId, split_pair};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::series::id_bits::IdBits;
use crate::series::id_table::IdTable;
use crate::series::pairs::{PairDictionary, TenantNumber};
use crate::series::postings::Postings;
use crate::series::width;

/// The place of no series.
const NOWHERE: u32 = u32::MAX;

/// Every series, by all that it can be found by.
#[derive(Debug)]
pub(crate) struct Index {
    hash_seed: u64,
    /// From the hash of a key to its place.
    keys: IdTable,
    /// By series id; [`NOWHERE`] for ids that no series has.
    places: Vec<u32>,
    records: Vec<u32>,
    /// The place of the youngest series.
    youngest: u32,
    count: usize,
    metric_table: IdTable,
    /// By metric id; ids may be missing.
    metrics: Vec<Option<Metric>>,
    pub(crate) pairs: PairDictionary,
    tenant_numbers: BTreeMap<TenantId, TenantNumber>,
    tenants: Vec<Tenant>,
}

/// What a series is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) series: u32,
    pub(crate) metric: u32,
    /// In the order of the tag keys.
    pub(crate) pairs: &'a [u32],
}

/// A (tenant, kind, metric).
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) tenant: TenantNumber,
    pub(crate) kind: SeriesKind,
    pub(crate) name: Box<str>,
    /// The canonical key of the metric's series without tags.
    pub(crate) bytes: Box<[u8]>,
    pub(crate) postings: Postings,
}

/// What one tenant has.
#[derive(Debug, Default)]
pub(crate) struct Tenant {
    pub(crate) metrics: Vec<u32>,
    /// By name those that are not raw data.
    pub(crate) rollups: BTreeMap<Box<str>, Vec<u32>>,
    /// All its tag pairs, in the order in which they came.
    pub(crate) pairs: Vec<u32>,
    /// The same by their keys.
    pub(crate) tag_keys: BTreeMap<Box<str>, Vec<u32>>,
}

/// What a definition is to those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Absent,
    Same,
    Conflict,
}

impl Index {
    pub(crate) fn new(hash_seed: u64) -> Self {
        Self {
            hash_seed,
            keys: IdTable::new(),
            places: Vec::new(),
            records: Vec::new(),
            youngest: NOWHERE,
            count: 0,
            metric_table: IdTable::new(),
            metrics: Vec::new(),
            pairs: PairDictionary::new(hash_seed),
            tenant_numbers: BTreeMap::new(),
            tenants: Vec::new(),
        }
    }

    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.hash_seed)
    }

    /// The series with this key.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<Record<'_>> {
        let place = self.keys.find(hash, |place| self.has_key(place, key))?;
        record_at(&self.records, place)
    }

    fn has_key(&self, place: u32, key: &[u8]) -> bool {
        let record = record_at(&self.records, place);
        let metric = record.and_then(|record| self.metric(record.metric));
        let rest = metric.and_then(|metric| key.strip_prefix(&*metric.bytes));
        let Some((mut rest, record)) = rest.zip(record) else {
            return false;
        };
        for pair in record.pairs {
            match rest.strip_prefix(self.pairs.text(*pair)) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// The series with this id.
    #[inline]
    pub(crate) fn record(&self, series: u32) -> Option<Record<'_>> {
        record_at(&self.records, *self.places.get(width::index(series))?)
    }

    /// Whether there is a series with this id.
    #[inline]
    pub(crate) fn has(&self, series: u32) -> bool {
        let place = self.places.get(width::index(series));
        place.is_some_and(|place| *place != NOWHERE)
    }

    /// The metric with these bytes.
    pub(crate) fn find_metric(&self, bytes: &[u8]) -> Option<u32> {
        self.metric_table.find(self.hash(bytes), |id| {
            self.metric(id)
                .is_some_and(|metric| *metric.bytes == *bytes)
        })
    }

    pub(crate) fn metric(&self, id: u32) -> Option<&Metric> {
        self.metrics.get(width::index(id))?.as_ref()
    }

    /// Whose metric it is: its key says so.
    pub(crate) fn tenant_of_metric(&self, id: u32) -> Option<TenantId> {
        let key = KeyPieces::check(&self.metric(id)?.bytes).ok()?;
        Some(key.tenant())
    }

    #[inline]
    pub(crate) fn metric_of(&self, series: u32) -> Option<u32> {
        self.record(series).map(|record| record.metric)
    }

    /// Appends the canonical key of a series to `out` and gives its metric; `None` if there is no such series.
    pub(crate) fn append_key(&self, series: u32, out: &mut Vec<u8>) -> Option<u32> {
        let record = self.record(series)?;
        out.extend_from_slice(&self.metric(record.metric)?.bytes);
        for pair in record.pairs {
            out.extend_from_slice(self.pairs.text(*pair));
        }
        Some(record.metric)
    }

    pub(crate) fn key(&self, series: u32) -> Option<SeriesKey> {
        let record = self.record(series)?;
        let metric = self.metric(record.metric)?;
        let pairs = record.pairs.iter().map(|pair| self.pairs.text(*pair));
        Some(SeriesKey::from_pieces(&metric.bytes, pairs))
    }

    pub(crate) fn tenant_number(&self, tenant: TenantId) -> Option<TenantNumber> {
        self.tenant_numbers.get(&tenant).copied()
    }

    pub(crate) fn tenant(&self, number: TenantNumber) -> Option<&Tenant> {
        self.tenants.get(width::index(number))
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// What the definition is to those that are there.
    pub(crate) fn standing(&self, series: u32, metric: u32, hash: u64, key: &[u8]) -> Standing {
        match (self.find(hash, key), self.record(series)) {
            (Some(known), Some(_)) if known.series == series && known.metric == metric => {
                Standing::Same
            }
            (None, None) => Standing::Absent,
            _ => Standing::Conflict,
        }
    }

    /// Whether a new series may say that the metric with these bytes has this id.
    pub(crate) fn metric_fits(&self, metric: u32, bytes: &[u8]) -> bool {
        match self.metric(metric) {
            Some(known) => *known.bytes == *bytes,
            None => self.find_metric(bytes).is_none(),
        }
    }

    /// Adds a series that is [`Standing::Absent`]. Its metric and pairs know it only after [`Index::post`].
    pub(crate) fn insert(&mut self, series: u32, metric: u32, hash: u64, pieces: KeyPieces<'_>) {
        let tenant = self.ensure_metric(metric, pieces);
        let place = width::id(self.records.len());
        self.records.extend([series, metric, 0]);
        let mut count = 0;
        for text in pieces.pairs() {
            // Series that come one after the other share most of their pairs.
            let guess = record_at(&self.records, self.youngest);
            let guess = guess.and_then(|record| record.pairs.get(count).copied());
            let number = guess
                .filter(|guess| self.pairs.is(*guess, tenant, text))
                .or_else(|| self.pairs.find(tenant, text))
                .unwrap_or_else(|| self.add_pair(tenant, text));
            self.records.push(number);
            count += 1;
        }
        if let Some(slot) = self.records.get_mut(width::index(place) + 2) {
            *slot = width::id(count);
        }
        let at = width::index(series);
        if at >= self.places.len() {
            self.places.resize(at + 1, NOWHERE);
        }
        if let Some(slot) = self.places.get_mut(at) {
            *slot = place;
        }
        self.keys.insert(hash, place);
        self.youngest = place;
        self.count += 1;
    }

    fn ensure_metric(&mut self, id: u32, pieces: KeyPieces<'_>) -> TenantNumber {
        if let Some(known) = self.metric(id) {
            return known.tenant;
        }
        let tenant = self.ensure_tenant(pieces.tenant());
        let at = width::index(id);
        if at >= self.metrics.len() {
            self.metrics.resize_with(at + 1, || None);
        }
        if let Some(slot) = self.metrics.get_mut(at) {
            *slot = Some(Metric {
                tenant,
                kind: pieces.kind(),
                name: pieces.metric_name().into(),
                bytes: pieces.metric().into(),
                postings: Postings::new(),
            });
        }
        self.metric_table.insert(self.hash(pieces.metric()), id);
        if let Some(tenant) = self.tenants.get_mut(width::index(tenant)) {
            tenant.metrics.push(id);
            if pieces.kind() != SeriesKind::Raw {
                let name = pieces.metric_name();
                tenant.rollups.entry(name.into()).or_default().push(id);
            }
        }
        tenant
    }

    /// The tenant's number; a new tenant gets one.
    pub(crate) fn ensure_tenant(&mut self, tenant: TenantId) -> TenantNumber {
        if let Some(known) = self.tenant_number(tenant) {
            return known;
        }
        let number = width::id(self.tenants.len());
        self.tenants.push(Tenant::default());
        self.tenant_numbers.insert(tenant, number);
        number
    }

    fn add_pair(&mut self, tenant: TenantNumber, text: &[u8]) -> u32 {
        let number = self.pairs.add(tenant, text);
        let key = split_pair(text).map_or("", |(key, _)| key);
        if let Some(tenant) = self.tenants.get_mut(width::index(tenant)) {
            tenant.pairs.push(number);
            match tenant.tag_keys.get_mut(key) {
                Some(pairs) => pairs.push(number),
                None => drop(tenant.tag_keys.insert(key.into(), vec![number])),
            }
        }
        number
    }

    /// Makes inserted series known to their metrics and pairs. Cheapest with ascending ids, above all others.
    pub(crate) fn post(&mut self, series: impl IntoIterator<Item = u32>) {
        let (mut metrics, mut pairs) = (IdBits::default(), IdBits::default());
        for id in series {
            let place = self.places.get(width::index(id)).copied();
            let Some(record) = place.and_then(|place| record_at(&self.records, place)) else {
                continue;
            };
            let metric = self.metrics.get_mut(width::index(record.metric));
            if let Some(Some(metric)) = metric
                && !metric.postings.append(id)
            {
                metrics.insert(record.metric);
            }
            for pair in record.pairs {
                let postings = self.pairs.postings_mut(*pair);
                if postings.is_some_and(|postings| !postings.append(id)) {
                    pairs.insert(*pair);
                }
            }
        }
        for metric in metrics.iter() {
            if let Some(Some(metric)) = self.metrics.get_mut(width::index(metric)) {
                metric.postings.restore_order();
            }
        }
        for pair in pairs.iter() {
            if let Some(postings) = self.pairs.postings_mut(pair) {
                postings.restore_order();
            }
        }
    }

    /// About how many bytes of memory all this takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let of_metric = |metric: &Metric| {
            metric.bytes.len() + metric.name.len() + metric.postings.memory_bytes()
        };
        let of_tenant = |tenant: &Tenant| {
            let pairs: usize = tenant.tag_keys.values().map(Vec::capacity).sum();
            (pairs + tenant.pairs.capacity() + tenant.metrics.capacity()) * size_of::<u32>()
        };
        self.keys.memory_bytes()
            + (self.places.capacity() + self.records.capacity()) * size_of::<u32>()
            + self.metric_table.memory_bytes()
            + self.metrics.capacity() * size_of::<Option<Metric>>()
            + self.metrics.iter().flatten().map(of_metric).sum::<usize>()
            + self.pairs.memory_bytes()
            + self.tenants.iter().map(of_tenant).sum::<usize>()
    }
}

#[inline]
fn record_at(records: &[u32], place: u32) -> Option<Record<'_>> {
    let record = records.get(width::index(place)..)?;
    let ([series, metric, count], rest) = record.split_first_chunk()?;
    let pairs = rest.get(..width::index(*count))?;
    Some(Record {
        series: *series,
        metric: *metric,
        pairs,
    })
}
