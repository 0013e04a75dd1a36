//! What the pods use, all together, as far as they have told.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::future::join_all;
use penstock_api::usage::Figures;
use penstock_model::{TenantId, Timestamp};
use penstock_tenancy::TokenId;
use tokio::sync::watch;
use tokio::time::sleep;

use super::pod_port::{PodPort, Report};
use super::watch::Seen;
use crate::publisher::Publisher;

/// How often the pods are asked. They flush their own figures once a minute.
const ASK_EVERY: Duration = Duration::from_mins(1);

/// The use of keys and tenants over all pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    last_used: HashMap<TokenId, BTreeMap<String, Timestamp>>,
    tenants: BTreeMap<TenantId, Figures>,
}

impl Usage {
    /// When the keys of a token were last used, to the minute, by their fingerprints. A pod that has started again since
    /// has forgotten, so keep the latest that was ever seen.
    pub fn last_used(&self, token: TokenId) -> BTreeMap<String, Timestamp> {
        self.last_used.get(&token).cloned().unwrap_or_default()
    }

    /// What a tenant uses; `None`: no pod has told.
    pub fn of_tenant(&self, tenant: TenantId) -> Option<Figures> {
        self.tenants.get(&tenant).copied()
    }

    pub(crate) fn add(&mut self, report: &Report) {
        for key in &report.keys {
            if let Some(millis) = key.last_used {
                let moment = Timestamp::from_millis(millis);
                let keys = self.last_used.entry(key.token).or_default();
                let latest = keys.entry(key.fingerprint.clone()).or_insert(moment);
                *latest = moment.max(*latest);
            }
        }
        for tenant in &report.tenants {
            if let Ok(id) = tenant.tenant.parse() {
                let figures = self.tenants.entry(id).or_default();
                figures.add(tenant.active_series, tenant.points, tenant.bytes);
            }
        }
    }
}

/// Asks all pods, again and again. Never ends.
pub(super) async fn ask(port: PodPort, seen: watch::Receiver<Seen>, publisher: Publisher) {
    let mut last: HashMap<String, Report> = HashMap::new();
    loop {
        let pods = seen.borrow().pods.clone().unwrap_or_default();
        // What a pod has told counts until it tells something else, or is gone.
        last.retain(|name, _| pods.iter().any(|pod| pod.name == *name));
        let asked = pods
            .into_iter()
            .filter_map(|pod| Some((pod.name, pod.address?)));
        let asked = asked.map(async |(name, address)| (name, port.report(address).await));
        // A pod that does not answer is told of where it matters, by its courier.
        for (name, report) in join_all(asked).await {
            last.extend(report.ok().map(|report| (name, report)));
        }
        let mut now = Usage::default();
        for report in last.values() {
            now.add(report);
        }
        publisher.set_usage(now);
        sleep(ASK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_add_up_and_the_latest_use_counts() {
        let report = |last_used: &str, series: u64| -> Report {
            let text = format!(
                r#"{{"revision":null,"checksum":null,"removedTenants":[],
                "tenants":[{{"tenant":"{:032x}","activeSeries":{series}}}],
                "keys":[{{"token":"AbCdEfGhIjK1","fingerprint":"01234567"{last_used}}}]}}"#,
                7
            );
            serde_json::from_str(&text).unwrap()
        };
        let mut usage = Usage::default();
        usage.add(&report(r#","lastUsed":60000"#, 3));
        usage.add(&report("", 4));
        usage.add(&report(r#","lastUsed":30000"#, 0));
        let token = "AbCdEfGhIjK1".parse().unwrap();
        assert_eq!(
            usage.last_used(token)["01234567"],
            Timestamp::from_millis(60_000)
        );
        assert_eq!(usage.last_used(token).len(), 1);
        let mut tenant = [0; 16];
        tenant[15] = 7;
        let figures = usage.of_tenant(TenantId::from_bytes(tenant)).unwrap();
        assert_eq!(
            (figures.active_series, figures.active_series_of_a_pod),
            (7, 4)
        );
        assert_eq!(usage.of_tenant(TenantId::from_bytes([9; 16])), None);
    }
}
