//! What reads bytes of strangers, or of a disk that may be damaged.
//!
//! Each target says in words what it made of an input: those words are all that tells one input from another. It panics if
//! something does not hold that must hold of every input.

mod disk;
mod documents;
mod wire;

/// A reader of bytes.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Input that it takes, or refuses for a reason worth knowing.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Reads an input and says what became of it.
    pub(crate) read: fn(&[u8]) -> String,
}

pub(crate) const TARGETS: [Target; 10] = [
    wire::DETECT,
    wire::TELNET,
    wire::PUT,
    documents::SELECTOR,
    documents::QUERY,
    documents::LEDGER,
    disk::WAL,
    disk::RECORDS,
    disk::BLOCK,
    disk::CHUNK,
];

fn texts(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}
