//! The character set that a body's `Content-Type` names. Java's clients like to say `ISO-8859-1`; everything else is
//! taken for UTF-8, and refused as text if it is not.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// Names of the set whose every byte is the character of that number.
const LATIN_1: [&[u8]; 4] = [b"iso-8859-1", b"iso8859-1", b"iso_8859-1", b"latin1"];

/// Whether a body is Latin-1 by its header.
pub(super) fn is_latin_1(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|content_type| {
        let mut parameters = content_type.as_bytes().split(|byte| *byte == b';').skip(1);
        parameters.any(|parameter| {
            let Some(equals) = memchr::memchr(b'=', parameter) else {
                return false;
            };
            let (name, value) = parameter.split_at(equals);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            let value = value.strip_prefix(b"\"").unwrap_or(value);
            let value = value.strip_suffix(b"\"").unwrap_or(value);
            name.trim_ascii().eq_ignore_ascii_case(b"charset")
                && LATIN_1
                    .iter()
                    .any(|known| value.eq_ignore_ascii_case(known))
        })
    })
}

/// The same text in UTF-8, at most twice as long.
pub(super) fn latin_1_to_utf_8(text: &[u8]) -> Vec<u8> {
    text.iter()
        .map(|byte| char::from(*byte))
        .collect::<String>()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn latin_1_is_told_by_the_charset_alone() {
        let is = |content_type: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            is_latin_1(&headers)
        };
        assert!(is("text/plain; charset=ISO-8859-1"));
        assert!(is("application/json;version=1; Charset = \"latin1\""));
        assert!(!is("text/plain; charset=UTF-8"));
        assert!(!is("text/plain"));
        assert!(!is("iso-8859-1; charset"));
        assert!(!is_latin_1(&HeaderMap::new()));
    }

    #[test]
    fn every_byte_is_a_character() {
        assert_eq!(latin_1_to_utf_8(b"caf\xe9"), "caf\u{e9}".as_bytes());
    }
}
