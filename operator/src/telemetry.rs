//! What the operator tells about itself: log lines and metrics. Neither ever holds a key.

mod metrics;

pub use metrics::Metrics;
