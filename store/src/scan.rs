//! Samples out, in order.
