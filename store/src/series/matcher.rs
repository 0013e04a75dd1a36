//! What a reader asks for: series of one tenant, by kind, metric and tags.

use std::fmt;
use std::sync::Arc;

use penstock_model::{Aggregator, SeriesKind, TenantId};

/// The series of one tenant that at least one filter takes.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Whose series; no other tenant's are ever looked at.
    pub tenant: TenantId,
    /// A series needs to pass one of them. None: no series.
    pub any_of: Vec<SeriesFilter>,
}

/// What a series must be to pass: everything said here.
#[derive(Clone, Debug)]
pub struct SeriesFilter {
    /// The metric's name.
    pub metric: Matcher,
    /// Raw data or rollups.
    pub kind: KindFilter,
    /// Tag keys and what their values must be. A tag that a series does not have is the empty string. The same
    /// key may occur again.
    pub tags: Vec<(Box<str>, Matcher)>,
}

/// Raw data or rollups, never both.
#[derive(Clone, Debug)]
pub enum KindFilter {
    /// What devices measured.
    RawOnly,
    /// Rollups and pre-aggregates by the three parts of their kind; a part that a kind does not have is the
    /// empty string. Raw series never pass.
    Rollups {
        /// The span, such as `1h`.
        interval: Matcher,
        /// The function over the span, in lower case.
        aggregator: Matcher,
        /// The function over several series, in lower case.
        group_by: Matcher,
    },
}

/// What a text must be.
#[derive(Clone)]
pub enum Matcher {
    /// This text.
    Equals(Box<str>),
    /// One of these texts.
    OneOf(Vec<Box<str>>),
    /// Any text but this.
    NotEquals(Box<str>),
    /// Whatever the function accepts, a regular expression for instance. It is called once for each distinct
    /// value, under a lock of the registry that others share: it must not call the registry.
    Matches(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Matcher {
    /// The matcher that accepts every text, the empty one included.
    pub fn any() -> Self {
        Self::Matches(Arc::new(|_| true))
    }

    /// Whether `text` is what is asked for.
    pub fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Equals(wanted) => **wanted == *text,
            Self::OneOf(wanted) => wanted.iter().any(|one| **one == *text),
            Self::NotEquals(unwanted) => **unwanted != *text,
            Self::Matches(accepts) => accepts(text),
        }
    }

    /// The only texts that are accepted, if they can be listed and the empty one is not among them.
    pub(crate) fn exact(&self) -> Option<&[Box<str>]> {
        let texts = match self {
            Self::Equals(wanted) => std::slice::from_ref(wanted),
            Self::OneOf(wanted) => wanted,
            Self::NotEquals(_) | Self::Matches(_) => return None,
        };
        texts.iter().all(|text| !text.is_empty()).then_some(texts)
    }

    /// The only texts that are refused, if they can be listed and the empty one is not among them.
    pub(crate) fn exact_refused(&self) -> Option<&[Box<str>]> {
        match self {
            Self::NotEquals(unwanted) if !unwanted.is_empty() => {
                Some(std::slice::from_ref(unwanted))
            }
            Self::NotEquals(_) | Self::Equals(_) | Self::OneOf(_) | Self::Matches(_) => None,
        }
    }
}

impl KindFilter {
    /// Everything that is not raw data.
    pub fn any_rollup() -> Self {
        Self::Rollups {
            interval: Matcher::any(),
            aggregator: Matcher::any(),
            group_by: Matcher::any(),
        }
    }

    /// Whether series of this kind may pass.
    pub fn accepts(&self, kind: &SeriesKind) -> bool {
        match self {
            Self::RawOnly => *kind == SeriesKind::Raw,
            Self::Rollups { .. } if *kind == SeriesKind::Raw => false,
            Self::Rollups {
                interval,
                aggregator,
                group_by,
            } => {
                let parts = kind.parts();
                let span = parts.interval.map(ToString::to_string);
                let function = |function: Option<Aggregator>| function.map_or("", Aggregator::name);
                interval.accepts(span.as_deref().unwrap_or_default())
                    && aggregator.accepts(function(parts.aggregator))
                    && group_by.accepts(function(parts.group_by))
            }
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(wanted) => f.debug_tuple("Equals").field(wanted).finish(),
            Self::OneOf(wanted) => f.debug_tuple("OneOf").field(wanted).finish(),
            Self::NotEquals(unwanted) => f.debug_tuple("NotEquals").field(unwanted).finish(),
            Self::Matches(_) => f.write_str("Matches(..)"),
        }
    }
}
