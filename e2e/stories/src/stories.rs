//! The stories, in the order in which they are told: what most users meet first.

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
        $(mod $name;)*
        pub(crate) const ALL: &[Story] = &[$(Story { name: stringify!($name), tell: $name::tell }),*];
    };
}

stories![
    manifests,
    first_point,
    documentation,
    fresh_secret,
    revoke,
    rotations,
    pause,
    expiry,
    foreign_secret,
    operator_killed,
    ingest_killed,
    ledger_secret,
    namespaces,
    scaled,
    upgrade,
    uninstall,
];
