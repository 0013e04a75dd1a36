//! Names in the order of their bytes, for those who ask what begins with a few letters.
//!
//! ```text
//!   numbers as they were given    7 1 2 5 │ 9 3 0 8 │ 4 6         a list of the index that only grows
//!                                   sort      sort     sort
//!   runs                          2 7 1 5 │ 0 8 3 9 │ 6 4         4 bytes a name; 16 Ki names but in the last
//!                                   └──────── merge ────────┘
//!   prefix "ho"                   a binary search in each run, then the smallest head, again and again
//! ```
//!
//! Nothing is kept for tenants that never ask, and nothing is done when a name is new: whoever asks sorts what has
//! come since the last time. Texts are copied for that, a run at a time, and sorted without the index's lock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::series::index::Index;
use crate::series::shared::Steps;

/// Names in a full run.
const RUN: usize = 1 << 14;

/// How the index has the names: as a list of numbers to which it only appends, and a text for each.
pub(crate) trait Names {
    /// The numbers in the order in which they came.
    fn numbers<'a>(&self, index: &'a Index) -> &'a [u32];

    /// The text of one, never empty. Several numbers may have the same.
    fn text<'a>(&self, index: &'a Index, number: u32) -> &'a [u8];
}

/// Sorted runs of a list of names.
#[derive(Debug, Default)]
pub(crate) struct NameOrder {
    full: Vec<Vec<u32>>,
    last: Vec<u32>,
    /// How much of the list is in the runs.
    seen: usize,
}

impl NameOrder {
    /// Sorts what has come since the last time.
    pub(crate) fn catch_up(&mut self, steps: &mut Steps<'_>, names: &impl Names) {
        loop {
            let more = names.numbers(&steps.next().index);
            let more = more.get(self.seen..).unwrap_or_default();
            let more = more.get(..RUN - self.last.len()).unwrap_or(more);
            if more.is_empty() {
                return;
            }
            self.seen += more.len();
            self.last.extend_from_slice(more);
            sort(&mut self.last, steps, names);
            if self.last.len() == RUN {
                self.full.push(std::mem::take(&mut self.last));
            }
        }
    }

    /// The first `most` texts that begin with `prefix` and of which a number is accepted, each once.
    pub(crate) fn find(
        &self,
        steps: &mut Steps<'_>,
        names: &impl Names,
        prefix: &str,
        most: usize,
        accepts: &dyn Fn(u32) -> bool,
    ) -> Vec<Box<[u8]>> {
        let runs = self.full.iter().chain([&self.last]);
        let mut cursors: Vec<Cursor<'_>> = runs
            .map(|run| Cursor::at(run, steps, names, prefix.as_bytes()))
            .collect();
        let mut heads: BinaryHeap<Reverse<(Box<[u8]>, usize)>> = BinaryHeap::new();
        for (at, cursor) in cursors.iter_mut().enumerate() {
            if let Some(text) = cursor.next(steps, names, b"", accepts) {
                heads.push(Reverse((text, at)));
            }
        }
        let mut found: Vec<Box<[u8]>> = Vec::new();
        while found.len() < most
            && let Some(Reverse((text, at))) = heads.pop()
        {
            let next = cursors.get_mut(at);
            if let Some(next) = next.and_then(|cursor| cursor.next(steps, names, &text, accepts)) {
                heads.push(Reverse((next, at)));
            }
            if found.last() != Some(&text) {
                found.push(text);
            }
        }
        found
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let full: usize = self.full.iter().map(Vec::capacity).sum();
        (full + self.last.capacity()) * size_of::<u32>()
    }
}

/// What is left of a run.
struct Cursor<'a>(&'a [u32]);

impl<'a> Cursor<'a> {
    /// All that begins with `prefix`.
    fn at(run: &'a [u32], steps: &mut Steps<'_>, names: &impl Names, prefix: &[u8]) -> Self {
        let index = &steps.next().index;
        let start = run.partition_point(|number| names.text(index, *number) < prefix);
        let rest = run.get(start..).unwrap_or_default();
        let end = rest.partition_point(|number| names.text(index, *number).starts_with(prefix));
        Self(rest.get(..end).unwrap_or_default())
    }

    /// The next text above `last` of which a number is accepted.
    fn next(
        &mut self,
        steps: &mut Steps<'_>,
        names: &impl Names,
        last: &[u8],
        accepts: &dyn Fn(u32) -> bool,
    ) -> Option<Box<[u8]>> {
        let index = &steps.next().index;
        let is_seen = |number: &u32| names.text(index, *number) <= last;
        // The next one is near, unless many have the same text.
        let mut bound = 1;
        while self.0.get(bound).is_some_and(is_seen) {
            bound *= 2;
        }
        let near = self.0.get(..=bound).unwrap_or(self.0);
        let seen = near.partition_point(is_seen);
        self.0 = self.0.get(seen..).unwrap_or_default();
        let accepted = self.0.iter().position(|number| accepts(*number));
        let (_, rest) = self.0.split_at_checked(accepted.unwrap_or(self.0.len()))?;
        self.0 = rest;
        let text = names.text(&steps.next().index, *self.0.first()?);
        Some(text.into())
    }
}

fn sort(numbers: &mut [u32], steps: &mut Steps<'_>, names: &impl Names) {
    let mut texts = Vec::new();
    let mut sorting: Vec<(Range<usize>, u32)> = Vec::with_capacity(numbers.len());
    for chunk in numbers.chunks(Steps::SIZE) {
        let index = &steps.next().index;
        for number in chunk {
            let start = texts.len();
            texts.extend_from_slice(names.text(index, *number));
            sorting.push((start..texts.len(), *number));
        }
    }
    steps.aside(|| {
        let text = |range: &Range<usize>| texts.get(range.clone()).unwrap_or_default();
        // Stable: what was sorted before is one run for it.
        sorting.sort_by(|(a, _), (b, _)| text(a).cmp(text(b)));
        for (slot, (_, number)) in numbers.iter_mut().zip(sorting) {
            *slot = number;
        }
    });
}
