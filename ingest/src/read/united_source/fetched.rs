//! Streams of rows from other servers, a batch of series ahead of their reader.
//!
//! A query says in which order it will open its series. From the first that no stream stands at, the next
//! [`AHEAD_SERIES`] of that order are asked of all servers at once, each those that it has; a series read again, as it
//! happens to a group whose times do not line up, begins such a batch anew.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};

use penstock_model::{SeriesKey, Timestamp};
use penstock_query::Point;
use penstock_store::Row;

use super::Found;
use crate::read::source::point;
use crate::volumes::{Asker, PeerRows, VolumeError, Window};

/// Series of one request.
const AHEAD_SERIES: usize = 1_024;

/// One stream of each server and lane, at most.
#[derive(Debug)]
pub(super) struct Fetched {
    window: Window,
    lanes: Vec<Vec<usize>>,
    /// The lane of a series and its place there.
    places: HashMap<usize, (usize, usize)>,
    streams: RefCell<HashMap<StreamId, Stream>>,
}

/// A volume's place and a lane.
type StreamId = (usize, usize);

#[derive(Debug)]
struct Stream {
    rows: PeerRows,
    /// The series that it still brings.
    upcoming: VecDeque<usize>,
}

/// The samples that one server has of a series.
#[derive(Debug)]
pub(super) struct FetchedReader<'a> {
    home: &'a Fetched,
    id: StreamId,
    key: SeriesKey,
    /// `None` at the end.
    stream: Option<Stream>,
    batch: Vec<Row>,
}

impl Default for Fetched {
    fn default() -> Self {
        Self {
            window: Window {
                from: Timestamp::MIN,
                to: Timestamp::MAX,
            },
            lanes: Vec::new(),
            places: HashMap::new(),
            streams: RefCell::default(),
        }
    }
}

impl Fetched {
    /// Forgets everything: other series, another window.
    pub(super) fn begin(&mut self, window: Window) {
        *self = Self {
            window,
            ..Self::default()
        };
    }

    /// Takes note of the order in which series will be opened.
    pub(super) fn expect(&mut self, lanes: Vec<Vec<usize>>) {
        self.streams.get_mut().clear();
        self.places.clear();
        for (lane, order) in lanes.iter().enumerate() {
            let places = order.iter().enumerate();
            self.places
                .extend(places.map(|(place, series)| (*series, (lane, place))));
        }
        self.lanes = lanes;
    }

    /// What each other server has of a series, in the order of volumes.
    pub(super) fn open(
        &self,
        series: usize,
        found: &[Found],
        asker: &Asker,
    ) -> Result<Vec<FetchedReader<'_>>, VolumeError> {
        let Some(Found { key, others, .. }) = found.get(series) else {
            return Ok(Vec::new());
        };
        let (lane, _) = self.places.get(&series).copied().unwrap_or_default();
        if !others
            .iter()
            .all(|other| self.stands_at((*other, lane), series))
        {
            self.fetch(series, found, asker)?;
        }
        let mut streams = self.streams.borrow_mut();
        Ok(others
            .iter()
            .map(|other| FetchedReader {
                home: self,
                id: (*other, lane),
                key: key.clone(),
                stream: streams.remove(&(*other, lane)),
                batch: Vec::new(),
            })
            .collect())
    }

    fn stands_at(&self, id: StreamId, series: usize) -> bool {
        let streams = self.streams.borrow();
        let stream = streams.get(&id);
        stream.is_some_and(|stream| stream.upcoming.front() == Some(&series))
    }

    /// Asks for a series and those that will be opened after it.
    fn fetch(&self, series: usize, found: &[Found], asker: &Asker) -> Result<(), VolumeError> {
        let (lane, upcoming) = match self.places.get(&series) {
            Some((lane, place)) => {
                let order = self.lanes.get(*lane).and_then(|order| order.get(*place..));
                (*lane, order.unwrap_or_default())
            }
            None => (0, std::slice::from_ref(&series)),
        };
        let mut wanted: BTreeMap<usize, (Vec<&SeriesKey>, VecDeque<usize>)> = BTreeMap::new();
        for series in upcoming.iter().take(AHEAD_SERIES) {
            let Some(Found { key, others, .. }) = found.get(*series) else {
                continue;
            };
            for other in others {
                let (keys, upcoming) = wanted.entry(*other).or_default();
                keys.push(key);
                upcoming.push_back(*series);
            }
        }
        let (others, upcoming): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .map(|(other, (keys, upcoming))| ((other, keys), upcoming))
            .unzip();
        let rows = asker.rows(&others, self.window)?;
        let mut streams = self.streams.borrow_mut();
        for (((other, _), upcoming), rows) in others.into_iter().zip(upcoming).zip(rows) {
            streams.insert((other, lane), Stream { rows, upcoming });
        }
        Ok(())
    }
}

impl FetchedReader<'_> {
    /// Puts the next samples into `out`, in place of what it holds; `false` at the end.
    pub(super) fn next_batch(&mut self, out: &mut Vec<Point>) -> Result<bool, VolumeError> {
        out.clear();
        let Some(mut stream) = self.stream.take() else {
            return Ok(false);
        };
        if stream.rows.peek()? != Some(&self.key) {
            return Err(VolumeError::out_of_order(stream.rows.volume()));
        }
        if stream.rows.next_batch(&mut self.batch)? {
            out.extend(self.batch.iter().map(point));
            self.stream = Some(stream);
            return Ok(true);
        }
        stream.upcoming.pop_front();
        if !stream.upcoming.is_empty() {
            self.home.streams.borrow_mut().insert(self.id, stream);
        }
        Ok(false)
    }
}
