//! Bytes with a durable and a visible state.

use std::collections::BTreeMap;
use std::io;

use super::SECTOR_BYTES;
use super::random::Random;

type Sector = [u8; SECTOR_BYTES];

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    durable: Vec<u8>,
    visible: Vec<u8>,
    /// The contents that each sector was given since the last sync, oldest first.
    unsynced: BTreeMap<usize, Vec<Sector>>,
}

impl Inode {
    pub(super) fn len(&self) -> usize {
        self.visible.len()
    }

    pub(super) fn read(&self, bytes: &mut [u8], offset: usize) -> io::Result<()> {
        let end = offset.saturating_add(bytes.len());
        let found = self
            .visible
            .get(offset..end)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = offset.saturating_add(bytes.len());
        if self.visible.len() < end {
            self.visible.resize(end, 0);
        }
        if let Some(place) = self.visible.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
        for sector in offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            let now = sector_of(&self.visible, sector);
            self.unsynced.entry(sector).or_default().push(now);
        }
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.visible.len(), 0);
        for (sector, versions) in std::mem::take(&mut self.unsynced) {
            if let Some(last) = versions.last() {
                put_sector(&mut self.durable, sector, last);
            }
        }
    }

    /// After a failed sync the kernel believes the pages to be clean: they stay visible and never get there.
    pub(super) fn forget_unsynced(&mut self) {
        self.unsynced.clear();
    }

    pub(super) fn corrupt(&mut self, offset: usize, mask: u8) -> io::Result<()> {
        let missing = || io::Error::from(io::ErrorKind::UnexpectedEof);
        *self.visible.get_mut(offset).ok_or_else(missing)? ^= mask;
        if let Some(byte) = self.durable.get_mut(offset) {
            *byte ^= mask;
        }
        Ok(())
    }

    /// The file after a crash.
    pub(super) fn image(&self, random: &mut Random) -> Self {
        let mut found = self.durable.clone();
        let grown = self.visible.len().saturating_sub(self.durable.len());
        let arrived = match random.below(3) {
            0 => 0,
            1 => grown,
            _ => random.below(grown.saturating_add(1)),
        };
        found.resize(self.durable.len().saturating_add(arrived), 0);
        for (sector, versions) in &self.unsynced {
            let kept = random.below(versions.len().saturating_add(1));
            let before = kept.checked_sub(1).and_then(|at| versions.get(at));
            let mut content = before.map_or_else(|| sector_of(&self.durable, *sector), |s| *s);
            if let Some(next) = versions.get(kept)
                && random.one_in(3)
            {
                tear(&mut content, next, random.below(SECTOR_BYTES));
            }
            put_sector(&mut found, *sector, &content);
        }
        Self {
            durable: found.clone(),
            visible: found,
            unsynced: BTreeMap::new(),
        }
    }
}

/// Lets the first `arrived` bytes of `next` reach the sector.
fn tear(sector: &mut Sector, next: &Sector, arrived: usize) {
    for (byte, new) in sector.iter_mut().zip(next).take(arrived) {
        *byte = *new;
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> Sector {
    let mut content = [0; SECTOR_BYTES];
    let start = sector.saturating_mul(SECTOR_BYTES);
    for (byte, from) in content.iter_mut().zip(bytes.iter().skip(start)) {
        *byte = *from;
    }
    content
}

/// Puts a sector in its place; what lies behind the end of `bytes` is cut off.
fn put_sector(bytes: &mut [u8], sector: usize, content: &Sector) {
    let start = sector.saturating_mul(SECTOR_BYTES);
    for (byte, from) in bytes.iter_mut().skip(start).zip(content) {
        *byte = *from;
    }
}
