//! The tables: what a series is made of, and how to find it from its key, its metric and its pairs.
//!
//! ```text
//!   key bytes --hash--> keys ----> series 7 -> metric 2, list at 40      lists[40..] = 3 | 5 | 9 | 17
//!   metric bytes -----> metrics -> metric 2 -> bytes, postings 1 7 8 ..                pairs of series 7
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

/// Every series, by all that it can be found by.
#[derive(Debug)]
pub(crate) struct Index {
    hash_seed: u64,
    keys: IdTable,
    /// By series id; ids may be missing.
    series: Vec<Place>,
    /// For each series the number of its pairs, then these.
    lists: Vec<u32>,
    /// Where the youngest series' list begins.
    last_list: usize,
    count: usize,
    metric_table: IdTable,
    /// By metric id; ids may be missing.
    metrics: Vec<Option<Metric>>,
    pub(crate) pairs: PairDictionary,
    tenant_numbers: BTreeMap<TenantId, TenantNumber>,
    tenants: Vec<Tenant>,
}

/// Where a series' parts are.
#[derive(Clone, Copy, Debug)]
struct Place {
    metric: u32,
    list: u32,
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
            series: Vec::new(),
            lists: Vec::new(),
            last_list: 0,
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
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.keys.find(hash, |series| self.has_key(series, key))
    }

    fn has_key(&self, series: u32, key: &[u8]) -> bool {
        let metric = self.metric_of(series).and_then(|id| self.metric(id));
        let Some(mut rest) = metric.and_then(|metric| key.strip_prefix(&*metric.bytes)) else {
            return false;
        };
        for pair in self.pairs_of(series) {
            match rest.strip_prefix(self.pairs.text(*pair)) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
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

    #[inline]
    pub(crate) fn metric_of(&self, series: u32) -> Option<u32> {
        let place = self.series.get(width::index(series))?;
        (place.metric != Place::NONE.metric).then_some(place.metric)
    }

    /// The pairs of a series, in the order of the tag keys; none for an unknown series.
    #[inline]
    pub(crate) fn pairs_of(&self, series: u32) -> &[u32] {
        let place = self.series.get(width::index(series));
        place.map_or(&[], |place| list_at(&self.lists, *place))
    }

    /// Appends the canonical key of a series to `out`; false if there is no such series.
    pub(crate) fn append_key(&self, series: u32, out: &mut Vec<u8>) -> bool {
        let metric = self.metric_of(series).and_then(|id| self.metric(id));
        if let Some(metric) = metric {
            out.extend_from_slice(&metric.bytes);
            for pair in self.pairs_of(series) {
                out.extend_from_slice(self.pairs.text(*pair));
            }
        }
        metric.is_some()
    }

    pub(crate) fn key(&self, series: u32) -> Option<SeriesKey> {
        let metric = self.metric(self.metric_of(series)?)?;
        let pairs = self.pairs_of(series).iter().map(|p| self.pairs.text(*p));
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
        match (self.find(hash, key), self.metric_of(series)) {
            (Some(known), Some(its_metric)) if known == series && its_metric == metric => {
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
        let (previous, list) = (self.last_list, self.lists.len());
        self.lists.push(0);
        for (nth, text) in pieces.pairs().enumerate() {
            // Series that come one after the other share most of their pairs.
            let guess = self.lists.get(previous + 1 + nth).copied();
            let number = guess
                .filter(|guess| self.pairs.is(*guess, tenant, text))
                .or_else(|| self.pairs.find(tenant, text))
                .unwrap_or_else(|| self.add_pair(tenant, text));
            self.lists.push(number);
        }
        let count = width::id(self.lists.len() - list - 1);
        if let Some(slot) = self.lists.get_mut(list) {
            *slot = count;
        }
        self.last_list = list;
        let at = width::index(series);
        if at >= self.series.len() {
            self.series.resize(at + 1, Place::NONE);
        }
        if let Some(place) = self.series.get_mut(at) {
            let list = width::id(list);
            *place = Place { metric, list };
        }
        self.keys.insert(hash, series);
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
            let Some(place) = self.series.get(width::index(id)).copied() else {
                continue;
            };
            let metric = self.metrics.get_mut(width::index(place.metric));
            if let Some(Some(metric)) = metric
                && !metric.postings.append(id)
            {
                metrics.insert(place.metric);
            }
            for pair in list_at(&self.lists, place) {
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
            (pairs + tenant.metrics.capacity()) * size_of::<u32>()
        };
        self.keys.memory_bytes()
            + self.series.capacity() * size_of::<Place>()
            + self.lists.capacity() * size_of::<u32>()
            + self.metric_table.memory_bytes()
            + self.metrics.capacity() * size_of::<Option<Metric>>()
            + self.metrics.iter().flatten().map(of_metric).sum::<usize>()
            + self.pairs.memory_bytes()
            + self.tenants.iter().map(of_tenant).sum::<usize>()
    }
}

impl Place {
    /// No series has this id.
    const NONE: Self = Self {
        metric: u32::MAX,
        list: u32::MAX,
    };
}

#[inline]
fn list_at(lists: &[u32], place: Place) -> &[u32] {
    lists
        .get(width::index(place.list)..)
        .and_then(<[u32]>::split_first)
        .and_then(|(count, rest)| rest.get(..width::index(*count)))
        .unwrap_or_default()
}
