//! What the query string of a put asks for.
//!
//! Flags are on when they are there, whatever their value: `?details=false` is on. Of a parameter that
//! repeats the last one counts, but `extra_label`, which is a list.

use std::borrow::Cow;
use std::time::Duration;

use penstock_model::Tags;
use percent_encoding::percent_decode;

/// What the client wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AnswerForm {
    /// Nothing if all is well.
    #[default]
    Plain,
    /// Two counts.
    Summary,
    /// The counts, and every point that was refused.
    Details,
}

/// The options of one put.
///
/// `sync` has none: every answer waits for stable storage.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PutOptions {
    /// What to answer.
    pub form: AnswerForm,
    /// `sync_timeout`, if `sync` is there: how long to wait for stable storage.
    pub timeout: Option<Duration>,
    /// `extra_label=name=value`: laid over the tags of every point, beneath the token's.
    pub extra_tags: Tags,
}

/// Why a query string is refused. The answer is 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// `sync_timeout` is no number of milliseconds.
    #[error("Unable to parse 'sync_timeout' as a number")]
    Timeout,
    /// An `extra_label` that is no `name=value`, or two values for one name.
    #[error("'extra_label' must be name=value, each name once")]
    ExtraLabel,
}

impl PutOptions {
    /// Reads a query string, without its `?`.
    ///
    /// # Errors
    /// What to mend.
    pub fn parse(query: &str) -> Result<Self, OptionsError> {
        let mut options = Self::default();
        let (mut summary, mut details, mut sync) = (false, false, false);
        let mut extra = Vec::new();
        for (name, value) in parameters(query) {
            match &*name {
                "summary" => summary = true,
                "details" => details = true,
                "sync" => sync = true,
                "sync_timeout" => {
                    let millis = value.trim().parse().map_err(|_| OptionsError::Timeout)?;
                    options.timeout = (millis > 0).then(|| Duration::from_millis(millis));
                }
                "extra_label" => {
                    let pair = value
                        .split_once('=')
                        .filter(|(k, v)| !k.is_empty() && !v.is_empty());
                    let (key, value) = pair.ok_or(OptionsError::ExtraLabel)?;
                    extra.push((key.to_owned(), value.to_owned()));
                }
                _ => {}
            }
        }
        options.form = match (details, summary) {
            (true, _) => AnswerForm::Details,
            (false, true) => AnswerForm::Summary,
            (false, false) => AnswerForm::Plain,
        };
        if !sync {
            options.timeout = None;
        }
        options.extra_tags = Tags::from_pairs(extra).map_err(|_| OptionsError::ExtraLabel)?;
        Ok(options)
    }
}

/// The parameters of a query string or of a form's body, decoded. What is no UTF-8 becomes U+FFFD.
pub fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        })
}

fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode(spaced.as_bytes()).decode_utf8_lossy();
        Cow::Owned(decoded.into_owned())
    } else {
        percent_decode(text.as_bytes()).decode_utf8_lossy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(query: &str) -> AnswerForm {
        PutOptions::parse(query).unwrap().form
    }

    #[test]
    fn flags_are_on_when_they_are_there() {
        for (query, expected) in [
            ("", AnswerForm::Plain),
            ("summary", AnswerForm::Summary),
            ("details", AnswerForm::Details),
            // Whatever the value.
            ("details=false", AnswerForm::Details),
            ("summary=true&sync", AnswerForm::Summary),
            // `details` wins.
            ("details&summary", AnswerForm::Details),
            ("detail", AnswerForm::Plain),
            ("%64etails", AnswerForm::Details),
        ] {
            assert_eq!(form(query), expected, "{query}");
        }
    }

    #[test]
    fn a_timeout_counts_only_with_sync() {
        let timeout = |query| PutOptions::parse(query).map(|options| options.timeout);
        assert_eq!(
            timeout("sync&sync_timeout=500"),
            Ok(Some(Duration::from_millis(500)))
        );
        assert_eq!(timeout("sync_timeout=500"), Ok(None));
        assert_eq!(timeout("sync&sync_timeout=0"), Ok(None));
        assert_eq!(
            timeout("sync&sync_timeout=1&sync_timeout=2"),
            Ok(Some(Duration::from_millis(2)))
        );
        assert_eq!(
            timeout("sync&sync_timeout=soon"),
            Err(OptionsError::Timeout)
        );
        assert_eq!(timeout("sync&sync_timeout="), Err(OptionsError::Timeout));
    }

    #[test]
    fn extra_labels_are_a_list() {
        let options = PutOptions::parse("extra_label=foo=bar&extra_label=a=b%3Dc+d").unwrap();
        let tags: Vec<_> = options.extra_tags.iter().collect();
        assert_eq!(tags, [("a", "b=c d"), ("foo", "bar")]);
        for query in [
            "extra_label=foo",
            "extra_label==x",
            "extra_label=a=",
            "extra_label=a=b&extra_label=a=c",
        ] {
            assert_eq!(
                PutOptions::parse(query),
                Err(OptionsError::ExtraLabel),
                "{query}"
            );
        }
    }
}
