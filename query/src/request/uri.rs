//! The URI form: `start=1h-ago&m=sum:1m-avg:rate:sys.cpu{host=*}{dc=lga}`.
//!
//! ```text
//!   m=     <aggregator>:[<part>:]...<metric>[{<group-by filters>}[{<other filters>}]]
//!   tsuid= <aggregator>:[<part>:]...<tsuid>[,<tsuid>...]
//! ```

use super::RequestError;
use super::raw::{Place, RawFilter, RawQuery, RawSubQuery};
use crate::excerpt::Excerpt;
use crate::rate::RateOptions;

/// Sorts decoded parameters into a raw query. A repeated one: the last counts, but `m` and `tsuid` are lists.
pub(super) fn parse<'a>(
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<RawQuery, RequestError> {
    let mut query = RawQuery::default();
    let (mut metrics, mut tsuids) = (Vec::new(), Vec::new());
    for (name, value) in parameters {
        match name {
            "start" => query.start = Some(value.to_owned()),
            "end" => query.end = Some(value.to_owned()),
            "timezone" => query.zone = Some(value.to_owned()),
            "m" => metrics.push(value),
            "tsuid" => tsuids.push(value),
            "ms" => query.ms_resolution = true,
            "arrays" => query.arrays = true,
            "show_tsuids" => query.show_tsuids = true,
            "show_query" => query.show_query = true,
            "show_stats" => query.show_stats = true,
            "show_summary" => query.show_summary = true,
            _ => {}
        }
    }
    if query.start.as_deref().is_none_or(str::is_empty) {
        return Err(RequestError::MissingStartParameter);
    }
    for text in tsuids {
        query.sub_queries.push(tsuid_query(text)?);
    }
    for text in metrics {
        query.sub_queries.push(metric_query(text)?);
    }
    Ok(query)
}

fn metric_query(text: &str) -> Result<RawSubQuery, RequestError> {
    let (aggregator, parts, target) = split_parts("m", text)?;
    let mut sub_query = RawSubQuery {
        aggregator: Some(aggregator.to_owned()),
        ..RawSubQuery::default()
    };
    parse_metric(target, &mut sub_query)?;
    for part in parts {
        parse_part(part, text, &mut sub_query)?;
    }
    Ok(sub_query)
}

fn tsuid_query(text: &str) -> Result<RawSubQuery, RequestError> {
    let (aggregator, parts, target) = split_parts("tsuid", text)?;
    let mut sub_query = RawSubQuery {
        aggregator: Some(aggregator.to_owned()),
        tsuids: target.split(',').map(str::to_owned).collect(),
        ..RawSubQuery::default()
    };
    for part in parts {
        parse_part(part, text, &mut sub_query)?;
    }
    Ok(sub_query)
}

/// Aggregator, what stands between, and what is read.
fn split_parts<'a>(
    parameter: &'static str,
    text: &'a str,
) -> Result<(&'a str, Vec<&'a str>, &'a str), RequestError> {
    if text.is_empty() {
        return Err(RequestError::EmptySubQuery);
    }
    let mut parts: Vec<&str> = text.split(':').take(6).collect();
    let few_or_many = match parts.len() {
        0 | 1 => Some("not enough"),
        2..=5 => None,
        _ => Some("too many"),
    };
    if let Some(few_or_many) = few_or_many {
        return Err(RequestError::PartCount {
            parameter,
            text: text.into(),
            few_or_many,
        });
    }
    let target = parts.pop().unwrap_or_default();
    let aggregator = parts.remove(0);
    Ok((aggregator, parts, target))
}

fn parse_part(part: &str, text: &str, sub_query: &mut RawSubQuery) -> Result<(), RequestError> {
    let lower = part.to_ascii_lowercase();
    if lower.is_empty() {
        return Err(RequestError::EmptyPart(text.into()));
    } else if lower.starts_with("rate") {
        sub_query.rate = true;
        if part.contains('{') {
            sub_query.rate_options = Some(parse_rate_options(part)?);
        }
    } else if lower.starts_with(|first: char| first.is_ascii_digit()) {
        sub_query.downsample = Some(part.to_owned());
    } else if lower == "pre-agg" {
        sub_query.pre_aggregate = true;
    } else if lower.starts_with("rollup_") {
        sub_query.rollup_usage = Some(part.to_owned());
    } else if lower.starts_with("percentiles") {
        sub_query.percentiles = parse_percentiles(part)?;
    } else if lower.starts_with("show-histogram-buckets") {
        sub_query.show_histogram_buckets = true;
    } else if lower.starts_with("explicit_tags") {
        sub_query.explicit_tags = true;
    }
    Ok(())
}

/// `rate{<kind>[,<max>[,<reset>]]}`
fn parse_rate_options(part: &str) -> Result<RateOptions, RequestError> {
    let refused = || RequestError::RateOptions(part.into());
    let (word, braces) = part.split_once('{').ok_or_else(refused)?;
    let inner = braces.strip_suffix('}').ok_or_else(refused)?;
    if !word.eq_ignore_ascii_case("rate") {
        return Err(refused());
    }
    let options: Vec<&str> = inner.split(',').map(str::trim).collect();
    let number = |at: usize, default: i64| match options.get(at) {
        None | Some(&"") => Ok(default),
        Some(text) => text.parse::<i64>().map_err(|_| Excerpt::from(*text)),
    };
    if options.len() > 3 {
        return Err(RequestError::RateOptionCount(options.len()));
    }
    let kind = options.first().copied().unwrap_or_default();
    Ok(RateOptions {
        counter: kind.ends_with("counter"),
        drop_resets: kind == "dropcounter",
        counter_max: number(1, i64::MAX).map_err(RequestError::CounterMax)?,
        reset_value: number(2, 0).map_err(RequestError::ResetValue)?,
    })
}

fn parse_percentiles(part: &str) -> Result<Vec<String>, RequestError> {
    let refused = || RequestError::Percentiles(part.into());
    let (_, rest) = part.split_once('[').ok_or_else(refused)?;
    let (inner, _) = rest.split_once(']').ok_or_else(refused)?;
    inner
        .split(',')
        .map(|text| match text.trim().parse::<f32>() {
            Ok(_) => Ok(text.trim().to_owned()),
            Err(_) => Err(refused()),
        })
        .collect()
}

/// `<metric>[{<group-by filters>}[{<other filters>}]]`
fn parse_metric(text: &str, sub_query: &mut RawSubQuery) -> Result<(), RequestError> {
    let (metric, braces) = match text.split_once('{') {
        None => (text, None),
        Some((metric, rest)) => {
            let inner = rest
                .strip_suffix('}')
                .ok_or_else(|| RequestError::BraceNotClosed(text.into()))?;
            (metric, Some(inner))
        }
    };
    if metric.is_empty() {
        return Err(RequestError::EmptyMetric);
    }
    sub_query.metric = Some(metric.to_owned());
    let Some(braces) = braces else {
        return Ok(());
    };
    let (first, second) = match braces.split_once('}') {
        None => (braces, ""),
        Some((first, rest)) => {
            let second = rest
                .strip_prefix('{')
                .filter(|second| !second.contains(['{', '}']));
            let second = second.ok_or_else(|| RequestError::BraceNotClosed(text.into()))?;
            (first, second)
        }
    };
    for (braces, place) in [(second, Place::SecondBraces), (first, Place::FirstBraces)] {
        if !braces.is_empty() {
            for text in braces.split(',') {
                sub_query.filters.push(parse_filter(text, place)?);
            }
        }
    }
    Ok(())
}

fn parse_filter(text: &str, place: Place) -> Result<RawFilter, RequestError> {
    let pair = text
        .split_once('=')
        .filter(|(key, value)| !key.is_empty() && !value.is_empty() && !value.contains('='));
    let Some((key, value)) = pair else {
        let text = Excerpt::from(text);
        let reason = format!("invalid tag: {text}");
        return Err(match place {
            Place::SecondBraces => RequestError::Filter { text, reason },
            Place::FirstBraces | Place::Json => RequestError::Tag { text, reason },
        });
    };
    Ok(RawFilter {
        key: key.to_owned(),
        text: value.to_owned(),
        kind: None,
        group_by: place == Place::FirstBraces,
        place,
    })
}
