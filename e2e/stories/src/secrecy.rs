//! After every story: no key that it saw stands anywhere but in its own Secret. Statuses, events, logs and metrics of the
//! story's namespace are searched, for the key as it is and as an HTTP client sends it.

use crate::cluster::{Cluster, Kind};
use crate::penstock::{INGEST, OPERATOR, is_ready};
use anyhow::{Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::collections::BTreeSet;

/// All of a log that kubelet keeps.
const LOG_LINES: i64 = 1_000_000;

/// Searches what the namespace shows.
///
/// # Errors
/// A key was found; it says where.
pub(crate) fn check(cluster: &Cluster, namespace: &str, keys: &BTreeSet<String>) -> Result<()> {
    let forms: Vec<[String; 2]> = keys
        .iter()
        .map(|key| [key.clone(), BASE64_STANDARD.encode(key)])
        .collect();
    let search = |what: &str, text: &str| {
        let shown = forms.iter().flatten().any(|form| text.contains(form));
        ensure!(!shown, "{what} shows a key");
        Ok(())
    };
    for kind in Kind::PRINTED {
        for object in cluster.list(kind, namespace, "")? {
            let name = &object["metadata"]["name"];
            search(&format!("{} {name}", kind.plural()), &object.to_string())?;
        }
    }
    for selector in [INGEST, OPERATOR] {
        for pod in cluster.list(Kind::Pod, namespace, selector)? {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            // Most pods have no container that ended before, and one that starts has no log yet.
            for previous in [true, false] {
                let log = cluster.logs(namespace, name, LOG_LINES, previous);
                let log = if is_ready(&pod) && !previous {
                    log?
                } else {
                    log.unwrap_or_default()
                };
                search(&format!("the log of {name}"), &log)?;
            }
            let metrics = cluster.metrics(namespace, name);
            let metrics = if is_ready(&pod) {
                metrics?
            } else {
                metrics.unwrap_or_default()
            };
            search(&format!("the metrics of {name}"), &metrics)?;
        }
    }
    Ok(())
}
