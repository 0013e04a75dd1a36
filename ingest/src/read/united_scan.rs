//! A scan of this server's store and the answers of other servers, as one: series by series in the order of their keys.

use penstock_model::{SeriesIdentity, SeriesKey};
use penstock_store::row::Row;
use penstock_store::scan::{Scan, SeriesCursor};

use super::ReadError;
use crate::volumes::PeerRows;
use crate::volumes::united::{Refill, RowMerge};

/// Gives the next rows of a series.
pub type Rows<'a> = Refill<'a, Row, ReadError>;

/// All volumes' rows. It holds a batch of each volume.
#[derive(Debug)]
pub struct UnitedScan {
    scan: Scan,
    others: Others,
}

#[derive(Debug)]
struct Others {
    /// In the order of their volumes' names.
    peers: Vec<PeerRows>,
    /// How many of their names come before this server's.
    own_place: usize,
    merge: RowMerge<Row>,
}

/// Is shown one series after another: whose it is, and what gives its rows.
pub type Visit<'a, E> = dyn FnMut(&SeriesIdentity, &mut Rows<'_>) -> Result<(), E> + 'a;

impl UnitedScan {
    /// `own_place` says how many of the peers' volumes have names before this server's.
    pub fn new(scan: Scan, peers: Vec<PeerRows>, own_place: usize) -> Self {
        let merge = RowMerge::default();
        Self {
            scan,
            others: Others {
                peers,
                own_place,
                merge,
            },
        }
    }

    /// Shows every series.
    ///
    /// # Errors
    /// What a volume or the visitor says; what has been shown is then not all.
    pub fn for_each<E: From<ReadError>>(&mut self, visit: &mut Visit<'_, E>) -> Result<(), E> {
        loop {
            let mut own = self.scan.next_series().map_err(ReadError::from)?;
            let own_key = own.as_ref().map(|own| own.identity().to_key());
            while let Some(key) = self.others.first_key()? {
                if own_key.as_ref().is_some_and(|own| *own <= key) {
                    break;
                }
                self.others.show(&key, None, visit)?;
            }
            let (Some(own), Some(key)) = (&mut own, own_key) else {
                return Ok(());
            };
            self.others.show(&key, Some(own), visit)?;
        }
    }
}

impl Others {
    fn first_key(&mut self) -> Result<Option<SeriesKey>, ReadError> {
        let mut first: Option<SeriesKey> = None;
        for peer in &mut self.peers {
            if let Some(key) = peer.peek()?
                && first.as_ref().is_none_or(|first| key < first)
            {
                first = Some(key.clone());
            }
        }
        Ok(first)
    }

    /// Shows the series of a key: what this server has of it, and those peers at whose turn it is.
    fn show<E: From<ReadError>>(
        &mut self,
        key: &SeriesKey,
        own: Option<&mut SeriesCursor<'_>>,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        let identity = match &own {
            Some(own) => own.identity().clone(),
            None => key.decode().map_err(|_| ReadError::Key)?,
        };
        let mut at_it = Vec::new();
        for (place, peer) in self.peers.iter_mut().enumerate() {
            if peer.peek().map_err(ReadError::from)? == Some(key) {
                at_it.push((place, peer));
            }
        }
        let own_turn = at_it.partition_point(|(place, _)| *place < self.own_place);
        let mut sources: Vec<Box<Rows<'_>>> = Vec::with_capacity(at_it.len() + 1);
        for (_, peer) in at_it {
            sources.push(Box::new(|out| Ok(peer.next_batch(out)?)));
        }
        if let Some(own) = own {
            sources.insert(own_turn, Box::new(|out| Ok(own.next_batch(out)?)));
        }
        let mut sources: Vec<&mut Rows<'_>> =
            sources.iter_mut().map(|source| &mut **source).collect();
        self.merge.begin(sources.len());
        let merge = &mut self.merge;
        let mut next = |out: &mut Vec<Row>| merge.next_batch(&mut sources, out);
        visit(&identity, &mut next)?;
        // What the visitor has left: the peers must stand at their next series.
        let mut rest = Vec::new();
        while next(&mut rest)? {}
        Ok(())
    }
}
