//! From raw names to a checked metric and tags: what the client itself says about a point's series.
//!
//! Runs once for each series that a worker does not know yet. Forced tags of token and application are laid
//! over the result by `write`, which also counts them all.

use penstock_model::{NameError, NameRole, SeriesKind, Tags};

use super::fault::{PointFault, RollupFault};
use super::name_rules::{NameRules, OPENTSDB_TAGS_MAX};
use super::point::Point;
use super::quote::Quoted;
use super::tags::InvalidTag;
use penstock_tenancy::{Profile, holds_key};

/// The tag that carries a credential.
pub const CREDENTIAL_TAG: &str = "ovh.auth";

/// Carries the function of a pre-aggregate, in upper case.
pub const AGGREGATE_TAG: &str = "_aggregate";

/// `KairosDB`'s time to live on a telnet line: accepted and dropped.
const KAIROS_TTL_TAG: &str = "kairos_opt.ttl";

/// Labels that exports add; a tag of the same name would be taken for them.
const EXPORT_LABELS: [&str; 4] = ["__name__", "__interval__", "__aggregator__", "__group_by__"];

/// The most pairs looked at. More are refused whatever they are, so that a body cannot make us sort millions.
pub const PAIRS_MAX: usize = 1_024;

/// A metric and tags that passed every check on names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSeries {
    /// The metric.
    pub metric: Box<str>,
    /// The client's own tags, `_aggregate` of a pre-aggregate included.
    pub tags: Tags,
}

impl Point<'_> {
    /// Checks the point's names and tags.
    ///
    /// # Errors
    /// The first reason to refuse the point, in the order of `OpenTSDB`'s checks: the pairs' syntax,
    /// `_aggregate`, their number, the metric, then each tag.
    pub fn client_series(&self, rules: &NameRules) -> Result<ClientSeries, PointFault> {
        let mut pairs = self.collect_pairs()?;
        self.apply_aggregate_tag(&mut pairs)?;
        self.check_count(&pairs, rules.profile)?;
        let metric = check_name(self.metric, NameRole::Metric, b"", *rules)?;
        let mut checked = Vec::with_capacity(pairs.len());
        for Pair { key, value } in &pairs {
            let value = value.as_deref();
            let name = check_name(key, NameRole::TagKey, value.unwrap_or_default(), *rules)?;
            if is_reserved(name) {
                return Err(PointFault::ReservedTag {
                    key: Quoted::text(name),
                });
            }
            let value = value.ok_or_else(|| PointFault::NullTagValue {
                key: Quoted::text(name),
            })?;
            checked.push((name, check_name(value, NameRole::TagValue, key, *rules)?));
        }
        Ok(ClientSeries {
            metric: metric.into(),
            // Keys differ, `collect_pairs` saw to that.
            tags: Tags::from_pairs(checked).unwrap_or_default(),
        })
    }

    /// Checks the pairs' syntax alone.
    ///
    /// # Errors
    /// A word that is no pair, or a line's pair that contradicts another.
    pub(crate) fn check_pairs(&self) -> Result<(), PointFault> {
        self.collect_pairs().map(|_| ())
    }

    /// The pairs, each key once. A line may repeat a pair, but not with another value; in a body the last
    /// one of a key counts, as with any JSON object.
    fn collect_pairs(&self) -> Result<Vec<Pair<'_>>, PointFault> {
        let mut pairs: Vec<Pair<'_>> = Vec::with_capacity(16);
        for (count, pair) in self.tags.pairs().enumerate() {
            let (key, value) =
                pair.map_err(|InvalidTag(word)| PointFault::InvalidTag(hide_credential(word)))?;
            if count == PAIRS_MAX {
                return Err(too_many(self.tags.pairs().count(), PAIRS_MAX, &pairs));
            }
            if self.tags.is_from_line() && key == KAIROS_TTL_TAG.as_bytes() {
                continue;
            }
            let value = value.map(std::borrow::Cow::Borrowed);
            match pairs.iter_mut().find(|have| have.key == key) {
                None => pairs.push(Pair { key, value }),
                Some(have) if !self.tags.is_from_line() => have.value = value,
                Some(have) if have.value == value => {}
                Some(_) => {
                    return Err(PointFault::DuplicateTag {
                        pair: Pair { key, value }.quoted(),
                        tags: quote_pairs(&pairs),
                    });
                }
            }
        }
        Ok(pairs)
    }

    fn apply_aggregate_tag<'a>(&'a self, pairs: &mut Vec<Pair<'a>>) -> Result<(), PointFault> {
        let group_by = match &self.kind {
            SeriesKind::Raw => return Ok(()),
            SeriesKind::Rollup { .. } => None,
            SeriesKind::PreAggregate { group_by }
            | SeriesKind::RolledUpPreAggregate { group_by, .. } => Some(group_by.name()),
        };
        let stored = group_by.map(|name| name.to_ascii_uppercase().into_bytes());
        let at = pairs
            .iter()
            .position(|pair| pair.key == AGGREGATE_TAG.as_bytes());
        match (at.and_then(|at| pairs.get(at)), &stored) {
            (None, _) => {}
            (
                Some(Pair {
                    value: Some(given), ..
                }),
                Some(function),
            ) if given.eq_ignore_ascii_case(function) => {}
            (Some(Pair { value, .. }), _) => {
                return Err(RollupFault::AggregateTag {
                    given: Quoted::bytes(value.as_deref().unwrap_or(b"null")),
                    group_by: Quoted::text(group_by.unwrap_or("null")),
                    metric: Quoted::bytes(self.metric),
                    tags: quote_pairs(pairs),
                }
                .into());
            }
        }
        if let Some(function) = stored {
            pairs.retain(|pair| pair.key != AGGREGATE_TAG.as_bytes());
            pairs.push(Pair {
                key: AGGREGATE_TAG.as_bytes(),
                value: Some(function.into()),
            });
        }
        Ok(())
    }

    fn check_count(&self, pairs: &[Pair<'_>], profile: Profile) -> Result<(), PointFault> {
        if profile == Profile::Lenient {
            return Ok(());
        }
        if pairs.is_empty() {
            return Err(PointFault::MissingTags {
                metric: Quoted::bytes(self.metric),
            });
        }
        if pairs.len() > OPENTSDB_TAGS_MAX {
            return Err(too_many(pairs.len(), OPENTSDB_TAGS_MAX, pairs));
        }
        Ok(())
    }

    /// The point's tags as a Java map prints them, for messages.
    pub(crate) fn quoted_tags(&self) -> Quoted {
        let pairs: Vec<Pair<'_>> = self
            .tags
            .pairs()
            .filter_map(Result::ok)
            .take(PAIRS_MAX)
            .map(|(key, value)| Pair {
                key,
                value: value.map(std::borrow::Cow::Borrowed),
            })
            .collect();
        quote_pairs(&pairs)
    }
}

#[derive(Clone)]
struct Pair<'a> {
    key: &'a [u8],
    value: Option<std::borrow::Cow<'a, [u8]>>,
}

impl Pair<'_> {
    fn quoted(&self) -> Quoted {
        Quoted::text(&self.shown())
    }

    fn shown(&self) -> String {
        let key = String::from_utf8_lossy(self.key);
        if key == CREDENTIAL_TAG {
            return format!("{key}=[hidden]");
        }
        match &self.value {
            Some(value) => format!("{key}={}", String::from_utf8_lossy(value)),
            None => format!("{key}=null"),
        }
    }
}

fn hide_credential(word: &[u8]) -> Quoted {
    if word.starts_with(CREDENTIAL_TAG.as_bytes()) {
        Quoted::text("ovh.auth=[hidden]")
    } else {
        Quoted::bytes(word)
    }
}

fn quote_pairs(pairs: &[Pair<'_>]) -> Quoted {
    let shown: Vec<String> = pairs.iter().map(Pair::shown).collect();
    Quoted::text(&format!("{{{}}}", shown.join(", ")))
}

fn too_many(count: usize, max: usize, pairs: &[Pair<'_>]) -> PointFault {
    PointFault::TooManyTags {
        count,
        max,
        tags: quote_pairs(pairs),
    }
}

fn is_reserved(key: &str) -> bool {
    key.starts_with('.') || key == CREDENTIAL_TAG || EXPORT_LABELS.contains(&key)
}

fn check_name<'a>(
    raw: &'a [u8],
    role: NameRole,
    other: &[u8],
    rules: NameRules,
) -> Result<&'a str, PointFault> {
    if holds_key(raw) {
        return Err(PointFault::KeyShapedName(role));
    }
    let refused = |error| PointFault::Name {
        role,
        name: Quoted::bytes(raw),
        other: Quoted::bytes(other),
        error,
    };
    let name = std::str::from_utf8(raw)
        .map_err(|_| refused(NameError::IllegalCharacter(char::REPLACEMENT_CHARACTER)))?;
    rules.charset.check(name).map_err(refused)?;
    Ok(name)
}
