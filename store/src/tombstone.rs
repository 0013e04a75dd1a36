//! Deletes not yet applied.
