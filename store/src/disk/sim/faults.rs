//! What is to go wrong, and when.

use std::io;

use super::FileOp;

/// The faults that were ordered.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// At the next operation of this kind.
    next: Vec<(FileOp, io::ErrorKind)>,
    /// At the operation of this number.
    at: Vec<(u64, io::ErrorKind)>,
}

impl Faults {
    pub(super) fn order_next(&mut self, operation: FileOp, kind: io::ErrorKind) {
        self.next.push((operation, kind));
    }

    pub(super) fn order_at(&mut self, number: u64, kind: io::ErrorKind) {
        self.at.push((number, kind));
    }

    /// The fault of this operation, if one was ordered.
    pub(super) fn take(&mut self, operation: FileOp, number: u64) -> io::Result<()> {
        if let Some(at) = self.next.iter().position(|(of, _)| *of == operation) {
            return Err(self.next.remove(at).1.into());
        }
        match self.at.iter().position(|(at, _)| *at == number) {
            Some(at) => Err(self.at.remove(at).1.into()),
            None => Ok(()),
        }
    }
}
