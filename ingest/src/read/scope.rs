//! Whose series, and which of them.

use std::sync::Arc;

use penstock_model::{NameRole, SeriesIdentity, Tags, TenantId};
use penstock_store::series::{
    KindFilter, Matcher, NameScope, Selection, SeriesFilter, SeriesRegistry,
};
use penstock_tenancy::ReadLimits;

use crate::auth::Grant;
use crate::protocol::selector;

/// The series that a grant sees or deletes, and how much of them one request may ask for. A value: it can go to
/// another thread.
#[derive(Clone, Debug)]
pub struct ReadScope {
    tenant: TenantId,
    tags: Tags,
    metric_prefixes: Arc<[String]>,
    limits: ReadLimits,
}

impl ReadScope {
    /// What a grant sees. The tags of its application are no filter: series that are older do not have them.
    pub fn of(grant: &Grant) -> Self {
        Self {
            tenant: grant.tenant(),
            tags: grant.own_tags().clone(),
            metric_prefixes: grant.allow().metric_prefixes.as_slice().into(),
            limits: *grant.read_limits(),
        }
    }

    /// Whose data it is.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// What one request may ask for.
    pub const fn limits(&self) -> &ReadLimits {
        &self.limits
    }

    /// Whether it sees all series of its tenant: what is known of the tenant as a whole may then be answered.
    pub fn is_whole_tenant(&self) -> bool {
        self.tags.is_empty() && self.metric_prefixes.is_empty()
    }

    /// All series that the grant may see, raw data and rollups.
    pub fn everything(&self) -> Selection {
        let kinds = [KindFilter::RawOnly, KindFilter::any_rollup()];
        let filter = |kind| SeriesFilter {
            metric: Matcher::any(),
            kind,
            tags: Vec::new(),
        };
        self.selection(kinds.map(filter).to_vec())
    }

    /// Whether a series that the grant may see has this name.
    pub fn knows(&self, registry: &SeriesRegistry, kind: NameRole, name: &str) -> bool {
        if self.is_whole_tenant() {
            return registry.knows(NameScope::Tenant(self.tenant), kind, name);
        }
        let everything = self.everything();
        registry.knows(NameScope::Series(&everything), kind, name)
    }

    /// Whether the grant may see a series.
    pub fn sees(&self, identity: &SeriesIdentity) -> bool {
        let has_tag = |(key, value): (&str, &str)| identity.tags.get(key) == Some(value);
        let begins = |prefix: &String| identity.metric.starts_with(prefix.as_str());
        identity.tenant == self.tenant
            && self.tags.iter().all(has_tag)
            && (self.metric_prefixes.is_empty() || self.metric_prefixes.iter().any(begins))
    }

    /// The series of the tenant that one of these filters takes and the grant may see.
    pub fn selection(&self, mut any_of: Vec<SeriesFilter>) -> Selection {
        selector::narrow_by_tags(&mut any_of, &self.tags);
        selector::narrow_by_metric_prefixes(&mut any_of, &self.metric_prefixes);
        Selection {
            tenant: self.tenant,
            any_of,
        }
    }
}
