use super::*;
use proptest::prelude::*;

fn accepts(text: &str, value: &str) -> bool {
    TagFilter::from_text("host", text)
        .unwrap()
        .predicate
        .accepts(value)
}

#[test]
fn bad_filters_say_what_is_wrong() {
    let long = "a".repeat(400);
    let cases = [
        ("", "Filter cannot be null or empty"),
        ("|", "Filter must contain more than just a pipe"),
        ("||", "Filter must contain more than just a pipe"),
        ("wildcard(web)", "Filter must contain an asterisk"),
        ("wildcard()", "Filter cannot be null or empty"),
        ("(a)", "The filter type cannot be null or empty"),
        ("wildcard(web*", "Filter must end with a ')': wildcard(web*"),
        (
            "not_key(a)",
            "Could not find a tag value filter of the type: not_key",
        ),
        (
            "regexp([)",
            "Invalid regular expression '[': unclosed character class",
        ),
        (
            "regexp((?=a))",
            "Invalid regular expression '(?=a)': look-around, including look-ahead and look-behind, is \
             not supported",
        ),
        (
            "regexp((.{99}){99})",
            "Regular expression is too large, at most 16384 bytes and 1048576 bytes compiled: '(.{99}){99}'",
        ),
        (
            "regexp(a++)",
            "Invalid regular expression 'a++': possessive quantifiers, such as a++, are not supported",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(
            TagFilter::from_text("host", text).unwrap_err().to_string(),
            message,
            "{text}"
        );
    }
    assert_eq!(
        TagFilter::from_text("", "a").unwrap_err(),
        FilterError::NoKey
    );
    let error = TagFilter::from_text("host", &format!("regexp({long}[)")).unwrap_err();
    assert!(error.to_string().len() < crate::QUOTED_CHARS_MAX + 200);
}

#[test]
fn an_expression_that_would_explode_is_refused_or_harmless() {
    let nested = format!("regexp({}a{})", "(".repeat(1_000), ")".repeat(1_000));
    for text in [
        "regexp(((a{100}){100}){100})",
        r"regexp((\w{50}){50}{50})",
        nested.as_str(),
        &format!("regexp({})", "(?:)".repeat(500_000)),
    ] {
        assert!(TagFilter::from_text("host", text).is_err(), "{text:.40}");
    }
    let hosts: Vec<String> = (0..300).map(|at| format!("web{at}")).collect();
    assert!(accepts(
        &format!("regexp(^({})$)", hosts.join("|")),
        "web299"
    ));
    // Exponential for an engine that goes back.
    assert!(!accepts(
        "regexp(^(a+)+$)",
        &format!("{}b", "a".repeat(10_000))
    ));
}

#[test]
fn lists_pass_or_stop_their_values() {
    assert!(accepts("a|b", "b"));
    assert!(!accepts("a|b", "B"));
    assert!(accepts("iliteral_or(A|b)", "a"));
    assert!(accepts("ILITERAL_OR(É)", "é"));
    assert!(accepts("not_literal_or(a|b)", "A"));
    assert!(!accepts("not_literal_or(a|b)", "a"));
    assert!(!accepts("not_iliteral_or(a|b)", "A"));
    // A tag that is not there passes nothing.
    for text in ["*", "not_literal_or(a)", "not_iliteral_or(a)", "regexp(.*)"] {
        assert!(!accepts(text, ""), "{text}");
    }
}

#[test]
fn wildcards_hold_at_both_ends() {
    for (text, good, bad) in [
        ("wildcard(web*)", "web01", "aweb01"),
        ("wildcard(*01)", "web01", "web012"),
        ("wildcard(w*1)", "web01", "aweb01"),
        ("wildcard(*eb*)", "web01", "wb"),
        ("wildcard(w*b*1)", "web01", "w01"),
        ("wildcard(a*a)", "aa", "a"),
        ("wildcard(w*)", "w", "W"),
        ("iwildcard(WEB*)", "web01", "we"),
        ("WEB*", "wEb01", "we"),
        ("**", "x", ""),
    ] {
        assert!(accepts(text, good), "{text} {good}");
        assert!(!accepts(text, bad), "{text} {bad}");
    }
}

#[test]
fn expressions_are_found_anywhere() {
    assert!(accepts("regexp(b0[0-9])", "web01-x"));
    assert!(!accepts("regexp(^b0)", "web01"));
}

#[test]
fn text_forms_are_called_what_opentsdb_calls_them() {
    let kind = |text| TagFilter::from_text("host", text).unwrap().kind;
    assert_eq!(kind("*"), "wildcard");
    assert_eq!(kind("web*"), "wildcard");
    assert_eq!(kind("a|b"), "literal_or");
    assert_eq!(kind("IWildCard(a*)"), "iwildcard");
}

proptest! {
    #[test]
    fn a_wildcard_is_the_expression_it_stands_for(glob in "[ab*]{0,6}\\*[ab*]{0,6}", value in "[ab]{1,10}") {
        let expression = format!("^{}$", glob.replace('*', ".*"));
        let expected = regex::Regex::new(&expression).unwrap().is_match(&value);
        prop_assert_eq!(accepts(&format!("wildcard({glob})"), &value), expected);
    }

    #[test]
    fn any_text_is_an_answer(text in ".{0,20}", value in ".{0,10}") {
        if let Ok(filter) = TagFilter::from_text("k", &text) {
            let _answer = filter.predicate.accepts(&value);
        }
    }
}

#[test]
fn only_stars_pass_everything() {
    for (text, all) in [
        ("*", true),
        ("wildcard(**)", true),
        ("a*", false),
        ("*a*", false),
        ("a", false),
        ("regexp(.*)", false),
    ] {
        let predicate = TagFilter::from_text("k", text).unwrap().predicate;
        assert_eq!(predicate.accepts_all(), all, "{text}");
    }
}

#[test]
fn a_condition_can_be_written_down_and_read_again() {
    for text in [
        "literal_or(a|b)",
        "iliteral_or(A)",
        "not_literal_or(a)",
        "not_iliteral_or(A|b)",
        "wildcard(w*b)",
        "iwildcard(W*)",
        "regexp(w[0-9]+)",
        "W*",
        "a|b",
    ] {
        let filter = TagFilter::from_text("k", text).unwrap();
        let (kind, expression) = filter.predicate.text();
        let again = TagFilter::of_type(kind, "k", expression).unwrap();
        for value in ["a", "A", "b", "wb", "WB", "w12", "x", ""] {
            let accepts = filter.predicate.accepts(value);
            assert_eq!(again.predicate.accepts(value), accepts, "{text} {value}");
        }
    }
    let (one, other): (Box<str>, Box<str>) = ("b".into(), "a".into());
    let united = Predicate::united(&[one], &[other]);
    assert_eq!(united.text(), ("literal_or", "a|b"));
}
