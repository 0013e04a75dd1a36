//! The way of a ledger to the ingest pods, and what is known to have arrived.

mod roster;

pub use roster::{Needs, PodFacts, Roster, STARTING_MAX};
