//! The complete reader of an element: everything that `OpenTSDB` takes.
//!
//! | written | read as |
//! |---|---|
//! | a number or boolean where text belongs (`"metric":5`) | its text |
//! | a string where a number belongs (`"timestamp":" 1 "`) | the number; empty is 0 |
//! | null | absent; as a timestamp 0 |
//! | a fraction or exponent as timestamp | cut off to an integer |
//! | a member nobody knows | passed over |
//! | a member twice | the last one counts |
//!
//! A wrong type fails the whole body: an object as value, an array as tags, a timestamp that is no number.

use std::ops::Range;

use super::body::Shape;
use super::element::{Element, MemberTags, Members};
use super::reader::{Reader, SyntaxError, Token};
use crate::protocol::client_series::CREDENTIAL_TAG;
use crate::protocol::rollup::RollupParts;
use crate::protocol::tags::{RawTags, TagForm, push_prefixed};

/// Where the texts of one element lie, reused from element to element.
#[derive(Default)]
pub(super) struct Scratch {
    text: Vec<u8>,
    tags: Vec<u8>,
}

impl std::fmt::Debug for Scratch {
    /// Without the bytes: a credential may be among them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// A text in the scratch.
type Span = Option<Range<usize>>;

#[derive(Default)]
struct Spans {
    metric: Span,
    timestamp: Option<i64>,
    value: Span,
    /// Whether there is a tag beside the credential; `None` without a `tags` object.
    any_tag: Option<bool>,
    credential: Span,
    interval: Span,
    aggregator: Span,
    group_by: Span,
}

/// Reads the element at `at` and says where it ends.
///
/// # Errors
/// What is wrong, and where: it fails the whole body.
pub(super) fn read<'e>(
    body: &[u8],
    at: usize,
    shape: Shape,
    scratch: &'e mut Scratch,
) -> Result<(Element<'e>, usize), SyntaxError> {
    scratch.text.clear();
    scratch.tags.clear();
    let mut reader = Reader::new(body, at);
    match reader.token()? {
        Token::Object => {}
        Token::Null => return Ok((Element::NULL, reader.at())),
        _ => {
            return Err(SyntaxError {
                what: "expected an object",
                at,
            });
        }
    }
    let spans = read_members(&mut reader, shape, scratch)?;
    let text = |span: Span| span.and_then(|span| scratch.text.get(span));
    let word = |span: Span| text(span).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let members = Members {
        shape,
        metric: text(spans.metric),
        timestamp: spans.timestamp,
        value: text(spans.value),
        tags: spans.any_tag.map(|any| MemberTags {
            raw: RawTags::new(TagForm::Prefixed, &scratch.tags),
            any,
        }),
        credential: text(spans.credential),
        rollup: RollupParts {
            interval: word(spans.interval),
            aggregator: word(spans.aggregator),
            group_by: word(spans.group_by),
        },
    };
    Ok((Element::object(members), reader.at()))
}

fn read_members(
    reader: &mut Reader<'_>,
    shape: Shape,
    scratch: &mut Scratch,
) -> Result<Spans, SyntaxError> {
    let mut spans = Spans::default();
    if reader.take_if(b'}') {
        return Ok(spans);
    }
    loop {
        let key = reader.key()?;
        let at = reader.at();
        let token = reader.token()?;
        match (&*key, shape) {
            ("metric", _) => spans.metric = text(token, at, &mut scratch.text)?,
            ("timestamp", _) => spans.timestamp = Some(integer(token, at)?),
            ("value", _) => spans.value = text(token, at, &mut scratch.text)?,
            ("tags", _) => read_tags(reader, token, at, scratch, &mut spans)?,
            ("interval", Shape::Rollup) => {
                spans.interval = text(token, at, &mut scratch.text)?;
            }
            ("aggregator", Shape::Rollup) => {
                spans.aggregator = text(token, at, &mut scratch.text)?;
            }
            ("groupByAggregator", Shape::Rollup) => {
                spans.group_by = text(token, at, &mut scratch.text)?;
            }
            _ => reader.skip(token)?,
        }
        if !reader.take_if(b',') {
            reader.expect(b'}', "expected ',' or '}'")?;
            return Ok(spans);
        }
    }
}

/// Reads the `tags` object; one that came before it does not count.
fn read_tags(
    reader: &mut Reader<'_>,
    token: Token<'_>,
    at: usize,
    scratch: &mut Scratch,
    spans: &mut Spans,
) -> Result<(), SyntaxError> {
    scratch.tags.clear();
    (spans.any_tag, spans.credential) = (None, None);
    match token {
        Token::Object => {}
        Token::Null => return Ok(()),
        _ => {
            return Err(SyntaxError {
                what: "tags must be an object",
                at,
            });
        }
    }
    spans.any_tag = Some(false);
    if reader.take_if(b'}') {
        return Ok(());
    }
    loop {
        let key = reader.key()?;
        let at = reader.at();
        let token = reader.token()?;
        if key == CREDENTIAL_TAG {
            spans.credential = text(token, at, &mut scratch.text)?;
        } else {
            spans.any_tag = Some(true);
            let start = scratch.text.len();
            let value = text(token, at, &mut scratch.text)?;
            let value = value.and_then(|span| scratch.text.get(span));
            let value = value.map(|bytes| String::from_utf8_lossy(bytes));
            push_prefixed(&mut scratch.tags, &key, value.as_deref());
            scratch.text.truncate(start);
        }
        if !reader.take_if(b',') {
            return reader.expect(b'}', "expected ',' or '}'");
        }
    }
}

/// A member that is text.
fn text(token: Token<'_>, at: usize, out: &mut Vec<u8>) -> Result<Span, SyntaxError> {
    let start = out.len();
    match token {
        Token::String(string) => out.extend_from_slice(string.text().as_bytes()),
        Token::Number(text) | Token::Bool(text) => out.extend_from_slice(text),
        Token::Null => return Ok(None),
        Token::Object | Token::Array => {
            let what = "expected a string, not an object or array";
            return Err(SyntaxError { what, at });
        }
    }
    Ok(Some(start..out.len()))
}

/// A member that is an integer.
fn integer(token: Token<'_>, at: usize) -> Result<i64, SyntaxError> {
    let refused = |what| SyntaxError { what, at };
    match token {
        Token::Null => Ok(0),
        Token::String(string) => match string.text().trim() {
            "" => Ok(0),
            text => text
                .parse()
                .map_err(|_| refused("the timestamp is not an integer")),
        },
        Token::Number(text) => whole(text).ok_or_else(|| refused("the timestamp is out of range")),
        Token::Bool(_) | Token::Object | Token::Array => Err(refused("expected a number")),
    }
}

/// The whole part of a number. NaN is 0, as Java converts it.
fn whole(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(integer) = text.parse() {
        return Some(integer);
    }
    let double: f64 = text.parse().ok()?;
    let is_integer = !text.contains(['.', 'e', 'E', 'N']);
    if is_integer || double.abs() >= 9_223_372_036_854_775_808.0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "cutting the fraction off is meant"
    )]
    Some(double as i64)
}
