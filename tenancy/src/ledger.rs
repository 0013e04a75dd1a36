//! The ledger itself: every application, every token, and what must hold among them.

use std::collections::HashSet;

use penstock_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::token::KEYS_MAX;
use crate::volume::VOLUMES_MAX;
use crate::{LedgerApplication, LedgerToken, LedgerVolume, TokenId, TokenState};

/// Tags that one application or one token may force.
pub const FORCED_TAGS_MAX: usize = 8;

/// Who may do what, at one revision.
///
/// A plain value: whoever has it may read all of it. It is canonical when volumes stand in the order of their names,
/// applications in that of namespace, name and tenant, and tokens in the order of their ids; [`Ledger::canonicalize`] makes it so, and
/// [`sign`](crate::sign) takes no other. One set of decisions therefore has one sequence of bytes.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ledger {
    /// Grows with every change and never falls; see [`Ledger::next_revision`].
    pub revision: u64,
    /// Pods that share each limit: at least 1.
    pub replicas: u32,
    /// Every data volume that exists: a read or a delete asks them all. Empty: a server's own is the only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<LedgerVolume>,
    /// Every application, the removed ones whose data is not gone yet included.
    pub applications: Vec<LedgerApplication>,
}

/// What must hold in a ledger and does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// `replicas` is 0.
    #[error("replicas is 0")]
    NoReplicas,
    /// More than [`VOLUMES_MAX`] volumes.
    #[error("there are {volumes} volumes, {VOLUMES_MAX} are allowed")]
    Volumes {
        /// How many there are.
        volumes: usize,
    },
    /// A volume's name cannot stand in a header.
    #[error("{name:?} is no name of a volume")]
    VolumeName {
        /// The name.
        name: String,
    },
    /// A volume's server cannot be addressed.
    #[error("volume {name}: {address:?} is no host and port")]
    VolumeAddress {
        /// The volume.
        name: String,
        /// Its address.
        address: String,
    },
    /// Volumes, applications or tokens are out of order or occur twice.
    #[error("not in canonical order at {at}")]
    Order {
        /// What should stand earlier, or not at all.
        at: String,
    },
    /// Two applications share their data.
    #[error("{application} has the tenant of another application")]
    SharedTenant {
        /// The second of the two.
        application: String,
    },
    /// Two tokens have one id.
    #[error("token id {id} occurs twice")]
    SharedTokenId {
        /// Their id.
        id: TokenId,
    },
    /// A token has no key, or more than [`KEYS_MAX`].
    #[error("token {id} has {keys} keys, 1 to {KEYS_MAX} are allowed")]
    Keys {
        /// The token's id.
        id: TokenId,
        /// How many it has.
        keys: usize,
    },
    /// More than [`FORCED_TAGS_MAX`] tags are forced.
    #[error("{at} forces {tags} tags, {FORCED_TAGS_MAX} are allowed")]
    Tags {
        /// The application or token.
        at: String,
        /// How many there are.
        tags: usize,
    },
    /// A limit lies outside its range.
    #[error("{at}: {limit} is {value}, {min} to {max} are allowed")]
    Limit {
        /// The application or token.
        at: String,
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        value: u64,
        /// The smallest allowed.
        min: u64,
        /// The largest allowed.
        max: u64,
    },
}

impl Ledger {
    /// The revision of a ledger made now: above the previous one, above what any pod reports, and at least the
    /// Unix time in milliseconds, so that a lost or restored ledger cannot make it fall.
    pub fn next_revision(previous: Option<u64>, reported: Option<u64>, now: Timestamp) -> u64 {
        let above = |revision: Option<u64>| revision.map_or(0, |r| r.saturating_add(1));
        let clock = u64::try_from(now.millis()).unwrap_or(0);
        above(previous).max(above(reported)).max(clock)
    }

    /// Puts volumes, applications and tokens in their order.
    pub fn canonicalize(&mut self) {
        self.volumes.sort_by(|a, b| a.name.cmp(&b.name));
        self.applications.sort_by(|a, b| a.order().cmp(&b.order()));
        for application in &mut self.applications {
            application.tokens.sort_by_key(|token| token.id);
        }
    }

    /// Checks what must hold in every ledger, whoever made it.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), LedgerFault> {
        if self.replicas == 0 {
            return Err(LedgerFault::NoReplicas);
        }
        LedgerVolume::check_all(&self.volumes)?;
        let ordered = self.applications.is_sorted_by(|a, b| a.order() < b.order());
        if !ordered {
            return Err(LedgerFault::Order {
                at: "the applications".to_owned(),
            });
        }
        let mut tenants = HashSet::new();
        let mut ids = HashSet::new();
        for application in &self.applications {
            application.check()?;
            if !tenants.insert(application.tenant) {
                return Err(LedgerFault::SharedTenant {
                    application: application.full_name(),
                });
            }
            for token in &application.tokens {
                token.check_shape()?;
                if !ids.insert(token.id) {
                    return Err(LedgerFault::SharedTokenId { id: token.id });
                }
            }
        }
        Ok(())
    }

    /// Every token with its application.
    pub fn tokens(&self) -> impl Iterator<Item = (&LedgerApplication, &LedgerToken)> {
        self.applications.iter().flat_map(|application| {
            application
                .tokens
                .iter()
                .map(move |token| (application, token))
        })
    }
}

impl LedgerApplication {
    fn order(&self) -> (&str, &str, [u8; 16]) {
        (&self.namespace, &self.name, self.tenant.to_bytes())
    }

    fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Checks what must hold in an application, whatever else is in its ledger.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), LedgerFault> {
        if !self.tokens.is_sorted_by(|a, b| a.id < b.id) {
            return Err(LedgerFault::Order {
                at: format!("the tokens of {}", self.full_name()),
            });
        }
        check_tags(self.tags.len(), || self.full_name())?;
        check_limits(self.limits.values(), || self.full_name())
    }
}

impl LedgerToken {
    /// Checks what must hold in a token, whatever else is in its ledger.
    ///
    /// # Errors
    /// The first fault.
    pub fn check_shape(&self) -> Result<(), LedgerFault> {
        // A token that is gone for good may have been stripped of its keys.
        let keys_min = match self.state {
            TokenState::Active | TokenState::Paused => 1,
            TokenState::Revoked | TokenState::Removed => 0,
        };
        let keys = self.keys.len();
        if !(keys_min..=KEYS_MAX).contains(&keys) {
            return Err(LedgerFault::Keys { id: self.id, keys });
        }
        let at = || format!("token {}", self.id);
        check_tags(self.tags.len(), at)?;
        check_limits(self.limits.values(), at)?;
        check_limits(self.read_limits.values(), at)
    }
}

fn check_tags(tags: usize, at: impl Fn() -> String) -> Result<(), LedgerFault> {
    if tags > FORCED_TAGS_MAX {
        return Err(LedgerFault::Tags { at: at(), tags });
    }
    Ok(())
}

fn check_limits(
    values: impl Iterator<Item = (&'static crate::limits::Limit, u64)>,
    at: impl Fn() -> String,
) -> Result<(), LedgerFault> {
    for (limit, value) in values {
        if !(limit.min..=limit.max).contains(&value) {
            return Err(LedgerFault::Limit {
                at: at(),
                limit: limit.name,
                value,
                min: limit.min,
                max: limit.max,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
