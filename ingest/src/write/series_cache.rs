//! The hot path's memory: from a point as its client wrote it to its series, without looking at a name.
//!
//! ```text
//!   fingerprint of metric, raw tags, kind (128) ──┐
//!   version of the grant (32) ────────────────────┤ keyed mix
//!   secret of this process (64) ──────────────────┘    │
//!                                                      ▼
//!   entry, 24 bytes:  hash (96) │ grant (32) │ day counted active (32) │ series (32)
//! ```
//!
//! One table belongs to one event loop, so it takes no lock of its own. It holds no names: a wrong hit would
//! need two of one grant's points to agree in 96 bits by accident. The grant's version is compared exactly, so
//! no tenant, and no token whose tags or rules have changed, ever hits another's series.
//!
//! It is no index: whatever it has forgotten, the store's registry knows.

use hashbrown::HashTable;
use penstock_model::Day;
use penstock_store::SeriesId;

/// Bytes that `hashbrown` spends on a bucket: the entry and one control byte.
const BUCKET_BYTES: usize = size_of::<Entry>() + 1;
/// Points that the table is made ready for at once: their entries fit the processor's nearest cache.
pub(crate) const WARMED: usize = 64;
/// Fewer buckets make no sense, whatever the budget says.
const BUCKETS_MIN: usize = 64;
/// Spreads the versions of grants over the table, or the same names under many tokens would share a bucket.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What finds an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheKey {
    hash: u64,
    more: u32,
    grant: u32,
}

/// A known series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownSeries {
    /// Its id in the store.
    pub(crate) series: SeriesId,
    /// The day for which the store has counted it active, by what this loop knows.
    pub(crate) active: Option<Day>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: [u32; 2],
    more: u32,
    grant: u32,
    /// `i32::MIN` for none: that day is 5.8 million years ago.
    active: i32,
    series: SeriesId,
}

/// One event loop's table of known series.
#[derive(Debug)]
pub(crate) struct SeriesCache {
    entries: HashTable<Entry>,
    entries_max: usize,
    secret: u64,
    /// The bit of the hash by which the next eviction halves the table.
    halving_bit: u32,
}

impl SeriesCache {
    /// An empty table that grows to at most `bytes_max`. `secret` must not be guessable from outside.
    pub(crate) fn new(bytes_max: usize, secret: u64) -> Self {
        let buckets = (bytes_max / BUCKET_BYTES).max(BUCKETS_MIN);
        let buckets = 1 << buckets.ilog2();
        Self {
            entries: HashTable::new(),
            entries_max: buckets / 8 * 7,
            secret,
            halving_bit: 0,
        }
    }

    /// The key of a point with this fingerprint under this version of a grant.
    #[inline]
    pub(crate) fn key(&self, fingerprint: u128, grant: u32) -> CacheKey {
        let spread = (u64::from(grant) ^ self.secret).wrapping_mul(SPREAD);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the parts of the hash are meant"
        )]
        let (low, high) = (fingerprint as u64, (fingerprint >> 64) as u32);
        CacheKey {
            hash: low ^ spread,
            more: high,
            grant,
        }
    }

    /// The series, if this loop knows it.
    #[inline]
    pub(crate) fn get(&self, key: CacheKey) -> Option<KnownSeries> {
        let entry = self.entries.find(key.hash, |entry| entry.is(key))?;
        let active = (entry.active != i32::MIN).then(|| Day::from_number(entry.active));
        Some(KnownSeries {
            series: entry.series,
            active,
        })
    }

    /// Reads what [`SeriesCache::get`] will read for the first [`WARMED`] of these keys. The processor waits for the
    /// memory of many of them at once, as it cannot where each look-up stands between long calculations: so the keys are
    /// all calculated first.
    #[inline]
    pub(crate) fn warm(&self, keys: impl Iterator<Item = CacheKey>) {
        let mut gathered = [CacheKey::default(); WARMED];
        let mut count = 0;
        for (place, key) in gathered.iter_mut().zip(keys) {
            *place = key;
            count += 1;
        }
        let gathered = gathered.get(..count).unwrap_or_default();
        let found = gathered.iter().filter(|key| self.get(**key).is_some());
        std::hint::black_box(found.count());
    }

    /// Remembers a series, or that it is now counted for another day. A full table first forgets what was
    /// not counted on `today`, then one half at random.
    pub(crate) fn insert(&mut self, key: CacheKey, known: KnownSeries, today: Day) {
        let active = known.active.map_or(i32::MIN, Day::number);
        if let Some(entry) = self.entries.find_mut(key.hash, |entry| entry.is(key)) {
            (entry.series, entry.active) = (known.series, active);
            return;
        }
        if self.entries.len() >= self.entries_max {
            self.make_room(today);
        }
        let entry = Entry {
            hash: halves(key.hash),
            more: key.more,
            grant: key.grant,
            active,
            series: known.series,
        };
        self.entries
            .insert_unique(key.hash, entry, Entry::whole_hash);
    }

    /// Leaves the table at most half full. It is filled anew, because `hashbrown` would count what was
    /// removed as taken and grow.
    #[cold]
    fn make_room(&mut self, today: Day) {
        let kept_max = self.entries_max / 2;
        let of_today = |entry: &&Entry| entry.active == today.number();
        let crowded = self.entries.iter().filter(of_today).count() > kept_max;
        let bit = self.halving_bit % u32::BITS;
        self.halving_bit = bit + 1;
        let mut kept: Vec<Entry> = self
            .entries
            .iter()
            .filter(of_today)
            .filter(|entry| !crowded || (entry.more >> bit) & 1 == 0)
            .copied()
            .collect();
        kept.truncate(kept_max);
        self.entries.clear();
        for entry in kept {
            self.entries
                .insert_unique(entry.whole_hash(), entry, Entry::whole_hash);
        }
    }
}

impl Entry {
    #[inline]
    fn is(&self, key: CacheKey) -> bool {
        self.hash == halves(key.hash) && self.more == key.more && self.grant == key.grant
    }

    fn whole_hash(&self) -> u64 {
        let [low, high] = self.hash;
        u64::from(high) << 32 | u64::from(low)
    }
}

/// As two words of 32 bits, so that an entry needs no padding.
#[inline]
fn halves(hash: u64) -> [u32; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are meant")]
    [hash as u32, (hash >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const TODAY: Day = Day::from_number(20_000);

    fn known(series: u32, active: Option<Day>) -> KnownSeries {
        KnownSeries {
            series: SeriesId(series),
            active,
        }
    }

    /// A fingerprint as good as the real ones, from a small number.
    fn fingerprint(of: u32) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&of.to_le_bytes())
    }

    #[test]
    fn an_entry_has_24_bytes() {
        assert_eq!(size_of::<Entry>(), 24);
    }

    #[test]
    fn another_grant_never_hits() {
        let mut cache = SeriesCache::new(1 << 20, 7);
        cache.insert(cache.key(fingerprint(1), 1), known(1, None), TODAY);
        assert_eq!(
            cache.get(cache.key(fingerprint(1), 1)),
            Some(known(1, None))
        );
        assert_eq!(cache.get(cache.key(fingerprint(1), 2)), None);
        assert_eq!(cache.get(cache.key(fingerprint(2), 1)), None);
    }

    #[test]
    fn the_same_names_under_many_grants_do_not_crowd_one_bucket() {
        let cache = SeriesCache::new(1 << 20, 7);
        let mut low_bits: Vec<u64> = (0..4_096)
            .map(|grant| cache.key(fingerprint(1), grant).hash & 0xfff)
            .collect();
        low_bits.sort_unstable();
        low_bits.dedup();
        assert_eq!(low_bits.len(), 4_096);
    }

    #[test]
    fn a_full_table_forgets_the_inactive_first_and_never_grows_past_its_budget() {
        let budget = 1_024 * BUCKET_BYTES;
        let mut cache = SeriesCache::new(budget, 7);
        for n in 0..400 {
            cache.insert(cache.key(fingerprint(n), 1), known(n, Some(TODAY)), TODAY);
        }
        for n in 1_000..1_496 {
            cache.insert(cache.key(fingerprint(n), 1), known(n, None), TODAY);
        }
        assert_eq!(cache.entries.len(), 896);
        cache.insert(cache.key(fingerprint(2_000), 1), known(2_000, None), TODAY);
        assert_eq!(cache.entries.len(), 401, "the 496 inactive ones are gone");
        assert!((0..400).all(|n| cache.get(cache.key(fingerprint(n), 1)).is_some()));
        for n in 10_000..30_000 {
            cache.insert(cache.key(fingerprint(n), 1), known(n, Some(TODAY)), TODAY);
            assert!(cache.entries.allocation_size() <= budget + 64);
            assert!(cache.get(cache.key(fingerprint(n), 1)).is_some());
        }
    }

    proptest! {
        /// Whatever it still knows is what was inserted last.
        #[test]
        fn it_may_forget_but_never_errs(
            steps in prop::collection::vec((0u32..300, 0u32..4, any::<u32>(), prop::option::of(0i32..3)), 1..600),
        ) {
            let mut cache = SeriesCache::new(BUCKETS_MIN * 2 * BUCKET_BYTES, 99);
            let mut model = HashMap::new();
            for (name, grant, series, day) in steps {
                let known = known(series, day.map(Day::from_number));
                let key = cache.key(fingerprint(name), grant);
                cache.insert(key, known, Day::from_number(1));
                model.insert((name, grant), known);
                prop_assert_eq!(cache.get(key), Some(known));
            }
            for ((name, grant), known) in model {
                if let Some(found) = cache.get(cache.key(fingerprint(name), grant)) {
                    prop_assert_eq!(found, known);
                }
            }
        }
    }
}
