//! The quick reader of an element: what nearly every client sends, and nothing else.
//!
//! An object of `metric`, `timestamp`, `value` and `tags` in any order, white space anywhere, strings
//! without escapes, the timestamp a plain integer or one in quotes, tag values strings. Whatever it takes, the
//! complete reader takes with the same result; at the first other thing it gives up and leaves the element to
//! that.

use super::body::Shape;
use super::element::{MemberTags, Members};
use super::reader::Reader;
use crate::protocol::client_series::CREDENTIAL_TAG;
use crate::protocol::tags::{RawTags, TagForm};

/// Digits that surely fit an `i64`.
const DIGITS_MAX: usize = 18;

/// Reads the element at `at` and says where it ends.
#[inline]
pub(super) fn scan(body: &[u8], at: usize, shape: Shape) -> Option<(Members<'_>, usize)> {
    let mut reader = Reader::new(body, at);
    let mut members = Members {
        shape,
        ..Members::default()
    };
    if !reader.take_if(b'{') {
        return None;
    }
    loop {
        let key = reader.plain_string()?;
        if !reader.take_if(b':') {
            return None;
        }
        match key {
            b"metric" => members.metric = Some(reader.plain_string()?),
            b"timestamp" => members.timestamp = Some(timestamp(&mut reader)?),
            b"value" => members.value = Some(value(&mut reader)?),
            b"tags" => {
                let (tags, credential) = tags(body, &mut reader)?;
                (members.tags, members.credential) = (Some(tags), credential);
            }
            _ if shape == Shape::Rollup => rollup_member(key, &mut reader, &mut members)?,
            _ => return None,
        }
        if !reader.take_if(b',') {
            return reader.take_if(b'}').then(|| (members, reader.at()));
        }
    }
}

fn rollup_member<'a>(key: &[u8], reader: &mut Reader<'a>, members: &mut Members<'a>) -> Option<()> {
    let word = match key {
        b"interval" => &mut members.rollup.interval,
        b"aggregator" => &mut members.rollup.aggregator,
        b"groupByAggregator" => &mut members.rollup.group_by,
        _ => return None,
    };
    *word = Some(std::str::from_utf8(reader.plain_string()?).ok()?);
    Some(())
}

#[inline]
fn timestamp(reader: &mut Reader<'_>) -> Option<i64> {
    let (digits, bare) = match reader.peek()? {
        b'"' => (reader.plain_string()?, false),
        _ => (reader.number().ok()?, true),
    };
    // A number of JSON has no leading zero, a string may; both are digits here or left to the other reader.
    if digits.is_empty() || digits.len() > DIGITS_MAX || (bare && digits.first() == Some(&b'-')) {
        return None;
    }
    let mut number = 0i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(byte - b'0');
    }
    Some(number)
}

#[inline]
fn value<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    match reader.peek()? {
        b'"' => reader.plain_string(),
        b'-' | b'0'..=b'9' => reader.number().ok(),
        _ => None,
    }
}

#[inline]
fn tags<'a>(body: &'a [u8], reader: &mut Reader<'a>) -> Option<(MemberTags<'a>, Option<&'a [u8]>)> {
    if !reader.take_if(b'{') {
        return None;
    }
    let start = reader.at();
    let mut any = false;
    // The credential, and the span from its key to its value.
    let mut found = None;
    if reader.peek()? != b'}' {
        loop {
            reader.peek()?;
            let pair_start = reader.at();
            let key = reader.plain_string()?;
            if !reader.take_if(b':') {
                return None;
            }
            let value = reader.plain_string()?;
            if key == CREDENTIAL_TAG.as_bytes() {
                if found.is_some() {
                    return None;
                }
                found = Some((value, pair_start, reader.at()));
            } else {
                any = true;
            }
            if !reader.take_if(b',') {
                break;
            }
        }
    }
    let end = reader.at();
    if !reader.take_if(b'}') {
        return None;
    }
    let (raw, credential) = match found {
        None => (RawTags::new(TagForm::Json, body.get(start..end)?), None),
        Some((credential, from, to)) => {
            let (head, tail) = (body.get(start..from)?, body.get(to..end)?);
            (RawTags::around(TagForm::Json, head, tail), Some(credential))
        }
    };
    Some((MemberTags { raw, any }, credential))
}
