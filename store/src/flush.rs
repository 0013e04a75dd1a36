//! Memtable to blocks.
