//! delete_series
