//! From TSUIDs to filters.
//!
//! An id is a hash, so what it stands for is found by hashing the names that the scope has: all metrics and all tag
//! keys, and of the values those of its key. That takes longer than a query by names, and no table.

use std::sync::Arc;

use penstock_model::{NameRole, Uid, Uids, split_tsuid};
use penstock_store::series::{KindFilter, Matcher, NameScope, SeriesFilter, SeriesRegistry};

use super::ReadScope;
use crate::protocol::quote::Quoted;

/// A TSUID that no series of the scope has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("No such name for 'tsuid': '{0}'")]
pub struct NoSuchTsuid(pub Quoted);

/// The filter that takes the series with this TSUID, of any letter case, and nothing else: series with more tags are
/// others.
///
/// # Errors
/// [`NoSuchTsuid`].
pub(super) fn filter(
    registry: &SeriesRegistry,
    scope: &ReadScope,
    tsuid: &str,
    kind: &KindFilter,
) -> Result<SeriesFilter, NoSuchTsuid> {
    let unknown = || NoSuchTsuid(Quoted::text(tsuid));
    let (metric, pairs) = split_tsuid(tsuid).ok_or_else(unknown)?;
    let uids = Uids::of(scope.tenant());
    let everything = scope.everything();
    let names = if scope.is_whole_tenant() {
        NameScope::Tenant(scope.tenant())
    } else {
        NameScope::Series(&everything)
    };
    let keys = registry.names(names, NameRole::TagKey, "", usize::MAX);
    let mut tags: Vec<(Box<str>, Matcher)> = keys
        .into_iter()
        .map(|key| {
            let uid = uids.id(NameRole::TagKey, &key);
            let wanted = pairs.iter().find(|(key, _)| *key == uid);
            let matcher = match wanted {
                Some((_, value)) => has_id(uids, NameRole::TagValue, *value),
                None => Matcher::Equals("".into()),
            };
            (key, matcher)
        })
        .collect();
    let found = tags.iter().filter(|(_, matcher)| !matcher.accepts(""));
    if found.count() != pairs.len() {
        return Err(unknown());
    }
    // The demanding ones first: they leave few series for the others.
    tags.sort_by_key(|(_, matcher)| matcher.accepts(""));
    let filter = SeriesFilter {
        metric: has_id(uids, NameRole::Metric, metric),
        kind: kind.clone(),
        tags,
    };
    let of_any_kind = [KindFilter::RawOnly, KindFilter::any_rollup()].map(|kind| SeriesFilter {
        kind,
        ..filter.clone()
    });
    if registry.has_any(&scope.selection(of_any_kind.to_vec())) {
        Ok(filter)
    } else {
        Err(unknown())
    }
}

/// Accepts the name with this id.
fn has_id(uids: Uids, kind: NameRole, id: Uid) -> Matcher {
    Matcher::Matches(Arc::new(move |name| {
        !name.is_empty() && uids.id(kind, name) == id
    }))
}
