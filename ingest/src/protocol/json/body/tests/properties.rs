//! Quick and complete reader against each other and against `serde_json`, and any bytes.

use proptest::prelude::*;

use super::*;
use crate::protocol::json::fast::SeenTags;

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z.]{0,9}".prop_map(|s| format!("\"{s}\"")),
        "[0-9]{1,20}",
        "-?[0-9]{1,3}[.][0-9]{1,3}([eE][-+]?[0-9]{1,3})?",
        any::<i64>().prop_map(|i| i.to_string()),
        any::<i64>().prop_map(|i| format!("\"{i}\"")),
        "\"\\PC{0,9}\"",
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("NaN".to_owned()),
        Just("-Infinity".to_owned()),
        Just("\"\\u0061\\n\"".to_owned()),
    ]
}

fn any_value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3)
                .prop_map(|v| format!("[{}]", v.join(","))),
            proptest::collection::vec((scalar(), inner), 0..3).prop_map(|pairs| {
                let members: Vec<String> =
                    pairs.into_iter().map(|(k, v)| format!("{k}:{v}")).collect();
                format!("{{{}}}", members.join(" , "))
            }),
        ]
    })
}

fn tags() -> impl Strategy<Value = String> {
    let key = prop_oneof!["[a-c]".prop_map(|k| k), Just("ovh.auth".to_owned())];
    proptest::collection::vec(
        (key, prop_oneof!["\"[a-z]{0,3}\"".prop_map(|v| v), scalar()]),
        0..4,
    )
    .prop_map(|pairs| {
        let members: Vec<String> = pairs
            .into_iter()
            .map(|(k, v)| format!("\"{k}\" :{v}"))
            .collect();
        format!("{{{}}}", members.join(", "))
    })
}

fn member() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z.]{1,9}".prop_map(|m| format!("\"metric\":\"{m}\"")),
        "[1-9][0-9]{9}".prop_map(|t| format!("\"timestamp\": {t}")),
        "[1-9][0-9]{0,4}".prop_map(|v| format!("\"value\":{v}")),
        tags().prop_map(|t| format!("\"tags\" : {t}")),
        scalar().prop_map(|v| format!("\"metric\":{v}")),
        scalar().prop_map(|v| format!("\"timestamp\":{v}")),
        scalar().prop_map(|v| format!("\"value\":{v}")),
        any_value().prop_map(|v| format!("\"tags\":{v}")),
        any_value().prop_map(|v| format!("\"more\":{v}")),
        Just("\"interval\":\"1h\"".to_owned()),
        Just("\"aggregator\":\"sum\"".to_owned()),
        Just("\"groupByAggregator\" :\"max\"".to_owned()),
    ]
}

fn element_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(member(), 0..7)
        .prop_map(|members| format!("{{ {} }}", members.join(",")))
}

/// The same text with a byte changed, added or taken away.
fn mutated(text: String, at: proptest::sample::Index, byte: u8, how: u8) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    let at = at.index(bytes.len().max(1));
    match how % 4 {
        0 => bytes.truncate(at),
        1 => bytes.insert(at.min(bytes.len()), byte),
        2 if !bytes.is_empty() => bytes[at] = byte,
        _ => {}
    }
    bytes
}

proptest! {
    /// Whatever the quick reader takes, the complete one takes with the same result.
    #[test]
    fn quick_and_complete_agree(
        text in element_text(),
        at in any::<proptest::sample::Index>(),
        byte in prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), Just(b'0'), 0u8..128],
        how in any::<u8>(),
    ) {
        let body = mutated(text, at, byte, how);
        prop_assume!(std::str::from_utf8(&body).is_ok());
        for shape in [Shape::Put, Shape::Rollup] {
            let quick = fast::scan(&body, 0, shape, &mut SeenTags::default());
            let Some((members, end)) = quick else { continue };
            let quick = Element::in_body(shape, &members, &body);
            let mut scratch = Scratch::default();
            let (complete, complete_end) = complete::read(&body, 0, shape, &mut scratch).unwrap();
            prop_assert_eq!(end, complete_end);
            for profile in [Profile::Lenient, Profile::OpenTsdb] {
                prop_assert_eq!(shown(&quick, profile), shown(&complete, profile));
            }
            let (mut quick_echo, mut complete_echo) = (Vec::new(), Vec::new());
            quick.echo(&mut quick_echo);
            complete.echo(&mut complete_echo);
            let parse = |echo: &[u8]| serde_json::from_slice::<serde_json::Value>(echo).unwrap();
            prop_assert_eq!(parse(&quick_echo), parse(&complete_echo));
        }
    }

    /// The complete reader takes an object that serde_json takes, and no other, as long as nobody looks at
    /// members: nobody knows `x`.
    #[test]
    fn the_syntax_is_that_of_serde_json(
        text in any_value(),
        at in any::<proptest::sample::Index>(),
        byte in 0u8..128,
        how in any::<u8>(),
    ) {
        let value = mutated(text, at, byte, how);
        prop_assume!(std::str::from_utf8(&value).is_ok());
        let body = [b"{\"x\":".as_slice(), &value, b"}"].concat();
        let text = String::from_utf8_lossy(&body);
        // What only we take; and a lone sign or digit beside it would confuse the comparison.
        prop_assume!(!text.contains("NaN") && !text.contains("Infinity"));
        let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
        prop_assert_eq!(PutBody::parse(&body, Shape::Put).is_ok(), theirs, "{}", text);
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for start in ["", "[", "{", "[{\"tags\":{"] {
            let body = [start.as_bytes(), &bytes].concat();
            for shape in [Shape::Put, Shape::Rollup] {
                let Ok(mut parsed) = PutBody::parse(&body, shape) else { continue };
                while let Some(element) = parsed.next_element() {
                    let _checked = element.check(Profile::Lenient);
                }
            }
        }
    }

    /// Good, bad and unusual points between each other: all answered, in order.
    #[test]
    fn every_element_is_answered(elements in proptest::collection::vec(element_text(), 1..5)) {
        let body = format!("[{}]", elements.join(" ,"));
        if let Ok(mut parsed) = PutBody::parse(body.as_bytes(), Shape::Put) {
            for element in &elements {
                let alone = outcome(element, Shape::Put, Profile::Lenient);
                let together = shown(&parsed.next_element().unwrap(), Profile::Lenient);
                prop_assert_eq!(&alone, &[together]);
            }
            prop_assert!(parsed.next_element().is_none());
        }
    }
}
