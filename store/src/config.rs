//! Limits and sizes.
