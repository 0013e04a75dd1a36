//! Graceful stop.
