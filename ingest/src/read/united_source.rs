//! The series of all volumes, as a query sees them.
//!
//! ```text
//!   select   own store ∪ what each other server answers, in the order of keys: the same on whichever server is asked
//!   expect   the order in which series will be read
//!   open     own rows, and those of every server that has the series, merged by time
//!              other servers send 1,024 series after another in that order, a stream each: see Fetched
//! ```
//!
//! It holds the names of all series, and of rows a batch of each volume. A server alone asks nobody: then it is the store's
//! own source and no more.

mod fetched;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use penstock_model::SeriesKey;
use penstock_query::{
    Name, Point, SelectedSeries, Selection as Wanted, SeriesReader, SeriesSource, StoredRollup,
    Target,
};
use penstock_store::SeriesId;

use self::fetched::{Fetched, FetchedReader};
use super::source::StoreReader;
use super::{NoSuchTsuid, SourceError, StoreSource};
use crate::protocol::quote::Quoted;
use crate::volumes::united::{Refill, RowMerge};
use crate::volumes::wanted::{NamesAnswer, NamesQuestion, WantedSeries};
use crate::volumes::{Asker, VolumeError, Window};

/// Series that are named in one request to delete.
const DELETE_SERIES: usize = 4_096;

/// This server's series and those of the servers that an [`Asker`] asks.
#[derive(Debug)]
pub struct UnitedSource {
    own: StoreSource,
    others: Option<Others>,
}

#[derive(Debug)]
struct Others {
    asker: Asker,
    found: Vec<Found>,
    fetched: Fetched,
    opened: RefCell<BTreeSet<SeriesKey>>,
}

/// A series, and where it is.
#[derive(Debug)]
struct Found {
    key: SeriesKey,
    /// Its place in this server's own selection.
    own: Option<usize>,
    /// Places of the volumes that have it, ascending.
    others: Vec<usize>,
}

/// What a query has opened, to be deleted.
#[derive(Debug)]
pub struct Opened {
    /// This server's.
    pub own: Vec<SeriesId>,
    elsewhere: BTreeMap<usize, Vec<SeriesKey>>,
    asker: Option<Asker>,
}

impl UnitedSource {
    /// With an asker that has nobody to ask it is `own`.
    pub fn new(own: StoreSource, asker: Asker) -> Self {
        if asker.others().is_empty() {
            return Self { own, others: None };
        }
        Self {
            // A TSUID that this server does not know may be another's.
            own: own.passing_over_unknown_tsuids(),
            others: Some(Others {
                asker,
                found: Vec::new(),
                fetched: Fetched::default(),
                opened: RefCell::default(),
            }),
        }
    }

    /// Every series that has been opened so far: those that an answer was made of.
    pub fn into_opened(self) -> Opened {
        let own = self.own.into_opened();
        let Some(others) = self.others else {
            return Opened {
                own,
                elsewhere: BTreeMap::new(),
                asker: None,
            };
        };
        let opened = others.opened.into_inner();
        let mut elsewhere: BTreeMap<usize, Vec<SeriesKey>> = BTreeMap::new();
        // Of earlier sub-queries nobody knows any more who has them: all are asked, and pass over what they do not have.
        for place in 0..others.asker.others().len() {
            elsewhere.insert(place, opened.iter().cloned().collect());
        }
        Opened {
            own,
            elsewhere,
            asker: Some(others.asker),
        }
    }
}

impl Opened {
    /// Deletes the series' samples on all other volumes.
    ///
    /// # Errors
    /// The first [`VolumeError`]: the samples of that volume and of those after it may still be there.
    pub fn delete_elsewhere(&self, window: Window) -> Result<(), VolumeError> {
        let Some(asker) = &self.asker else {
            return Ok(());
        };
        for (place, keys) in &self.elsewhere {
            for keys in keys.chunks(DELETE_SERIES) {
                let keys: Vec<&SeriesKey> = keys.iter().collect();
                asker.delete(*place, &keys, window)?;
            }
        }
        Ok(())
    }
}

impl Others {
    /// A TSUID that no volume knows is an error, as it is of a server alone.
    fn check_tsuids(&self, own: &StoreSource, target: &Target) -> Result<(), SourceError> {
        let Target::Tsuids(tsuids) = target else {
            return Ok(());
        };
        for tsuid in tsuids {
            let question = NamesQuestion::Tsuid(tsuid.to_string());
            if !own.knows_tsuid(tsuid) && !self.asker.knows(&question)? {
                return Err(NoSuchTsuid(Quoted::text(tsuid)).into());
            }
        }
        Ok(())
    }

    fn unite(
        &mut self,
        own: &StoreSource,
        selected: Vec<SelectedSeries>,
        elsewhere: Vec<Vec<SeriesKey>>,
    ) -> Result<Vec<SelectedSeries>, SourceError> {
        let mut united: BTreeMap<SeriesKey, (SelectedSeries, Option<usize>, Vec<usize>)> =
            BTreeMap::new();
        for (place, series) in selected.into_iter().enumerate() {
            if let Some(key) = own.key(place) {
                united.insert(key, (series, Some(place), Vec::new()));
            }
        }
        for (other, keys) in elsewhere.into_iter().enumerate() {
            for key in keys {
                if let Some((_, _, others)) = united.get_mut(&key) {
                    others.push(other);
                    continue;
                }
                let series = own.describe(key.decode().map_err(|_| SourceError::Key)?);
                united.insert(key, (series, None, vec![other]));
            }
        }
        self.found.clear();
        let mut series = Vec::with_capacity(united.len());
        for (key, (selected, own, others)) in united {
            self.found.push(Found { key, own, others });
            series.push(selected);
        }
        Ok(series)
    }
}

impl SeriesSource for UnitedSource {
    type Error = SourceError;
    type Reader<'a> = UnitedReader<'a>;

    fn knows(&self, name: Name<'_>) -> Result<bool, SourceError> {
        if self.own.knows(name)? {
            return Ok(true);
        }
        match &self.others {
            Some(others) => Ok(others.asker.knows(&name.into())?),
            None => Ok(false),
        }
    }

    fn rollups(&self, metric: &str) -> Result<Vec<StoredRollup>, SourceError> {
        let mut rollups = self.own.rollups(metric)?;
        if let Some(others) = &self.others {
            let question = NamesQuestion::RollupsOf(metric.to_owned());
            let answers = others.asker.names(&question)?;
            let elsewhere = answers.iter().map(NamesAnswer::stored_rollups);
            for of_one in elsewhere {
                rollups.extend(of_one.map_err(|error| VolumeError::not_understood(&error))?);
            }
            rollups.sort_unstable();
            rollups.dedup();
        }
        Ok(rollups)
    }

    fn select(&mut self, wanted: &Wanted) -> Result<Vec<SelectedSeries>, SourceError> {
        let Some(others) = &mut self.others else {
            return self.own.select(wanted);
        };
        others.check_tsuids(&self.own, &wanted.target)?;
        let selected = self.own.select(wanted)?;
        let elsewhere = others.asker.series(&WantedSeries::from(wanted))?;
        others.fetched.begin(Window {
            from: wanted.from,
            to: wanted.to,
        });
        others.unite(&self.own, selected, elsewhere)
    }

    fn expect(&mut self, lanes: Vec<Vec<usize>>) {
        let Some(others) = &mut self.others else {
            return self.own.expect(lanes);
        };
        let own_place = |series: &usize| others.found.get(*series)?.own;
        let own = lanes
            .iter()
            .map(|lane| lane.iter().filter_map(own_place).collect());
        self.own.expect(own.collect());
        others.fetched.expect(lanes);
    }

    fn open(&self, series: usize) -> Result<UnitedReader<'_>, SourceError> {
        let Some(others) = &self.others else {
            let own = Source::Own(self.own.open(series)?);
            return Ok(UnitedReader::of(vec![own]));
        };
        let Some(found) = others.found.get(series) else {
            return Ok(UnitedReader::of(Vec::new()));
        };
        others.opened.borrow_mut().insert(found.key.clone());
        let fetched = &others.fetched;
        let peers = fetched.open(series, &others.found, &others.asker)?;
        let own_turn = found
            .others
            .partition_point(|place| *place < others.asker.own_place());
        let mut sources: Vec<Source<'_>> = peers.into_iter().map(Source::Other).collect();
        if let Some(place) = found.own {
            sources.insert(own_turn, Source::Own(self.own.open(place)?));
        }
        Ok(UnitedReader::of(sources))
    }
}

/// The samples of one series, from wherever they lie.
#[derive(Debug)]
pub struct UnitedReader<'a> {
    /// In the order of their volumes' names.
    sources: Vec<Source<'a>>,
    merge: RowMerge<Point>,
}

#[derive(Debug)]
enum Source<'a> {
    Own(StoreReader<'a>),
    Other(FetchedReader<'a>),
}

impl<'a> UnitedReader<'a> {
    fn of(sources: Vec<Source<'a>>) -> Self {
        let mut merge = RowMerge::default();
        merge.begin(sources.len());
        Self { sources, merge }
    }
}

impl Source<'_> {
    fn next_batch(&mut self, out: &mut Vec<Point>) -> Result<bool, SourceError> {
        match self {
            Self::Own(reader) => reader.next_batch(out),
            Self::Other(reader) => Ok(reader.next_batch(out)?),
        }
    }
}

impl SeriesReader for UnitedReader<'_> {
    type Error = SourceError;

    fn next_batch(&mut self, out: &mut Vec<Point>) -> Result<bool, SourceError> {
        if let [source] = self.sources.as_mut_slice() {
            return source.next_batch(out);
        }
        let mut refills: Vec<_> = self
            .sources
            .iter_mut()
            .map(|source| |out: &mut Vec<Point>| source.next_batch(out))
            .collect();
        let mut refills: Vec<&mut Refill<'_, Point, SourceError>> =
            refills.iter_mut().map(|refill| refill as _).collect();
        self.merge.next_batch(&mut refills, out)
    }
}
