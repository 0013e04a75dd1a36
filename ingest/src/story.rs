//! A server without sockets, for tests: a real store on a simulated disk, a ledger, an event loop.

pub(crate) mod http;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use penstock_model::{Clock, Tags, TenantId, Timestamp};
use penstock_store::Row;
use penstock_store::config::StoreConfig;
use penstock_store::disk::SimDisk;
use penstock_store::error::Pressure;
use penstock_store::series::{KindFilter, Matcher, Selection, SeriesFilter};
use penstock_store::store::Store;
use penstock_tenancy::{Ledger, LedgerApplication, LedgerToken, Permission};

pub(crate) use crate::ledger_fixture::tags;

use crate::auth::{Authenticator, Grant};
use crate::ledger_fixture;
use crate::limit::Quotas;
use crate::manual_clock::ManualClock;
use crate::write::EventLoop;

/// 2026-11-25T12:00:00Z
pub(crate) const NOON: i64 = 1_795_608_000_000;
/// Noon in seconds, as clients write it.
pub(crate) const NOON_S: i64 = NOON / 1_000;

/// Where every peer of a story comes from.
pub(crate) const SOURCE: SocketAddr =
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 40_000));

/// Everything that a connection or request needs.
pub(crate) struct Story {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) disk: Arc<SimDisk>,
    pub(crate) store: Store,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) event_loop: Arc<EventLoop>,
    pub(crate) ledger: Ledger,
}

/// The id and key of the write token that the application of this number has.
pub(crate) fn credential(token: u8) -> String {
    format!("{}:{}", id(token), key(token))
}

fn id(token: u8) -> String {
    format!("TokenNumber{token}")
}

fn key(token: u8) -> String {
    format!("KeyOfTheTokenWithTheNumber0000000{token}")
}

/// A write token of this number.
pub(crate) fn token(number: u8) -> LedgerToken {
    ledger_fixture::token(&id(number), &key(number), Permission::Write)
}

/// An application with the token of its number.
fn application(number: u8) -> LedgerApplication {
    LedgerApplication {
        name: format!("app-{number}"),
        tenant: TenantId::from_bytes([number; 16]),
        tags: Tags::default(),
        tokens: vec![token(number)],
        ..ledger_fixture::ledger(1).applications[0].clone()
    }
}

impl Story {
    /// Application 1 with token 1, application 2 with token 2.
    pub(crate) fn new() -> Self {
        let config = StoreConfig {
            wal_segment_bytes: 1 << 20,
            group_bytes_max: 64 << 10,
            ..StoreConfig::default()
        };
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOON)));
        let as_clock = || Arc::clone(&clock) as Arc<dyn Clock>;
        let disk = Arc::new(SimDisk::new());
        let (store, _) = Store::open(Arc::clone(&disk) as _, as_clock(), config).unwrap();
        let authenticator = Arc::new(Authenticator::new(as_clock(), Quotas::new(as_clock())));
        let event_loop = Arc::new(EventLoop::new(store.clone(), as_clock(), 1 << 20, 42));
        let ledger = Ledger {
            revision: 1,
            replicas: 1,
            volumes: Vec::new(),
            applications: vec![application(1), application(2)],
        };
        authenticator.load(&ledger);
        Self {
            clock,
            disk,
            store,
            authenticator,
            event_loop,
            ledger,
        }
    }

    /// As [`Story::new`], with another ledger.
    pub(crate) fn with(change: impl FnOnce(&mut Ledger)) -> Self {
        let mut new = Self::new();
        new.change_ledger(change);
        new
    }

    /// As [`Story::new`], with read tokens: 3 of application 1, 4 of application 2, and of application 1 also 5, which
    /// sees only `site=paris`, and 6, which sees only metrics that begin with `sys.`.
    pub(crate) fn with_readers() -> Self {
        let reader = |number| LedgerToken {
            permission: Permission::Read,
            ..token(number)
        };
        Self::with(|ledger| {
            let paris = LedgerToken {
                tags: tags(&[("site", "paris")]),
                ..reader(5)
            };
            let mut sys = reader(6);
            sys.allow.metric_prefixes = vec!["sys.".to_owned()];
            let [one, two] = &mut ledger.applications[..] else {
                unreachable!("two applications")
            };
            one.tokens.extend([reader(3), paris, sys]);
            two.tokens.push(reader(4));
        })
    }

    /// Loads the next revision of the ledger.
    pub(crate) fn change_ledger(&mut self, change: impl FnOnce(&mut Ledger)) {
        change(&mut self.ledger);
        self.ledger.revision += 1;
        self.ledger.check().unwrap();
        self.authenticator.load(&self.ledger);
    }

    /// What loads another revision of the ledger, for the middle of a request.
    pub(crate) fn revision(&self, change: impl FnOnce(&mut Ledger)) -> Box<dyn FnOnce() + Send> {
        let mut ledger = self.ledger.clone();
        change(&mut ledger);
        ledger.revision += 1;
        ledger.check().unwrap();
        let authenticator = Arc::clone(&self.authenticator);
        Box::new(move || authenticator.load(&ledger))
    }

    /// What a token may do now.
    pub(crate) fn grant(&self, token: u8) -> Arc<Grant> {
        let credential = penstock_tenancy::Credential::parse(credential(token).as_bytes()).unwrap();
        let protocol = penstock_tenancy::Protocol::Http;
        self.authenticator
            .check(&credential, protocol, SOURCE.ip())
            .unwrap()
    }

    /// Fills the disk, and waits until the store feels it: from then on it takes no point.
    pub(crate) fn fill_disk(&self) {
        self.disk.set_full(true);
        self.until_pressure(Some(Pressure::DiskFull));
    }

    /// Waits until the store pushes back so.
    pub(crate) fn until_pressure(&self, pressure: Option<Pressure>) {
        let wait = async {
            while self.store.pressure() != pressure {
                tokio::task::yield_now().await;
            }
        };
        let waited = self.run(async { tokio::time::timeout(Self::PATIENCE, wait).await });
        waited.expect("the store feels the disk");
    }

    /// Runs something on the loop.
    pub(crate) fn run<T>(&self, story: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(self.delivering(story))
    }

    /// Runs something in a time that passes as soon as everybody sleeps. Not for what waits for the disk.
    pub(crate) fn run_with_paused_time<T>(&self, story: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(self.delivering(story))
    }

    async fn delivering<T>(&self, story: impl Future<Output = T>) -> T {
        tokio::select! {
            result = story => result,
            () = self.event_loop.deliver() => unreachable!("it runs for ever"),
        }
    }

    /// Everything durable of an application, a line a series: `metric{tags} time=value ...`, times in seconds
    /// after noon.
    pub(crate) fn stored(&self, application: u8) -> Vec<String> {
        let kinds = [
            KindFilter::RawOnly,
            KindFilter::Rollups {
                interval: Matcher::any(),
                aggregator: Matcher::any(),
                group_by: Matcher::any(),
            },
        ];
        let selection = Selection {
            tenant: TenantId::from_bytes([application; 16]),
            any_of: kinds
                .into_iter()
                .map(|kind| SeriesFilter {
                    metric: Matcher::any(),
                    kind,
                    tags: Vec::new(),
                })
                .collect(),
        };
        let mut scan = self
            .store
            .scan(&selection, Timestamp::MIN, Timestamp::MAX)
            .unwrap();
        let mut lines = Vec::new();
        let mut rows: Vec<Row> = Vec::new();
        while let Some(mut series) = scan.next_series().unwrap() {
            let identity = series.identity().clone();
            let mut samples = BTreeMap::new();
            while series.next_batch(&mut rows).unwrap() {
                samples.extend(rows.iter().map(|row| (row.time, row.value().to_string())));
            }
            let tags: Vec<_> = identity
                .tags
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            let samples: Vec<_> = samples
                .iter()
                .map(|(t, v)| format!("{}={v}", (t - NOON) / 1_000))
                .collect();
            let kind = match &identity.kind {
                penstock_model::SeriesKind::Raw => String::new(),
                rollup => format!("{rollup:?} "),
            };
            lines.push(format!(
                "{kind}{}{{{}}} {}",
                identity.metric,
                tags.join(","),
                samples.join(" ")
            ));
        }
        lines
    }

    /// How long a story may take before it counts as hanging.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
}
