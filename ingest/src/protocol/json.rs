//! JSON put bodies.
