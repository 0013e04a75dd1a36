//! Metrics, and what holds for log lines: messages are constant, fields vary, and no key ever stands in one: types that
//! hold a key print themselves redacted.
//!
//! Metrics are named `penstock_<area>_<noun>_<unit>_total` and their labels come from closed sets, so their number
//! does not depend on what clients send. Every area registers its own; this page has those of the server's parts.

pub mod metrics;

pub use metrics::Metrics;
