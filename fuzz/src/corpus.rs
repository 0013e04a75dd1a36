//! Inputs, and how the next one is made of them.

use std::collections::HashSet;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// No input grows beyond: readers have limits of their own, and long input is slow input.
const INPUT_BYTES_MAX: usize = 64 << 10;
/// Inputs that are kept at most.
const INPUTS_MAX: usize = 4_096;

/// What bytes of text and of numbers are often made wrong with.
const AWKWARD: [&[u8]; 24] = [
    b"\0",
    b"\n",
    b"\r\n",
    b" ",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"=",
    b"-",
    b"1e400",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"0.1",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0\0\0\0\0",
    b"\xc3\x28",
];

/// Inputs that did something new, oldest first.
#[derive(Debug)]
pub(crate) struct Corpus {
    inputs: Vec<Vec<u8>>,
    seen: HashSet<u64>,
    random: Random,
}

/// Random numbers that a seed repeats.
#[derive(Debug)]
struct Random(StdRng);

impl Random {
    /// A number below `end`; 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        let drawn = usize::try_from(self.0.next_u64() >> 1).unwrap_or(usize::MAX);
        drawn.checked_rem(end).unwrap_or(0)
    }

    /// A range within `length`, more often a short one.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        let longest = if self.below(4) == 0 { length } else { 16 };
        let end = start + self.below(longest.min(length - start) + 1);
        start..end
    }
}

impl Corpus {
    pub(crate) fn new(seeds: Vec<Vec<u8>>, seed: u64) -> Self {
        Self {
            inputs: seeds,
            seen: HashSet::new(),
            random: Random(StdRng::seed_from_u64(seed)),
        }
    }

    /// How many inputs there are.
    pub(crate) fn len(&self) -> usize {
        self.inputs.len()
    }

    /// The inputs that there are now.
    pub(crate) fn inputs(&self) -> &[Vec<u8>] {
        &self.inputs
    }

    /// Takes down what a reader said of an input. Digits do not count: a place or a number is nothing new.
    pub(crate) fn learn(&mut self, input: &[u8], said: &str) {
        let words: String = said.chars().filter(|c| !c.is_ascii_digit()).collect();
        let is_new = self
            .seen
            .insert(xxhash_rust::xxh3::xxh3_64(words.as_bytes()));
        if is_new && self.inputs.len() < INPUTS_MAX {
            self.inputs.push(input.to_vec());
        }
    }

    /// The next input: one that is there, changed in a few places.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let at = self.random.below(self.inputs.len());
        let mut input = self.inputs.get(at).cloned().unwrap_or_default();
        for _ in 0..=self.random.below(4) {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let range = self.random.range(input.len());
        match self.random.below(8) {
            0 => {
                let bit = 1 << self.random.below(8);
                if let Some(byte) = input.get_mut(range.start) {
                    *byte ^= bit;
                }
            }
            1 => {
                let drawn = self.random.0.next_u64().to_le_bytes();
                if let Some(byte) = input.get_mut(range.start) {
                    [*byte, ..] = drawn;
                }
            }
            2 => drop(input.drain(range)),
            3 => input.truncate(range.start),
            4 => {
                let piece = input.get(range.clone()).unwrap_or_default().to_vec();
                let times = 1 + self.random.below(16);
                input.splice(range.start..range.start, piece.repeat(times));
            }
            5 | 6 => {
                let awkward = AWKWARD.get(self.random.below(AWKWARD.len()));
                let kept = if self.random.below(2) == 0 {
                    range.start
                } else {
                    range.end
                };
                input.splice(
                    range.start..kept,
                    awkward.copied().unwrap_or_default().to_vec(),
                );
            }
            _ => {
                let other = self.random.below(self.inputs.len());
                let other = self
                    .inputs
                    .get(other)
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let piece = other
                    .get(self.random.range(other.len()))
                    .unwrap_or_default();
                input.splice(range, piece.to_vec());
            }
        }
    }
}
