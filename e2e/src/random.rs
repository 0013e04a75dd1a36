//! Random choices of a story, replayed from its seed.
//!
//! The seed is new in every run and printed, or given as `PENSTOCK_SEED`.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// A stream of choices.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// `PENSTOCK_SEED`, else a seed that nobody has had before.
    pub fn seed() -> u64 {
        let given = std::env::var("PENSTOCK_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        given.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()))
    }

    /// The next number: splitmix64.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.draw() % limit.max(1)
    }
}
