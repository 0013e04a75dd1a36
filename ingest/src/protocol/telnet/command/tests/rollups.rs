//! Lines of `rollup`.

use super::*;

#[test]
fn rollups_name_span_and_functions() {
    both(
        "rollup 1h-SUM m 1356998520 18 a=b",
        "m{a=b} 1h-sum @ 1356998400000 = 18",
    );
    both(
        "rollup 1h-sum:max m 1356998520 18 a=b",
        "m{_aggregate=MAX,a=b} 1h-sum:max @ 1356998400000 = 18",
    );
    // A pre-aggregate alone: no span to floor to.
    both(
        "rollup max m 1356998520 18 a=b",
        "m{_aggregate=MAX,a=b} max @ 1356998520000 = 18",
    );
    both(
        "rollup :max m 1 18 a=b",
        "m{_aggregate=MAX,a=b} max @ 1000 = 18",
    );
    // Further pieces are ignored.
    both(
        "rollup 1h-sum:max:min m 3600 1 a=b",
        "m{_aggregate=MAX,a=b} 1h-sum:max @ 3600000 = 1",
    );
    // The client's own tag may say the same, in any letter case.
    both(
        "rollup 1h-sum:max m 3600 1 a=b _aggregate=Max",
        "m{_aggregate=MAX,a=b} 1h-sum:max @ 3600000 = 1",
    );
    // Milliseconds only where the rules are lenient.
    lenient(
        "rollup 1h-sum m 1356998520123 1 a=b",
        "m{a=b} 1h-sum @ 1356998400000 = 1",
    );
    strict(
        "rollup 1h-sum m 1356998520123 1 a=b",
        "rollup: illegal argument: bad timestamp=1356998520123 when trying to add value=1 to metric=m",
    );
    // On a plain put the tag is a tag.
    both("put m 1 2 _aggregate=SUM", "m{_aggregate=SUM} @ 1000 = 2");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one case a line")]
fn bad_rollups_are_refused_in_opentsdbs_words() {
    both(
        "rollup",
        "rollup: illegal argument: not enough arguments (need least 7, got 0)",
    );
    both(
        "rollup 1h-sum m 1",
        "rollup: illegal argument: not enough arguments (need least 7, got 3)",
    );
    strict(
        "rollup 1h-sum m 1 2",
        "rollup: illegal argument: not enough arguments (need least 7, got 4)",
    );
    strict(
        "rollup  m 1 2 a=b",
        "rollup: illegal argument: Missing interval or aggregator",
    );
    both(
        "rollup : m 1 2 a=b",
        "rollup: illegal argument: Missing interval or aggregator",
    );
    both(
        "rollup 1h- m 1 2 a=b",
        "rollup: illegal argument: Aggregator cannot be null or empty.",
    );
    both(
        "rollup 1h-:sum m 1 2 a=b",
        "rollup: illegal argument: Aggregator cannot be null or empty.",
    );
    both(
        "rollup -sum m 1 2 a=b",
        "rollup: illegal argument: Missing interval",
    );
    both(
        "rollup 1x-sum m 1 2 a=b",
        "rollup: No such rollup: No rollups configured for the interval: 1x",
    );
    both(
        "rollup 1h-total m 1 2 a=b",
        "rollup: illegal argument: No ID found mapping to aggregator: total",
    );
    both(
        "rollup 1h-avg m 1 2 a=b",
        "rollup: illegal argument: Derived rollup aggregations are not allowed avg with metric m {a=b}",
    );
    both(
        "rollup dev m 1 2 a=b",
        "rollup: illegal argument: Derived group by aggregations are not allowed dev with metric m {a=b}",
    );
    both(
        "rollup total m 1 2 a=b",
        "rollup: illegal argument: Invalid group by aggregator total with metric m {a=b}",
    );
    both(
        "rollup 1h-sum:max m 1 2 a=b _aggregate=SUM",
        "rollup: illegal argument: Given tag value for _aggregate of SUM did not match the group by \
         aggregator of max for m {a=b, _aggregate=SUM}",
    );
    // A plain rollup has no such tag at all.
    both(
        "rollup 1h-sum m 1 2 _aggregate=SUM",
        "rollup: illegal argument: Given tag value for _aggregate of SUM did not match the group by \
         aggregator of null for m {_aggregate=SUM}",
    );
    // It counts towards the eight.
    strict(
        "rollup max m 1 2 a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8",
        "rollup: illegal argument: Too many tags: 9 maximum allowed: 8, tags: \
         {a=1, b=2, c=3, d=4, e=5, f=6, g=7, h=8, _aggregate=MAX}",
    );
    // Derived functions are refused whether or not a value is bad is known: values come first.
    both(
        "rollup 1h-avg m 1 x a=b",
        "rollup: invalid value: Invalid character 'x' in x",
    );
}
