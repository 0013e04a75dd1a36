//! Which series a request for newest points means.

use penstock_model::NameRole;
use penstock_store::series::{KindFilter, Matcher, SeriesFilter, SeriesRegistry};
use roaring::RoaringBitmap;

use super::{ReadScope, SourceError, tsuid};
use crate::protocol::last::LastQuery;
use crate::protocol::lookup::word_of;

/// The raw series of the scope that a query means.
///
/// # Errors
/// A name or TSUID that no series of the scope has.
pub fn last_series(
    registry: &SeriesRegistry,
    scope: &ReadScope,
    query: &LastQuery,
) -> Result<RoaringBitmap, SourceError> {
    let filters = match query {
        LastQuery::Metric { metric, tags } => {
            let names = tags
                .iter()
                .flat_map(|(key, value)| [(NameRole::TagKey, key), (NameRole::TagValue, value)]);
            let names = std::iter::once((NameRole::Metric, metric)).chain(names);
            for (role, name) in names {
                if !scope.knows(registry, role, name) {
                    return Err(SourceError::Name {
                        kind: word_of(role),
                        name: name.clone(),
                    });
                }
            }
            let equals = |text: &String| Matcher::Equals(text.as_str().into());
            vec![SeriesFilter {
                metric: equals(metric),
                kind: KindFilter::RawOnly,
                tags: tags
                    .iter()
                    .map(|(key, value)| (key.as_str().into(), equals(value)))
                    .collect(),
            }]
        }
        LastQuery::Tsuids(tsuids) => tsuids
            .iter()
            .map(|tsuid| tsuid::filter(registry, scope, tsuid, &KindFilter::RawOnly))
            .collect::<Result<_, _>>()?,
    };
    Ok(registry.find(&scope.selection(filters)))
}
