//! What is stored, as the export endpoint prints it: one series a line, numbers untouched.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A series and its points, or a part of it when the server splits lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Metric name.
    pub metric: String,
    /// Tags, without the name.
    pub tags: BTreeMap<String, String>,
    /// Milliseconds and the value exactly as it was printed, ascending by time.
    pub points: Vec<(i64, String)>,
}

impl Series {
    /// Values alone, as printed.
    pub fn values(&self) -> Vec<&str> {
        self.points
            .iter()
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// `name{k=v,k=v}`, for messages and comparisons.
    pub fn name(&self) -> String {
        let tags: Vec<String> = self
            .tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        format!("{}{{{}}}", self.metric, tags.join(","))
    }
}

#[derive(Deserialize)]
struct Line {
    metric: BTreeMap<String, String>,
    values: Vec<Box<RawValue>>,
    timestamps: Vec<i64>,
}

/// Reads the lines of an export.
///
/// # Errors
/// When a line is not of the documented form.
pub fn parse(text: &str) -> Result<Vec<Series>> {
    text.lines()
        .map(|line| parse_line(line).with_context(|| line.to_owned()))
        .collect()
}

fn parse_line(line: &str) -> Result<Series> {
    let Line {
        metric: mut labels,
        values,
        timestamps,
    } = serde_json::from_str(line)?;
    anyhow::ensure!(
        values.len() == timestamps.len(),
        "values and timestamps differ in number"
    );
    let metric = labels.remove("__name__").context("no __name__")?;
    let values = values.iter().map(|value| value.get().to_owned());
    Ok(Series {
        metric,
        tags: labels,
        points: timestamps.into_iter().zip(values).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_they_were_printed() {
        let line = r#"{"metric":{"__name__":"m","a":"b"},"values":[9223372036854775807,1e-300],"timestamps":[1,2]}"#;
        let series = parse(line).unwrap();
        assert_eq!(series[0].name(), "m{a=b}");
        assert_eq!(series[0].values(), ["9223372036854775807", "1e-300"]);
    }
}
