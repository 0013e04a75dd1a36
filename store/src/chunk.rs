//! A compressed run of samples of one series.
