//! One target under fire.

use std::fmt;
use std::panic;
use std::time::{Duration, Instant};

use crate::corpus::Corpus;
use crate::targets::Target;

/// A reader that takes longer for 64 KiB is broken, too.
const INPUT_TIME_MAX: Duration = Duration::from_secs(5);

/// A target and what it is given.
#[derive(Debug)]
pub(crate) struct Hunt {
    target: &'static Target,
    corpus: Corpus,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Found {
    inputs: u64,
    kinds: usize,
    /// Input that broke the target.
    pub(crate) broken: Option<Vec<u8>>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.broken.is_some() {
            "BROKEN"
        } else {
            "whole"
        };
        write!(
            f,
            "{outcome} after {} inputs, {} of them new",
            self.inputs, self.kinds
        )
    }
}

impl Hunt {
    pub(crate) fn new(target: &'static Target, seed: u64) -> Self {
        Self {
            target,
            corpus: Corpus::new((target.seeds)(), seed),
        }
    }

    /// Until the time is over or something breaks.
    pub(crate) fn run_for(self, time: Duration) -> Found {
        let end = Instant::now() + time;
        self.run_while(|_| Instant::now() < end)
    }

    /// The seeds, then as many more inputs as `goes_on` allows, or until something breaks.
    pub(crate) fn run_while(mut self, goes_on: impl Fn(u64) -> bool) -> Found {
        let seeds = self.corpus.inputs().to_vec();
        let (mut inputs, mut broken) = (0, None);
        for seed in seeds {
            inputs += 1;
            broken = broken.or_else(|| self.give(seed));
        }
        while broken.is_none() && goes_on(inputs) {
            let input = self.corpus.next();
            inputs += 1;
            broken = self.give(input);
        }
        Found {
            inputs,
            kinds: self.corpus.len(),
            broken,
        }
    }

    /// The input, if the target breaks over it.
    fn give(&mut self, input: Vec<u8>) -> Option<Vec<u8>> {
        let read = self.target.read;
        let started = Instant::now();
        match panic::catch_unwind(|| read(&input)) {
            Ok(said) if started.elapsed() <= INPUT_TIME_MAX => {
                self.corpus.learn(&input, &said);
                None
            }
            Ok(_) | Err(_) => Some(input),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::TARGETS;

    const BROKEN: Target = Target {
        name: "broken",
        seeds: || vec![b"ab".to_vec()],
        read: |input| {
            assert!(!input.contains(&b'\\'), "as it should");
            String::new()
        },
    };

    #[test]
    fn every_target_takes_its_seeds_and_some_thousand_inputs_more() {
        for target in &TARGETS {
            let found = Hunt::new(target, 1).run_while(|inputs| inputs < 3_000);
            assert!(
                found.broken.is_none(),
                "{}: {:?}",
                target.name,
                found.broken
            );
            assert!(found.kinds > 3, "{}: {found}", target.name);
        }
    }

    #[test]
    fn what_breaks_a_target_is_found_and_kept() {
        let found = Hunt::new(&BROKEN, 1).run_while(|inputs| inputs < 100_000);
        assert!(found.broken.is_some_and(|input| input.contains(&b'\\')));
    }
}
