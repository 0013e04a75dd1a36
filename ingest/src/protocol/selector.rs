//! Series selectors, as `match[]` carries them: the subset of `VictoriaMetrics`' that has a meaning here.
//!
//! ```text
//!   name | name{filters} | {filters}           filters: filter, filter ... [or filter, filter ...] [,]
//!   filter:  label = "v" | label != "v" | label =~ "regex" | label !~ "regex"
//! ```
//!
//! Names stand bare: letters, digits and `_ . - / :`, anything else after a backslash. Values stand in `"`, `'` or
//! `` ` ``, the last without escapes. A regular expression must match the whole value. A label that a series does not
//! have is the empty string. `__name__` is the metric.
//!
//! Rollups are seen only by filters that name `__interval__`, `__aggregator__` or `__group_by__`; raw data only
//! by all others.

mod lexer;

use std::sync::Arc;

use penstock_model::Tags;
use penstock_store::series::{KindFilter, Matcher, SeriesFilter};
use regex::{Regex, RegexBuilder};

use self::lexer::{Lexer, Operator};
use super::quote::Quoted;

/// The most filters in one selector.
const FILTERS_MAX: usize = 256;

/// The most memory that one compiled expression may take.
const REGEX_BYTES_MAX: usize = 256 * 1_024;

/// The label of the metric.
pub(crate) const NAME_LABEL: &str = "__name__";
/// The label of a rollup's span.
pub(crate) const INTERVAL_LABEL: &str = "__interval__";
/// The label of a rollup's function over its span.
pub(crate) const AGGREGATOR_LABEL: &str = "__aggregator__";
/// The label of a pre-aggregate's function over several series.
pub(crate) const GROUP_BY_LABEL: &str = "__group_by__";

/// Why a selector is refused. The answer is 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// It is not a selector.
    #[error("cannot parse the selector {selector}: expected {expected} at character {at}")]
    Syntax {
        /// The selector.
        selector: Quoted,
        /// What should stand there.
        expected: &'static str,
        /// Characters before it.
        at: usize,
    },
    /// An expression that cannot be compiled, or becomes too large.
    #[error("cannot use the regular expression {expression}: {reason}")]
    Regex {
        /// The expression.
        expression: Quoted,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing in it keeps any series out.
    #[error(
        "the selector {0} matches everything: add a filter that the empty string does not pass"
    )]
    MatchesEverything(Quoted),
    /// Too many filters.
    #[error("the selector has more than {FILTERS_MAX} filters")]
    TooManyFilters,
}

/// Reads one selector: a filter for each of its groups between `or`.
///
/// # Errors
/// What to mend.
pub fn parse(selector: &str) -> Result<Vec<SeriesFilter>, SelectorError> {
    let groups = Lexer::new(selector).groups()?;
    let count: usize = groups.iter().map(Vec::len).sum();
    if count > FILTERS_MAX {
        return Err(SelectorError::TooManyFilters);
    }
    groups
        .into_iter()
        .map(|group| {
            let mut filter = Group::default();
            for lexer::Filter {
                label,
                operator,
                value,
            } in group
            {
                let matcher = matcher(operator, value)?;
                filter.restricts |= !matcher.accepts("");
                filter.add(label, matcher);
            }
            if filter.restricts {
                Ok(filter.finish())
            } else {
                Err(SelectorError::MatchesEverything(Quoted::text(selector)))
            }
        })
        .collect()
}

/// Narrows filters by tags that a series must have: those of a token, or `extra_label`.
pub fn narrow_by_tags(filters: &mut [SeriesFilter], tags: &Tags) {
    for filter in filters {
        let exact = tags
            .iter()
            .map(|(key, value)| (key.into(), Matcher::Equals(value.into())));
        filter.tags.extend(exact);
    }
}

/// Narrows filters by beginnings of a metric's name, one of which it must have; no beginnings allow every name.
pub fn narrow_by_metric_prefixes(filters: &mut [SeriesFilter], prefixes: &[String]) {
    if prefixes.is_empty() {
        return;
    }
    let prefixes: Arc<[String]> = prefixes.into();
    for filter in filters {
        let prefixes = Arc::clone(&prefixes);
        let allowed = Matcher::Matches(Arc::new(move |name: &str| {
            prefixes.iter().any(|prefix| name.starts_with(&**prefix))
        }));
        filter.metric = match &filter.metric {
            // Still found by the index.
            Matcher::Equals(name) if allowed.accepts(name) => continue,
            metric => both(metric.clone(), allowed),
        };
    }
}

/// The filters of series that pass one of `filters` and one of `others`.
pub(crate) fn intersect(filters: &[SeriesFilter], others: &[SeriesFilter]) -> Vec<SeriesFilter> {
    let pairs = filters
        .iter()
        .flat_map(|filter| others.iter().map(move |other| (filter, other)));
    pairs
        .map(|(filter, other)| SeriesFilter {
            metric: both(filter.metric.clone(), other.metric.clone()),
            kind: both_kinds(&filter.kind, &other.kind),
            tags: [filter.tags.as_slice(), &other.tags].concat(),
        })
        .collect()
}

/// The filters of one group as they are collected.
#[derive(Default)]
struct Group {
    metric: Option<Matcher>,
    /// Span, function over it, function over series.
    rollup: [Option<Matcher>; 3],
    tags: Vec<(Box<str>, Matcher)>,
    /// Whether a series without any label is kept out.
    restricts: bool,
}

impl Group {
    fn add(&mut self, label: String, matcher: Matcher) {
        let [interval, aggregator, group_by] = &mut self.rollup;
        let place = match label.as_str() {
            NAME_LABEL => &mut self.metric,
            INTERVAL_LABEL => interval,
            AGGREGATOR_LABEL => aggregator,
            GROUP_BY_LABEL => group_by,
            _ => return self.tags.push((label.into(), matcher)),
        };
        *place = Some(match place.take() {
            Some(other) => both(other, matcher),
            None => matcher,
        });
    }

    fn finish(self) -> SeriesFilter {
        let any = |matcher: Option<Matcher>| matcher.unwrap_or_else(Matcher::any);
        let names_rollup = self.rollup.iter().any(Option::is_some);
        let [interval, aggregator, group_by] = self.rollup.map(any);
        SeriesFilter {
            metric: any(self.metric),
            kind: if names_rollup {
                KindFilter::Rollups {
                    interval,
                    aggregator,
                    group_by,
                }
            } else {
                KindFilter::RawOnly
            },
            tags: self.tags,
        }
    }
}

fn both(one: Matcher, other: Matcher) -> Matcher {
    Matcher::Matches(Arc::new(move |text| {
        one.accepts(text) && other.accepts(text)
    }))
}

/// A filter that names a rollup's label means rollups, and so does whoever narrows by one.
fn both_kinds(one: &KindFilter, other: &KindFilter) -> KindFilter {
    match (one, other) {
        (KindFilter::RawOnly, kind) | (kind, KindFilter::RawOnly) => kind.clone(),
        (
            KindFilter::Rollups {
                interval,
                aggregator,
                group_by,
            },
            KindFilter::Rollups {
                interval: other_interval,
                aggregator: other_aggregator,
                group_by: other_group_by,
            },
        ) => KindFilter::Rollups {
            interval: both(interval.clone(), other_interval.clone()),
            aggregator: both(aggregator.clone(), other_aggregator.clone()),
            group_by: both(group_by.clone(), other_group_by.clone()),
        },
    }
}

fn matcher(operator: Operator, value: String) -> Result<Matcher, SelectorError> {
    Ok(match operator {
        Operator::Equals => Matcher::Equals(value.into()),
        Operator::NotEquals => Matcher::NotEquals(value.into()),
        Operator::Matches => {
            if let Some(texts) = alternatives(&value) {
                return Ok(Matcher::OneOf(texts));
            }
            let regex = compile(&value)?;
            Matcher::Matches(Arc::new(move |text| regex.is_match(text)))
        }
        Operator::DoesNotMatch => {
            let regex = compile(&value)?;
            Matcher::Matches(Arc::new(move |text| !regex.is_match(text)))
        }
    })
}

/// `a|b|c` of plain texts: an index finds those without looking at every value.
fn alternatives(expression: &str) -> Option<Vec<Box<str>>> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ':' | '|');
    let texts = || expression.split('|');
    (expression.chars().all(plain) && texts().all(|text| !text.is_empty()))
        .then(|| texts().map(Into::into).collect())
}

fn compile(expression: &str) -> Result<Regex, SelectorError> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build()
    };
    // By itself first: `b)|(c` is none, but would become one between the parentheses.
    build(expression)
        .and_then(|_| build(&format!("^(?s:{expression})$")))
        .map_err(|error| SelectorError::Regex {
            expression: Quoted::text(expression),
            reason: reason(&error),
        })
}

fn reason(error: &regex::Error) -> String {
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return "it is too large".to_owned();
    }
    // The last line says what is wrong; those before it draw the expression.
    let text = error.to_string();
    let last = text.lines().next_back().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests;
