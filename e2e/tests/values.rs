//! Numbers and times come back as they went in, over every way in.

use anyhow::Result;
use penstock_e2e::{Http, Standalone, Telnet};

/// What is sent and what the export prints. Beyond 18 digits it is the nearest double in its shortest form.
const VALUES: [(&str, &str); 14] = [
    ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("9007199254740993", "9007199254740993"),
    ("-0", "0"),
    ("-0.0", "-0.0"),
    ("5.0", "5.0"),
    ("12.340", "12.34"),
    ("1e-300", "1e-300"),
    ("1.5e300", "1.5e300"),
    ("0.123456789012345678", "0.123456789012345678"),
    ("0.12345678901234567890", "0.12345678901234568"),
    ("12345678901234567890.5", "12345678901234567000.0"),
    ("+5", "5"),
    (".5", "0.5"),
];

/// Milliseconds on telnet and over HTTP.
const START: i64 = 1_346_846_400_123;

fn expected() -> Vec<(i64, String)> {
    let printed = VALUES.iter().map(|(_, printed)| (*printed).to_owned());
    (START..).zip(printed).collect()
}

fn check(server: &Standalone, metric: &str) -> Result<()> {
    let stored = server.export(metric)?;
    let points = stored
        .into_iter()
        .flat_map(|series| series.points)
        .collect::<Vec<_>>();
    assert_eq!(points, expected(), "{metric}");
    Ok(())
}

#[test]
fn values_survive_every_way_in_and_a_restart() -> Result<()> {
    let mut server = Standalone::start()?;
    let token = server.token("device")?;

    let mut telnet = Telnet::login(&server.tls()?, &token)?;
    for (time, (sent, _)) in (START..).zip(VALUES) {
        telnet.send(&format!("put by.telnet {time} {sent} a=b\n"))?;
    }
    assert_eq!(telnet.finish()?, "");

    let mut http = Http::connect(&server.tls()?)?;
    for (metric, quote) in [("by.http", ""), ("by.http.quoted", "\"")] {
        // `+5` and `.5` are no JSON numbers: they only pass as strings.
        let bare = |sent: &str| quote.is_empty() && !sent.starts_with(['+', '.']);
        let point = |(time, (sent, _)): (i64, (&str, &str))| {
            let quote = if bare(sent) { "" } else { "\"" };
            format!(
                r#"{{"metric":"{metric}","timestamp":{time},"value":{quote}{sent}{quote},"tags":{{"a":"b"}}}}"#
            )
        };
        let body: Vec<String> = (START..).zip(VALUES).map(point).collect();
        let answer = http.post(
            "/api/put?details",
            &token.basic(),
            &format!("[{}]", body.join(",")),
        )?;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    for metric in ["by.telnet", "by.http", "by.http.quoted"] {
        check(&server, metric)?;
    }
    assert!(server.stop()?.success(), "{}", server.log());
    server.start_again()?;
    for metric in ["by.telnet", "by.http", "by.http.quoted"] {
        check(&server, metric)?;
    }
    Ok(())
}

#[test]
fn the_later_write_to_a_time_wins() -> Result<()> {
    let server = Standalone::start()?;
    let mut telnet = Telnet::login(&server.tls()?, &server.token("device")?)?;
    telnet.send("put m 1346846400 1 a=b\nput m 1346846400000 2.5 a=b\nput m 1346846399 0 a=b\n")?;
    assert_eq!(telnet.finish()?, "");
    let stored = server.export("m")?;
    assert_eq!(stored.len(), 1);
    let points = stored
        .into_iter()
        .flat_map(|series| series.points)
        .collect::<Vec<_>>();
    assert_eq!(
        points,
        [
            (1_346_846_399_000, "0".to_owned()),
            (1_346_846_400_000, "2.5".to_owned())
        ]
    );
    Ok(())
}
