//! Any line and any bytes are answered, and the framings agree.

use proptest::prelude::*;

use super::*;

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        "[0-9]{0,21}",
        "-?[0-9]{1,10}[.][0-9]{0,5}",
        "[a-c]=[a-c]",
        Just("ovh.auth=id:key".to_owned()),
        Just(String::new()),
        Just("1346846400".to_owned()),
        "\\PC{0,4}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    let verb = prop_oneof![
        Just("put"),
        Just("PUT"),
        Just("putm"),
        Just("rollup"),
        Just("auth"),
        Just("help"),
        Just("")
    ];
    (
        verb,
        proptest::collection::vec(word(), 0..8),
        prop_oneof![Just(" "), Just("  "), Just("\t")],
    )
        .prop_map(|(verb, words, blank)| {
            std::iter::once(verb.to_owned())
                .chain(words)
                .collect::<Vec<_>>()
                .join(blank)
        })
}

proptest! {
    #[test]
    fn any_line_is_answered_in_one_line(line in line()) {
        for profile in [Profile::Lenient, Profile::OpenTsdb] {
            let answer = outcome(&line, profile);
            prop_assert!(!answer.contains('\n'));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        for profile in [Profile::Lenient, Profile::OpenTsdb] {
            match scan_line(&bytes, profile) {
                Ok(Command::Put(point) | Command::Rollup(point)) => {
                    let rules = NameRules { profile, charset: Charset::Any };
                    let _answer = point.client_series(&rules);
                }
                Ok(_) => {}
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }

    /// What OpenTSDB's framing takes, the lenient framing takes with the same result.
    #[test]
    fn lenient_is_a_superset(line in line()) {
        let strict = outcome(&line, Profile::OpenTsdb);
        let refused = strict.contains("illegal") || strict.contains("invalid") || strict.contains("unknown")
            || strict.contains("No such");
        if !refused {
            prop_assert_eq!(outcome(&line, Profile::Lenient), strict);
        }
    }

    /// The quick timestamp reader agrees with the complete one.
    #[test]
    fn a_timestamp_is_read_the_same_both_ways(number in prop_oneof![0u64..20_000_000_000_000, 4_294_967_290u64..4_294_967_300]) {
        let quick = outcome(&format!("put m {number} 1 a=b"), Profile::Lenient);
        let complete = outcome(&format!("put m +{number} 1 a=b"), Profile::Lenient);
        prop_assert_eq!(quick, complete.replace('+', ""));
    }
}
