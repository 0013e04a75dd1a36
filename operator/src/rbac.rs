//! What the operator may do: one table, from which the chart's roles are written and against which every call of the
//! tests is checked.
//!
//! | where | what for |
//! |---|---|
//! | own namespace | the lease, the ledger and its keys, certificates: by name; ingest pods, their set and claims: only read |
//! | served namespaces | applications and tokens: read, status; their Secrets and events: written |
//! | whole cluster, if all namespaces are served | namespaces: read, for the selectors of applications |
//!
//! A right to create cannot be granted for a name in the usual way, since a POST names nothing in its path. Objects of
//! ours are made by server-side apply, which asks for `patch` and `create` on the very name.

mod render;

use penstock_tenancy::secrets::PartName;

use crate::config::ObjectNames;

pub use self::render::{RIGHTS_FILE, chart_template};

/// Some verbs on some resources of one API group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The API group, empty for the core.
    pub group: &'static str,
    /// Plurals, subresources behind a slash.
    pub resources: &'static [&'static str],
    /// What may be done.
    pub verbs: &'static [&'static str],
    /// To which objects.
    pub names: Names,
    /// Why, for whoever reads the chart.
    pub why: &'static str,
}

/// Which objects a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// All of them.
    Any,
    /// Those of these names.
    Only(Vec<String>),
}

/// Rules of the operator's own namespace, but those for certificates.
pub fn own_rules(names: &ObjectNames) -> Vec<Rule> {
    let mut ledger = vec![
        names.ledger_head(),
        names.ledger_access(),
        names.signing_key(),
    ];
    ledger.extend(PartName::all().map(|part| names.ledger_part(part)));
    vec![
        Rule {
            group: "coordination.k8s.io",
            resources: &["leases"],
            verbs: &["get", "create", "patch", "update"],
            names: Names::Only(vec![names.lease()]),
            why: "One operator leads.",
        },
        Rule {
            group: "",
            resources: &["secrets"],
            verbs: &["get", "create", "patch", "update"],
            names: Names::Only(ledger),
            why: "The signed ledger, the key that signs it, and what pods need to believe it.",
        },
        Rule {
            group: "",
            resources: &["pods", "persistentvolumeclaims"],
            verbs: &["list", "watch"],
            names: Names::Any,
            why: "Who is to have the ledger, and where data lies.",
        },
        Rule {
            group: "apps",
            resources: &["statefulsets"],
            verbs: &["list", "watch"],
            names: Names::Any,
            why: "How many pods share a limit.",
        },
    ]
}

/// Rules of the own namespace if the operator issues the certificates.
pub fn self_managed_rules(names: &ObjectNames) -> Vec<Rule> {
    vec![Rule {
        group: "",
        resources: &["secrets"],
        verbs: &["get", "create", "patch", "update"],
        names: Names::Only(vec![names.authority(), names.certificate()]),
        why: "The authority, and the certificate that it has issued.",
    }]
}

/// Rules of the own namespace if somebody else writes the certificates into `secret`.
pub fn existing_rules(secret: &str) -> Vec<Rule> {
    vec![Rule {
        group: "",
        resources: &["secrets"],
        verbs: &["get"],
        names: Names::Only(vec![secret.to_owned()]),
        why: "The certificate that somebody else has issued.",
    }]
}

/// Rules of every namespace whose applications and tokens are served.
pub fn served_rules() -> Vec<Rule> {
    vec![
        Rule {
            group: "penstock.dev",
            resources: &["metricsapplications", "writetokens", "readtokens"],
            verbs: &["get", "list", "watch"],
            names: Names::Any,
            why: "What people want.",
        },
        Rule {
            group: "penstock.dev",
            resources: &[
                "metricsapplications/status",
                "writetokens/status",
                "readtokens/status",
            ],
            verbs: &["patch"],
            names: Names::Any,
            why: "What has become of it.",
        },
        Rule {
            group: "",
            resources: &["secrets"],
            verbs: &["get", "list", "watch", "create", "update"],
            names: Names::Any,
            why: "Tokens are handed out as Secrets, under names that people choose.",
        },
        Rule {
            group: "events.k8s.io",
            resources: &["events"],
            verbs: &["create", "patch"],
            names: Names::Any,
            why: "What a person would ask about.",
        },
    ]
}

/// Rules of the whole cluster, if all namespaces are served.
pub fn cluster_rules() -> Vec<Rule> {
    vec![Rule {
        group: "",
        resources: &["namespaces"],
        verbs: &["list", "watch"],
        names: Names::Any,
        why: "Which namespaces the selector of an application means.",
    }]
}

impl Rule {
    /// Whether it lets `verb` be done to an object; `name` is empty for a list or a watch.
    pub fn grants(&self, verb: &str, group: &str, resource: &str, name: &str) -> bool {
        let is_named = match &self.names {
            Names::Any => true,
            Names::Only(names) => names.iter().any(|known| known == name),
        };
        self.group == group
            && self.resources.contains(&resource)
            && self.verbs.contains(&verb)
            && is_named
    }
}

#[cfg(test)]
mod tests;
