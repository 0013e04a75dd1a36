//! What is in an answer, whatever its form: how many numbers, and their sum.

use anyhow::{Context, Result};
use serde_json::Value;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `/api/query`: a map of numbers in each result.
    Query,
    /// `/api/query/last`: a text in each point.
    Last,
    /// An array of texts.
    Names,
    /// `query_range`: lists of time and text in each series.
    Matrix,
    /// `query`: a time and a text in each series.
    Vector,
    /// `label/../values`: an array of texts inside an object.
    Labels,
}

/// The numbers of an answer; of texts only the count.
#[derive(Debug, PartialEq)]
pub(super) struct Tally {
    pub(super) count: usize,
    pub(super) sum: f64,
}

impl Tally {
    /// # Errors
    /// When the answer has not that form.
    pub(super) fn of(answer: &[u8], form: Form) -> Result<Self> {
        let json: Value = serde_json::from_slice(answer)?;
        let numbers = numbers(&json, form).with_context(|| {
            let start = answer.get(..200).unwrap_or(answer);
            format!("no {form:?}: {}", String::from_utf8_lossy(start))
        })?;
        Ok(Self {
            count: numbers.len(),
            sum: numbers.iter().sum(),
        })
    }
}

fn numbers(json: &Value, form: Form) -> Option<Vec<f64>> {
    let series = || json.get("data")?.get("result")?.as_array();
    let mut numbers = Vec::new();
    match form {
        Form::Query => {
            for result in json.as_array()? {
                for number in result.get("dps")?.as_object()?.values() {
                    numbers.push(number.as_f64()?);
                }
            }
        }
        Form::Last => {
            for point in json.as_array()? {
                numbers.push(point.get("value")?.as_str()?.parse().ok()?);
            }
        }
        Form::Names => numbers.resize(json.as_array()?.len(), 0.0),
        Form::Labels => numbers.resize(json.get("data")?.as_array()?.len(), 0.0),
        Form::Matrix => {
            for point in series()?
                .iter()
                .filter_map(|one| one.get("values")?.as_array())
            {
                for pair in point {
                    numbers.push(second(pair)?);
                }
            }
        }
        Form::Vector => {
            for one in series()? {
                numbers.push(second(one.get("value")?)?);
            }
        }
    }
    Some(numbers)
}

/// The number behind a time.
fn second(pair: &Value) -> Option<f64> {
    pair.get(1)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_counted() {
        for (form, answer, count, sum) in [
            (
                Form::Query,
                r#"[{"dps":{"1":1,"2":2.5}},{"dps":{}}]"#,
                2,
                3.5,
            ),
            (Form::Last, r#"[{"value":"1.5"},{"value":"2"}]"#, 2, 3.5),
            (Form::Names, r#"["a","b"]"#, 2, 0.0),
            (Form::Labels, r#"{"data":["a"]}"#, 1, 0.0),
            (
                Form::Matrix,
                r#"{"data":{"result":[{"values":[[1,"1"],[2,"2.5"]]}]}}"#,
                2,
                3.5,
            ),
            (
                Form::Vector,
                r#"{"data":{"result":[{"value":[1,"4"]}]}}"#,
                1,
                4.0,
            ),
        ] {
            let tally = Tally::of(answer.as_bytes(), form).unwrap();
            assert_eq!(tally, Tally { count, sum }, "{form:?}");
        }
        assert!(Tally::of(b"[1]", Form::Query).is_err());
        assert!(Tally::of(br#"{"error":{}}"#, Form::Last).is_err());
    }
}
