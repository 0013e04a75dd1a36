//! Merging and signing, on a thread of its own: tens of milliseconds for a large ledger.

use std::sync::Arc;

use penstock_model::Timestamp;
use penstock_tenancy::signed::LEDGER_BYTES_MAX;
use penstock_tenancy::{Ledger, LedgerError};

use crate::publisher::change::Change;
use crate::publisher::committed::Committed;
use crate::publisher::document::Document;
use crate::publisher::merge::{Moment, Service, merge};
use crate::publisher::refused::Refused;
use crate::signing::Signer;

/// What no change may fill but one that takes something away: a revocation must always fit.
const RESERVE: usize = 64 * 1024;
const GROWS_TO_MAX: usize = LEDGER_BYTES_MAX - RESERVE;

/// Everything that the next revision is made of.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) previous: Arc<Committed>,
    pub(super) changes: Vec<Change>,
    pub(super) service: Service,
    /// The highest revision that a pod reported.
    pub(super) reported: Option<u64>,
    pub(super) now: Timestamp,
    /// Whether the last document was signed with the key of `signer`.
    pub(super) is_signed: bool,
    pub(super) signer: Arc<Signer>,
}

/// The next revision, if anything differs, and the places of changes that are not in it.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) written: Option<(Committed, Document)>,
    pub(super) refused: Vec<(usize, Refused)>,
}

/// Makes the next revision.
///
/// # Errors
/// [`LedgerError`]: what was merged is inconsistent, which is a fault of ours.
pub(super) fn next(request: &Request) -> Result<Next, LedgerError> {
    let every = |_: &Change| true;
    let full = match attempt(request, every, GROWS_TO_MAX)? {
        Ok(next) => return Ok(next),
        Err(full) => full,
    };
    // Nothing that grows gets in, and what takes something away does.
    match attempt(request, Change::restricts, LEDGER_BYTES_MAX)? {
        Ok(next) => Ok(refuse(next, request, &full, |change| !change.restricts())),
        Err(full) => {
            let nothing = Next {
                written: None,
                refused: Vec::new(),
            };
            Ok(refuse(nothing, request, &full, every))
        }
    }
}

fn refuse(
    mut next: Next,
    request: &Request,
    why: &Refused,
    which: impl Fn(&Change) -> bool,
) -> Next {
    let left_out = request.changes.iter().enumerate();
    let left_out = left_out.filter(|(_, change)| which(change));
    next.refused
        .extend(left_out.map(|(place, _)| (place, why.clone())));
    next
}

/// With the changes that are `wanted`. The inner error: it would have more than `bytes_max`.
fn attempt(
    request: &Request,
    wanted: impl Fn(&Change) -> bool,
    bytes_max: usize,
) -> Result<Result<Next, Refused>, LedgerError> {
    let (places, changes): (Vec<usize>, Vec<&Change>) = request
        .changes
        .iter()
        .enumerate()
        .filter(|(_, change)| wanted(change))
        .unzip();
    let last = request.previous.revision();
    let moment = Moment {
        now: request.now,
        reported: request.reported,
        must_differ: !request.is_signed
            || request.reported.is_some_and(|reported| reported >= last),
    };
    let (ledger, refused) = merge(&request.previous, &changes, Some(&request.service), moment);
    let refused = refused
        .into_iter()
        .filter_map(|(at, reason)| Some((*places.get(at)?, reason)))
        .collect();
    let Some(ledger) = ledger else {
        let written = None;
        return Ok(Ok(Next { written, refused }));
    };
    match sign(ledger, request)? {
        Ok(written) if written.1.bytes.len() <= bytes_max => Ok(Ok(Next {
            written: Some(written),
            refused,
        })),
        Ok((_, document)) => Ok(Err(too_large(document.bytes.len()))),
        Err(bytes) => Ok(Err(too_large(bytes))),
    }
}

/// The inner error: so many bytes are more than a ledger may have.
fn sign(
    ledger: Ledger,
    request: &Request,
) -> Result<Result<(Committed, Document), usize>, LedgerError> {
    match Document::sign(&ledger, &request.signer.key) {
        Ok(document) => Ok(Ok((Committed::new(Arc::new(ledger)), document))),
        Err(LedgerError::TooLarge { bytes }) => Ok(Err(bytes)),
        Err(error) => Err(error),
    }
}

fn too_large(bytes: usize) -> Refused {
    Refused::TooLarge {
        bytes,
        max: GROWS_TO_MAX,
    }
}

#[cfg(test)]
mod tests;
