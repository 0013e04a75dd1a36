//! Open, append, delete, scan, close.
