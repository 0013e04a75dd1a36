//! The calls that the back end of Grafana's OpenTSDB data source makes, over TLS, with Basic and with a header.
//!
//! The queries are those of the panels in `examples/grafana`, built as Grafana builds them.

#![expect(
    clippy::indexing_slicing,
    reason = "a member of JSON that is not there is null"
)]

use std::io::Read;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use penstock_e2e::standalone::escape;
use penstock_e2e::{Http, Response, Standalone, Token};
use serde_json::{Value, json};

const DASHBOARD: &str = include_str!("../../examples/grafana/dashboards/greenhouse.json");
const START: i64 = 1_700_000_000;

/// The data source, as Grafana has it configured.
struct DataSource {
    http: Http,
    header: (&'static str, String),
}

impl DataSource {
    fn all(server: &Standalone) -> Result<[DataSource; 2]> {
        let Token { id, key } = server.token("reader")?;
        let basic = penstock_e2e::token::basic(&id, &key);
        let whole = format!("{id}{key}");
        let source = |header| {
            Ok::<_, anyhow::Error>(DataSource {
                http: Http::connect(&server.tls()?)?,
                header,
            })
        };
        Ok([
            source(("Authorization", basic))?,
            source(("X-Warp10-Token", whole))?,
        ])
    }

    /// One call, as Go's client makes it: it asks for gzip and takes it off.
    fn call(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Response> {
        let headers = [
            (self.header.0, self.header.1.as_str()),
            ("User-Agent", "Grafana/11"),
            ("Content-Type", "application/json"),
            ("Accept-Encoding", "gzip"),
        ];
        let mut answer = self.http.request(method, path, &headers, body)?;
        if answer.header("content-encoding") == Some("gzip") {
            let mut plain = Vec::new();
            GzDecoder::new(answer.body.as_slice()).read_to_end(&mut plain)?;
            answer.body = plain;
        }
        Ok(answer)
    }

    fn get(&mut self, path: &str) -> Result<Value> {
        let answer = self.call("GET", path, b"")?;
        ensure!(
            answer.status == 200,
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
        answer.json()
    }

    fn suggest(&mut self, kind: &str, text: &str) -> Result<Value> {
        self.get(&format!(
            "/api/suggest?type={kind}&q={}&max=1000",
            escape(text)
        ))
    }

    /// The tags of the series that a template variable is made of.
    fn look_up(&mut self, query: &str) -> Result<Vec<Value>> {
        let path = format!("/api/search/lookup?m={}&limit=1000", escape(query));
        let answer = self.get(&path)?;
        let results = answer["results"].as_array().context("results")?;
        Ok(results
            .iter()
            .map(|result| result["tags"].clone())
            .collect())
    }

    /// The answer for a data source of version 2.4, in arrays.
    fn query(&mut self, targets: &[Value]) -> Result<Value> {
        self.query_at("/api/query?arrays=true", targets)
    }

    /// And of an older one, in maps.
    fn query_in_maps(&mut self, targets: &[Value]) -> Result<Value> {
        self.query_at("/api/query", targets)
    }

    fn query_at(&mut self, path: &str, targets: &[Value]) -> Result<Value> {
        let queries: Vec<Value> = targets.iter().map(sub_query).collect();
        let body = json!({"start": START, "end": START + 600, "queries": queries});
        let answer = self.call("POST", path, &serde_json::to_vec(&body)?)?;
        ensure!(
            answer.status == 200,
            "{body}: {} {}",
            answer.status,
            answer.text()
        );
        answer.json()
    }
}

/// A sub-query as Grafana's back end makes it of a panel's target.
fn sub_query(target: &Value) -> Value {
    let mut query = json!({"metric": target["metric"], "aggregator": target["aggregator"]});
    let fill = match target["downsampleFillPolicy"].as_str() {
        None | Some("none" | "") => String::new(),
        Some(fill) => format!("-{fill}"),
    };
    if let Some(interval) = target["downsampleInterval"].as_str() {
        let function = target["downsampleAggregator"].as_str().unwrap_or("avg");
        query["downsample"] = format!("{interval}-{function}{fill}").into();
    }
    if target["shouldComputeRate"] == true {
        query["rate"] = true.into();
        query["rateOptions"] = rate_options(target);
    }
    for member in ["tags", "filters", "explicitTags"] {
        if !target[member].is_null() {
            query[member] = target[member].clone();
        }
    }
    query
}

/// A member that is there counts, and is 0 if it is no number.
fn rate_options(target: &Value) -> Value {
    let number = |member: &str| {
        target
            .get(member)
            .map(|value| value.as_f64().unwrap_or_default())
    };
    let (max, reset) = (number("counterMax"), number("counterResetValue"));
    let mut options = json!({"counter": target["isCounter"] == true});
    if let Some(max) = max {
        options["counterMax"] = max.into();
    }
    if let Some(reset) = reset {
        options["resetValue"] = reset.into();
    }
    if max.is_none() && reset.is_none_or(|reset| reset == 0.0) {
        options["dropResets"] = true.into();
    }
    options
}

/// Ten minutes of two rooms; after five the water meters begin again.
fn greenhouse() -> Result<Standalone> {
    let server = Standalone::start()?;
    let mut points = Vec::new();
    for at in 0..60 {
        for (room, degrees) in [("north", 20), ("south", 25)] {
            let time = START + at * 10;
            let tags = json!({"room": room, "site": "home"});
            points.push(json!({"metric": "greenhouse.temperature", "timestamp": time, "value": degrees, "tags": tags}));
            points.push(json!({"metric": "greenhouse.water", "timestamp": time, "value": at % 30 * 30, "tags": tags}));
        }
    }
    let device = server.token("device")?.basic();
    let stored = Http::connect(&server.tls()?)?.post(
        "/api/put",
        &device,
        &Value::from(points).to_string(),
    )?;
    ensure!(stored.status == 204, "{}", stored.text());
    Ok(server)
}

fn targets() -> Result<Vec<Vec<Value>>> {
    let dashboard: Value = serde_json::from_str(DASHBOARD)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let of = |panel: &Value| panel["targets"].as_array().cloned().context("targets");
    panels.iter().map(of).collect()
}

#[test]
fn save_and_test_and_the_editors_lists() -> Result<()> {
    let server = greenhouse()?;
    for mut grafana in DataSource::all(&server)? {
        assert_eq!(grafana.get("/api/suggest?q=cpu&type=metrics")?, json!([]));
        let metrics = json!(["greenhouse.temperature", "greenhouse.water"]);
        assert_eq!(grafana.suggest("metrics", "green")?, metrics);
        assert_eq!(grafana.suggest("tagk", "")?, json!(["room", "site"]));
        assert_eq!(grafana.suggest("tagv", "s")?, json!(["south"]));
        let aggregators = grafana.get("/api/aggregators")?;
        let names = aggregators.as_array().context("a list")?;
        assert!(names.iter().all(Value::is_string) && names.contains(&json!("avg")));
        let filters = grafana.get("/api/config/filters")?;
        assert!(
            filters
                .as_object()
                .context("an object")?
                .contains_key("literal_or")
        );
    }
    Ok(())
}

#[test]
fn template_variables_are_made_of_look_ups() -> Result<()> {
    let server = greenhouse()?;
    for mut grafana in DataSource::all(&server)? {
        let north = json!({"room": "north", "site": "home"});
        let south = json!({"room": "south", "site": "home"});
        let keys = grafana.look_up("greenhouse.temperature")?;
        assert_eq!(keys, [north.clone(), south.clone()]);
        let values = grafana.look_up("greenhouse.temperature{room=*,site=home}")?;
        assert_eq!(values, [north.clone(), south]);
        assert_eq!(
            grafana.look_up("greenhouse.temperature{room=north}")?,
            [north]
        );
    }
    Ok(())
}

#[test]
fn every_panel_of_the_example_shows_what_was_written() -> Result<()> {
    let server = greenhouse()?;
    for mut grafana in DataSource::all(&server)? {
        let panels: Vec<Value> = targets()?
            .iter()
            .map(|targets| grafana.query(targets))
            .collect::<Result<_>>()?;
        let [temperature, rooms, water] = panels.as_slice() else {
            anyhow::bail!("three panels: {panels:?}");
        };
        for result in panels
            .iter()
            .flat_map(|panel| panel.as_array().into_iter().flatten())
        {
            let points = result["dps"].as_array().context("arrays")?;
            let is_point = |point: &Value| point[0].is_i64() && point[1].is_number();
            assert!(
                !points.is_empty() && points.iter().all(is_point),
                "{result}"
            );
            assert!(result["metric"].is_string() && result["aggregateTags"].is_array());
        }
        let by_room: Vec<_> = temperature.as_array().context("a list")?.iter().collect();
        assert_eq!(by_room.len(), 2);
        for result in by_room {
            let degrees = if result["tags"]["room"] == "north" {
                20.0
            } else {
                25.0
            };
            assert_eq!(result["dps"][1][1], degrees, "{result}");
        }
        assert_eq!(rooms[0]["dps"][1][1], 2.0);
        // 30 litres in 10 seconds.
        assert_eq!(water[0]["dps"][2][1], 3.0, "{water}");
        let rates = water[0]["dps"].as_array().context("arrays")?;
        let is_rising = |point: &Value| point[1].as_f64() >= Some(0.0);
        assert!(rates.len() > 5 && rates.iter().all(is_rising), "{water}");
    }
    Ok(())
}

/// Without `arrays` the same points are in maps whose keys are seconds.
#[test]
fn a_data_source_of_an_older_version_gets_maps() -> Result<()> {
    let server = greenhouse()?;
    for mut grafana in DataSource::all(&server)? {
        for targets in targets()? {
            let (maps, arrays) = (grafana.query_in_maps(&targets)?, grafana.query(&targets)?);
            let maps = maps.as_array().context("a list")?;
            let arrays = arrays.as_array().context("a list")?;
            assert_eq!(maps.len(), arrays.len());
            for (map, array) in maps.iter().zip(arrays) {
                let points = map["dps"].as_object().context("an object")?;
                let listed = array["dps"].as_array().context("a list")?;
                assert!(!listed.is_empty());
                assert_eq!(points.len(), listed.len());
                for point in listed {
                    assert_eq!(points[&point[0].to_string()], point[1]);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn explicit_tags_leave_out_what_has_more() -> Result<()> {
    let server = greenhouse()?;
    let target = |filters: Value, explicit: bool| {
        json!({
            "metric": "greenhouse.temperature",
            "aggregator": "sum",
            "downsampleInterval": "1m",
            "downsampleAggregator": "avg",
            "downsampleFillPolicy": "null",
            "filters": filters,
            "explicitTags": explicit,
        })
    };
    let of = |key: &str| json!({"type": "wildcard", "tagk": key, "filter": "*", "groupBy": false});
    for mut grafana in DataSource::all(&server)? {
        let all = grafana.query(&[target(json!([of("room")]), false)])?;
        assert_eq!(all[0]["dps"][1][1], 45.0, "{all}");
        let none = grafana.query(&[target(json!([of("room")]), true)])?;
        assert_eq!(none, json!([]));
        let both = grafana.query(&[target(json!([of("room"), of("site")]), true)])?;
        assert_eq!(both, all);
    }
    Ok(())
}

#[test]
fn a_long_answer_is_compressed() -> Result<()> {
    let server = greenhouse()?;
    let queries = json!([{"metric": "greenhouse.water", "aggregator": "none"}]);
    let body = json!({"start": START, "end": START + 600, "queries": queries});
    let Token { id, key } = server.token("reader")?;
    let basic = penstock_e2e::token::basic(&id, &key);
    let ask = |encoding: &str| {
        let headers = [("Authorization", &*basic), ("Accept-Encoding", encoding)];
        let body = serde_json::to_vec(&body)?;
        Http::connect(&server.tls()?)?.request("POST", "/api/query", &headers, &body)
    };
    let (plain, packed) = (ask("identity")?, ask("gzip")?);
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked)?;
    assert_eq!(unpacked, plain.body);
    assert!(packed.body.len() < plain.body.len() / 2);
    Ok(())
}

#[test]
fn an_error_has_the_message_that_grafana_shows() -> Result<()> {
    let server = greenhouse()?;
    for mut grafana in DataSource::all(&server)? {
        let body = json!({"start": START, "end": START + 1, "queries": [{"metric": "nothing", "aggregator": "avg"}]});
        let answer = grafana.call(
            "POST",
            "/api/query?arrays=true",
            &serde_json::to_vec(&body)?,
        )?;
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.json()?["error"]["message"],
            "No such name for 'metrics': 'nothing'"
        );
    }
    Ok(())
}
