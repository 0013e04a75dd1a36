//! What a query asks of the servers of other volumes, as JSON: its conditions as they were written.

use penstock_model::{Aggregator, Interval, NameRole, Timestamp};
use penstock_query::filter::TagFilter;
use penstock_query::{KindFilter, Name, Selection, StoredRollup, Target};
use serde::{Deserialize, Serialize};

/// A question about names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum NamesQuestion {
    /// Was this metric ever seen?
    Metric(String),
    /// This tag key?
    TagKey(String),
    /// This tag value?
    TagValue(String),
    /// Does any series have this TSUID?
    Tsuid(String),
    /// Which rollups are stored for this metric?
    RollupsOf(String),
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamesAnswer {
    /// Whether it was seen.
    pub known: bool,
    /// Interval, function, and whether pre-aggregates were rolled up.
    pub rollups: Vec<(String, String, bool)>,
}

/// Which series are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedSeries {
    target: WantedTarget,
    kind: WantedKind,
    /// Key, type of filter, expression.
    tags: Vec<(String, String, String)>,
    from: i64,
    to: i64,
    most: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum WantedTarget {
    Metric(String),
    Tsuids(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum WantedKind {
    Raw,
    PreAggregate,
    #[serde(rename_all = "camelCase")]
    Rollup {
        interval: String,
        functions: Vec<String>,
        is_pre_aggregate: bool,
    },
}

/// Another server asks for what this one does not understand: it has another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this server does not understand what another one asks for")]
pub struct NotUnderstood;

impl NamesQuestion {
    /// Whether a name was seen in a role.
    pub fn of_role(role: NameRole, name: &str) -> Self {
        let name = name.to_owned();
        match role {
            NameRole::Metric => Self::Metric(name),
            NameRole::TagKey => Self::TagKey(name),
            NameRole::TagValue => Self::TagValue(name),
        }
    }
}

impl From<Name<'_>> for NamesQuestion {
    fn from(name: Name<'_>) -> Self {
        match name {
            Name::Metric(name) => Self::Metric(name.to_owned()),
            Name::TagKey(name) => Self::TagKey(name.to_owned()),
            Name::TagValue(name) => Self::TagValue(name.to_owned()),
        }
    }
}

impl NamesAnswer {
    /// An answer about rollups.
    pub fn of_rollups(rollups: &[StoredRollup]) -> Self {
        let text = |rollup: &StoredRollup| {
            (
                rollup.interval.to_string(),
                rollup.aggregator.name().to_owned(),
                rollup.is_pre_aggregate,
            )
        };
        Self {
            known: !rollups.is_empty(),
            rollups: rollups.iter().map(text).collect(),
        }
    }

    /// The rollups of an answer.
    ///
    /// # Errors
    /// [`NotUnderstood`].
    pub fn stored_rollups(&self) -> Result<Vec<StoredRollup>, NotUnderstood> {
        let rollups = self.rollups.iter();
        rollups
            .map(|(interval, aggregator, is_pre_aggregate)| {
                Ok(StoredRollup {
                    interval: parse_interval(interval)?,
                    aggregator: parse_aggregator(aggregator)?,
                    is_pre_aggregate: *is_pre_aggregate,
                })
            })
            .collect()
    }
}

impl From<&Selection> for WantedSeries {
    fn from(selection: &Selection) -> Self {
        let target = match &selection.target {
            Target::Metric(metric) => WantedTarget::Metric(metric.to_string()),
            Target::Tsuids(tsuids) => {
                WantedTarget::Tsuids(tsuids.iter().map(ToString::to_string).collect())
            }
        };
        let kind = match &selection.kind {
            KindFilter::Raw => WantedKind::Raw,
            KindFilter::PreAggregate => WantedKind::PreAggregate,
            KindFilter::Rollup {
                interval,
                functions,
                is_pre_aggregate,
            } => WantedKind::Rollup {
                interval: interval.to_string(),
                functions: functions.iter().map(|f| f.name().to_owned()).collect(),
                is_pre_aggregate: *is_pre_aggregate,
            },
        };
        let tags = selection.tags.iter().map(|(key, predicate)| {
            let (kind, expression) = predicate.text();
            (key.to_string(), kind.to_owned(), expression.to_owned())
        });
        Self {
            target,
            kind,
            tags: tags.collect(),
            from: selection.from.millis(),
            to: selection.to.millis(),
            most: selection.series_max,
        }
    }
}

impl WantedSeries {
    /// The selection that it was made of.
    ///
    /// # Errors
    /// [`NotUnderstood`].
    pub fn into_selection(self) -> Result<Selection, NotUnderstood> {
        let target = match self.target {
            WantedTarget::Metric(metric) => Target::Metric(metric.into()),
            WantedTarget::Tsuids(tsuids) => {
                Target::Tsuids(tsuids.into_iter().map(Into::into).collect())
            }
        };
        let kind = match self.kind {
            WantedKind::Raw => KindFilter::Raw,
            WantedKind::PreAggregate => KindFilter::PreAggregate,
            WantedKind::Rollup {
                interval,
                functions,
                is_pre_aggregate,
            } => KindFilter::Rollup {
                interval: parse_interval(&interval)?,
                functions: functions
                    .iter()
                    .map(|function| parse_aggregator(function))
                    .collect::<Result<_, _>>()?,
                is_pre_aggregate,
            },
        };
        let tags = self.tags.iter().map(|(key, kind, expression)| {
            let filter = TagFilter::of_type(kind, key, expression).map_err(|_| NotUnderstood)?;
            Ok((filter.key, filter.predicate))
        });
        let (from, to) = (
            Timestamp::from_millis(self.from),
            Timestamp::from_millis(self.to),
        );
        Ok(Selection {
            target,
            kind,
            tags: tags.collect::<Result<_, NotUnderstood>>()?,
            from,
            to,
            needed: (from, to),
            series_max: self.most,
        })
    }
}

fn parse_interval(text: &str) -> Result<Interval, NotUnderstood> {
    text.parse().map_err(|_| NotUnderstood)
}

fn parse_aggregator(text: &str) -> Result<Aggregator, NotUnderstood> {
    text.parse().map_err(|_| NotUnderstood)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_comes_back_as_it_was() {
        let tags = [
            ("host", "web*"),
            ("dc", "not_literal_or(a|b)"),
            ("os", "regexp(.+)"),
        ];
        let selection = Selection {
            target: Target::Metric("cpu".into()),
            kind: KindFilter::Rollup {
                interval: "1h".parse().unwrap(),
                functions: vec!["sum".parse().unwrap(), "count".parse().unwrap()],
                is_pre_aggregate: true,
            },
            tags: tags
                .map(|(key, text)| {
                    let filter = TagFilter::from_text(key, text).unwrap();
                    (filter.key, filter.predicate)
                })
                .to_vec(),
            from: Timestamp::from_millis(-1),
            to: Timestamp::MAX,
            needed: (Timestamp::from_millis(-1), Timestamp::MAX),
            series_max: 7,
        };
        let text = serde_json::to_string(&WantedSeries::from(&selection)).unwrap();
        let wanted: WantedSeries = serde_json::from_str(&text).unwrap();
        let back = wanted.clone().into_selection().unwrap();
        assert_eq!(WantedSeries::from(&back), wanted);
        assert_eq!((back.target, back.kind), (selection.target, selection.kind));
        assert_eq!((back.from, back.to), (selection.from, selection.to));
        for value in ["web1", "WEB2", "a", "c", ""] {
            for ((_, one), (_, other)) in back.tags.iter().zip(&selection.tags) {
                assert_eq!(one.accepts(value), other.accepts(value), "{value}");
            }
        }
    }

    #[test]
    fn what_another_version_asks_for_is_not_understood() {
        let text = r#"{"target":{"metric":"m"},"kind":"raw","tags":[["k","newest","x"]],"from":0,"to":1,"most":2}"#;
        let wanted: WantedSeries = serde_json::from_str(text).unwrap();
        assert_eq!(wanted.into_selection().unwrap_err(), NotUnderstood);
        assert!(serde_json::from_str::<WantedSeries>(&text.replace("raw", "rare")).is_err());
        let rollups = NamesAnswer {
            known: true,
            rollups: vec![("1h".to_owned(), "mode".to_owned(), false)],
        };
        assert_eq!(rollups.stored_rollups(), Err(NotUnderstood));
    }
}
