//! The series of a point under a grant: the client's tags, the request's labels over them, the forced tags
//! over both.

use penstock_model::{SeriesIdentity, SeriesKey, Tags};
use penstock_tenancy::Profile;

use super::extra_labels::ExtraLabels;
use super::refusal::Refusal;
use crate::auth::Grant;
use crate::protocol::fault::PointFault;
use crate::protocol::name_rules::{NameRules, OPENTSDB_TAGS_MAX};
use crate::protocol::point::Point;
use crate::protocol::quote::Quoted;

/// The most tags of a series under [`Profile::Lenient`], the forced ones included.
const LENIENT_TAGS_MAX: usize = 32;

/// Checks the point's names and makes the canonical key of its series.
///
/// # Errors
/// The first reason to refuse the point.
pub(super) fn series_key(
    point: &Point<'_>,
    grant: &Grant,
    extra: &ExtraLabels,
) -> Result<SeriesKey, Refusal> {
    let rules = NameRules {
        profile: grant.profile(),
        charset: grant.charset(),
    };
    let own = point.client_series(&rules)?;
    if !grant.allow().metric(&own.metric) {
        return Err(Refusal::MetricNotAllowed {
            metric: Quoted::text(&own.metric),
            prefixes: grant.allow().metric_prefixes.join(", "),
        });
    }
    let mut tags = own.tags;
    if !extra.is_empty() {
        tags = tags.overlaid_by(&extra.tags(rules)?);
        if rules.profile == Profile::OpenTsdb {
            check_count(&tags, OPENTSDB_TAGS_MAX)?;
        }
    }
    let tags = tags.overlaid_by(grant.forced_tags());
    if rules.profile == Profile::Lenient {
        check_count(&tags, LENIENT_TAGS_MAX)?;
    }
    let identity = SeriesIdentity {
        tenant: grant.tenant(),
        kind: point.kind.clone(),
        metric: own.metric,
        tags,
    };
    Ok(identity.to_key())
}

fn check_count(tags: &Tags, max: usize) -> Result<(), PointFault> {
    if tags.len() <= max {
        return Ok(());
    }
    let shown: Vec<String> = tags
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    Err(PointFault::TooManyTags {
        count: tags.len(),
        max,
        tags: Quoted::text(&format!("{{{}}}", shown.join(", "))),
    })
}
