use penstock_model::{Charset, Tags, TenantId};

use super::*;
use crate::{
    Allow, ApplicationLimits, KeyHash, LedgerKey, OnError, Permission, Profile, Protocol,
    ReadLimits, TokenLimits,
};

pub(crate) fn application(namespace: &str, name: &str, tenant: u8) -> LedgerApplication {
    LedgerApplication {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        tenant: TenantId::from_bytes([tenant; 16]),
        profile: Profile::default(),
        charset: Charset::default(),
        on_error: OnError::default(),
        tags: Tags::default(),
        limits: ApplicationLimits::default(),
        paused: false,
        removed: false,
        tokens: Vec::new(),
    }
}

pub(crate) fn token(id: &str) -> LedgerToken {
    LedgerToken {
        id: id.parse().unwrap(),
        namespace: "team".to_owned(),
        name: id.to_lowercase(),
        permission: Permission::Write,
        state: TokenState::Active,
        keys: vec![LedgerKey {
            hash: KeyHash::of(id.as_bytes()),
            not_after: None,
        }],
        tags: Tags::default(),
        not_before: None,
        expires_at: None,
        limits: TokenLimits::default(),
        read_limits: ReadLimits::default(),
        allow: Allow::default(),
    }
}

fn volume(name: &str) -> LedgerVolume {
    LedgerVolume {
        name: name.to_owned(),
        address: format!("{name}.penstock-ingest.metrics.svc:4242"),
    }
}

/// A ledger in which every field is set.
pub(crate) fn full() -> Ledger {
    let mut mill = application("team", "mill", 2);
    mill.profile = Profile::OpenTsdb;
    mill.charset = Charset::IotLab;
    mill.on_error = OnError::KeepOpen;
    mill.tags = Tags::from_pairs([("site", "paris"), ("line", "a")]).unwrap();
    mill.limits.active_series = 50_000;
    let mut write = token("AbCdEfGhIjK1");
    write.keys.insert(
        0,
        LedgerKey {
            hash: KeyHash::of(b"old"),
            not_after: Some(Timestamp::from_millis(1_800_000_000_000)),
        },
    );
    write.tags = Tags::from_pairs([("fleet", "f1")]).unwrap();
    write.not_before = Some(Timestamp::from_millis(1_700_000_000_000));
    write.expires_at = Some(Timestamp::from_millis(1_900_000_000_000));
    write.limits.points_per_second = 100;
    write.allow = Allow {
        protocols: vec![Protocol::Telnet, Protocol::Http],
        metric_prefixes: vec!["cpu.".to_owned()],
        source_ranges: vec!["192.0.2.0/24".parse().unwrap()],
        delete: true,
    };
    let mut read = token("Rd0000000001");
    read.permission = Permission::Read;
    read.state = TokenState::Paused;
    read.read_limits.max_series = 1_000;
    read.read_limits.queries_per_second = 5;
    mill.tokens = vec![write, read];
    let mut gone = application("other", "gone", 1);
    gone.paused = true;
    gone.removed = true;
    Ledger {
        revision: 41,
        replicas: 3,
        volumes: ["penstock-ingest-0", "penstock-ingest-1"]
            .map(volume)
            .into(),
        applications: vec![gone, mill],
    }
}

#[test]
fn order_of_making_does_not_matter() {
    let ledger = full();
    let mut shuffled = ledger.clone();
    shuffled.applications.reverse();
    shuffled.volumes.reverse();
    for application in &mut shuffled.applications {
        application.tokens.reverse();
    }
    assert!(matches!(shuffled.check(), Err(LedgerFault::Order { .. })));
    shuffled.canonicalize();
    assert_eq!(shuffled, ledger);
    assert_eq!(ledger.check(), Ok(()));
    assert_eq!(ledger.tokens().count(), 2);
}

#[test]
fn a_revision_never_falls() {
    let now = Timestamp::from_millis(1_000);
    assert_eq!(Ledger::next_revision(None, None, now), 1_000);
    assert_eq!(Ledger::next_revision(Some(10), None, now), 1_000);
    assert_eq!(Ledger::next_revision(Some(1_000), None, now), 1_001);
    assert_eq!(Ledger::next_revision(Some(1_000), Some(2_000), now), 2_001);
    assert_eq!(Ledger::next_revision(None, None, Timestamp::MIN), 0);
    assert_eq!(Ledger::next_revision(Some(u64::MAX), None, now), u64::MAX);
}

#[test]
fn each_fault_is_found() {
    let broken = |change: &dyn Fn(&mut Ledger)| {
        let mut ledger = full();
        change(&mut ledger);
        ledger.check().unwrap_err().to_string()
    };
    let told = [
        broken(&|l| l.replicas = 0),
        broken(&|l| l.volumes.swap(0, 1)),
        broken(&|l| l.volumes[1].name.push('/')),
        broken(&|l| l.volumes[0].address.push('x')),
        broken(&|l| l.applications.swap(0, 1)),
        broken(&|l| l.applications[1].tokens.swap(0, 1)),
        broken(&|l| l.applications[1].tenant = l.applications[0].tenant),
        broken(&|l| {
            let taken = l.applications[1].tokens[0].clone();
            l.applications[0].tokens.push(taken);
        }),
        broken(&|l| l.applications[1].tokens[0].keys.clear()),
        broken(&|l| {
            let keys = &mut l.applications[1].tokens[0].keys;
            *keys = vec![keys[0].clone(); 5];
        }),
        broken(&|l| {
            l.applications[1].tags =
                Tags::from_pairs((0..9).map(|i| (format!("k{i}"), "v"))).unwrap();
        }),
        broken(&|l| l.applications[1].limits.body_bytes = 0),
        broken(&|l| l.applications[1].tokens[0].limits.connections = 2_000_000),
    ];
    assert_eq!(
        told,
        [
            "replicas is 0",
            "not in canonical order at the volumes",
            "\"penstock-ingest-1/\" is no name of a volume",
            "volume penstock-ingest-0: \"penstock-ingest-0.penstock-ingest.metrics.svc:4242x\" is no host and port",
            "not in canonical order at the applications",
            "not in canonical order at the tokens of team/mill",
            "team/mill has the tenant of another application",
            "token id AbCdEfGhIjK1 occurs twice",
            "token AbCdEfGhIjK1 has 0 keys, 1 to 4 are allowed",
            "token AbCdEfGhIjK1 has 5 keys, 1 to 4 are allowed",
            "team/mill forces 9 tags, 8 are allowed",
            "team/mill: bodyBytes is 0, 1024 to 1073741824 are allowed",
            "token AbCdEfGhIjK1: connections is 2000000, 0 to 1000000 are allowed",
        ]
    );
}
