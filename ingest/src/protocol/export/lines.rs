//! Series as JSON lines: `{"metric":{"__name__":"m","host":"a"},"values":[1,2.5],"timestamps":[1000,2000]}`.
//!
//! Integers come out to the last digit, floating point always with a point or an exponent, NaN as `null`, the
//! infinities as strings. A rollup carries `__interval__`, `__aggregator__` and `__group_by__`, as far as its kind
//! has them.

use std::borrow::Cow;

use penstock_model::{KindParts, SeriesIdentity, SeriesKind, Value};

use crate::protocol::selector::{AGGREGATOR_LABEL, GROUP_BY_LABEL, INTERVAL_LABEL, NAME_LABEL};

/// Renders series after series. It holds one line at most.
#[derive(Debug)]
pub struct LineRenderer {
    rows_max: usize,
    rows: usize,
    /// `{"metric":{...},"values":[`
    head: Vec<u8>,
    values: Vec<u8>,
    times: Vec<u8>,
}

impl LineRenderer {
    /// A renderer of lines of at most `rows_max` samples (at least one); a longer series gets several lines.
    pub fn new(rows_max: usize) -> Self {
        Self {
            rows_max: rows_max.max(1),
            rows: 0,
            head: Vec::new(),
            values: Vec::new(),
            times: Vec::new(),
        }
    }

    /// Begins a series. What is left of the one before must have been taken with [`LineRenderer::end`].
    pub fn begin(&mut self, identity: &SeriesIdentity) {
        self.head.clear();
        self.head.extend_from_slice(b"{\"metric\":{");
        push_pair(&mut self.head, NAME_LABEL, &identity.metric);
        for (label, value) in kind_labels(&identity.kind) {
            self.head.push(b',');
            push_pair(&mut self.head, label, &value);
        }
        for (key, value) in identity.tags.iter() {
            self.head.push(b',');
            push_pair(&mut self.head, key, value);
        }
        self.head.extend_from_slice(b"},\"values\":[");
    }

    /// Adds a sample of the series; a line that is full goes to `out`.
    #[inline]
    pub fn push(&mut self, time_ms: i64, value: Value, out: &mut Vec<u8>) {
        if self.rows > 0 {
            self.values.push(b',');
            self.times.push(b',');
        }
        match value {
            Value::Double(double) if double.is_nan() => self.values.extend_from_slice(b"null"),
            Value::Double(f64::INFINITY) => self.values.extend_from_slice(b"\"Infinity\""),
            Value::Double(f64::NEG_INFINITY) => self.values.extend_from_slice(b"\"-Infinity\""),
            number => number.render(&mut self.values),
        }
        self.times
            .extend_from_slice(itoa::Buffer::new().format(time_ms).as_bytes());
        self.rows += 1;
        if self.rows == self.rows_max {
            self.end(out);
        }
    }

    /// Ends the series: the last line goes to `out`, if there is one.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if self.rows == 0 {
            return;
        }
        out.extend_from_slice(&self.head);
        out.extend_from_slice(&self.values);
        out.extend_from_slice(b"],\"timestamps\":[");
        out.extend_from_slice(&self.times);
        out.extend_from_slice(b"]}\n");
        self.values.clear();
        self.times.clear();
        self.rows = 0;
    }
}

/// The labels of a rollup.
fn kind_labels(kind: &SeriesKind) -> Vec<(&'static str, Cow<'static, str>)> {
    let KindParts {
        interval,
        aggregator,
        group_by,
    } = kind.parts();
    let interval = interval.map(|interval| (INTERVAL_LABEL, Cow::from(interval.to_string())));
    let aggregator = aggregator.map(|function| (AGGREGATOR_LABEL, Cow::from(function.name())));
    let group_by = group_by.map(|function| (GROUP_BY_LABEL, Cow::from(function.name())));
    [interval, aggregator, group_by]
        .into_iter()
        .flatten()
        .collect()
}

fn push_pair(out: &mut Vec<u8>, name: &str, value: &str) {
    push_string(out, name);
    out.push(b':');
    push_string(out, value);
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use penstock_model::{Tags, TenantId};

    use super::*;

    fn identity(kind: SeriesKind) -> SeriesIdentity {
        SeriesIdentity {
            tenant: TenantId::from_bytes([0; 16]),
            kind,
            metric: "foo.bar".into(),
            tags: Tags::from_pairs([("tag2", "a\"b"), ("tag1", "value1")]).unwrap(),
        }
    }

    fn lines(kind: SeriesKind, rows_max: usize, values: &[&str]) -> String {
        let mut out = Vec::new();
        let mut renderer = LineRenderer::new(rows_max);
        renderer.begin(&identity(kind));
        for (at, value) in (1i64..).zip(values) {
            renderer.push(
                at * 1_000,
                Value::parse(value.as_bytes()).unwrap(),
                &mut out,
            );
        }
        renderer.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_series_is_a_line_and_its_numbers_are_exact() {
        assert_eq!(
            lines(
                SeriesKind::Raw,
                10,
                &[
                    "9223372036854775807",
                    "-0",
                    "1e-300",
                    "12.340",
                    "12.0",
                    "-0.0"
                ]
            ),
            "{\"metric\":{\"__name__\":\"foo.bar\",\"tag1\":\"value1\",\"tag2\":\"a\\\"b\"},\
             \"values\":[9223372036854775807,0,1e-300,12.34,12.0,-0.0],\
             \"timestamps\":[1000,2000,3000,4000,5000,6000]}\n"
        );
    }

    #[test]
    fn a_long_series_gets_several_lines_and_an_empty_one_none() {
        let all = lines(SeriesKind::Raw, 2, &["1", "2", "3", "4"]);
        let values: Vec<_> = all
            .lines()
            .map(|line| line.split_once("values").unwrap().1)
            .collect();
        assert_eq!(
            values,
            [
                "\":[1,2],\"timestamps\":[1000,2000]}",
                "\":[3,4],\"timestamps\":[3000,4000]}"
            ]
        );
        assert_eq!(
            lines(SeriesKind::Raw, 2, &["1", "2", "3"]).lines().count(),
            2
        );
        assert_eq!(lines(SeriesKind::Raw, 0, &["1", "2"]).lines().count(), 2);
        assert_eq!(lines(SeriesKind::Raw, 2, &[]), "");
    }

    #[test]
    fn rollups_carry_their_labels() {
        let (interval, sum) = ("1h".parse().unwrap(), "SUM".parse().unwrap());
        let labels = |kind| {
            let line: serde_json::Value = serde_json::from_str(&lines(kind, 1, &["1"])).unwrap();
            ["__interval__", "__aggregator__", "__group_by__"]
                .map(|label| line["metric"][label].as_str().unwrap_or("-").to_owned())
                .join(" ")
        };
        assert_eq!(
            labels(SeriesKind::Rollup {
                interval,
                aggregator: sum
            }),
            "1h sum -"
        );
        assert_eq!(
            labels(SeriesKind::PreAggregate { group_by: sum }),
            "- - sum"
        );
        assert_eq!(
            labels(SeriesKind::RolledUpPreAggregate {
                interval,
                aggregator: sum,
                group_by: sum
            }),
            "1h sum sum"
        );
    }

    #[test]
    fn what_json_has_no_number_for_is_said_otherwise() {
        let mut out = Vec::new();
        let mut renderer = LineRenderer::new(9);
        renderer.begin(&identity(SeriesKind::Raw));
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            renderer.push(0, Value::from_f64(value), &mut out);
        }
        renderer.end(&mut out);
        assert!(
            String::from_utf8(out)
                .unwrap()
                .contains("[null,\"Infinity\",\"-Infinity\"]")
        );
    }
}
