//! What OVH's page reads.

use std::fs;

use anyhow::{Context, Result};
use penstock_e2e::{Setup, Standalone};

use crate::{NICE, curl};

/// The file of OVH's guide, letter by letter.
const QUERY: &str = r#"{
    "start": 1346846000000,
    "end": 1346847300005,
    "queries": [{
        "metric": "sys.cpu.nice",
        "aggregator": "min",
        "downsample": "4m-avg",
        "tags": {
            "host": "*",
            "dc": "*"
        }
    }]
}"#;

/// A server that holds [`NICE`], and a URL as OVH's guide writes it, with the reader's whole token as password.
fn with_nice(setup: Setup) -> Result<(Standalone, String)> {
    let server = Standalone::with(setup)?;
    let device = server.token("device")?.single();
    let reader = server.token("reader")?.single();
    let address = server.tls()?.address;
    let put = format!("https://metrics:{device}@{address}/api/put");
    assert_eq!(curl(&server, &["-X", "POST", "-d", NICE, &put])?, "204");
    Ok((server, format!("https://DESC:{reader}@{address}")))
}

#[test]
fn ovh_query_from_a_file() -> Result<()> {
    let (server, url) = with_nice(Setup::default())?;
    let body = server.scratch("query.json");
    fs::write(&body, QUERY)?;
    let data = format!("@{}", body.display());
    let answer = curl(
        &server,
        &["--data-binary", &data, &format!("{url}/api/query")],
    )?;
    assert_eq!(
        answer,
        concat!(
            r#"[{"metric":"sys.cpu.nice","tags":{"dc":"lga","host":"web01"},"aggregateTags":[],"#,
            r#""dps":{"1346846400":18.0}}]200"#
        )
    );
    Ok(())
}

/// The calls that OVH's page lists as supported, by curl: query, GET, POST and DELETE, and last.
#[test]
fn ovh_query_last_and_delete() -> Result<()> {
    let device = "allow: {delete: true}".to_owned();
    let (server, url) = with_nice(Setup {
        device,
        ..Setup::default()
    })?;
    let query = "/api/query?start=1346846000&end=1346847300&m=sum:sys.cpu.nice{host=*}";
    let found = concat!(
        r#"[{"metric":"sys.cpu.nice","tags":{"dc":"lga","host":"web01"},"aggregateTags":[],"#,
        r#""dps":{"1346846400":18}}]200"#
    );
    let ask = |arguments: &[&str], path: &str| {
        let url = format!("{url}{path}");
        curl(&server, &[&["-g"], arguments, &[&url]].concat())
    };
    assert_eq!(ask(&[], query)?, found);
    assert_eq!(
        ask(&["-d", QUERY], "/api/query/")?.matches("18.0").count(),
        1
    );
    let newest = r#""timestamp":1346846400000,"value":"18","#;
    let by_get = ask(&[], "/api/query/last?timeseries=sys.cpu.nice{host=web01}")?;
    let body =
        r#"{"queries":[{"metric":"sys.cpu.nice","tags":{"host":"web01"}}],"resolveNames":true}"#;
    let by_post = ask(&["-d", body], "/api/query/last")?;
    for answer in [by_get, by_post] {
        assert!(
            answer.contains(newest) && answer.ends_with("200"),
            "{answer}"
        );
    }

    // A token that reads does not delete.
    assert!(ask(&["-X", "DELETE"], query)?.ends_with("403"));
    let writer = server.token("device")?.single();
    let delete = format!("https://metrics:{writer}@{}{query}", server.tls()?.address);
    assert_eq!(curl(&server, &["-g", "-X", "DELETE", &delete])?, found);
    assert_eq!(ask(&[], query)?, "[]200");
    Ok(())
}

/// The calls that OVH's page lists as supported, by curl: suggest and look-up, GET and POST.
#[test]
fn ovh_suggest_and_lookup_by_get_and_post() -> Result<()> {
    let (server, url) = with_nice(Setup::default())?;
    let suggest = format!("{url}/api/suggest");
    let answer = curl(&server, &["-G", "-d", "type=metrics", &suggest])?;
    assert_eq!(answer, r#"["sys.cpu.nice"]200"#);
    let body = r#"{"type":"tagv","q":"we","max":10}"#;
    assert_eq!(curl(&server, &["-d", body, &suggest])?, r#"["web01"]200"#);
    let lookup = format!("{url}/api/search/lookup");
    let by_get = curl(
        &server,
        &["-g", &format!("{lookup}?m=sys.cpu.nice{{host=*}}")],
    )?;
    let body = r#"{"metric":"sys.cpu.nice","tags":[{"key":"host","value":"*"}]}"#;
    let by_post = curl(&server, &["-d", body, &lookup])?;
    for answer in [by_get, by_post] {
        let json = answer.strip_suffix("200").with_context(|| answer.clone())?;
        let json: serde_json::Value = serde_json::from_str(json)?;
        assert_eq!(json["totalResults"], 1);
        assert_eq!(json["results"][0]["tags"]["dc"], "lga");
    }
    Ok(())
}
