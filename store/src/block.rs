//! An immutable sorted file of chunks of one UTC day; the same code for memory and disk.
