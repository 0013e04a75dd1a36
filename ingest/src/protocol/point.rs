//! A borrowed data point.
