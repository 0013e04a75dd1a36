//! A namespace of a story's own, with a name that the server makes up.

use super::{Cluster, Kind};
use anyhow::{Context, Result};
use penstock_e2e::wait;
use serde_json::json;
use std::time::Duration;

/// kubelet gives pods their grace first, the namespace controller comes round seldom, and ten thousand tokens take it two
/// minutes.
const DELETION_LIMIT: Duration = Duration::from_mins(10);

/// A namespace under the pod security standard `restricted`.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one.
    pub(crate) fn create(cluster: &Cluster, story: &str) -> Result<Namespace> {
        let created = cluster.create(
            Kind::Namespace,
            "",
            json!({"metadata": {
                "generateName": format!("{}-", story.replace('_', "-")),
                "labels": {
                    "penstock.dev/story": story,
                    "pod-security.kubernetes.io/enforce": "restricted",
                },
            }}),
        )?;
        let name = created["metadata"]["name"].as_str();
        Ok(Namespace {
            name: name.context("a namespace has a name")?.to_owned(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Begins to delete it.
    pub(crate) fn delete(&self, cluster: &Cluster) -> Result<()> {
        cluster.delete(Kind::Namespace, "", &self.name)
    }

    /// Waits until it is gone.
    pub(crate) fn wait_until_gone(&self, cluster: &Cluster) -> Result<()> {
        wait::at_most(
            DELETION_LIMIT,
            &format!("namespace {} goes", self.name),
            || {
                let found = cluster.get(Kind::Namespace, "", &self.name)?;
                Ok(found.is_none().then_some(()))
            },
        )
    }
}
