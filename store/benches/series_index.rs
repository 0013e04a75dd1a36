//! What a million series cost: memory, time to resolve, select, write and load.
//!
//! `cargo bench -p penstock-store --bench series_index [SERIES]`. Ten metrics a host, five tags, as
//! the load generator has them. It prints figures to compare on one machine, and asserts none.

use std::hint::black_box;
use std::io;
use std::sync::Arc;

use penstock_model::{Day, NameRole, SeriesIdentity, SeriesKey, SeriesKind, Tags, TenantId};
use penstock_store::disk::DiskFile;
use penstock_store::series::{
    KindFilter, Matcher, NameScope, NextIds, Selection, SeriesFilter, SeriesRegistry, Unlimited,
};
use penstock_store::{MetricId, Sequence, SeriesId};

const METRICS: [&str; 10] = [
    "cpu.usage_user",
    "cpu.usage_system",
    "cpu.usage_idle",
    "disk.read_ops",
    "mem.used_bytes",
    "mem.percent",
    "net.load_avg",
    "net.rx_bytes",
    "net.tx_bytes",
    "proc.latency_ms",
];
const REGIONS: [&str; 4] = ["eu-west-1", "us-east-1", "ap-south-1", "sa-east-1"];
const TODAY: Day = Day::from_number(20_000);
const FIRST: NextIds = NextIds {
    series: SeriesId(0),
    metric: MetricId(0),
};

fn main() -> io::Result<()> {
    let wanted = std::env::args().find_map(|word| word.parse().ok());
    let keys = keys(wanted.unwrap_or(1_000_000));
    let bench = Bench { series: keys.len() };
    let total: usize = keys.iter().map(|key| key.as_bytes().len()).sum();
    bench.say("bytes a key", total);
    let before = resident_bytes();
    let registry = SeriesRegistry::new(1, FIRST);
    bench.time("resolve, new", || resolve_all(&registry, &keys));
    bench.say(
        "bytes a series, resident",
        resident_bytes().saturating_sub(before),
    );
    bench.say("bytes a series, counted", registry.memory_bytes());
    bench.time("resolve, known, in order", || resolve_all(&registry, &keys));
    let shuffled = shuffled(&keys);
    bench.time("resolve, known, shuffled", || {
        resolve_all(&registry, &shuffled);
    });
    for (name, filter) in filters() {
        let selection = Selection {
            tenant: TenantId::from_bytes([1; 16]),
            any_of: vec![filter],
        };
        bench.time(name, || registry.select(&selection).len());
    }
    suggest(&bench, &registry);
    let mut file = Vec::new();
    bench.time("sort and write a run", || -> io::Result<()> {
        let Some(contents) = registry.unwritten(Sequence(u64::MAX)) else {
            return Ok(());
        };
        let mut sink = |more: &[u8]| {
            file.extend_from_slice(more);
            Ok(())
        };
        registry.write_run(&contents, &mut sink).map(|_| ())
    })?;
    bench.say("bytes a series in a run", file.len());
    let loaded = SeriesRegistry::new(2, registry.next_ids());
    bench.time("load a run", || {
        loaded.load_run(&Bytes(file)).map_err(io::Error::other)
    })?;
    bench.say("bytes a series, loaded", loaded.memory_bytes());
    Ok(())
}

/// What a dashboard's completion asks for: 25 names at a time.
fn suggest(bench: &Bench, registry: &SeriesRegistry) {
    let tenant = TenantId::from_bytes([1; 16]);
    let whole = NameScope::Tenant(tenant);
    let eu = Matcher::Equals("eu-west-1".into());
    let some = Selection {
        tenant,
        any_of: vec![SeriesFilter {
            metric: Matcher::any(),
            kind: KindFilter::RawOnly,
            tags: vec![("region".into(), eu)],
        }],
    };
    for (name, scope, kind, prefix) in [
        (
            "suggest values, first",
            whole,
            NameRole::TagValue,
            "host_77",
        ),
        ("suggest values", whole, NameRole::TagValue, "host_77"),
        ("suggest metrics", whole, NameRole::Metric, "cpu"),
        ("suggest keys", whole, NameRole::TagKey, ""),
        (
            "suggest values, filters",
            NameScope::Series(&some),
            NameRole::TagValue,
            "host_77",
        ),
    ] {
        bench.time(name, || registry.names(scope, kind, prefix, 25).len());
    }
}

fn resolve_all(registry: &SeriesRegistry, keys: &[SeriesKey]) {
    let mut sequence = Sequence::ZERO;
    let mut define = |_: SeriesId, _: MetricId, _: &SeriesKey| {
        sequence = sequence.next();
        sequence
    };
    for key in keys {
        let resolved = registry.resolve(key, TODAY, TODAY, &Unlimited, &mut define);
        black_box(resolved.is_ok());
    }
}

fn keys(count: usize) -> Vec<SeriesKey> {
    let key = |nth: usize| {
        let (host, metric) = (nth / METRICS.len(), nth % METRICS.len());
        let region = REGIONS
            .get(host % REGIONS.len())
            .copied()
            .unwrap_or_default();
        let tags = [
            ("host", format!("host_{host}")),
            ("region", region.to_owned()),
            (
                "dc",
                format!(
                    "{region}{}",
                    char::from(b"abc".get(host % 3).copied().unwrap_or(b'a'))
                ),
            ),
            ("rack", (host % 100).to_string()),
            ("team", format!("team_{}", host % 17)),
        ];
        SeriesIdentity {
            tenant: TenantId::from_bytes([1; 16]),
            kind: SeriesKind::Raw,
            metric: METRICS.get(metric).copied().unwrap_or_default().into(),
            tags: Tags::from_pairs(tags).unwrap_or_default(),
        }
        .to_key()
    };
    (0..count).map(key).collect()
}

/// The same keys in a fixed order without pattern.
fn shuffled(keys: &[SeriesKey]) -> Vec<SeriesKey> {
    let mut keys = keys.to_vec();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for at in (1..keys.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = state % (at as u64 + 1);
        keys.swap(at, usize::try_from(other).unwrap_or_default());
    }
    keys
}

fn filters() -> [(&'static str, SeriesFilter); 5] {
    let filter = |metric: Matcher, tags: Vec<(Box<str>, Matcher)>| SeriesFilter {
        metric,
        kind: KindFilter::RawOnly,
        tags,
    };
    let user = || Matcher::Equals("cpu.usage_user".into());
    let host = || Matcher::Equals("host_77".into());
    let ends = Matcher::Matches(Arc::new(|host: &str| host.ends_with("77")));
    let not = Matcher::NotEquals("team_3".into());
    [
        (
            "select metric, host",
            filter(user(), vec![("host".into(), host())]),
        ),
        (
            "select host",
            filter(Matcher::any(), vec![("host".into(), host())]),
        ),
        (
            "select metric, host of 1 %",
            filter(user(), vec![("host".into(), ends)]),
        ),
        (
            "select metric, not a team",
            filter(user(), vec![("team".into(), not)]),
        ),
        ("select all", filter(Matcher::any(), Vec::new())),
    ]
}

struct Bench {
    series: usize,
}

#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "figures for people"
)]
impl Bench {
    /// CPU time, so that other work on the machine disturbs little.
    fn time<R>(&self, name: &str, work: impl FnOnce() -> R) -> R {
        let start = cpu_nanos();
        let result = work();
        let took = cpu_nanos().saturating_sub(start) as f64;
        let each = took / self.series as f64;
        println!("{name:28} {:10.3} ms {each:9.1} ns a series", took / 1e6);
        result
    }

    fn say(&self, name: &str, bytes: usize) {
        println!("{name:28} {:10.1}", bytes as f64 / self.series as f64);
    }
}

/// What this thread has had of a core.
fn cpu_nanos() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = stat.split_ascii_whitespace().next();
    first.and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kibibytes.unwrap_or(0usize) * 1024
}

/// A file that is only bytes.
#[derive(Debug)]
struct Bytes(Vec<u8>);

impl DiskFile for Bytes {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = self.0.get(start..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}
