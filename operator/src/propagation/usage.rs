//! What the pods use, all together, as far as they have told.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::future::join_all;
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
    last_used: HashMap<(TokenId, String), Timestamp>,
    tenants: BTreeMap<TenantId, (u64, u64)>,
}

impl Usage {
    /// When a key was last used, to the minute; `fingerprint` as pods name keys. A pod that has started again since has
    /// forgotten, so keep the latest that was ever seen.
    pub fn last_used(&self, token: TokenId, fingerprint: &str) -> Option<Timestamp> {
        let key = (token, fingerprint.to_owned());
        self.last_used.get(&key).copied()
    }

    /// Series of a tenant with a point in the current UTC day, added up over the pods that told.
    pub fn active_series(&self, tenant: TenantId) -> u64 {
        self.tenants.get(&tenant).map_or(0, |(series, _)| *series)
    }

    /// Points of a tenant that are stored, added up over the pods that told.
    pub fn points(&self, tenant: TenantId) -> u64 {
        self.tenants.get(&tenant).map_or(0, |(_, points)| *points)
    }

    fn add(&mut self, report: &Report) {
        for key in &report.keys {
            if let Some(millis) = key.last_used {
                let moment = Timestamp::from_millis(millis);
                let entry = (key.token, key.fingerprint.clone());
                let latest = self.last_used.entry(entry).or_insert(moment);
                *latest = moment.max(*latest);
            }
        }
        for tenant in &report.tenants {
            if let Ok(id) = tenant.tenant.parse() {
                let (series, points) = self.tenants.entry(id).or_default();
                *series = series.saturating_add(tenant.active_series);
                *points = points.saturating_add(tenant.points);
            }
        }
    }
}

/// Asks all pods, again and again. Never ends.
pub(super) async fn ask(port: PodPort, seen: watch::Receiver<Seen>, publisher: Publisher) {
    loop {
        let pods = seen.borrow().pods.clone().unwrap_or_default();
        let addresses = pods.iter().filter_map(|pod| pod.address);
        let reports = join_all(addresses.map(|address| port.report(address))).await;
        let mut now = Usage::default();
        // A pod that does not answer is told of where it matters, by its courier.
        for report in reports.iter().flatten() {
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
            usage.last_used(token, "01234567"),
            Some(Timestamp::from_millis(60_000))
        );
        assert_eq!(usage.last_used(token, "76543210"), None);
        let mut tenant = [0; 16];
        tenant[15] = 7;
        assert_eq!(usage.active_series(TenantId::from_bytes(tenant)), 7);
    }
}
