//! What `/api/v1/export` and `delete_series` are asked for, and what an export answers.
//!
//! | argument | means |
//! |---|---|
//! | `match[]`, `match` | a selector; several are a union; at least one |
//! | `start`, `end` | the window, both ends included: see [`mod@time`] |
//! | `max_rows_per_line` | splits a series over several lines |
//! | `reduce_mem_usage` | shorter lines |
//! | `extra_label` | `name=value` that every series must have |
//! | `extra_filters[]`, `extra_filters` | selectors, one of which every series must pass |
//!
//! Others are ignored.

pub mod lines;
pub mod time;

use penstock_model::{Tags, Timestamp};
use penstock_store::series::SeriesFilter;

use self::time::{TimeError, parse_time};
use super::quote::Quoted;
use super::selector::{self, SelectorError};

/// The most samples in one line, whatever `max_rows_per_line` says: it bounds the memory of an export.
pub const LINE_ROWS_MAX: usize = 100_000;

/// The most samples in one line with `reduce_mem_usage`.
const LINE_ROWS_REDUCED: usize = 8_192;

/// The most selectors in one request, and the most filters that they and `extra_filters[]` become together.
const SELECTORS_MAX: usize = 256;

/// Which samples a request is about, and how long the lines of the answer may be.
#[derive(Clone, Debug)]
pub struct SeriesRequest {
    filters: Vec<SeriesFilter>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    line_rows: usize,
}

/// Why a request is refused. The answer is 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No selector.
    #[error("missing `match[]` argument")]
    MissingSelector,
    /// More than [`SELECTORS_MAX`].
    #[error("more than {SELECTORS_MAX} selectors")]
    TooManySelectors,
    /// A selector that is none.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// `start` or `end` is no time.
    #[error("argument `{argument}`")]
    Time {
        /// Which.
        argument: &'static str,
        /// Why.
        #[source]
        error: TimeError,
    },
    /// `max_rows_per_line` is no number.
    #[error("argument `max_rows_per_line`: expected a number, not {0}")]
    LineRows(Quoted),
    /// `extra_label` is no `name=value`.
    #[error("argument `extra_label`: expected name=value, not {0}")]
    ExtraLabel(Quoted),
}

impl SeriesRequest {
    /// Reads the arguments of a query string or form, decoded.
    ///
    /// # Errors
    /// What to mend.
    pub fn parse<'a>(
        arguments: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>,
        now: Timestamp,
    ) -> Result<Self, RequestError> {
        let mut request = Self {
            filters: Vec::new(),
            from: None,
            to: None,
            line_rows: LINE_ROWS_MAX,
        };
        let (mut extra_filters, mut extra_labels) = (Vec::new(), Vec::new());
        let mut selectors = 0;
        for (name, value) in arguments {
            match &*name {
                "match[]" | "match" => {
                    selectors += 1;
                    request.filters.extend(selector::parse(&value)?);
                }
                "extra_filters[]" | "extra_filters" => {
                    selectors += 1;
                    extra_filters.extend(selector::parse(&value)?);
                }
                "extra_label" => extra_labels.push(extra_label(&value)?),
                "start" => request.from = time("start", &value, now)?,
                "end" => request.to = time("end", &value, now)?,
                "max_rows_per_line" => request.limit_line(line_rows(&value)?),
                "reduce_mem_usage" if !matches!(&*value, "" | "0" | "false") => {
                    request.limit_line(LINE_ROWS_REDUCED);
                }
                _ => {}
            }
            if selectors > SELECTORS_MAX {
                return Err(RequestError::TooManySelectors);
            }
        }
        if request.filters.is_empty() {
            return Err(RequestError::MissingSelector);
        }
        request.narrow(&extra_filters, &extra_labels)?;
        Ok(request)
    }

    fn narrow(
        &mut self,
        extra_filters: &[SeriesFilter],
        extra_labels: &[Tags],
    ) -> Result<(), RequestError> {
        if !extra_filters.is_empty() {
            if self.filters.len() * extra_filters.len() > SELECTORS_MAX {
                return Err(RequestError::TooManySelectors);
            }
            self.filters = selector::intersect(&self.filters, extra_filters);
        }
        for label in extra_labels {
            selector::narrow_by_tags(&mut self.filters, label);
        }
        Ok(())
    }

    /// The series that are asked for: one filter needs to take them.
    pub fn into_filters(self) -> Vec<SeriesFilter> {
        self.filters
    }

    /// The window of an export: from 1970 to now unless said otherwise.
    pub fn export_window(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (
            self.from.unwrap_or(Timestamp::from_millis(0)),
            self.to.unwrap_or(now),
        )
    }

    /// The window of a delete: all time unless said otherwise.
    pub fn delete_window(&self) -> (Timestamp, Timestamp) {
        (
            self.from.unwrap_or(Timestamp::MIN),
            self.to.unwrap_or(Timestamp::MAX),
        )
    }

    /// The most samples in a line of the answer.
    pub fn line_rows(&self) -> usize {
        self.line_rows
    }

    fn limit_line(&mut self, rows: usize) {
        self.line_rows = self.line_rows.min(rows);
    }
}

fn time(
    argument: &'static str,
    value: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, RequestError> {
    if value.trim().is_empty() {
        return Ok(None);
    }
    parse_time(value, now)
        .map(Some)
        .map_err(|error| RequestError::Time { argument, error })
}

/// 0 is no limit of the client's.
fn line_rows(value: &str) -> Result<usize, RequestError> {
    match value.trim().parse() {
        Ok(0) => Ok(LINE_ROWS_MAX),
        Ok(rows) => Ok(rows),
        Err(_) => Err(RequestError::LineRows(Quoted::text(value))),
    }
}

fn extra_label(value: &str) -> Result<Tags, RequestError> {
    let refused = || RequestError::ExtraLabel(Quoted::text(value));
    let pair = value.split_once('=').filter(|(name, _)| !name.is_empty());
    Tags::from_pairs(pair)
        .map_err(|_| refused())
        .and_then(|tags| {
            if tags.is_empty() {
                Err(refused())
            } else {
                Ok(tags)
            }
        })
}

#[cfg(test)]
mod tests {
    use penstock_store::series::KindFilter;

    use super::*;
    use crate::protocol::json::options::parameters;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn parse(query: &str) -> Result<SeriesRequest, RequestError> {
        SeriesRequest::parse(parameters(query), NOW)
    }

    #[test]
    fn the_guides_requests_are_read() {
        let request = parse("match=foo.bar.baz").unwrap();
        assert_eq!(request.filters.len(), 1);
        assert_eq!(request.export_window(NOW), (Timestamp::from_millis(0), NOW));
        assert_eq!(request.delete_window(), (Timestamp::MIN, Timestamp::MAX));
        assert_eq!(request.line_rows(), LINE_ROWS_MAX);
        let request = parse("match[]=x.y.z&match[]=foo&match%5B%5D=bar").unwrap();
        assert_eq!(request.filters.len(), 3);
    }

    #[test]
    fn arguments_are_read() {
        let request = parse(
            "match[]=%7Ba%3D%22b%22%7D&start=1346846400&end=now-1h&max_rows_per_line=10&format=x",
        )
        .unwrap();
        assert_eq!(
            request.export_window(NOW),
            (
                Timestamp::from_millis(1_346_846_400_000),
                Timestamp::from_millis(1_699_996_400_000)
            )
        );
        assert_eq!(request.line_rows(), 10);
        for (query, rows) in [
            ("max_rows_per_line=0", LINE_ROWS_MAX),
            ("max_rows_per_line=999999999", LINE_ROWS_MAX),
            ("reduce_mem_usage=1", LINE_ROWS_REDUCED),
            ("reduce_mem_usage=0", LINE_ROWS_MAX),
            ("reduce_mem_usage=1&max_rows_per_line=7", 7),
            // An empty argument is none.
            ("start=&end=", LINE_ROWS_MAX),
        ] {
            assert_eq!(
                parse(&format!("match=m&{query}")).unwrap().line_rows(),
                rows,
                "{query}"
            );
        }
    }

    #[test]
    fn every_filter_is_narrowed_by_the_arguments() {
        let request = parse(
            "match=m&match=n&extra_label=site=paris&extra_filters[]={a=\"b\"}&extra_filters={c=\"d\"}",
        )
        .unwrap();
        let filters = request.into_filters();
        assert_eq!(filters.len(), 4);
        for filter in &filters {
            let keys: Vec<&str> = filter.tags.iter().map(|(key, _)| &**key).collect();
            assert!(keys.contains(&"site"), "{keys:?}");
            assert!(matches!(filter.kind, KindFilter::RawOnly));
        }
    }

    #[test]
    fn bad_arguments_say_which() {
        for (query, error) in [
            ("", "missing `match[]` argument"),
            ("start=1", "missing `match[]` argument"),
            ("extra_label=a=b", "missing `match[]` argument"),
            ("match=m&start=soon", "argument `start`"),
            ("match=m&end=2013-13", "argument `end`"),
            (
                "match=m&max_rows_per_line=many",
                "argument `max_rows_per_line`: expected a number, not many",
            ),
            (
                "match=m&extra_label=a",
                "argument `extra_label`: expected name=value, not a",
            ),
            (
                "match={}",
                "the selector {} matches everything: add a filter that the empty string does not pass",
            ),
        ] {
            assert_eq!(parse(query).unwrap_err().to_string(), error, "{query}");
        }
        let many = vec!["match=m"; SELECTORS_MAX + 1].join("&");
        assert_eq!(parse(&many).unwrap_err(), RequestError::TooManySelectors);
        let product = [vec!["match=m"; 20], vec!["extra_filters=n"; 20]]
            .concat()
            .join("&");
        assert_eq!(parse(&product).unwrap_err(), RequestError::TooManySelectors);
    }
}
