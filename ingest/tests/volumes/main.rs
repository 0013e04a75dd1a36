//! A service of three servers: whichever is asked, the answer is that of all.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests stop at the first surprise, and say what the servers said"
)]

mod fleet;
mod reads;
mod refusals;
