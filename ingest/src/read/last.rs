//! Which series a request for newest points means.

use penstock_model::NameRole;
use penstock_store::series::{KindFilter, Matcher, SeriesFilter, SeriesRegistry};
use roaring::RoaringBitmap;

use super::{ReadScope, SourceError, tsuid};
use crate::protocol::last::LastQuery;
use crate::protocol::lookup::word_of;
use crate::protocol::quote::Quoted;
use crate::volumes::Elsewhere;
use crate::volumes::wanted::NamesQuestion;

/// The raw series of the scope that a query means. What is known elsewhere alone means none here.
///
/// # Errors
/// A name or TSUID that no series of the scope has, here or elsewhere; a volume that cannot be asked.
pub fn last_series(
    registry: &SeriesRegistry,
    scope: &ReadScope,
    elsewhere: &Elsewhere,
    query: &LastQuery,
) -> Result<RoaringBitmap, SourceError> {
    let filters = match query {
        LastQuery::Metric { metric, tags } => {
            let names = tags
                .iter()
                .flat_map(|(key, value)| [(NameRole::TagKey, key), (NameRole::TagValue, value)]);
            let names = std::iter::once((NameRole::Metric, metric)).chain(names);
            for (role, name) in names {
                if !scope.knows(registry, role, name)
                    && !elsewhere.knows(&NamesQuestion::of_role(role, name))?
                {
                    return Err(SourceError::Name {
                        kind: word_of(role),
                        name: Quoted::text(name),
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
        LastQuery::Tsuids(tsuids) => {
            let mut filters = Vec::new();
            for tsuid in tsuids {
                match tsuid::filter(registry, scope, tsuid, &KindFilter::RawOnly) {
                    Ok(filter) => filters.push(filter),
                    Err(unknown) => {
                        if !elsewhere.knows(&NamesQuestion::Tsuid(tsuid.clone()))? {
                            return Err(unknown.into());
                        }
                    }
                }
            }
            filters
        }
    };
    Ok(registry.find(&scope.selection(filters)))
}
