//! What a person would look at when a story has failed: the namespace's objects, events and logs.

use crate::cluster::{Cluster, Kind};
use serde_json::Value;

/// Enough to see what a pod did last.
const LOG_LINES: i64 = 60;

/// Prints all it can get. What cannot be got is said, and does not hide the story's own error.
pub(crate) fn print(cluster: &Cluster, namespace: &str) {
    println!("== namespace {namespace}");
    for kind in Kind::PRINTED {
        match cluster.list(kind, namespace, "") {
            Ok(objects) => objects.iter().for_each(|object| print_object(kind, object)),
            Err(error) => println!("{error:#}"),
        }
    }
    for pod in cluster.list(Kind::Pod, namespace, "").unwrap_or_default() {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        for previous in [true, false] {
            // Most pods have no container that ended before.
            if let Ok(log) = cluster.logs(namespace, name, LOG_LINES, previous) {
                let which = if previous { ", before its restart" } else { "" };
                println!("-- log of {name}{which}\n{}", log.trim_end());
            }
        }
    }
}

fn print_object(kind: Kind, object: &Value) {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    match kind {
        Kind::Event => {
            let about = &object["regarding"];
            println!(
                "event {} {} {}: {}",
                about["kind"].as_str().unwrap_or_default(),
                about["name"].as_str().unwrap_or_default(),
                object["reason"].as_str().unwrap_or_default(),
                object["note"].as_str().unwrap_or_default(),
            );
        }
        Kind::Lease => println!("lease {name}: {}", object["spec"]),
        _ => println!("{} {name}: {}", kind.plural(), object["status"]),
    }
}
