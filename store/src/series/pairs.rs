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
    pairs: Vec<Pair>,
    /// The texts, `tagk 01 tagv 00`, one behind the other.
    texts: Vec<u8>,
}

#[derive(Debug)]
struct Pair {
    text_start: u32,
    text_length: u32,
    tenant: TenantNumber,
    postings: Postings,
}

impl PairDictionary {
    pub(crate) fn new(hash_seed: u64) -> Self {
        Self {
            hash_seed,
            table: IdTable::new(),
            pairs: Vec::new(),
            texts: Vec::new(),
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
        self.pair(number).is_some_and(|pair| pair.tenant == tenant) && self.text(number) == text
    }

    /// Adds a pair that [`PairDictionary::find`] did not find.
    pub(crate) fn add(&mut self, tenant: TenantNumber, text: &[u8]) -> u32 {
        let number = width::id(self.pairs.len());
        self.pairs.push(Pair {
            text_start: width::id(self.texts.len()),
            text_length: width::id(text.len()),
            tenant,
            postings: Postings::new(),
        });
        self.texts.extend_from_slice(text);
        self.table.insert(self.hash(tenant, text), number);
        number
    }

    /// The text of a pair; empty for a number that no pair has.
    #[inline]
    pub(crate) fn text(&self, number: u32) -> &[u8] {
        self.pair(number).map_or(&[], |pair| {
            let start = width::index(pair.text_start);
            self.texts
                .get(start..start + width::index(pair.text_length))
                .unwrap_or_default()
        })
    }

    /// The series that have the pair.
    pub(crate) fn postings(&self, number: u32) -> &[u32] {
        self.pair(number)
            .map_or(&[], |pair| pair.postings.as_slice())
    }

    pub(crate) fn postings_mut(&mut self, number: u32) -> Option<&mut Postings> {
        self.pairs
            .get_mut(width::index(number))
            .map(|pair| &mut pair.postings)
    }

    #[inline]
    fn pair(&self, number: u32) -> Option<&Pair> {
        self.pairs.get(width::index(number))
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let postings: usize = self
            .pairs
            .iter()
            .map(|pair| pair.postings.memory_bytes())
            .sum();
        self.table.memory_bytes()
            + self.pairs.capacity() * size_of::<Pair>()
            + self.texts.capacity()
            + postings
    }
}
