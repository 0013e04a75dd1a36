//! Why what is stored cannot be read.

use penstock_store::error::StoreError;

use crate::volumes::VolumeError;

/// What is stored cannot be read, here or on another volume.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// This server's store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another server's.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A key that is none.
    #[error("the key of a series is damaged")]
    Key,
}
