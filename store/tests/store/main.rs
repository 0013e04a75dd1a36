//! The store as its users see it: through `Store`, on real and on simulated disks.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests stop at the first surprise"
)]

mod copies;
mod crash;
mod damage;
mod failures;
mod faults;
mod pressure;
mod refusals;
mod support;
mod threads;
mod usage;
mod windows;
