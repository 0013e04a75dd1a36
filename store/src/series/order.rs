//! Series in the order of their keys, without making a key.
//!
//! Keys compare as their lists of pieces do: metric, first pair, second pair and so on. So the distinct pieces,
//! which are few, are ranked by their bytes; then the series are sorted by the rank of the first piece, those
//! alike by the next, until none are alike. Sorting itself is done without the lock.

use std::ops::Range;

use crate::row::SeriesId;
use crate::series::id_bits::IdBits;
use crate::series::index::Index;
use crate::series::shared::Steps;
use crate::series::width;

/// Sorts series by their keys.
pub(crate) fn sort_by_key(steps: &mut Steps<'_>, ids: Vec<u32>) -> Vec<SeriesId> {
    let ranks = Ranks::of(steps, &ids);
    let mut sorting: Vec<Ranked> = ids.into_iter().map(|id| Ranked { rank: 0, id }).collect();
    let mut alike = Vec::new();
    alike.push(0..sorting.len());
    let mut depth = 0;
    while !alike.is_empty() {
        for range in std::mem::take(&mut alike) {
            let start = range.start;
            let Some(group) = sorting.get_mut(range) else {
                continue;
            };
            for chunk in group.chunks_mut(Steps::SIZE) {
                let index = &steps.next().index;
                for series in chunk {
                    series.rank = ranks.piece(index, series.id, depth);
                }
            }
            steps.aside(|| group.sort_unstable_by_key(|series| series.rank));
            find_alike(group, start, &mut alike);
        }
        depth += 1;
    }
    sorting.iter().map(|series| SeriesId(series.id)).collect()
}

#[derive(Clone, Copy)]
struct Ranked {
    rank: u32,
    id: u32,
}

/// Appends the ranges of more than one series with the same rank. Rank 0 has come to its end.
fn find_alike(group: &[Ranked], start: usize, alike: &mut Vec<Range<usize>>) {
    let mut at = start;
    for run in group.chunk_by(|a, b| a.rank == b.rank) {
        let ended = run.first().is_none_or(|series| series.rank == 0);
        if run.len() > 1 && !ended {
            alike.push(at..at + run.len());
        }
        at += run.len();
    }
}

/// The place of each metric and pair among those that occur, from 1, by their bytes.
struct Ranks {
    metrics: Vec<u32>,
    pairs: Vec<u32>,
}

impl Ranks {
    fn of(steps: &mut Steps<'_>, ids: &[u32]) -> Self {
        let (mut metrics, mut pairs) = (IdBits::default(), IdBits::default());
        for chunk in ids.chunks(Steps::SIZE) {
            let index = &steps.next().index;
            for id in chunk {
                if let Some(record) = index.record(*id) {
                    metrics.insert(record.metric);
                    for pair in record.pairs {
                        pairs.insert(*pair);
                    }
                }
            }
        }
        Self {
            metrics: rank(steps, &metrics, |index, id| {
                index.metric(id).map_or(&[], |metric| &metric.bytes)
            }),
            pairs: rank(steps, &pairs, |index, number| index.pairs.text(number)),
        }
    }

    /// The rank of a series' piece at `depth`; 0 behind its last.
    fn piece(&self, index: &Index, id: u32, depth: usize) -> u32 {
        let ranked = |ranks: &[u32], number: u32| {
            ranks.get(width::index(number)).copied().unwrap_or_default()
        };
        match depth.checked_sub(1) {
            None => index
                .metric_of(id)
                .map_or(0, |id| ranked(&self.metrics, id)),
            Some(nth) => {
                let pair = index.record(id).and_then(|record| record.pairs.get(nth));
                pair.map_or(0, |pair| ranked(&self.pairs, *pair))
            }
        }
    }
}

/// Ranks by number: copies the bytes, sorts without the lock.
fn rank(
    steps: &mut Steps<'_>,
    members: &IdBits,
    bytes_of: impl Fn(&Index, u32) -> &[u8],
) -> Vec<u32> {
    let mut bytes = Vec::new();
    let mut texts = Vec::new();
    for number in members.iter() {
        let text = bytes_of(&steps.next().index, number);
        let start = bytes.len();
        bytes.extend_from_slice(text);
        texts.push((number, start..bytes.len()));
    }
    let Some((last, _)) = texts.last() else {
        return Vec::new();
    };
    let mut ranks = vec![0; width::index(*last) + 1];
    steps.aside(|| {
        let text = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        texts.sort_unstable_by(|(_, a), (_, b)| text(a).cmp(text(b)));
        for (place, (number, _)) in texts.iter().enumerate() {
            if let Some(rank) = ranks.get_mut(width::index(*number)) {
                *rank = width::id(place + 1);
            }
        }
    });
    ranks
}
