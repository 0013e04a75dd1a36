//! What is asked, in both languages.
//!
//! An average of a minute is `1m-avg` here: of the points from its first second on, named by that second. There it is
//! `avg_over_time(..[1m])`: of the points behind the second a minute ago, named by its last second. So VictoriaMetrics is
//! asked 50 s later: both average the same six points, and every number must be equal.

use anyhow::{Result, ensure};
use penstock_e2e::standalone::escape;

use super::data::{START_SECONDS, STEP_SECONDS};
use super::tally::{Form, Tally};

const HOUR: u64 = 3_600;
const MINUTE: u64 = 60;

/// An HTTP request and the form of its answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: String,
    pub(super) form: Form,
}

/// How alike two answers must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alike {
    /// As many numbers with the same sum.
    Numbers,
    /// As many of something.
    Count,
    /// The other language cannot ask for so little.
    No,
}

/// One question.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) title: String,
    pub(super) ours: Request,
    pub(super) theirs: Request,
    alike: Alike,
}

impl Question {
    /// Whether both have answered the same.
    pub(super) fn check(&self, ours: &Tally, theirs: &Tally) -> Result<()> {
        if self.alike != Alike::No {
            ensure!(ours.count == theirs.count, "{ours:?} beside {theirs:?}");
        }
        if self.alike == Alike::Numbers {
            let difference = (ours.sum - theirs.sum).abs();
            let is_rounding = difference <= ours.sum.abs() * 1e-9;
            ensure!(is_rounding, "{ours:?} beside {theirs:?}");
        }
        Ok(())
    }
}

impl Request {
    fn get(form: Form, path: String) -> Self {
        Self {
            method: "GET",
            path,
            body: String::new(),
            form,
        }
    }
}

/// How many of the day's series take part.
#[derive(Clone, Copy, Debug)]
enum Part {
    One,
    Tenth,
    All,
}

impl Part {
    const fn title(self) -> &'static str {
        match self {
            Self::One => "1 series",
            Self::Tenth => "100 series",
            Self::All => "1,000 series",
        }
    }

    const fn tag(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::One => Some(("host", "host_7")),
            Self::Tenth => Some(("rack", "rack_3")),
            Self::All => None,
        }
    }
}

/// What comes out of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// The sum of their minutes' averages.
    Sum,
    /// The same for each host.
    ByHost,
    /// The sum of all points.
    Raw,
}

/// Questions about the day.
pub(super) fn of_a_day() -> Vec<Question> {
    let mut questions = Vec::new();
    for part in [Part::One, Part::Tenth, Part::All] {
        for hours in [1, 24] {
            for shape in [Shape::Sum, Shape::ByHost, Shape::Raw] {
                questions.push(over_time(part, hours, shape));
            }
        }
    }
    questions.extend([Part::One, Part::All].map(newest));
    questions
}

fn over_time(part: Part, hours: u64, shape: Shape) -> Question {
    let end = START_SECONDS + 24 * HOUR;
    let step = if shape == Shape::Raw {
        STEP_SECONDS
    } else {
        MINUTE
    };
    let (start, last) = (end - hours * HOUR, end - step);
    let told = match shape {
        Shape::Sum => "1m-avg, sum",
        Shape::ByHost => "1m-avg by host",
        Shape::Raw => "raw sum",
    };
    Question {
        title: format!("{}, {hours} h, {told}", part.title()),
        ours: Request {
            method: "POST",
            path: "/api/query".to_owned(),
            body: query_body(part, shape, start, last),
            form: Form::Query,
        },
        theirs: query_range(part, shape, (start, last, step)),
        alike: Alike::Numbers,
    }
}

/// As Grafana writes it.
fn query_body(part: Part, shape: Shape, start: u64, end: u64) -> String {
    let filter = |kind: &str, key: &str, text: &str, group_by: bool| {
        format!(r#"{{"type":"{kind}","tagk":"{key}","filter":"{text}","groupBy":{group_by}}}"#)
    };
    let by_host = shape == Shape::ByHost;
    let mut filters = Vec::new();
    if by_host {
        filters.push(filter("wildcard", "host", "*", true));
    }
    filters.extend(
        part.tag()
            .map(|(key, value)| filter("literal_or", key, value, false)),
    );
    let downsample = match shape {
        Shape::Raw => "",
        Shape::Sum | Shape::ByHost => r#""downsample":"1m-avg","#,
    };
    format!(
        r#"{{"start":{start},"end":{end},"queries":[{{"metric":"day","aggregator":"sum",{downsample}"filters":[{}]}}]}}"#,
        filters.join(",")
    )
}

fn query_range(part: Part, shape: Shape, (start, end, step): (u64, u64, u64)) -> Request {
    let tag = part
        .tag()
        .map(|(key, value)| format!(r#"{{{key}="{value}"}}"#));
    let series = format!("day{}", tag.unwrap_or_default());
    let query = match shape {
        Shape::Sum => format!("sum(avg_over_time({series}[1m]))"),
        Shape::ByHost => format!("sum(avg_over_time({series}[1m])) by (host)"),
        Shape::Raw => format!("sum({series})"),
    };
    let (start, end) = (start + step - STEP_SECONDS, end + step - STEP_SECONDS);
    let query = escape(&query);
    Request::get(
        Form::Matrix,
        format!("/api/v1/query_range?query={query}&start={start}&end={end}&step={step}&nocache=1"),
    )
}

/// Newest points: ours however old, theirs of the last minutes before a moment.
fn newest(part: Part) -> Question {
    let end = START_SECONDS + 24 * HOUR - STEP_SECONDS;
    let (ours, theirs) = match part.tag() {
        Some((key, value)) => (
            format!("day{{{key}={value}}}"),
            format!(r#"day{{{key}="{value}"}}"#),
        ),
        None => ("day".to_owned(), "day".to_owned()),
    };
    Question {
        title: format!("last, {}", part.title()),
        ours: last(&ours),
        theirs: instant(&theirs, end),
        alike: Alike::Numbers,
    }
}

fn last(series: &str) -> Request {
    let series = escape(series);
    Request::get(
        Form::Last,
        format!("/api/query/last?timeseries={series}&resolve=true"),
    )
}

fn instant(series: &str, time: u64) -> Request {
    let query = escape(series);
    Request::get(
        Form::Vector,
        format!("/api/v1/query?query={query}&time={time}&nocache=1"),
    )
}

/// Questions about the million.
pub(super) fn of_a_million() -> Vec<Question> {
    let range = format!("start={START_SECONDS}&end={}", START_SECONDS + 24 * HOUR);
    let suggest = || {
        Request::get(
            Form::Names,
            "/api/suggest?type=tagv&q=host_77&max=25".to_owned(),
        )
    };
    let selector = escape(r#"many{host=~"host_77.*"}"#);
    vec![
        Question {
            title: "suggest 25 of 1M hosts (theirs: Graphite's auto-complete)".to_owned(),
            ours: suggest(),
            theirs: Request::get(
                Form::Names,
                format!(
                    "/tags/autoComplete/values?tag=host&valuePrefix=host_77&limit=25&from={START_SECONDS}"
                ),
            ),
            alike: Alike::Count,
        },
        Question {
            title: "suggest 25 of 1M hosts (theirs: label values, all that match)".to_owned(),
            ours: suggest(),
            theirs: Request::get(
                Form::Labels,
                format!("/api/v1/label/host/values?match[]={selector}&{range}"),
            ),
            alike: Alike::No,
        },
        Question {
            title: "last, 1 of 1M series".to_owned(),
            ours: last("many{host=host_77}"),
            theirs: instant(r#"many{host="host_77"}"#, START_SECONDS + MINUTE),
            alike: Alike::Numbers,
        },
        Question {
            title: "last, 1M series".to_owned(),
            ours: last("many"),
            theirs: instant("many", START_SECONDS + MINUTE),
            alike: Alike::Numbers,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_ask_for_the_same() {
        let question = over_time(Part::Tenth, 1, Shape::ByHost);
        assert_eq!(question.title, "100 series, 1 h, 1m-avg by host");
        let end = START_SECONDS + 86_400;
        assert_eq!(
            question.ours.body,
            format!(
                r#"{{"start":{},"end":{},"queries":[{{"metric":"day","aggregator":"sum","downsample":"1m-avg","filters":[{{"type":"wildcard","tagk":"host","filter":"*","groupBy":true}},{{"type":"literal_or","tagk":"rack","filter":"rack_3","groupBy":false}}]}}]}}"#,
                end - 3_600,
                end - 60
            )
        );
        let query = escape(r#"sum(avg_over_time(day{rack="rack_3"}[1m])) by (host)"#);
        assert_eq!(
            question.theirs.path,
            format!(
                "/api/v1/query_range?query={query}&start={}&end={}&step=60&nocache=1",
                end - 3_550,
                end - 10
            )
        );
    }

    #[test]
    fn other_numbers_are_no_answer() {
        let question = over_time(Part::One, 1, Shape::Raw);
        let tally = |count, sum| Tally { count, sum };
        assert!(question.check(&tally(2, 5.0), &tally(2, 5.0)).is_ok());
        assert!(question.check(&tally(2, 5.0), &tally(3, 5.0)).is_err());
        assert!(question.check(&tally(2, 5.0), &tally(2, 5.1)).is_err());
    }
}
