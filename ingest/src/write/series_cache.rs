//! series_cache
