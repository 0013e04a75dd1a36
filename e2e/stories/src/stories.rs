//! The stories, in the order in which they are told: what most users meet first.

mod api_restarted;
mod authority;
mod documentation;
mod expiry;
mod first_point;
mod foreign_secret;
mod fresh_secret;
mod ingest_killed;
mod ledger_forged;
mod ledger_secret;
mod manifests;
mod namespaces;
mod operator_cut_off;
mod operator_killed;
mod pause;
mod pods_replaced;
mod rbac;
mod revoke;
mod rotations;
mod scaled;
mod ten_thousand_tokens;
mod two_operators;
mod uninstall;
mod united;
mod upgrade;
mod usage;

use crate::cluster::{Cluster, Namespace};
use anyhow::Result;

/// A story: a name, and what happens in a namespace of its own.
pub(crate) struct Story {
    pub(crate) name: &'static str,
    pub(crate) tell: fn(&Cluster, &Namespace) -> Result<()>,
}

/// Names each story by its file.
macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        &[$(Story { name: stringify!($name), tell: $name::tell }),*]
    };
}

pub(crate) const ALL: &[Story] = stories![
    manifests,
    first_point,
    documentation,
    fresh_secret,
    revoke,
    rotations,
    pause,
    expiry,
    foreign_secret,
    namespaces,
    usage,
    united,
    ingest_killed,
    pods_replaced,
    scaled,
    upgrade,
    operator_killed,
    two_operators,
    operator_cut_off,
    api_restarted,
    ledger_secret,
    ledger_forged,
    authority,
    rbac,
    ten_thousand_tokens,
    uninstall,
];
