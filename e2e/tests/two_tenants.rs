//! Two applications with the same names on one server: nothing of one is seen, counted or hinted at through the
//! other's tokens.
//!
//! The same random history is pushed through both, with values that tell whose they are.

use anyhow::{Context, Result, ensure};
use penstock_e2e::{Http, Random, Standalone, Telnet, Token};
use std::collections::BTreeMap;

const STEPS: u64 = 300;

/// Name and number of what one tenant holds: series name, time, value.
type Held = BTreeMap<(String, i64), String>;

struct Tenant {
    writer: Token,
    reader: Token,
    held: Held,
}

impl Tenant {
    fn new(server: &Standalone, name: &str) -> Result<Tenant> {
        let manifests = server.manifests();
        manifests.application(name, "limits: {newSeriesPerHour: 1000}")?;
        manifests.write_token(&format!("{name}-writer"), name, "allow: {delete: true}")?;
        manifests.read_token(&format!("{name}-reader"), name, "")?;
        let writer = server.token(&format!("{name}-writer"))?;
        let reader = server.token(&format!("{name}-reader"))?;
        Ok(Tenant {
            writer,
            reader,
            held: Held::new(),
        })
    }

    /// One step of a history: put by telnet or HTTP, now and then a delete.
    fn step(&mut self, server: &Standalone, random: &mut Random, value: u64) -> Result<()> {
        let (metric, host) = (random.below(4), random.below(5));
        let time = 1_760_000_000 + random.below(50);
        let name = format!("metric.{metric}{{host=h{host}}}");
        let key = (name, i64::try_from(time)? * 1000);
        match random.below(20) {
            0 => {
                let path = format!("/api/v1/admin/tsdb/delete_series?match[]=metric.{metric}");
                let answer =
                    Http::connect(&server.tls()?)?.post(&path, &self.writer.basic(), "")?;
                ensure!(answer.status == 204, "{} {}", answer.status, answer.text());
                let prefix = format!("metric.{metric}{{");
                self.held.retain(|(name, _), _| !name.starts_with(&prefix));
                return Ok(());
            }
            1..10 => {
                let body = format!(
                    r#"{{"metric":"metric.{metric}","timestamp":{time},"value":{value},"tags":{{"host":"h{host}"}}}}"#
                );
                let answer =
                    Http::connect(&server.tls()?)?.post("/api/put", &self.writer.basic(), &body)?;
                ensure!(answer.status == 204, "{} {}", answer.status, answer.text());
            }
            _ => {
                let mut session = Telnet::login(&server.tls()?, &self.writer)?;
                session.send(&format!(
                    "put metric.{metric} {time} {value} host=h{host}\n"
                ))?;
                ensure!(session.finish()?.is_empty(), "telnet complains");
            }
        }
        self.held.insert(key, value.to_string());
        Ok(())
    }

    fn check(&self, server: &Standalone) -> Result<()> {
        let mut seen = Held::new();
        for series in server.export_with(&self.reader, r#"{__name__=~".+"}"#)? {
            let name = series.name();
            seen.extend(
                series
                    .points
                    .into_iter()
                    .map(|(time, value)| ((name.clone(), time), value)),
            );
        }
        ensure!(seen == self.held, "held {:?}\nseen {seen:?}", self.held);
        Ok(())
    }
}

#[test]
fn histories_of_two_tenants_do_not_touch() -> Result<()> {
    let seed = Random::seed();
    let mut server = Standalone::start()?;
    let mut tenants = [
        Tenant::new(&server, "left")?,
        Tenant::new(&server, "right")?,
    ];
    let mut random = Random::new(seed);
    for step in 0..STEPS {
        let index = usize::try_from(random.below(2))?;
        let tenant = tenants.get_mut(index).context("two tenants")?;
        // Even values are left's, odd ones right's.
        let value = step * 2 + u64::try_from(index)?;
        tenant
            .step(&server, &mut random, value)
            .with_context(|| format!("seed {seed}, step {step}"))?;
        if step % 50 == 0 {
            tenants
                .iter()
                .try_for_each(|tenant| tenant.check(&server))
                .with_context(|| format!("seed {seed}, step {step}"))?;
        }
    }
    server.kill()?;
    server.start_again()?;
    tenants
        .iter()
        .try_for_each(|tenant| tenant.check(&server))
        .with_context(|| format!("seed {seed}"))
}

/// What one tenant has used up, paused or mistaken says nothing to the other.
#[test]
fn limits_and_errors_stay_with_their_tenant() -> Result<()> {
    let server = Standalone::start()?;
    let (left, right) = (
        Tenant::new(&server, "left")?,
        Tenant::new(&server, "right")?,
    );
    let point = |number| format!(r#"{{"metric":"m","value":1,"tags":{{"n":"{number}"}}}}"#);
    let body = format!("[{}]", (0..1100).map(point).collect::<Vec<_>>().join(","));
    let post = |token: &Token, body: &str| {
        Http::connect(&server.tls()?)?.post("/api/put", &token.basic(), body)
    };
    assert_eq!(post(&left.writer, &body)?.status, 429);
    assert_eq!(post(&right.writer, &point(0))?.status, 204);
    assert_eq!(server.export_with(&right.reader, "m")?.len(), 1);

    // A token of one with the key of the other is nobody.
    let mixed = Token {
        id: left.writer.id.clone(),
        key: right.writer.key.clone(),
    };
    assert_eq!(post(&mixed, &point(1))?.status, 401);
    // Deleting everything of one leaves the other as it was.
    let answer = Http::connect(&server.tls()?)?.post(
        "/api/v1/admin/tsdb/delete_series?match[]=m",
        &left.writer.basic(),
        "",
    )?;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(server.export_with(&left.reader, "m")?, []);
    assert_eq!(server.export_with(&right.reader, "m")?.len(), 1);
    Ok(())
}
