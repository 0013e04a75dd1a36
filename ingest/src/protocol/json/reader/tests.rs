use super::*;
use proptest::prelude::*;

#[test]
fn numbers_end_where_they_end() {
    for (text, length) in [
        ("0", Some(1)),
        ("-0", Some(2)),
        ("12,", Some(2)),
        ("1.5e-3}", Some(6)),
        ("1E+10 ", Some(5)),
        ("-Infinity", Some(9)),
        // Leading zeros, signs, dots and exponents without digits.
        ("01", None),
        ("-", None),
        ("+1", None),
        (".5", None),
        ("1.", None),
        ("1.e5", None),
        ("1e", None),
        ("1e+", None),
        ("", None),
        ("x", None),
    ] {
        assert_eq!(number_length(text.as_bytes()), length, "{text}");
    }
}

proptest! {
    /// Eight bytes at a time or one by one: the stop is the same.
    #[test]
    fn a_string_stops_at_its_first_special_byte(
        bytes in proptest::collection::vec(prop_oneof![8 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\')], 0..60),
        from in 0usize..20,
    ) {
        let expected = bytes
            .iter()
            .enumerate()
            .skip(from)
            .find(|(_, b)| matches!(b, b'"' | b'\\' | 0..=0x1f))
            .map_or(bytes.len().max(from), |(at, _)| at);
        prop_assert_eq!(string_stop(&bytes, from), expected);
    }

    #[test]
    fn strings_unescape_as_serde_json_says(text in "\\PC{0,20}") {
        let body = serde_json::Value::from(text.clone()).to_string();
        let token = Reader::new(body.as_bytes(), 0).token().unwrap();
        let Token::String(string) = token else { panic!("{token:?}") };
        prop_assert_eq!(string.text(), text);
    }
}
