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

use super::element::Element;
use super::members::{Members, Span};
use super::reader::{Reader, SyntaxError, Token};
use super::shape::Shape;
use crate::protocol::client_series::CREDENTIAL_TAG;
use crate::protocol::tags::{RawTags, TagForm, push_prefixed};

/// One element and its texts, in memory that is used again for the next one.
#[derive(Default)]
pub(super) struct Scratch {
    members: Members,
    text: Vec<u8>,
    tags: Vec<u8>,
}

impl std::fmt::Debug for Scratch {
    /// Without the bytes: a credential may be among them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
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
    let members = match reader.token()? {
        Token::Object => {
            scratch.members = read_members(&mut reader, shape, scratch)?;
            Some(&scratch.members)
        }
        Token::Null => None,
        _ => {
            return Err(SyntaxError {
                what: "expected an object",
                at,
            });
        }
    };
    let element = Element::unescaped(shape, members, &scratch.text, &scratch.tags);
    Ok((element, reader.at()))
}

fn read_members(
    reader: &mut Reader<'_>,
    shape: Shape,
    scratch: &mut Scratch,
) -> Result<Members, SyntaxError> {
    let mut members = Members::default();
    if reader.take_if(b'}') {
        return Ok(members);
    }
    let [interval, aggregator, group_by] = &mut members.rollup;
    loop {
        let key = reader.key()?;
        let at = reader.at();
        let token = reader.token()?;
        let out = &mut scratch.text;
        match (&*key, shape) {
            ("metric", _) => members.metric = text(token, at, out)?,
            ("timestamp", _) => members.timestamp = Some(integer(token, at)?),
            ("value", _) => members.value = text(token, at, out)?,
            ("tags", _) => {
                let tags = read_tags(reader, token, at, scratch)?;
                (members.tags, members.any_tag, members.credential) = tags;
            }
            ("interval", Shape::Rollup) => *interval = text(token, at, out)?,
            ("aggregator", Shape::Rollup) => *aggregator = text(token, at, out)?,
            ("groupByAggregator", Shape::Rollup) => *group_by = text(token, at, out)?,
            _ => reader.skip(token)?,
        }
        if !reader.take_if(b',') {
            reader.expect(b'}', "expected ',' or '}'")?;
            if members.has_tags() {
                members.tags_hash = RawTags::new(TagForm::Prefixed, &scratch.tags).hash();
            }
            return Ok(members);
        }
    }
}

/// Reads the `tags` object: where its pairs lie, whether there are any, and the credential.
fn read_tags(
    reader: &mut Reader<'_>,
    token: Token<'_>,
    at: usize,
    scratch: &mut Scratch,
) -> Result<([Span; 2], bool, Span), SyntaxError> {
    // One that came before it does not count.
    scratch.tags.clear();
    match token {
        Token::Object => {}
        Token::Null => return Ok(([Span::NONE; 2], false, Span::NONE)),
        _ => {
            return Err(SyntaxError {
                what: "tags must be an object",
                at,
            });
        }
    }
    let mut credential = Span::NONE;
    let mut more = !reader.take_if(b'}');
    while more {
        let key = reader.key()?;
        let at = reader.at();
        let token = reader.token()?;
        let start = scratch.text.len();
        let value = text(token, at, &mut scratch.text)?;
        if key == CREDENTIAL_TAG {
            credential = value;
        } else {
            let value = value.of(&scratch.text).map(String::from_utf8_lossy);
            push_prefixed(&mut scratch.tags, &key, value.as_deref());
            scratch.text.truncate(start);
        }
        more = reader.take_if(b',');
        if !more {
            reader.expect(b'}', "expected ',' or '}'")?;
        }
    }
    let pairs = Span::new(0, scratch.tags.len());
    Ok(([pairs, Span::NONE], !scratch.tags.is_empty(), credential))
}

/// A member that is text.
fn text(token: Token<'_>, at: usize, out: &mut Vec<u8>) -> Result<Span, SyntaxError> {
    let start = out.len();
    match token {
        Token::String(string) => out.extend_from_slice(string.text().as_bytes()),
        Token::Number(text) | Token::Bool(text) => out.extend_from_slice(text),
        Token::Null => return Ok(Span::NONE),
        Token::Object | Token::Array => {
            let what = "expected a string, not an object or array";
            return Err(SyntaxError { what, at });
        }
    }
    Ok(Span::new(start, out.len()))
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
