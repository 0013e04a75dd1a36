//! A point's tags as they were written, and the pairs in them.
//!
//! ```text
//!   Telnet        host=web01 dc=lga            words between blanks and tabs
//!   TelnetStrict  host=web01 dc=lga            words between blanks
//!   Json          "host":"web01","dc":"lga"    between the braces; no escapes, values are strings
//!   Prefixed      04 00 00 00 host 05 00 00 00 web01 ...   what the complete JSON reader makes of the rest;
//!                 length u32 little-endian, ffffffff for a value that was null
//! ```

use std::fmt;

use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The length that stands for a null value in [`TagForm::Prefixed`].
pub(crate) const NULL_LENGTH: u32 = u32::MAX;

/// How raw tag bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TagForm {
    /// `k=v` words of the lenient framing.
    Telnet,
    /// `k=v` words of `OpenTSDB`'s framing.
    TelnetStrict,
    /// Members of a JSON object as the fast scanner takes them.
    Json,
    /// Pairs that needed unescaping or conversion.
    Prefixed,
}

/// A point's tags as raw bytes: one piece, or the two around the credential that was cut out.
#[derive(Clone, Copy)]
pub struct RawTags<'a> {
    form: TagForm,
    head: &'a [u8],
    tail: &'a [u8],
    hash: u128,
}

/// A pair's raw bytes; the value is `None` where a body says null.
pub type RawPair<'a> = (&'a [u8], Option<&'a [u8]>);

/// A word that is no `k=v`: no `=`, two of them, or nothing beside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTag<'a>(pub &'a [u8]);

impl<'a> RawTags<'a> {
    /// No tags at all.
    pub const NONE: Self = Self {
        form: TagForm::Json,
        head: &[],
        tail: &[],
        hash: 0,
    };

    /// Tags in one piece.
    #[inline]
    pub fn new(form: TagForm, bytes: &'a [u8]) -> Self {
        Self::around(form, bytes, &[])
    }

    /// Tags in two pieces; each is whole pairs.
    #[inline]
    pub fn around(form: TagForm, head: &'a [u8], tail: &'a [u8]) -> Self {
        let hash = hash(form, head, tail);
        Self::hashed(form, head, tail, hash)
    }

    /// Tags in two pieces whose hash is known: that of the same bytes in the same form.
    #[inline]
    pub(crate) const fn hashed(form: TagForm, head: &'a [u8], tail: &'a [u8], hash: u128) -> Self {
        Self {
            form,
            head,
            tail,
            hash,
        }
    }

    /// 128 bits over the bytes and the form.
    #[inline]
    pub const fn hash(&self) -> u128 {
        self.hash
    }

    /// Whether the tags come from a line; else from a body.
    pub(crate) const fn is_from_line(&self) -> bool {
        matches!(self.form, TagForm::Telnet | TagForm::TelnetStrict)
    }

    /// The pairs in the order in which they were written.
    pub fn pairs(&self) -> Pairs<'a> {
        Pairs {
            form: self.form,
            rest: self.head,
            tail: self.tail,
        }
    }
}

/// See [`RawTags::hash`].
#[inline]
fn hash(form: TagForm, head: &[u8], tail: &[u8]) -> u128 {
    let head = xxh3_128_with_seed(head, u64::from(form as u8));
    if tail.is_empty() {
        head
    } else {
        // The order of the pieces counts, and both halves of the first one do.
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let seed = head as u64;
        xxh3_128_with_seed(tail, seed) ^ head.rotate_left(64)
    }
}

impl fmt::Debug for RawTags<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawTags")
            .field("form", &self.form)
            .field("pairs", &self.pairs().count())
            .finish_non_exhaustive()
    }
}

/// See [`RawTags::pairs`].
#[derive(Debug, Clone)]
pub struct Pairs<'a> {
    form: TagForm,
    rest: &'a [u8],
    tail: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<RawPair<'a>, InvalidTag<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = match self.form {
                TagForm::Telnet => next_word(&mut self.rest, is_blank).map(split_pair),
                TagForm::TelnetStrict => next_word(&mut self.rest, |b| b == b' ').map(split_pair),
                TagForm::Json => next_member(&mut self.rest).map(Ok),
                TagForm::Prefixed => next_prefixed(&mut self.rest).map(Ok),
            };
            if found.is_some() || self.tail.is_empty() {
                return found;
            }
            self.rest = std::mem::take(&mut self.tail);
        }
    }
}

/// What separates words in the lenient framing.
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Cuts the next word off, passing over separators before it.
pub(crate) fn next_word<'a>(
    rest: &mut &'a [u8],
    separates: impl Fn(u8) -> bool,
) -> Option<&'a [u8]> {
    let start = rest.iter().position(|b| !separates(*b))?;
    let from_word = rest.get(start..)?;
    let end = from_word
        .iter()
        .position(|b| separates(*b))
        .unwrap_or(from_word.len());
    let (word, after) = from_word.split_at_checked(end)?;
    *rest = after;
    Some(word)
}

fn split_pair(word: &[u8]) -> Result<RawPair<'_>, InvalidTag<'_>> {
    let refused = InvalidTag(word);
    let at = memchr::memchr(b'=', word).ok_or(refused)?;
    let (key, after) = word.split_at_checked(at).ok_or(refused)?;
    let value = after.get(1..).unwrap_or_default();
    if key.is_empty() || value.is_empty() || value.contains(&b'=') {
        return Err(refused);
    }
    Ok((key, Some(value)))
}

/// The next `"k":"v"`; the scanner has checked that there is nothing but such members, commas and blanks.
fn next_member<'a>(rest: &mut &'a [u8]) -> Option<RawPair<'a>> {
    let key = next_string(rest)?;
    Some((key, Some(next_string(rest)?)))
}

fn next_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let start = memchr::memchr(b'"', rest)?;
    let inside = rest.get(start + 1..)?;
    let end = memchr::memchr(b'"', inside)?;
    *rest = inside.get(end + 1..).unwrap_or_default();
    inside.get(..end)
}

fn next_prefixed<'a>(rest: &mut &'a [u8]) -> Option<RawPair<'a>> {
    let key_length = take_length(rest)?;
    let key = take_bytes(rest, key_length)?;
    let value = match take_length(rest)? {
        NULL_LENGTH => None,
        length => Some(take_bytes(rest, length)?),
    };
    Some((key, value))
}

fn take_length(rest: &mut &[u8]) -> Option<u32> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*length))
}

fn take_bytes<'a>(rest: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(bytes)
}

/// Appends one pair in [`TagForm::Prefixed`].
pub(crate) fn push_prefixed(out: &mut Vec<u8>, key: &str, value: Option<&str>) {
    let mut push = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap_or(NULL_LENGTH - 1);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(bytes);
    };
    push(key.as_bytes());
    match value {
        Some(value) => push(value.as_bytes()),
        None => out.extend_from_slice(&NULL_LENGTH.to_le_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(tags: &RawTags<'_>) -> Vec<String> {
        tags.pairs()
            .map(|pair| match pair {
                Ok((key, value)) => format!(
                    "{}={}",
                    String::from_utf8_lossy(key),
                    value.map_or("null".into(), String::from_utf8_lossy)
                ),
                Err(InvalidTag(word)) => format!("!{}", String::from_utf8_lossy(word)),
            })
            .collect()
    }

    #[test]
    fn words_of_a_line_are_pairs_or_invalid() {
        for (line, expected) in [
            ("", vec![]),
            ("   ", vec![]),
            ("a=b", vec!["a=b"]),
            ("a=b  c=d ", vec!["a=b", "c=d"]),
            ("a=b\tc=d", vec!["a=b", "c=d"]),
            // No `=`.
            ("host", vec!["!host"]),
            // Nothing before it, nothing after it.
            ("=b a=", vec!["!=b", "!a="]),
            // Two of them.
            ("a=b=c", vec!["!a=b=c"]),
        ] {
            assert_eq!(
                pairs(&RawTags::new(TagForm::Telnet, line.as_bytes())),
                expected,
                "{line}"
            );
        }
        // To OpenTSDB a tab is a character like others.
        assert_eq!(
            pairs(&RawTags::new(TagForm::TelnetStrict, b"a=b\tc  d=e")),
            ["a=b\tc", "d=e"]
        );
    }

    #[test]
    fn members_of_an_object_are_pairs() {
        assert_eq!(
            pairs(&RawTags::new(TagForm::Json, br#" "a" : "b" , "c":"" "#)),
            ["a=b", "c="]
        );
        assert_eq!(
            pairs(&RawTags::around(
                TagForm::Json,
                br#""a":"b","#,
                br#","c":"d""#
            )),
            ["a=b", "c=d"]
        );
    }

    #[test]
    fn pairs_with_lengths_may_hold_anything() {
        let mut bytes = Vec::new();
        push_prefixed(&mut bytes, "a\"b", Some("c\\d"));
        push_prefixed(&mut bytes, "", None);
        assert_eq!(
            pairs(&RawTags::new(TagForm::Prefixed, &bytes)),
            ["a\"b=c\\d", "=null"]
        );
    }

    #[test]
    fn both_pieces_around_a_credential_count() {
        let whole = RawTags::around(TagForm::Telnet, b"a=b ", b" c=d");
        assert_eq!(pairs(&whole), ["a=b", "c=d"]);
        assert_ne!(
            whole.hash(),
            RawTags::around(TagForm::Telnet, b"a=b ", b" c=e").hash()
        );
        assert_ne!(
            whole.hash(),
            RawTags::around(TagForm::Telnet, b" c=d", b"a=b ").hash()
        );
    }
}
