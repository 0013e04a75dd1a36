//! Names with a durable and a visible state.

use std::collections::BTreeMap;

use super::random::Random;

/// One step that a directory takes whole.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    durable: BTreeMap<String, usize>,
    visible: BTreeMap<String, usize>,
    /// What leads from the one to the other, in order.
    pending: Vec<Change>,
    /// Its own name in the directory above has been synced.
    is_durable: bool,
}

impl Directory {
    /// An empty one that no crash takes away.
    pub(super) fn durable() -> Self {
        Self {
            is_durable: true,
            ..Self::default()
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<usize> {
        self.visible.get(name).copied()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.visible.keys().cloned().collect()
    }

    pub(super) fn change(&mut self, change: Change) {
        apply(&mut self.visible, &change);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.durable.clone_from(&self.visible);
        self.pending.clear();
    }

    pub(super) fn sync_with_name(&mut self) {
        self.sync();
        self.is_durable = true;
    }

    /// The directory after a crash: some first changes arrived, the others did not. None if it did not arrive itself.
    pub(super) fn image(&self, random: &mut Random) -> Option<Self> {
        if !self.is_durable && random.one_in(2) {
            return None;
        }
        let mut found = self.durable.clone();
        let arrived = random.below(self.pending.len().saturating_add(1));
        for change in self.pending.iter().take(arrived) {
            apply(&mut found, change);
        }
        Some(Self {
            durable: found.clone(),
            visible: found,
            pending: Vec::new(),
            is_durable: true,
        })
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Change) {
    match change {
        Change::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Change::Unlink(name) => {
            names.remove(name);
        }
        Change::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}
