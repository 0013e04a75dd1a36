//! From files to a running store.
