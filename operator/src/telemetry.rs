//! What the operator tells about itself: log lines and metrics. Neither ever holds a key.

mod logs;
mod metrics;

pub use logs::{LogError, start_logs};
pub use metrics::Metrics;
