//! How fast lines and bodies become points: scanning, and the fingerprint that finds their series.
//!
//! The data is that of the benchmark: 117 bytes a line, 175 a JSON point, five tags, ten metrics a host. The numbers are
//! in points a second; `cargo bench -p penstock-ingest --bench scan`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench stops at the first surprise"
)]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use penstock_ingest::protocol::export::lines::LineRenderer;
use penstock_ingest::protocol::json::{PutBody, Shape};
use penstock_ingest::protocol::telnet::{Command, Framed, next_line, scan_line};
use penstock_model::{SeriesIdentity, SeriesKind, Tags, TenantId, Value};
use penstock_tenancy::Profile;

const POINTS: u64 = 10_000;
const METRICS: [&str; 10] = [
    "cpu.usage_user",
    "cpu.usage_system",
    "cpu.usage_idle",
    "cpu.usage_iowait",
    "mem.used_bytes",
    "disk.used_percent",
    "load.average",
    "net.bytes_received",
    "net.bytes_sent",
    "redis.latency",
];

/// A point's metric, host, time and value, as text.
fn points() -> impl Iterator<Item = (&'static str, u64, u64, String)> {
    (0..POINTS).map(|i| {
        let metric = METRICS.iter().cycle().nth((i % 10) as usize).unwrap();
        let value = match i % 10 {
            0..=3 => (i * 7_919 % 100).to_string(),
            4 | 7 | 8 => (8_000_000_000 + i * 104_729).to_string(),
            5 | 6 => format!("{}.{:02}", i % 97, i % 89),
            _ => format!("{}.{:03}", i % 13, i % 997),
        };
        (*metric, i / 10, 1_795_608_000 + i / 1_000 * 10, value)
    })
}

fn lines() -> Vec<u8> {
    let mut text = String::new();
    for (metric, host, time, value) in points() {
        writeln!(
            text,
            "put {metric} {time} {value} host=host_{host} region=eu-west-1 datacenter=eu-west-1b \
             rack={} service=mill",
            host % 97
        )
        .unwrap();
    }
    text.into_bytes()
}

fn body() -> Vec<u8> {
    let objects: Vec<String> = points()
        .map(|(metric, host, time, value)| {
            format!(
                "{{\"metric\":\"{metric}\",\"timestamp\":{time},\"value\":{value},\"tags\":{{\"host\":\
                 \"host_{host}\",\"region\":\"eu-west-1\",\"datacenter\":\"eu-west-1b\",\"rack\":\"{}\",\
                 \"service\":\"mill\"}}}}",
                host % 97
            )
        })
        .collect();
    format!("[{}]", objects.join(",")).into_bytes()
}

fn scan_lines(lines: &[u8], profile: Profile) -> u128 {
    let mut rest = lines;
    let mut sum = 0;
    while let Framed::Line { line, taken } = next_line(rest, 4_096) {
        match scan_line(line, profile) {
            Ok(Command::Put(point)) => sum ^= point.fingerprint(),
            other => panic!("{other:?}"),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    sum
}

fn scan_body(body: &[u8]) -> u128 {
    let mut parsed = PutBody::parse(body, Shape::Put).unwrap();
    let mut sum = 0;
    while let Some(element) = parsed.next_element() {
        sum ^= element.check(Profile::Lenient).unwrap().fingerprint();
    }
    sum
}

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Elements(POINTS));
    let plain = lines();
    let with_credential: Vec<u8> = String::from_utf8(plain.clone())
        .unwrap()
        .replace(
            " rack=",
            " ovh.auth=AbCdEfGhIjKl:0123456789abcdef0123456789abcdef rack=",
        )
        .into_bytes();
    group.bench_function("telnet, lenient", |bench| {
        bench.iter(|| scan_lines(black_box(&plain), Profile::Lenient));
    });
    group.bench_function("telnet, OpenTSDB", |bench| {
        bench.iter(|| scan_lines(black_box(&plain), Profile::OpenTsdb));
    });
    group.bench_function("telnet, a credential on each line", |bench| {
        bench.iter(|| scan_lines(black_box(&with_credential), Profile::Lenient));
    });
    let quick = body();
    // One escape in each point: the complete reader.
    let complete: Vec<u8> = String::from_utf8(quick.clone())
        .unwrap()
        .replace("\"mill\"", "\"m\\u0069ll\"")
        .into_bytes();
    group.bench_function("JSON", |bench| bench.iter(|| scan_body(black_box(&quick))));
    group.bench_function("JSON, with an escape in each point", |bench| {
        bench.iter(|| scan_body(black_box(&complete)));
    });
    group.finish();
}

fn render(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Elements(POINTS));
    let identity = SeriesIdentity {
        tenant: TenantId::from_bytes([0; 16]),
        kind: SeriesKind::Raw,
        metric: "cpu.usage_user".into(),
        tags: Tags::from_pairs([("host", "host_1"), ("region", "eu-west-1")]).unwrap(),
    };
    let samples: Vec<(i64, Value)> = points()
        .map(|(_, _, time, value)| {
            (
                time.cast_signed() * 1_000,
                Value::parse(value.as_bytes()).unwrap(),
            )
        })
        .collect();
    group.bench_function("JSON lines", |bench| {
        let mut renderer = LineRenderer::new(1_000);
        let mut out = Vec::new();
        bench.iter(|| {
            out.clear();
            renderer.begin(&identity);
            for (time, value) in &samples {
                renderer.push(*time, *value, &mut out);
            }
            renderer.end(&mut out);
            out.len()
        });
    });
    group.finish();
}

criterion_group!(benches, scan, render);
criterion_main!(benches);
