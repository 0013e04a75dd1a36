//! Memtable to blocks: when it is time (`policy`, pure) and how it is done (`job`).

pub(crate) mod job;
pub(crate) mod policy;
