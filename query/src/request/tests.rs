use super::*;
use crate::downsample::Cut;
use crate::duration::Span;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_357_000_000_000);

fn uri(text: &str) -> Result<Query, RequestError> {
    let pairs = text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Query::from_uri(pairs, NOW)
}

/// The only sub-query of `m=...`.
fn m(text: &str) -> Result<SubQuery, RequestError> {
    uri(&format!("start=1h-ago&m={text}")).map(|mut query| query.sub_queries.remove(0))
}

fn json(text: &str) -> Result<Query, RequestError> {
    Query::from_json(text.as_bytes(), NOW)
}

fn sub_query(members: &str) -> Result<SubQuery, RequestError> {
    json(&format!(
        r#"{{"start":"1h-ago","queries":[{{{members}}}]}}"#
    ))
    .map(|mut query| query.sub_queries.remove(0))
}

#[test]
fn bad_uris_say_what_is_wrong() {
    let cases = [
        ("", "Missing parameter <code>start</code>"),
        ("m=sum:m", "Missing parameter <code>start</code>"),
        ("start=&m=sum:m", "Missing parameter <code>start</code>"),
        ("start=1h-ago", "Missing sub queries"),
        ("start=1h-ago&m=", "The query string was empty"),
        (
            "start=20&end=10&m=sum:m",
            "End time [10000] must be greater than the start time [20000]",
        ),
        (
            "start=20&end=20&m=sum:m",
            "End time [20000] must be greater than the start time [20000]",
        ),
        ("start=x&m=sum:m", "Invalid time: x"),
        ("start=1h-ago&end=x&m=sum:m", "Invalid time: x"),
        (
            "start=1h-ago&timezone=Mars/Base&m=sum:m",
            "The timezone specification could not be found",
        ),
        (
            "start=2012/01/01&timezone=Mars/Base&m=sum:m",
            "Invalid timezone name: Mars/Base",
        ),
        (
            "start=2012/01/01&timezone=%2B01:00&m=sum:m",
            "Invalid timezone name: %2B01:00",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(uri(text).unwrap_err().to_string(), message, "{text}");
    }
}

const BAD_SUB_QUERIES: &[(&str, &str)] = &[
    ("m", "Invalid parameter m=m (not enough :-separated parts)"),
    (
        "sum:1m-avg:rate:a:b:m",
        "Invalid parameter m=sum:1m-avg:rate:a:b:m (too many :-separated parts)",
    ),
    ("sum::m", "Invalid parameter m=sum::m (empty part)"),
    (":m", "Missing the aggregation function"),
    ("nosuch:m", "No such aggregation function: nosuch"),
    ("SUM:m", "No such aggregation function: SUM"),
    ("sum:", "Metric cannot be null or empty"),
    ("sum:{host=a}", "Metric cannot be null or empty"),
    ("sum:m{host=a", "Missing '}' at the end of: m{host=a"),
    ("sum:m{host=a}x", "Missing '}' at the end of: m{host=a}x"),
    (
        "sum:m{a=b}{c=d}{e=f}",
        "Missing '}' at the end of: m{a=b}{c=d}{e=f}",
    ),
    ("sum:m{host}", "When parsing tag 'host': invalid tag: host"),
    ("sum:m{=a}", "When parsing tag '=a': invalid tag: =a"),
    (
        "sum:m{host=}",
        "When parsing tag 'host=': invalid tag: host=",
    ),
    (
        "sum:m{a=b=c}",
        "When parsing tag 'a=b=c': invalid tag: a=b=c",
    ),
    ("sum:m{a=b,}", "When parsing tag '': invalid tag: "),
    (
        "sum:m{}{host}",
        "When parsing filter 'host': invalid tag: host",
    ),
    (
        "sum:m{host=foo(a)}",
        "When parsing tag 'host=foo(a)': Could not find a tag value filter of the type: foo",
    ),
    (
        "sum:m{}{host=wildcard(a)}",
        "When parsing filter 'host=wildcard(a)': Filter must contain an asterisk",
    ),
    (
        "sum:m{host=regexp([)}",
        "When parsing tag 'host=regexp([)': Invalid regular expression '[': unclosed character \
             class",
    ),
    (
        "sum:1h:m",
        "Invalid downsampling specifier '1h': must provide at least interval and function",
    ),
    ("sum:1x-avg:m", "Invalid duration (suffix): 1x"),
    ("sum:0m-avg:m", "Zero or negative duration: 0m"),
    ("sum:1m-nosuch:m", "No such downsampling function: nosuch"),
    ("sum:1m-avg-x:m", "Unrecognized fill policy: x"),
    (
        "sum:1m-none:m",
        "cannot use the NONE aggregator for downsampling",
    ),
    (
        "sum:rate{counter:m",
        "Invalid rate options specification: rate{counter",
    ),
    (
        "sum:rate{counter,x}:m",
        "Max value of counter was not a number, received 'x'",
    ),
    (
        "sum:rate{counter,1,x}:m",
        "Reset value of counter was not a number, received 'x'",
    ),
    (
        "sum:percentiles:m",
        "Malformated percentile query paramater: percentiles",
    ),
    (
        "sum:percentiles[a]:m",
        "Malformated percentile query paramater: percentiles[a]",
    ),
];

#[test]
fn bad_sub_queries_of_a_uri_say_what_is_wrong() {
    for (text, message) in BAD_SUB_QUERIES {
        assert_eq!(m(text).unwrap_err().to_string(), *message, "{text}");
    }
    assert_eq!(
        m("sum:rate{counter,1,2,3}:m").unwrap_err(),
        RequestError::RateOptionCount(4)
    );
    for (text, message) in [
        (
            "sum",
            "Invalid parameter tsuid=sum (not enough :-separated parts)",
        ),
        ("sum:00zz", "Invalid TSUID: 00zz"),
        ("sum:00,,01", "Invalid TSUID: "),
        (
            "sum:00000000000000AA,00000000000000AB",
            "One or more TSUIDs did not share the same metric",
        ),
    ] {
        let error = uri(&format!("start=1h-ago&tsuid={text}")).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let pair = "00000000000000BB00000000000000CC";
    let one_metric = format!("sum:00000000000000aa,00000000000000AA{pair}");
    assert!(uri(&format!("start=1h-ago&tsuid={one_metric}")).is_ok());
}

#[test]
fn bad_bodies_say_what_is_wrong() {
    let cases = [
        ("", "Missing message content"),
        (" \n", "Missing message content"),
        ("{}", "Missing start time"),
        (r#"{"start":""}"#, "Missing start time"),
        (r#"{"start":1}"#, "Missing queries"),
        (r#"{"start":1,"queries":[]}"#, "Missing queries"),
        (r#"{"start":1,"queries":null}"#, "Missing queries"),
        (
            r#"{"start":2,"end":"1","queries":[{}]}"#,
            "End time [1000] must be greater than the start time [2000]",
        ),
        (
            r#"{"start":1,"queries":[{}]}"#,
            "Missing the aggregation function",
        ),
        (
            r#"{"start":1,"queries":[{"aggregator":"nosuch"}]}"#,
            "No such aggregation function: nosuch",
        ),
        (
            r#"{"start":1,"queries":[{"aggregator":"sum"}]}"#,
            "Missing the metric or tsuids, provide at least one",
        ),
        (
            r#"{"start":1,"queries":[{"aggregator":"sum","metric":""}]}"#,
            "Missing the metric or tsuids, provide at least one",
        ),
        (
            r#"{"start":1,"timezone":"X","queries":[{"aggregator":"sum","metric":"m"}]}"#,
            "The timezone specification could not be found",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(json(text).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn broken_json_names_the_member() {
    let cases = [
        ("{", "EOF"),
        ("[]", "query"),
        ("null", "query"),
        (r#"{"start":[1]}"#, "start: expected text"),
        (r#"{"start":1,"queries":{}}"#, "invalid type: map"),
        (r#"{"start":1,"queries":[1]}"#, "sub query"),
        (
            r#"{"start":1,"queries":[{"aggregator":{}}]}"#,
            "aggregator: expected text",
        ),
        (
            r#"{"start":1,"queries":[{"rate":"maybe"}]}"#,
            "rate: expected true or false",
        ),
        (r#"{"start":1,"queries":[{"tags":["a"]}]}"#, "tags"),
        (
            r#"{"start":1,"queries":[{"filters":{}}]}"#,
            "invalid type: map",
        ),
        (
            r#"{"start":1,"queries":[{"rateOptions":{"counterMax":"x"}}]}"#,
            "counterMax: expected an integer",
        ),
        (
            r#"{"start":1,"queries":[{"rateOptions":{"nosuch":1}}]}"#,
            "unknown field `nosuch`",
        ),
    ];
    for (text, details) in cases {
        let error = json(text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Unable to parse the given JSON",
            "{text}"
        );
        let have = error.details().unwrap();
        assert!(have.contains(details), "{text}: {have}");
    }
    let deep = format!(r#"{{"x":{}}}"#, "[".repeat(100_000));
    assert!(matches!(json(&deep), Err(RequestError::Json(_))));
    let filter = |text: &str| {
        let members = format!(r#""aggregator":"sum","metric":"m","filters":[{text}]"#);
        sub_query(&members)
            .unwrap_err()
            .details()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        filter(r#"{"type":"not_key","tagk":"host","filter":"a"}"#),
        "host=a: Could not find a tag value filter of the type: not_key"
    );
    assert_eq!(
        filter(r#"{"type":"WILDCARD","tagk":"host","filter":"*"}"#),
        "host=*: Could not find a tag value filter of the type: WILDCARD"
    );
    assert_eq!(
        filter(r#"{"tagk":"host","filter":"a"}"#),
        "host=a: The filter type cannot be null or empty"
    );
    assert_eq!(
        filter(r#"{"type":"wildcard","filter":"*"}"#),
        "=*: Tagk cannot be null or empty"
    );
    assert_eq!(
        filter(r#"{"type":"regexp","tagk":"host"}"#),
        "host=: Filter cannot be null or empty"
    );
}

#[test]
fn a_uri_says_everything() {
    let query = uri(
        "start=1356998400&end=1356998460&ms&arrays=false&show_tsuids&show_query&show_stats&show_summary\
         &timezone=Europe/Paris&m=sum:1m-avg-nan:rate{dropcounter,100,5}:explicit_tags:sys.cpu{host=*,dc=lga}\
         {cpu=regexp([0-9])}&m=max:rollup_RAW:pre-agg:m&tsuid=sum:00aB,01",
    )
    .unwrap();
    assert_eq!(query.start.millis(), 1_356_998_400_000);
    assert_eq!(query.end.millis(), 1_356_998_460_000);
    assert!(query.ms_resolution && query.arrays && query.show_tsuids && query.show_query);
    assert!(query.show_stats && query.show_summary && !query.delete);
    assert_eq!(query.zone.iana_name(), Some("Europe/Paris"));
    let [by_id, first, second] = query.sub_queries.as_slice() else {
        panic!("three sub-queries");
    };
    assert_eq!(
        by_id.target,
        Target::Tsuids(vec!["00aB".into(), "01".into()])
    );
    assert_eq!(first.target, Target::Metric("sys.cpu".into()));
    assert_eq!(first.index, 1);
    let downsample = first.downsample.unwrap();
    assert_eq!(downsample.cut, Cut::Fixed(Span::parse("1m").unwrap()));
    assert_eq!(
        first.rate,
        Some(RateOptions {
            counter: true,
            counter_max: 100,
            reset_value: 5,
            drop_resets: true
        })
    );
    let filters: Vec<_> = first
        .filters
        .iter()
        .map(|filter| {
            (
                &*filter.key,
                filter.kind,
                &*filter.expression,
                filter.group_by,
            )
        })
        .collect();
    assert_eq!(
        filters,
        [
            ("cpu", "regexp", "[0-9]", false),
            ("host", "wildcard", "*", true),
            ("dc", "literal_or", "lga", true),
        ]
    );
    assert!(first.explicit_tags);
    assert_eq!(second.rollup_usage, RollupUsage::Raw);
    assert!(second.pre_aggregate && second.reads_pre_aggregates());
    assert_eq!(second.rate, None);
}

#[test]
fn rate_options_have_defaults() {
    let rate = |part: &str| m(&format!("sum:{part}:m")).unwrap().rate.unwrap();
    assert_eq!(rate("rate"), RateOptions::default());
    assert_eq!(rate("RATE"), RateOptions::default());
    assert_eq!(
        rate("rate{counter}"),
        RateOptions {
            counter: true,
            ..RateOptions::default()
        }
    );
    assert_eq!(
        rate("rate{mycounter,,7}"),
        RateOptions {
            counter: true,
            reset_value: 7,
            ..RateOptions::default()
        }
    );
    assert!(!rate("rate{gauge}").counter);
}

#[test]
fn a_body_says_everything_leniently() {
    let query = json(
        r#"{"start":"1356998400","end":1356998460000,"msResolution":"true","showTSUIDs":1,
            "showQuery":true,"showStats":true,"showSummary":true,"delete":true,"useCalendar":true,
            "globalAnnotations":true,"padding":false,"nosuch":{"a":[1]},
            "queries":[{"aggregator":"sum","metric":5,"downsample":"1d-sum","rate":true,
              "rateOptions":{"counter":true,"counterMax":"100","resetValue":5.9,"dropResets":false},
              "filters":[{"type":"literal_or","tagk":"host","filter":"a|b","groupBy":true,"x":1},
                         {"type":"iwildcard","tagk":"dc","filter":"*","group_by":false}],
              "explicitTags":true,"rollupUsage":"rollup_fallback","index":7}]}"#,
    )
    .unwrap();
    assert!(query.ms_resolution && query.show_tsuids && query.show_query && query.delete);
    let sub_query = &query.sub_queries[0];
    assert_eq!(sub_query.target, Target::Metric("5".into()));
    assert_eq!(
        sub_query.downsample.unwrap().cut,
        Cut::Calendar(Span::parse("1d").unwrap())
    );
    assert_eq!(
        sub_query.rate,
        Some(RateOptions {
            counter: true,
            counter_max: 100,
            reset_value: 5,
            drop_resets: false
        })
    );
    assert_eq!(sub_query.filters.len(), 2);
    assert_eq!(sub_query.rollup_usage, RollupUsage::Fallback);
    assert!(sub_query.explicit_tags);
}

#[test]
fn numbers_count_as_they_are_written() {
    let start = |text: &str| {
        let body =
            format!(r#"{{"start":{text},"queries":[{{"aggregator":"sum","metric":1.50}}]}}"#);
        let query = json(&body).unwrap();
        (query.start.millis(), query.sub_queries[0].target.clone())
    };
    // The last zero is one of three decimals.
    assert_eq!(
        start("1356998400.250"),
        (1_356_998_400_250, Target::Metric("1.50".into()))
    );
    assert_eq!(start(r#""1356998400""#).0, 1_356_998_400_000);
}

#[test]
fn tags_and_filters_replace_each_other() {
    let tags = r#""tags":{"host":"*"}"#;
    let filters = r#""filters":[{"type":"wildcard","tagk":"dc","filter":"*"}]"#;
    let keys = |first: &str, second: &str| {
        let members = format!(r#""aggregator":"sum","metric":"m",{first},{second}"#);
        let sub_query = sub_query(&members).unwrap();
        sub_query
            .filters
            .iter()
            .map(|filter| filter.key.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(tags, filters), ["dc"]);
    assert_eq!(keys(filters, tags), ["host"]);
}

#[test]
fn rate_options_count_only_with_rate() {
    let members = r#""aggregator":"sum","metric":"m","rateOptions":{"counter":true}"#;
    assert_eq!(sub_query(members).unwrap().rate, None);
}

#[test]
fn a_filter_twice_is_one_that_groups_if_either_does() {
    let filters = m("sum:m{host=*}{host=*}").unwrap().filters;
    assert_eq!(filters.len(), 1);
    assert!(filters[0].group_by);
}

#[test]
fn pre_aggregates_are_read_when_a_filter_names_one() {
    let reads = |text| m(text).unwrap().reads_pre_aggregates();
    assert!(reads("sum:m{_aggregate=SUM}"));
    assert!(!reads("sum:m{_aggregate=RAW}"));
    assert!(!reads("sum:m{_aggregate=*}"));
    assert!(!reads("sum:m{host=SUM}"));
}

#[test]
fn duplicates_are_dropped_and_the_rest_is_limited() {
    let many = |text: fn(usize) -> String| {
        let list: Vec<String> = (0..10_000).map(text).collect();
        uri(&format!("start=1h-ago&{}", list.join("&")))
    };
    let same = many(|_| "m=sum:m{host=regexp(a)}".to_owned()).unwrap();
    assert_eq!(same.sub_queries.len(), 1);
    assert_eq!(
        many(|at| format!("m=sum:m{at}")).unwrap_err(),
        RequestError::TooManySubQueries(10_000)
    );
    let two = uri("start=1h-ago&m=sum:a&m=sum:a&m=sum:b")
        .unwrap()
        .sub_queries;
    assert_eq!(
        (two[1].index, &two[1].target),
        (1, &Target::Metric("b".into()))
    );
}

#[test]
fn filters_and_expressions_are_limited() {
    let filters = |count: usize, text: &str| {
        let list: Vec<String> = (0..count).map(|at| format!("k{at}={text}")).collect();
        m(&format!("sum:m{{{}}}", list.join(",")))
    };
    assert!(filters(FILTERS_MAX, "a").is_ok());
    assert_eq!(
        filters(FILTERS_MAX + 1, "a").unwrap_err(),
        RequestError::TooManyFilters(FILTERS_MAX + 1)
    );
    let two = |count: usize| {
        let list: Vec<String> = (0..count)
            .map(|at| format!("m=sum:m{{k=regexp(a{at})}}"))
            .collect();
        uri(&format!("start=1h-ago&{}", list.join("&")))
    };
    assert!(two(PATTERNS_MAX).is_ok());
    assert_eq!(
        two(PATTERNS_MAX + 1).unwrap_err(),
        RequestError::TooManyPatterns
    );
}

#[test]
fn histogram_queries_are_known_as_such() {
    let sub_query = m("sum:percentiles[99.9, 75]:m").unwrap();
    assert_eq!(sub_query.percentiles, ["99.9".into(), "75".into()]);
    assert!(sub_query.is_histogram_query());
    assert!(
        m("sum:show-histogram-buckets:m")
            .unwrap()
            .is_histogram_query()
    );
}

#[test]
fn absurd_moments_are_held_to_the_calendar() {
    let query = uri("start=99999y-ago&end=9223372036854775807ms&m=sum:m").unwrap();
    assert_eq!(query.start.millis(), 0);
    assert_eq!(query.end.millis(), 253_402_300_799_999);
}

proptest! {
    #[test]
    fn any_m_is_an_answer(text in "[a-z0-9:{}=*,()|-]{0,40}") {
        let _answer = m(&text).is_ok();
    }

    #[test]
    fn any_body_is_an_answer(text in r#"[a-z0-9:{}\[\]",*-]{0,60}"#) {
        let _answer = json(&text).is_ok();
    }
}
