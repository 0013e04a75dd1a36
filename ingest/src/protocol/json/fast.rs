//! The quick reader of an element: what nearly every client sends, and nothing else.
//!
//! An object of `metric`, `timestamp`, `value` and `tags` in any order, white space anywhere, strings
//! without escapes, the timestamp a plain integer or one in quotes, tag values strings. Whatever it takes, the
//! complete reader takes with the same result; at the first other thing it gives up and leaves the element to
//! that.

use super::members::{Members, Span};
use super::reader::Reader;
use super::shape::Shape;
use crate::protocol::client_series::CREDENTIAL_TAG;
use crate::protocol::tags::{RawTags, TagForm};

/// The tags of the element before. Senders tell many metrics of one thing in a row: the same bytes need not be read
/// again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SeenTags {
    /// From behind the opening brace to behind the closing one. Empty if there are none, or a credential among them.
    start: usize,
    end: usize,
    any_tag: bool,
    hash: u128,
}

/// Reads the element at `at` and says where it ends. `seen` is of the same body.
#[inline]
pub(super) fn scan(
    body: &[u8],
    at: usize,
    shape: Shape,
    seen: &mut SeenTags,
) -> Option<(Members, usize)> {
    let mut reader = Reader::new(body, at);
    let mut members = Members::default();
    if !reader.take_if(b'{') {
        return None;
    }
    loop {
        reader.peek()?;
        if reader.take_literal(b"\"metric\"") {
            colon(&mut reader)?;
            members.metric = string(&mut reader)?;
        } else if reader.take_literal(b"\"timestamp\"") {
            colon(&mut reader)?;
            members.timestamp = Some(timestamp(&mut reader)?);
        } else if reader.take_literal(b"\"value\"") {
            colon(&mut reader)?;
            members.value = value(&mut reader)?;
        } else if reader.take_literal(b"\"tags\"") {
            colon(&mut reader)?;
            tags(body, &mut reader, &mut members, seen)?;
        } else if shape == Shape::Rollup {
            rollup_member(&mut reader, &mut members)?;
        } else {
            return None;
        }
        if !reader.take_if(b',') {
            return reader.take_if(b'}').then(|| (members, reader.at()));
        }
    }
}

fn rollup_member(reader: &mut Reader<'_>, members: &mut Members) -> Option<()> {
    let [interval, aggregator, group_by] = &mut members.rollup;
    let word = if reader.take_literal(b"\"interval\"") {
        interval
    } else if reader.take_literal(b"\"aggregator\"") {
        aggregator
    } else if reader.take_literal(b"\"groupByAggregator\"") {
        group_by
    } else {
        return None;
    };
    colon(reader)?;
    *word = string(reader)?;
    Some(())
}

#[inline]
fn colon(reader: &mut Reader<'_>) -> Option<()> {
    reader.take_if(b':').then_some(())
}

#[inline]
fn string(reader: &mut Reader<'_>) -> Option<Span> {
    let (start, end) = reader.plain_string()?;
    Some(Span::new(start, end))
}

/// Digits, bare or in quotes; what else may follow a bare one, such as a fraction, is not for this reader.
#[inline]
fn timestamp(reader: &mut Reader<'_>) -> Option<i64> {
    if reader.peek()? == b'"' {
        reader.take_literal(b"\"");
        let number = reader.plain_digits()?;
        return reader.take_literal(b"\"").then_some(number);
    }
    // JSON has no leading zeros, and 0 alone is rare.
    if reader.peek()? == b'0' {
        return None;
    }
    reader.plain_digits()
}

#[inline]
fn value(reader: &mut Reader<'_>) -> Option<Span> {
    if reader.peek()? == b'"' {
        return string(reader);
    }
    let (start, end) = reader.plain_number()?;
    Some(Span::new(start, end))
}

#[inline]
fn tags(
    body: &[u8],
    reader: &mut Reader<'_>,
    members: &mut Members,
    seen: &mut SeenTags,
) -> Option<()> {
    if !reader.take_if(b'{') {
        return None;
    }
    let start = reader.at();
    if let Some(end) = seen.again(body, reader) {
        members.any_tag = seen.any_tag;
        members.credential = Span::NONE;
        members.tags = [Span::new(start, end), Span::NONE];
        members.tags_hash = seen.hash;
        return Some(());
    }
    new_tags(body, reader, members)?;
    *seen = SeenTags::default();
    if members.credential == Span::NONE {
        *seen = SeenTags {
            start,
            end: reader.at(),
            any_tag: members.any_tag,
            hash: members.tags_hash,
        };
    }
    Some(())
}

impl SeenTags {
    /// Takes the same text and the closing brace; says where the text ends.
    #[inline]
    fn again(&self, body: &[u8], reader: &mut Reader<'_>) -> Option<usize> {
        let text = body.get(self.start..self.end)?;
        let end = reader.at().checked_add(text.len().checked_sub(1)?)?;
        reader.take_literal(text).then_some(end)
    }
}

/// Reads pairs up to the closing brace.
#[inline]
fn new_tags(body: &[u8], reader: &mut Reader<'_>, members: &mut Members) -> Option<()> {
    let start = reader.at();
    members.any_tag = false;
    members.credential = Span::NONE;
    // The credential's pair, which is cut out.
    let mut cut = None;
    if reader.peek()? != b'}' {
        loop {
            let (key_start, key_end) = reader.plain_string()?;
            colon(reader)?;
            let value = string(reader)?;
            if body.get(key_start..key_end) == Some(CREDENTIAL_TAG.as_bytes()) {
                if cut.is_some() {
                    return None;
                }
                members.credential = value;
                cut = Some((key_start - 1, reader.at()));
            } else {
                members.any_tag = true;
            }
            if !reader.take_if(b',') {
                break;
            }
        }
    }
    let end = reader.at();
    members.tags = match cut {
        None => [Span::new(start, end), Span::NONE],
        Some((from, to)) => [Span::new(start, from), Span::new(to, end)],
    };
    let [head, tail] = members.tags.map(|span| span.of(body).unwrap_or_default());
    members.tags_hash = RawTags::around(TagForm::Json, head, tail).hash();
    reader.take_if(b'}').then_some(())
}
