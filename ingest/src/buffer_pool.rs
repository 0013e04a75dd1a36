//! Read buffers that the connections of one event loop take turns with.
//!
//! A buffer is taken to read into and given back when what was read is used up. So connections that say nothing hold
//! none, and the one that was given back last, which the processor still has near, is the next one taken.

use parking_lot::Mutex;

/// Bytes of a buffer: what one read can bring.
pub(crate) const BUFFER_BYTES: usize = 64 << 10;
/// Spare buffers that a loop keeps.
const SPARES_MAX: usize = 8;

/// The spare buffers.
#[derive(Debug, Default)]
pub struct BufferPool(Mutex<Vec<Box<[u8]>>>);

impl BufferPool {
    /// A buffer of [`BUFFER_BYTES`]. What stands in it is of somebody else: nobody may see it.
    pub(crate) fn take(&self) -> Box<[u8]> {
        let spare = self.0.lock().pop();
        spare.unwrap_or_else(|| vec![0; BUFFER_BYTES].into_boxed_slice())
    }

    /// Takes a buffer back.
    pub(crate) fn put_back(&self, buffer: Box<[u8]>) {
        let mut spares = self.0.lock();
        if spares.len() < SPARES_MAX && buffer.len() == BUFFER_BYTES {
            spares.push(buffer);
        }
    }
}
