use penstock_model::{SeriesIdentity, SeriesKind, TenantId};
use proptest::prelude::*;

use super::*;

/// A series by its metric and `k=v` words.
fn series(metric: &str, tags: &str, kind: SeriesKind) -> SeriesIdentity {
    let pairs = tags
        .split_whitespace()
        .map(|pair| pair.split_once('=').unwrap());
    SeriesIdentity {
        tenant: TenantId::from_bytes([0; 16]),
        kind,
        metric: metric.into(),
        tags: Tags::from_pairs(pairs).unwrap(),
    }
}

fn passes(filters: &[SeriesFilter], series: &SeriesIdentity) -> bool {
    filters.iter().any(|filter| {
        filter.metric.accepts(&series.metric)
            && filter.kind.accepts(&series.kind)
            && filter
                .tags
                .iter()
                .all(|(key, matcher)| matcher.accepts(series.tags.get(key).unwrap_or_default()))
    })
}

#[track_caller]
fn takes(selector: &str, metric: &str, tags: &str) {
    let filters = parse(selector).unwrap();
    assert!(
        passes(&filters, &series(metric, tags, SeriesKind::Raw)),
        "{selector} {metric} {tags}"
    );
}

#[track_caller]
fn leaves(selector: &str, metric: &str, tags: &str) {
    let filters = parse(selector).unwrap();
    assert!(
        !passes(&filters, &series(metric, tags, SeriesKind::Raw)),
        "{selector} {metric} {tags}"
    );
}

#[test]
fn a_name_alone_is_the_whole_name() {
    // VictoriaMetrics' guide.
    takes("foo.bar.baz", "foo.bar.baz", "tag1=value1 tag2=value2");
    leaves("foo.bar", "foo.bar.baz", "");
    takes("x.y.z", "x.y.z", "t1=v1");
    // Characters that need a backslash elsewhere, with it and without.
    takes("sys/cpu-0", "sys/cpu-0", "");
    takes(r"sys\/cpu\-0", "sys/cpu-0", "");
    takes(r"with\ blank\{\}", "with blank{}", "");
    takes("température", "température", "");
    takes(" foo { } ", "foo", "");
    takes("a:b", "a:b", "");
}

#[test]
fn labels_are_compared() {
    takes(r#"m{a="b"}"#, "m", "a=b");
    takes("m{a='b'}", "m", "a=b");
    takes("m{a=`b`}", "m", "a=b");
    leaves(r#"m{a="b"}"#, "m", "a=c");
    leaves(r#"m{a="b"}"#, "n", "a=b");
    takes(r#"m{a!="b"}"#, "m", "a=c");
    // A missing label is the empty string.
    takes(r#"m{a!="b"}"#, "m", "");
    takes(r#"m{a=""}"#, "m", "");
    leaves(r#"m{a=""}"#, "m", "a=b");
    leaves(r#"m{a!=""}"#, "m", "");
    // Several are ANDed, also on one label; a comma at the end is no harm.
    takes(r#"{ a = "b" , c != "d" , }"#, "m", "a=b c=e");
    leaves(r#"{a="b",c!="d"}"#, "m", "a=b c=d");
    leaves(r#"{a="b",a="c"}"#, "m", "a=b");
    // `or` joins groups, and the name belongs to each.
    takes(r#"m{a="b" or a="c"}"#, "m", "a=c");
    leaves(r#"m{a="b" or a="c"}"#, "n", "a=c");
    takes(r#"{a="b",x="y" or c="d"}"#, "m", "c=d");
    leaves(r#"{a="b",x="y" or c="d"}"#, "m", "a=b");
    // Tag names of OpenTSDB.
    takes(r#"m{a/b-c.d="e"}"#, "m", "a/b-c.d=e");
}

#[test]
fn the_name_is_a_label() {
    takes(r#"{__name__="m"}"#, "m", "");
    takes(r#"{__name__=~"sys[.].*"}"#, "sys.cpu", "");
    leaves(
        r#"{__name__=~"sys[.].*",__name__!="sys.cpu"}"#,
        "sys.cpu",
        "",
    );
    takes(
        r#"{__name__=~"sys[.].*",__name__!="sys.cpu"}"#,
        "sys.mem",
        "",
    );
    leaves(r#"m{__name__="n"}"#, "m", "");
}

#[test]
fn expressions_match_the_whole_value() {
    takes(r#"m{a=~"b.*"}"#, "m", "a=bc");
    leaves(r#"m{a=~"b"}"#, "m", "a=bc");
    leaves(r#"m{a=~"c|b"}"#, "m", "a=bc");
    takes(r#"m{a=~"c|b"}"#, "m", "a=b");
    takes(r#"m{a=~"web[0-9]+|db"}"#, "m", "a=db");
    leaves(r#"m{a=~"web[0-9]+|db"}"#, "m", "a=xdb");
    takes(r#"m{a!~"b.*"}"#, "m", "a=c");
    leaves(r#"m{a!~"b.*"}"#, "m", "a=bc");
    takes(r#"m{a=~"web\\d"}"#, "m", "a=web1");
    takes("m{a=~`web\\d`}", "m", "a=web1");
    takes(r#"m{a=~"(?i)WEB"}"#, "m", "a=web");
    // An expression that the empty string passes takes series without the label.
    takes(r#"m{a=~"b|"}"#, "m", "");
    takes(r#"m{a=~".*"}"#, "m", "");
    leaves(r#"m{a=~".+"}"#, "m", "");
}

#[test]
fn escapes_in_values() {
    let filters = parse(r#"m{a="q\"\\\n\t'"}"#).unwrap();
    let Some((_, Matcher::Equals(value))) = filters[0].tags.first() else {
        panic!()
    };
    assert_eq!(&**value, "q\"\\\n\t'");
}

#[test]
fn rollups_are_seen_only_by_those_who_name_them() {
    let rollup = |interval: &str, aggregator: &str| SeriesKind::Rollup {
        interval: interval.parse().unwrap(),
        aggregator: aggregator.parse().unwrap(),
    };
    let hourly = series("m", "a=b", rollup("1h", "sum"));
    let aggregate = series(
        "m",
        "a=b _aggregate=MAX",
        SeriesKind::PreAggregate {
            group_by: "max".parse().unwrap(),
        },
    );
    let raw = series("m", "a=b", SeriesKind::Raw);
    for (selector, sees_raw, sees_hourly, sees_aggregate) in [
        ("m", true, false, false),
        (r#"m{a="b"}"#, true, false, false),
        (r#"{__interval__="1h"}"#, false, true, false),
        (r#"m{__interval__="1d"}"#, false, false, false),
        (r#"m{__aggregator__="sum"}"#, false, true, false),
        (r#"m{__group_by__="max"}"#, false, false, true),
        // Naming is enough, whatever is asked.
        (r#"m{__interval__=""}"#, false, false, true),
        (r#"m{__interval__=~".*"}"#, false, true, true),
        (
            r#"m{__interval__=~".+",__aggregator__!="sum"}"#,
            false,
            false,
            false,
        ),
    ] {
        let filters = parse(selector).unwrap();
        assert_eq!(passes(&filters, &raw), sees_raw, "{selector}");
        assert_eq!(passes(&filters, &hourly), sees_hourly, "{selector}");
        assert_eq!(passes(&filters, &aggregate), sees_aggregate, "{selector}");
    }
}

#[test]
fn selectors_that_match_everything_are_refused() {
    for selector in [
        "{}",
        r#"{a=""}"#,
        r#"{a!="b"}"#,
        r#"{a=~".*"}"#,
        r#"{a!~"b"}"#,
        r#"{__interval__=~".*"}"#,
        // Each group for itself.
        r#"{a="b" or c=""}"#,
    ] {
        let error = parse(selector).unwrap_err();
        assert!(
            matches!(error, SelectorError::MatchesEverything(_)),
            "{selector}: {error}"
        );
    }
}

#[test]
fn broken_selectors_say_where() {
    for (selector, expected, at) in [
        ("", "a metric name or '{'", 0),
        ("  ", "a metric name or '{'", 2),
        ("\"m\"", "a metric name or '{'", 0),
        ("m{", "a label name or '}'", 2),
        ("m{a", "one of = != =~ !~", 3),
        ("m{a}", "one of = != =~ !~", 3),
        ("m{a=}", "a value in quotes", 4),
        ("m{a=b}", "a value in quotes", 4),
        ("m{a!b}", "'=' or '~' after '!'", 4),
        ("m{a=\"b}", "a closing quote", 7),
        ("m{a=\"b\"", "',', 'or' or '}'", 7),
        ("m{a=\"b\" c=\"d\"}", "',', 'or' or '}'", 9),
        ("m{,}", "a label name or '}'", 2),
        ("m{a=\"b\"} x", "the end", 9),
        ("m n", "the end", 2),
        ("rate(m)", "the end", 4),
        ("m[5m]", "the end", 1),
        ("m\\", "a character after '\\'", 2),
        (
            r#"m{a=~"\d"}"#,
            "one of \\ \" ' n r t after '\\' (a regular expression's own \\ is doubled)",
            8,
        ),
    ] {
        assert_eq!(
            parse(selector).unwrap_err(),
            SelectorError::Syntax {
                selector: Quoted::text(selector),
                expected,
                at
            },
            "{selector}"
        );
    }
}

#[test]
fn hostile_expressions_are_refused() {
    let error = parse(r#"m{a=~"("}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot use the regular expression (: unclosed group"
    );
    let error = parse(r#"m{a=~"(\\w{100}){100}"}"#).unwrap_err();
    assert!(error.to_string().ends_with("it is too large"), "{error}");
    // A parenthesis cannot end the group that anchors.
    assert!(parse(r#"m{a=~"b)|(c"}"#).is_err());
    let many = vec!["a=\"b\""; FILTERS_MAX + 1].join(",");
    assert_eq!(
        parse(&format!("{{{many}}}")).unwrap_err(),
        SelectorError::TooManyFilters
    );
}

#[test]
fn filters_of_a_token_narrow_every_group() {
    let mut filters = parse(r#"m{a="b" or c="d"}"#).unwrap();
    narrow_by_tags(
        &mut filters,
        &Tags::from_pairs([("site", "paris")]).unwrap(),
    );
    assert!(passes(
        &filters,
        &series("m", "a=b site=paris", SeriesKind::Raw)
    ));
    assert!(!passes(
        &filters,
        &series("m", "a=b site=rome", SeriesKind::Raw)
    ));
    assert!(!passes(&filters, &series("m", "c=d", SeriesKind::Raw)));
}

#[test]
fn extra_filters_intersect() {
    let filters = intersect(
        &parse(r#"{__name__=~"m.*"}"#).unwrap(),
        &parse(r#"{__name__!="m1",a="b" or c="d"}"#).unwrap(),
    );
    assert!(passes(&filters, &series("m2", "a=b", SeriesKind::Raw)));
    assert!(!passes(&filters, &series("m1", "a=b", SeriesKind::Raw)));
    assert!(passes(&filters, &series("m1", "c=d", SeriesKind::Raw)));
    assert!(!passes(&filters, &series("n", "c=d", SeriesKind::Raw)));
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "[a-z{}=!~\"'`\\\\,. or()|*\\[]{0,40}") {
        let _answer = parse(&text);
    }

    #[test]
    fn any_name_can_be_written(name in "\\PC{1,12}", value in "\\PC{0,12}") {
        let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let filters = parse(&format!("{escaped}{{k=\"{quoted}\"}}")).unwrap();
        prop_assert!(filters[0].metric.accepts(&name));
        prop_assert!(filters[0].tags[0].1.accepts(&value));
    }
}
