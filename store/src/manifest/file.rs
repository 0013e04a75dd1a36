//! The bytes of a manifest.
//!
//! ```text
//! file    | magic 8 | version u32 | crc u32 | frame | frame | ...
//! frame   | magic 4 | crc u32 | length u32 | number u64 | items: length bytes |
//! ```
//!
//! Frame 0 is a whole version, each later one an edit. A frame's checksum covers all that follows it in the frame.
//! A frame at the end that is not whole is an append that was cut off; one that is followed by a whole frame is
//! damage.

use crate::codec::checksum::Checksum;
use crate::codec::input::Input;
use crate::disk::FileNumber;

use super::error::ManifestError;
use super::item::Item;
use super::version::Version;

const MAGIC: [u8; 8] = *b"PSTKMAN\0";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;
const FRAME_MAGIC: [u8; 4] = *b"PSED";
/// Magic and checksum: what the checksum does not cover.
const COVERED_AT: usize = 8;
const FRAME_HEAD_BYTES: usize = 20;

/// What a manifest says.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) version: Version,
    /// Whole edits, frame 0 apart.
    pub(super) edits: u64,
    /// What is not whole at the end.
    pub(super) dropped_bytes: u64,
}

pub(super) fn header() -> Vec<u8> {
    let mut bytes = [MAGIC.as_slice(), &VERSION.to_le_bytes()].concat();
    let checksum = Checksum::of(&bytes);
    bytes.extend_from_slice(&checksum.to_bytes());
    bytes
}

pub(super) fn frame(number: u64, items: &[Item]) -> Vec<u8> {
    let mut body = Vec::new();
    for item in items {
        item.encode(&mut body);
    }
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let number = number.to_le_bytes();
    let checksum = Checksum::of_parts(&[&length, &number, &body]);
    [
        FRAME_MAGIC.as_slice(),
        &checksum.to_bytes(),
        &length,
        &number,
        &body,
    ]
    .concat()
}

/// The number and the items of a whole frame at the start of `bytes`, and what follows it.
fn take_frame(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let mut input = Input::new(bytes);
    let magic: [u8; 4] = input.array().ok()?;
    if magic != FRAME_MAGIC {
        return None;
    }
    let checksum = Checksum::from_bytes(input.array().ok()?);
    let length = usize::try_from(input.u32().ok()?).ok()?;
    let number = input.u64().ok()?;
    let body = input.take(length).ok()?;
    let covered = bytes.get(COVERED_AT..FRAME_HEAD_BYTES.checked_add(length)?)?;
    (Checksum::of(covered) == checksum).then_some((number, body, input.rest()))
}

impl Content {
    pub(super) fn parse(bytes: &[u8], manifest: FileNumber) -> Result<Self, ManifestError> {
        let corrupt = |rest: &[u8], what| ManifestError::Corrupt {
            manifest,
            offset: u64::try_from(bytes.len().saturating_sub(rest.len())).unwrap_or(u64::MAX),
            what,
        };
        let mut rest = check_header(bytes, manifest)?;
        let mut content = Self::default();
        let mut next = 0;
        while let Some((number, body, behind)) = take_frame(rest) {
            if number != next {
                return Err(corrupt(rest, "the edits are not in order"));
            }
            apply_all(&mut content.version, body).map_err(|what| corrupt(rest, what))?;
            next += 1;
            rest = behind;
        }
        content.edits = next
            .checked_sub(1)
            .ok_or_else(|| corrupt(rest, "it does not start with a version"))?;
        if has_frame(rest) {
            return Err(corrupt(rest, "an edit before the last one is not whole"));
        }
        content.dropped_bytes = u64::try_from(rest.len()).unwrap_or(u64::MAX);
        Ok(content)
    }
}

fn check_header(bytes: &[u8], manifest: FileNumber) -> Result<&[u8], ManifestError> {
    let damaged = ManifestError::Corrupt {
        manifest,
        offset: 0,
        what: "it does not start as a manifest does",
    };
    let Some((found, rest)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(damaged);
    };
    if found == header() {
        return Ok(rest);
    }
    let mut input = Input::new(found);
    match (input.array(), input.u32(), input.array()) {
        (Ok(MAGIC), Ok(version), Ok(checksum)) => {
            let covered = found.get(..HEADER_BYTES - 4).unwrap_or_default();
            if Checksum::of(covered) == Checksum::from_bytes(checksum) {
                Err(ManifestError::Version { manifest, version })
            } else {
                Err(damaged)
            }
        }
        _ => Err(damaged),
    }
}

fn apply_all(version: &mut Version, body: &[u8]) -> Result<(), &'static str> {
    let mut input = Input::new(body);
    while !input.is_empty() {
        version.apply(&Item::decode(&mut input)?)?;
    }
    Ok(())
}

/// Whether a whole frame starts anywhere in `bytes`.
fn has_frame(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| {
        bytes
            .get(at..)
            .is_some_and(|from| take_frame(from).is_some())
    })
}
