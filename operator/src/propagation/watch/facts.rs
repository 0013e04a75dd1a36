//! From objects of the API server to what matters of them. Pure.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use penstock_tenancy::LedgerVolume;

use crate::config::Config;
use crate::propagation::PodFacts;

/// Where every ingest pod takes TLS: the data port of the headless Service.
const DATA_PORT: u16 = 4242;

/// What matters of a pod that runs: it has an address and has not ended. Terminating ones run.
pub(super) fn pod_facts(pod: &Pod) -> Option<PodFacts> {
    let status = pod.status.as_ref()?;
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return None;
    }
    let address = status.pod_ip.as_ref()?.parse().ok()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let ready = conditions
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let containers = status.container_statuses.as_deref().unwrap_or_default();
    let containers: Vec<&str> = containers
        .iter()
        .filter_map(|container| container.container_id.as_deref())
        .collect();
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    Some(PodFacts {
        name: pod.metadata.name.clone()?,
        address: Some(address),
        ready,
        incarnation: format!("{uid} {}", containers.join(" ")),
    })
}

/// The data volumes, each with the pod that has it: a claim of a `StatefulSet` is named TEMPLATE-SET-ORDINAL. Claims that
/// are being deleted still hold data as long as they are there.
pub(super) fn volumes(claims: &[Arc<PersistentVolumeClaim>], config: &Config) -> Vec<LedgerVolume> {
    let set = config.names.ingest();
    let service = config.names.headless_service();
    let mut volumes: Vec<LedgerVolume> = claims
        .iter()
        .filter_map(|claim| ordinal(claim.metadata.name.as_deref()?, &set))
        .map(|ordinal| {
            let name = format!("{set}-{ordinal}");
            let address = format!("{name}.{service}.{}.svc:{DATA_PORT}", config.namespace);
            LedgerVolume { name, address }
        })
        .collect();
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    volumes.dedup();
    volumes
}

fn ordinal(claim: &str, set: &str) -> Option<u32> {
    let (template_and_set, ordinal) = claim.rsplit_once('-')?;
    let template = template_and_set.strip_suffix(set)?.strip_suffix('-')?;
    (!template.is_empty()).then(|| ordinal.parse().ok())?
}

#[cfg(test)]
mod tests;
