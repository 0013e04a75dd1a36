//! Samples in columns.

use super::RecordError;
use crate::row::Row;

/// The body of a samples record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplesRecord<'a> {
    body: &'a [u8],
}

impl SamplesRecord<'_> {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        let _ = self.body;
        todo!()
    }

    /// Adds the rows to `out`, in the order in which they were encoded.
    ///
    /// # Errors
    /// [`RecordError`] if the bytes are damaged; `out` may then have some rows more.
    pub fn decode(&self, out: &mut Vec<Row>) -> Result<(), RecordError> {
        let _ = out;
        todo!()
    }
}
