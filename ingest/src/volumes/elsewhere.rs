//! Whether a name that this server does not know is known to the service.

use super::wanted::NamesQuestion;
use super::{Asker, VolumeError};

/// Who else may know a name.
#[derive(Debug, Clone)]
pub enum Elsewhere {
    /// These servers; they may be none.
    Others(Asker),
    /// Another server asks for what this one has of a request, and has seen to it that every name in it is known.
    SeenTo,
}

impl Elsewhere {
    /// Whether anybody else knows it. Not on a loop: it waits for their answers.
    ///
    /// # Errors
    /// The first [`VolumeError`].
    pub fn knows(&self, question: &NamesQuestion) -> Result<bool, VolumeError> {
        match self {
            Self::SeenTo => Ok(true),
            Self::Others(asker) => asker.knows(question),
        }
    }
}
