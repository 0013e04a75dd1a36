//! One connection that speaks HTTP.
