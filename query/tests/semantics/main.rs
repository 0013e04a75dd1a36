//! Queries as a client sees them: the specification's worked examples, what is refused, and a slow model of
//! the whole semantics against which random queries are compared.
//!
//! ```text
//!   memory        a source of vectors, and a sink that keeps results
//!   slow          the semantics once more, written from the specification for plainness alone
//!   differential  random series and queries through both
//!   examples, rollups, rendering, refusals, bounds
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected fails"
)]

mod bounds;
mod differential;
mod examples;
mod memory;
mod refusals;
mod rendering;
mod rollups;
mod slow;
