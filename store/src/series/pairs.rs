//! The pair dictionary: every tag pair of every tenant, its text once, its series as postings.
//!
//! A pair belongs to one tenant: the same text of two tenants is two pairs. So whoever starts from a tenant's
//! pairs can never come to another's series.

use crate::series::id_table::IdTable;
use crate::series::postings::Postings;
use crate::series::width;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A tenant's number inside the index.
pub(crate) type TenantNumber = u32;

/// All pairs, numbered from 0.
#[derive(Debug)]
pub(crate) struct PairDictionary {
    hash_seed: u64,
    table: IdTable,
    /// The texts, `tagk 01 tagv 00`, one behind the other, and where each ends. The rest is kept apart from
    /// these, so that comparing a key needs little of the caches.
    texts: Vec<u8>,
    ends: Vec<u32>,
    tenants: Vec<TenantNumber>,
    postings: Vec<Postings>,
}

impl PairDictionary {
    pub(crate) fn new(hash_seed: u64) -> Self {
        Self {
            hash_seed,
            table: IdTable::new(),
            texts: Vec::new(),
            ends: Vec::new(),
            tenants: Vec::new(),
            postings: Vec::new(),
        }
    }

    fn hash(&self, tenant: TenantNumber, text: &[u8]) -> u64 {
        xxh3_64_with_seed(text, self.hash_seed ^ u64::from(tenant))
    }

    /// The number of a tenant's pair.
    pub(crate) fn find(&self, tenant: TenantNumber, text: &[u8]) -> Option<u32> {
        self.table.find(self.hash(tenant, text), |number| {
            self.is(number, tenant, text)
        })
    }

    /// Whether `number` is this pair of this tenant.
    #[inline]
    pub(crate) fn is(&self, number: u32, tenant: TenantNumber, text: &[u8]) -> bool {
        self.tenants.get(width::index(number)) == Some(&tenant) && self.text(number) == text
    }

    /// Adds a pair that [`PairDictionary::find`] did not find.
    pub(crate) fn add(&mut self, tenant: TenantNumber, text: &[u8]) -> u32 {
        let number = width::id(self.ends.len());
        self.texts.extend_from_slice(text);
        self.ends.push(width::id(self.texts.len()));
        self.tenants.push(tenant);
        self.postings.push(Postings::new());
        self.table.insert(self.hash(tenant, text), number);
        number
    }

    /// The text of a pair; empty for a number that no pair has.
    #[inline]
    pub(crate) fn text(&self, number: u32) -> &[u8] {
        let number = width::index(number);
        let start = number.checked_sub(1).map_or(Some(&0), |n| self.ends.get(n));
        let range = start.zip(self.ends.get(number));
        range
            .and_then(|(start, end)| self.texts.get(width::index(*start)..width::index(*end)))
            .unwrap_or_default()
    }

    /// The series that have the pair.
    pub(crate) fn postings(&self, number: u32) -> &[u32] {
        self.postings
            .get(width::index(number))
            .map_or(&[], Postings::as_slice)
    }

    pub(crate) fn postings_mut(&mut self, number: u32) -> Option<&mut Postings> {
        self.postings.get_mut(width::index(number))
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
            + self.texts.capacity()
            + (self.ends.capacity() + self.tenants.capacity()) * size_of::<u32>()
            + self.postings.capacity() * size_of::<Postings>()
            + self
                .postings
                .iter()
                .map(Postings::memory_bytes)
                .sum::<usize>()
    }
}
