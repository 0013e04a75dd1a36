mod properties;
mod rollups;

use penstock_model::{Charset, Timestamp};

use super::*;
use crate::protocol::name_rules::NameRules;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// What becomes of a line: the point in one text, the command's name, or the error line.
fn outcome(line: &str, profile: Profile) -> String {
    match scan_line(line.as_bytes(), profile) {
        Err(error) => error.to_string(),
        Ok(Command::Put(point)) => shown(&point, Verb::Put, profile),
        Ok(Command::Rollup(point)) => shown(&point, Verb::Rollup, profile),
        Ok(Command::Auth(credential)) => {
            format!("<auth {}>", String::from_utf8_lossy(credential.0))
        }
        Ok(other) => format!("<{other:?}>"),
    }
}

/// `metric{k=v, ...} kind @ milliseconds = value`, and the credential behind it.
fn shown(point: &Point<'_>, verb: Verb, profile: Profile) -> String {
    let rules = NameRules {
        profile,
        charset: Charset::OpenTsdb,
    };
    let series = match point.client_series(&rules) {
        Ok(series) => series,
        Err(fault) => {
            return LineError::Point {
                verb,
                fault: Box::new(fault),
            }
            .to_string();
        }
    };
    let tags: Vec<String> = series
        .tags
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    let kind = match &point.kind {
        SeriesKind::Raw => String::new(),
        SeriesKind::Rollup {
            interval,
            aggregator,
        } => format!(" {interval}-{aggregator}"),
        SeriesKind::PreAggregate { group_by } => format!(" {group_by}"),
        SeriesKind::RolledUpPreAggregate {
            interval,
            aggregator,
            group_by,
        } => {
            format!(" {interval}-{aggregator}:{group_by}")
        }
    };
    let credential = point.credential.map_or_else(String::new, |raw| {
        format!(" as {}", String::from_utf8_lossy(raw))
    });
    format!(
        "{}{{{}}}{kind} @ {} = {}{credential}",
        series.metric,
        tags.join(","),
        point.moment(NOW),
        point.value
    )
}

#[track_caller]
fn lenient(line: &str, expected: &str) {
    assert_eq!(outcome(line, Profile::Lenient), expected, "{line:?}");
}

#[track_caller]
fn strict(line: &str, expected: &str) {
    assert_eq!(outcome(line, Profile::OpenTsdb), expected, "{line:?}");
}

#[track_caller]
fn both(line: &str, expected: &str) {
    lenient(line, expected);
    strict(line, expected);
}

#[test]
fn good_points_are_read() {
    both(
        "put m 1346846400 18 host=web01 dc=lga",
        "m{dc=lga,host=web01} @ 1346846400000 = 18",
    );
    // Milliseconds.
    both(
        "put m 1346846400123 1.5 a=b",
        "m{a=b} @ 1346846400123 = 1.5",
    );
    // The largest timestamp of seconds, the smallest and the largest of milliseconds.
    both("put m 4294967295 1 a=b", "m{a=b} @ 4294967295000 = 1");
    both("put m 4294967296 1 a=b", "m{a=b} @ 4294967296 = 1");
    both("put m 9999999999999 1 a=b", "m{a=b} @ 9999999999999 = 1");
    // A dot before three decimals.
    both("put m 1346846400.123 1 a=b", "m{a=b} @ 1346846400123 = 1");
    // Signs and leading zeros.
    both("put m +1346846400 +5 a=b", "m{a=b} @ 1346846400000 = 5");
    both("put m 1346846400 007 a=b", "m{a=b} @ 1346846400000 = 7");
    both("put m 1346846400 -0 a=b", "m{a=b} @ 1346846400000 = 0");
    both("put m 1346846400 -0.0 a=b", "m{a=b} @ 1346846400000 = -0.0");
    // Integers to the last bit.
    both(
        "put m 1 9223372036854775807 a=b",
        "m{a=b} @ 1000 = 9223372036854775807",
    );
    both(
        "put m 1 -9223372036854775808 a=b",
        "m{a=b} @ 1000 = -9223372036854775808",
    );
    // Floating point of every form.
    both("put m 1 .5 a=b", "m{a=b} @ 1000 = 0.5");
    both("put m 1 5. a=b", "m{a=b} @ 1000 = 5.0");
    both("put m 1 1e3 a=b", "m{a=b} @ 1000 = 1000.0");
    both("put m 1 -4.2e10 a=b", "m{a=b} @ 1000 = -42000000000.0");
    both("put m 1 1e-300 a=b", "m{a=b} @ 1000 = 1e-300");
    both("put m 1 12.340 a=b", "m{a=b} @ 1000 = 12.34");
    // The same pair twice is fine.
    both("put m 1 2 a=b a=b", "m{a=b} @ 1000 = 2");
    // Blanks between and after tags are ignored.
    both("put m 1 2 a=b  c=d ", "m{a=b,c=d} @ 1000 = 2");
    // Letters are those of Unicode.
    both("put température 1 2 a=é", "température{a=é} @ 1000 = 2");
}

#[test]
fn the_lenient_framing_is_easy_to_please() {
    // No tags: IoT Lab, VictoriaMetrics; with the trailing blank of Telegraf.
    lenient("put m 1346846400 1", "m{} @ 1346846400000 = 1");
    lenient("put m 1346846400 1 ", "m{} @ 1346846400000 = 1");
    // Runs of blanks and tabs, also before the command.
    lenient("  put  m\t1 \t2   a=b", "m{a=b} @ 1000 = 2");
    // Any letter case.
    lenient("PUT m 1 2 a=b", "m{a=b} @ 1000 = 2");
    lenient("Version", "<Version>");
    lenient("EXIT", "<Exit>");
    lenient("quit", "<Exit>");
    // Seconds with any number of decimals.
    lenient("put m 1356998400.5 1", "m{} @ 1356998400500 = 1");
    lenient("put m 1356998400.123456 1", "m{} @ 1356998400123 = 1");
    lenient("put m 1356998400. 1", "m{} @ 1356998400000 = 1");
    lenient("put m 0.001 1", "m{} @ 1 = 1");
    // KairosDB's milliseconds, and its time to live, which is dropped.
    lenient("putm m 5 1 a=b kairos_opt.ttl=60", "m{a=b} @ 5 = 1");
    lenient("putm m 1346846400000 1", "m{} @ 1346846400000 = 1");
    // More tags than OpenTSDB has.
    lenient(
        "put m 1 2 a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9",
        "m{a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=9} @ 1000 = 2",
    );
    // An empty line.
    lenient("", "<Nothing>");
    lenient(" \t", "<Nothing>");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one case a line")]
fn bad_points_are_refused_in_opentsdbs_words() {
    // Too few words: those after the command are counted.
    strict(
        "put",
        "put: illegal argument: not enough arguments (need least 4, got 0)",
    );
    lenient(
        "put",
        "put: illegal argument: not enough arguments (need least 4, got 0)",
    );
    both(
        "put m",
        "put: illegal argument: not enough arguments (need least 4, got 1)",
    );
    both(
        "put m 1",
        "put: illegal argument: not enough arguments (need least 4, got 2)",
    );
    strict(
        "put m 1 2",
        "put: illegal argument: not enough arguments (need least 4, got 3)",
    );
    // Two blanks make an empty word.
    strict("put  1 2 a=b", "put: illegal argument: empty metric name");
    strict("put m  2 a=b", "put: invalid value: Empty string");
    strict("put m 1  a=b", "put: illegal argument: empty value");
    // Enough words, but the fourth is empty.
    strict(
        "put m 1 2 ",
        "put: illegal argument: Need at least one tag (metric=m, tags={})",
    );
    // Timestamps that are no numbers.
    both(
        "put m notatime 2 a=b",
        "put: invalid value: Invalid character 'n' in notatime",
    );
    both(
        "put m 1e9 2 a=b",
        "put: invalid value: Invalid character 'e' in 1e9",
    );
    both(
        "put m 13é 2 a=b",
        "put: invalid value: Invalid character 'é' in 13é",
    );
    both(
        "put m - 2 a=b",
        "put: invalid value: Just a sign, no value: -",
    );
    both(
        "put m 1.2.3 2 a=b",
        "put: invalid value: Invalid character '.' in 1.2.3",
    );
    both(
        "put m .5 2 a=b",
        "put: invalid value: Invalid character '.' in .5",
    );
    strict(
        "put m 1356998400.5 2 a=b",
        "put: invalid value: Invalid character '.' in 1356998400.5",
    );
    both(
        "put m 99999999999999999999 2 a=b",
        "put: invalid value: Value too long: 99999999999999999999",
    );
    both(
        "put m 9999999999999999999 2 a=b",
        "put: invalid value: Overflow in 9999999999999999999",
    );
    // Timestamps out of range.
    both(
        "put m 0 2 a=b",
        "put: illegal argument: invalid timestamp: 0",
    );
    both(
        "put m -5 2 a=b",
        "put: illegal argument: invalid timestamp: -5",
    );
    both(
        "put m 10000000000000 2 a=b",
        "put: illegal argument: bad timestamp=10000000000000 when trying to add value=2 to metric=m",
    );
    // Values that are no numbers.
    both(
        "put m 1 NaN a=b",
        "put: invalid value: Invalid character 'N' in NaN",
    );
    both(
        "put m 1 0x10 a=b",
        "put: invalid value: Invalid character 'x' in 0x10",
    );
    both(
        "put m 1 1.2.3 a=b",
        "put: invalid value: For input string: \"1.2.3\"",
    );
    both(
        "put m 1 Infinite a=b",
        "put: invalid value: For input string: \"Infinite\"",
    );
    both(
        "put m 1 9223372036854775808 a=b",
        "put: invalid value: Overflow in 9223372036854775808",
    );
    both(
        "put m 1 00000000000000000001 a=b",
        "put: invalid value: Value too long: 00000000000000000001",
    );
    both(
        "put m 1 1e400 a=b",
        "put: illegal argument: value is NaN or Infinite: Infinity for metric=m timestamp=1",
    );
    both(
        "put m 1 -1e400 a=b",
        "put: illegal argument: value is NaN or Infinite: -Infinity for metric=m timestamp=1",
    );
}

#[test]
fn bad_tags_are_refused_in_opentsdbs_words() {
    // No `=`, nothing beside it, two of them.
    both("put m 1 2 host", "put: illegal argument: invalid tag: host");
    both("put m 1 2 =b", "put: illegal argument: invalid tag: =b");
    both("put m 1 2 a=", "put: illegal argument: invalid tag: a=");
    both(
        "put m 1 2 a=b=c",
        "put: illegal argument: invalid tag: a=b=c",
    );
    // One key with two values.
    both(
        "put m 1 2 host=a host=b",
        "put: illegal argument: duplicate tag: host=b, tags={host=a}",
    );
    // Too many.
    strict(
        "put m 1 2 a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9",
        "put: illegal argument: Too many tags: 9 maximum allowed: 8, tags: \
         {a=1, b=2, c=3, d=4, e=5, f=6, g=7, h=8, i=9}",
    );
    // Bad characters.
    both(
        "put m:n 1 2 a=b",
        "put: illegal argument: Invalid metric name (\"m:n\"): illegal character: :",
    );
    both(
        "put m 1 2 k:l=v",
        "put: illegal argument: Invalid tag name with value [v] (\"k:l\"): illegal character: :",
    );
    both(
        "put m 1 2 k=v:w",
        "put: illegal argument: Invalid tag value with key [k] (\"v:w\"): illegal character: :",
    );
    // Only the service sets these.
    both(
        "put m 1 2 __name__=evil",
        "put: illegal argument: Invalid tag name (\"__name__\"): only the service sets it",
    );
    both(
        "put m 1 2 .app=evil",
        "put: illegal argument: Invalid tag name (\".app\"): only the service sets it",
    );
    both(
        "put m 1 2 __interval__=1h",
        "put: illegal argument: Invalid tag name (\"__interval__\"): only the service sets it",
    );
    // A tab is no blank to OpenTSDB.
    strict(
        "put m 1 2 a=b\tc",
        "put: illegal argument: Invalid tag value with key [a] (\"b\\tc\"): illegal character: \t",
    );
}

#[test]
fn of_several_faults_the_first_in_opentsdbs_order_is_told() {
    // Words before metric, metric before time, time before tags, tags before value, value before range.
    strict(
        "put ",
        "put: illegal argument: not enough arguments (need least 4, got 1)",
    );
    strict("put  x  host", "put: illegal argument: empty metric name");
    both(
        "put m x y host",
        "put: invalid value: Invalid character 'x' in x",
    );
    both("put m 1 y host", "put: illegal argument: invalid tag: host");
    both(
        "put m 10000000000000 y a=b",
        "put: invalid value: Invalid character 'y' in y",
    );
    // Number of tags before names.
    strict(
        "put m: 1 2 a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i:=9",
        "put: illegal argument: Too many tags: 9 maximum allowed: 8, tags: \
         {a=1, b=2, c=3, d=4, e=5, f=6, g=7, h=8, i:=9}",
    );
}

#[test]
fn a_line_may_carry_its_credential() {
    both(
        "put m 1 2 ovh.auth=id:key a=b",
        "m{a=b} @ 1000 = 2 as id:key",
    );
    both(
        "put m 1 2 a=b ovh.auth=id:key",
        "m{a=b} @ 1000 = 2 as id:key",
    );
    // collectd: two blanks before it.
    both(
        "put m 1 2 a=b  ovh.auth=id:key dc=lga",
        "m{a=b,dc=lga} @ 1000 = 2 as id:key",
    );
    // It is no tag.
    lenient("put m 1 2 ovh.auth=id:key", "m{} @ 1000 = 2 as id:key");
    strict(
        "put m 1 2 ovh.auth=id:key",
        "put: illegal argument: Need at least one tag (metric=m, tags={})",
    );
    strict(
        "put m 1 2 a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 ovh.auth=k",
        "m{a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8} @ 1000 = 2 as k",
    );
    // An empty one is still a claim.
    both("put m 1 2 a=b ovh.auth=", "m{a=b} @ 1000 = 2 as ");
    // Only a whole key is meant.
    both("put m 1 2 xovh.auth=b", "m{xovh.auth=b} @ 1000 = 2");
    // A second one is never stored and never repeated.
    both(
        "put m 1 2 a=b ovh.auth=id:one ovh.auth=id-two",
        "put: illegal argument: Invalid tag name (\"ovh.auth\"): only the service sets it",
    );
    let twice = "put m 1 2 ovh.auth=i:x ovh.auth=SECRET ovh.auth=OTHER";
    both(
        twice,
        "put: illegal argument: duplicate tag: ovh.auth=[hidden], tags={ovh.auth=[hidden]}",
    );
    both(
        "put m 1 2 ovh.auth=x ovh.auth=a=b",
        "put: illegal argument: invalid tag: ovh.auth=[hidden]",
    );
    both(
        "rollup 1h-sum m 3600 2 ovh.auth=id:key a=b",
        "m{a=b} 1h-sum @ 3600000 = 2 as id:key",
    );
}

#[test]
fn names_in_the_shape_of_a_key_are_neither_stored_nor_repeated() {
    let key = crate::protocol::example_key();
    for (line, role) in [
        (format!("put {key} 1 2 a=b"), "metric name"),
        (format!("put m 1 2 {key}=b"), "tag name"),
        (format!("put m 1 2 a={key}"), "tag value"),
        // A Graphite habit, and the other forms of a credential.
        (format!("put {key}.cpu.load 1 2 a=b"), "metric name"),
        (format!("put id.{key}.cpu 1 2 a=b"), "metric name"),
        (format!("put m 1 2 a=id_{key}"), "tag value"),
        (format!("put m 1 2 a=id{key}"), "tag value"),
    ] {
        both(
            &line,
            &format!(
                "put: illegal argument: Invalid {role}: it looks like the key of a token and was not \
                 stored"
            ),
        );
    }
    for line in [
        format!("put m 1 2 {key}"),
        format!("put m {key} 2 a=b"),
        format!("put m 1 {key} a=b"),
        format!("put m 1 2 a=b a={key}"),
        format!("put m:{key} 1 2 a=b"),
        format!("rollup {key} m 1 2 a=b"),
        format!("id:{key}"),
        key.clone(),
    ] {
        for profile in [Profile::Lenient, Profile::OpenTsdb] {
            let answer = outcome(&line, profile);
            assert!(!answer.contains(&key), "{answer}");
        }
    }
}

#[test]
fn other_commands_are_known_by_their_first_word() {
    both("auth id:key", "<auth id:key>");
    both("auth  id:key ", "<auth id:key>");
    both("auth", "<auth >");
    lenient("AUTH id_key", "<auth id_key>");
    both("version", "<Version>");
    both("version please", "<Version>");
    both("help", "<Help>");
    both("stats", "<Stats>");
    both("dropcaches", "<DropCaches>");
    both("exit", "<Exit>");
    lenient(
        "puts m 1 text a=b",
        "puts: illegal argument: string values are not supported",
    );
    both(
        "histogram m 1356998400 1 AgAAAA== host=a",
        "histogram: illegal argument: Histogram storage has not been enabled. Send each bucket as a point of its own",
    );
}

#[test]
fn unknown_commands_are_named() {
    both("foo", "unknown command: foo.  Try `help'.");
    both("foo bar", "unknown command: foo.  Try `help'.");
    both("diediedie", "unknown command: diediedie.  Try `help'.");
    both("putx m 1 2", "unknown command: putx.  Try `help'.");
    // OpenTSDB wants lower case, no blank before the command, and has no quit, putm or puts.
    strict("Put m 1 2 a=b", "unknown command: Put.  Try `help'.");
    strict(" put m 1 2 a=b", "unknown command: .  Try `help'.");
    strict("", "unknown command: .  Try `help'.");
    strict("quit", "unknown command: quit.  Try `help'.");
    strict("putm m 1 2 a=b", "unknown command: putm.  Try `help'.");
    strict("puts m 1 2 a=b", "unknown command: puts.  Try `help'.");
    // Longer than any command.
    both(
        "averylongcommandword",
        "unknown command: averylongcommandword.  Try `help'.",
    );
}

#[test]
fn the_guides_lines_are_read() {
    // IoT Lab: `put <metric> <timestamp> <value> <tagk1=tagv1[tagk2=tagv2 ...tagkN=tagvN]>`.
    both(
        "put temperature 1442243486 21.3 room=cellar",
        "temperature{room=cellar} @ 1442243486000 = 21.3",
    );
    both(
        "put speed 1442243486123 88 car=5BBM99 ovh.auth=id:key",
        "speed{car=5BBM99} @ 1442243486123 = 88 as id:key",
    );
    // KairosDB: now in milliseconds.
    both(
        "put load.1m 1349109376123 3.5 host=A",
        "load.1m{host=A} @ 1349109376123 = 3.5",
    );
    // VictoriaMetrics.
    both(
        "put foo.bar.baz 1560277292 123 tag1=value1 tag2=value2",
        "foo.bar.baz{tag1=value1,tag2=value2} @ 1560277292000 = 123",
    );
}

#[test]
fn bytes_that_are_no_utf8_are_illegal_characters() {
    let Ok(Command::Put(point)) = scan_line(b"put m\xff 1 2 a=b", Profile::Lenient) else {
        panic!("the framing does not look into names");
    };
    for charset in [Charset::OpenTsdb, Charset::IotLab, Charset::Any] {
        let rules = NameRules {
            profile: Profile::Lenient,
            charset,
        };
        assert_eq!(
            point.client_series(&rules).unwrap_err().to_string(),
            "Invalid metric name (\"m\u{fffd}\"): illegal character: \u{fffd}"
        );
    }
}
