//! The signed ledger as Secrets, and as a pod finds them mounted: cutting a document up, and putting it together.
//!
//! ```text
//!   RELEASE-ledger        head    penstock-ledger-head/1 <revision> <checksum> <bytes> <set> <parts>\n
//!                         ledger  the document, if it is small: then <parts> is 0
//!   RELEASE-ledger-a0     a0      its first 700 KiB, if it is not
//!   …          -a7 -b0 …  b7
//! ```
//!
//! A Secret takes 1 MiB and is replaced as a whole; several are not. So the parts of a large document go to the set
//! of eight that the head does not name, and the head, replaced last, commits them. A reader that finds a head with
//! other parts than its own (kubelet looks at each Secret at another moment) sees that by the checksum and keeps the
//! ledger that it has.
//!
//! The key in a Secret is the name of the file in the mounted folder. Pure: no Secret and no file is touched here. The
//! head is not signed, the document is; nothing in the head is believed but which files to read.

use std::fmt;
use std::str::FromStr;

use crate::signed::{Checksum, LEDGER_BYTES_MAX, LedgerError};

/// Bytes of a document that one Secret takes. A document of more goes into several.
pub const PART_BYTES_MAX: usize = 700 * 1024;

/// Parts of one set.
pub const PARTS_MAX: usize = 8;

/// Key and file of the head.
pub const HEAD_KEY: &str = "head";

/// Key and file, beside the head, of a document that is small.
pub const WHOLE_KEY: &str = "ledger";

/// Key and file of the public keys that may have signed, one a line: [`VerifyingKey`](crate::VerifyingKey)'s text.
pub const VERIFY_KEYS_KEY: &str = "verify-keys";

/// Key and file of the secret that `GET /ledger` of a pod asks for.
pub const BEARER_KEY: &str = "bearer";

const MAGIC: &str = "penstock-ledger-head/1";

/// One of the two sets of parts, written in turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartSet {
    /// `a0` to `a7`.
    A,
    /// `b0` to `b7`.
    B,
}

/// The name of a part: the key in its Secret, and the file in the mounted folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartName {
    set: PartSet,
    /// Below [`PARTS_MAX`].
    number: u8,
}

/// Which document the Secrets hold, and where. Its text is the value of [`HEAD_KEY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerHead {
    /// The document's revision.
    pub revision: u64,
    /// The document's checksum: the one in its own header, and the one that a pod reports.
    pub checksum: Checksum,
    bytes: usize,
    set: PartSet,
    /// 0: the document stands beside the head.
    parts: usize,
}

/// A document cut up. Write the parts, then the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitLedger<'a> {
    /// The head.
    pub head: LedgerHead,
    /// The whole document, if it stands beside the head.
    pub whole: Option<&'a [u8]>,
    /// Else its parts in order; every one is a Secret with one key.
    pub parts: Vec<(PartName, &'a [u8])>,
}

/// The bytes are no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the head of the ledger is damaged")]
pub struct HeadError;

/// Why a document cannot be put together. `E` is why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError<E: std::error::Error + 'static> {
    /// The head is no head.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A file that the head names cannot be read.
    #[error("{file} of the ledger cannot be read")]
    Read {
        /// Its name.
        file: String,
        /// Why.
        #[source]
        source: E,
    },
    /// Files of different revisions, as they are seen while Secrets are replaced.
    #[error("the files of the ledger do not belong together")]
    Torn,
}

/// Cuts a signed document of this revision up. `previous` is the head that it will replace.
///
/// # Errors
/// [`LedgerError::TooLarge`], or [`LedgerError::Header`] for bytes that are no document.
pub fn split<'a>(
    document: &'a [u8],
    revision: u64,
    previous: Option<&LedgerHead>,
) -> Result<SplitLedger<'a>, LedgerError> {
    let bytes = document.len();
    if bytes > LEDGER_BYTES_MAX {
        return Err(LedgerError::TooLarge { bytes });
    }
    let set_before = previous.map_or(PartSet::B, |head| head.set);
    let parts = parts_of(bytes);
    let head = LedgerHead {
        revision,
        checksum: Checksum::of_document(document)?,
        bytes,
        // A head without parts goes on naming the set that was written last: a slow reader may still want it.
        set: if parts == 0 {
            set_before
        } else {
            set_before.other()
        },
        parts,
    };
    Ok(SplitLedger {
        head,
        whole: (parts == 0).then_some(document),
        parts: head
            .part_names()
            .zip(document.chunks(PART_BYTES_MAX))
            .collect(),
    })
}

/// Puts the document together that `head` names; `read` gives the bytes of a file, or of the Secret's key of that
/// name. Its checksum is the head's; whether it is well signed is [`accept`](crate::accept)'s to say.
///
/// # Errors
/// [`JoinError`]: keep the ledger that is loaded, and look again.
pub fn join<E: std::error::Error + 'static>(
    head: &[u8],
    mut read: impl FnMut(&str) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, JoinError<E>> {
    let head = LedgerHead::parse(head)?;
    let mut fetch = |file: String, length: usize| match read(&file) {
        Ok(bytes) if bytes.len() == length => Ok(bytes),
        Ok(_) => Err(JoinError::Torn),
        Err(source) => Err(JoinError::Read { file, source }),
    };
    let document = if head.parts == 0 {
        fetch(WHOLE_KEY.to_owned(), head.bytes)?
    } else {
        let mut document = Vec::with_capacity(head.bytes);
        for part in head.part_names() {
            let length = PART_BYTES_MAX.min(head.bytes - document.len());
            document.extend_from_slice(&fetch(part.to_string(), length)?);
        }
        document
    };
    if Checksum::of_document(&document) == Ok(head.checksum) {
        Ok(document)
    } else {
        Err(JoinError::Torn)
    }
}

/// The Secret of the head, in an installation whose Secrets begin with `release`.
pub fn head_secret(release: &str) -> String {
    format!("{release}-ledger")
}

/// How many parts a document of so many bytes has; 0: it stands beside the head.
fn parts_of(bytes: usize) -> usize {
    if bytes <= PART_BYTES_MAX {
        0
    } else {
        bytes.div_ceil(PART_BYTES_MAX)
    }
}

impl LedgerHead {
    /// Reads the value of [`HEAD_KEY`].
    ///
    /// # Errors
    /// [`HeadError`] unless it is exactly what [`LedgerHead`]'s `Display` writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeadError> {
        let text = std::str::from_utf8(bytes).map_err(|_| HeadError)?;
        let words: Vec<&str> = text.trim_end_matches('\n').split(' ').collect();
        let [MAGIC, revision, checksum, bytes, set, parts] = words.as_slice() else {
            return Err(HeadError);
        };
        let head = Self {
            revision: revision.parse().map_err(|_| HeadError)?,
            checksum: checksum.parse().map_err(|_| HeadError)?,
            bytes: bytes.parse().map_err(|_| HeadError)?,
            set: match *set {
                "a" => PartSet::A,
                "b" => PartSet::B,
                _ => return Err(HeadError),
            },
            parts: parts.parse().map_err(|_| HeadError)?,
        };
        let sound = head.bytes <= LEDGER_BYTES_MAX && head.parts == parts_of(head.bytes);
        if sound && head.to_string() == text {
            Ok(head)
        } else {
            Err(HeadError)
        }
    }

    /// The parts that hold the document, in order; none if it stands beside the head.
    pub fn part_names(&self) -> impl Iterator<Item = PartName> + use<> {
        self.set.names().take(self.parts)
    }
}

impl fmt::Display for LedgerHead {
    /// One line with its line feed: the value of [`HEAD_KEY`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            revision,
            checksum,
            bytes,
            set,
            parts,
        } = self;
        let set = set.letter();
        writeln!(f, "{MAGIC} {revision} {checksum} {bytes} {set} {parts}")
    }
}

impl PartSet {
    fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }

    fn names(self) -> impl Iterator<Item = PartName> + use<> {
        (0_u8..)
            .take(PARTS_MAX)
            .map(move |number| PartName { set: self, number })
    }
}

impl PartName {
    /// All sixteen: every one is an optional source of the mounted folder from the start.
    pub fn all() -> impl Iterator<Item = Self> {
        PartSet::A.names().chain(PartSet::B.names())
    }

    /// The Secret that holds it, in an installation whose Secrets begin with `release`.
    pub fn secret(self, release: &str) -> String {
        format!("{}-{self}", head_secret(release))
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.set.letter(), self.number)
    }
}

impl FromStr for LedgerHead {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes())
    }
}

#[cfg(test)]
mod tests;
