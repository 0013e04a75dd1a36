use std::time::Duration;

use penstock_model::{Charset, Tags, Timestamp};
use penstock_store::series::{Novelty, SeriesBudget};
use penstock_tenancy::{Allow, OnError, Permission, Profile, TokenState};

use super::*;
use crate::limit::PointLease;
use crate::manual_clock::ManualClock;

/// 2026-01-01T12:00:00Z
const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_000);

struct Story {
    clock: Arc<ManualClock>,
    limits: Quotas,
    application: LedgerApplication,
    token: LedgerToken,
    replicas: u32,
}

impl Story {
    fn new(of_application: ApplicationLimits, of_token: TokenLimits) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let token = LedgerToken {
            id: "AbCdEfGhIjKl".parse().unwrap(),
            namespace: "iot".to_owned(),
            name: "device".to_owned(),
            permission: Permission::Write,
            state: TokenState::Active,
            keys: Vec::new(),
            tags: Tags::default(),
            not_before: None,
            expires_at: None,
            limits: of_token,
            read_limits: penstock_tenancy::ReadLimits::default(),
            allow: Allow::default(),
        };
        let application = LedgerApplication {
            namespace: "iot".to_owned(),
            name: "demo".to_owned(),
            tenant: TenantId::from_bytes([7; 16]),
            profile: Profile::default(),
            charset: Charset::default(),
            on_error: OnError::default(),
            tags: Tags::default(),
            limits: of_application,
            paused: false,
            removed: false,
            tokens: Vec::new(),
        };
        let limits = Quotas::new(Arc::clone(&clock) as Arc<dyn Clock>);
        Self {
            clock,
            limits,
            application,
            token,
            replicas: 1,
        }
    }

    fn grant(&self) -> Arc<GrantLimits> {
        self.limits
            .of(&self.application, &self.token, self.replicas)
    }
}

fn rate(points_per_second: u64, burst: u64) -> ApplicationLimits {
    ApplicationLimits {
        points_per_second,
        burst,
        ..ApplicationLimits::default()
    }
}

fn take(lease: &mut PointLease, most: usize) -> usize {
    (0..most).take_while(|_| lease.take().is_ok()).count()
}

#[test]
fn points_are_counted_against_token_and_application() {
    let of_token = TokenLimits {
        points_per_second: 10,
        burst: 20,
        connections: 0,
    };
    let mut story = Story::new(rate(100, 100), of_token);
    let first = story.grant();
    let mut lease = PointLease::new(Arc::clone(&first));
    assert_eq!(take(&mut lease, 1_000), 20);
    let exceeded = lease.take().unwrap_err();
    assert_eq!(
        exceeded.to_string(),
        "limit pointsPerSecond of token AbCdEfGhIjKl reached: 10 points/s"
    );
    assert_eq!(exceeded.retry_after, Duration::from_millis(100));

    // Another token of the application has what the first left.
    story.token.id = "OtherTokenId".parse().unwrap();
    story.token.limits = TokenLimits::default();
    let mut other = PointLease::new(story.grant());
    assert_eq!(take(&mut other, 1_000), 80);
    let exceeded = other.take().unwrap_err();
    assert_eq!(
        exceeded.to_string(),
        "limit pointsPerSecond of application iot/demo reached: 100 points/s"
    );
    story.clock.advance(Duration::from_secs(1));
    assert_eq!(take(&mut other, 1_000), 100);
}

#[test]
fn what_a_lease_does_not_use_goes_back() {
    let story = Story::new(rate(1, 10_000), TokenLimits::default());
    for _ in 0..10_000 {
        let mut lease = PointLease::new(story.grant());
        lease.take().unwrap();
    }
    assert!(PointLease::new(story.grant()).take().is_err());

    let story = Story::new(rate(1, 100), TokenLimits::default());
    let mut lease = PointLease::new(story.grant());
    assert_eq!(take(&mut lease, 50), 50);
    lease.give_back(50);
    drop(lease);
    assert_eq!(take(&mut PointLease::new(story.grant()), 1_000), 100);
}

#[test]
fn a_ledger_reload_forgives_nothing_and_takes_effect_at_once() {
    let mut story = Story::new(rate(10, 100), TokenLimits::default());
    let before = story.grant();
    let mut lease = PointLease::new(Arc::clone(&before));
    assert_eq!(take(&mut lease, 1_000), 100);

    story.application.limits = rate(50, 100);
    assert!(Arc::ptr_eq(&before, &story.grant()));
    assert!(lease.take().is_err(), "what was used stays used");
    story.clock.advance(Duration::from_secs(1));
    assert_eq!(
        take(&mut lease, 1_000),
        50,
        "the new rate holds for a lease of the old ledger"
    );

    story.application.limits = rate(0, 0);
    story.grant();
    assert_eq!(take(&mut lease, 100_000), 100_000, "no limit");
}

#[test]
fn each_of_several_servers_enforces_its_share() {
    let mut story = Story::new(
        ApplicationLimits {
            connections: 5,
            new_series_per_hour: 4,
            ..rate(10, 0)
        },
        TokenLimits::default(),
    );
    story.replicas = 3;
    let grant = story.grant();
    assert_eq!(take(&mut PointLease::new(Arc::clone(&grant)), 100), 4);
    let _two = [grant.connect().unwrap(), grant.connect().unwrap()];
    assert_eq!(
        grant.connect().unwrap_err().to_string(),
        "limit connections of application iot/demo reached: 5 connections, 2 connections on each of 3 servers"
    );
    assert!(grant.admit(0, Novelty::New).is_ok());
    assert!(grant.admit(1, Novelty::New).is_ok());
    assert_eq!(
        grant.admit(2, Novelty::New).unwrap_err().to_string(),
        "limit newSeriesPerHour of application iot/demo reached: 4 series/h, 2 series/h on each of 3 servers"
    );
}

#[test]
fn connections_count_until_they_end() {
    let of_token = TokenLimits {
        connections: 2,
        ..TokenLimits::default()
    };
    let of_application = ApplicationLimits {
        connections: 3,
        ..ApplicationLimits::default()
    };
    let mut story = Story::new(of_application, of_token);
    let first = story.grant();
    let permits = [first.connect().unwrap(), first.connect().unwrap()];
    assert_eq!(
        first.connect().unwrap_err().owner,
        LimitOwner::Token(story.token.id)
    );
    story.token.id = "OtherTokenId".parse().unwrap();
    let second = story.grant();
    let third = second.connect().unwrap();
    let refused = second.connect().unwrap_err();
    assert_eq!(refused.owner, LimitOwner::Application("iot/demo".into()));
    drop(permits);
    drop(third);
    // Had the refused one been counted against its token, this would be one too many.
    let _two = [second.connect().unwrap(), second.connect().unwrap()];
    assert!(second.connect().is_err());
}

#[test]
fn new_series_are_charged_and_returning_ones_only_checked() {
    let limits = ApplicationLimits {
        active_series: 10,
        new_series_per_hour: 2,
        ..ApplicationLimits::default()
    };
    let story = Story::new(limits, TokenLimits::default());
    let grant = story.grant();
    assert!((0..10).all(|active| grant.admit(active, Novelty::Returning).is_ok()));
    assert!(grant.admit(0, Novelty::New).is_ok());
    assert!(grant.admit(1, Novelty::New).is_ok());
    let exceeded = grant.admit(2, Novelty::New).unwrap_err();
    assert_eq!(exceeded.limit, "newSeriesPerHour");
    assert_eq!(exceeded.retry_after, Duration::from_mins(30));

    let exceeded = grant.admit(10, Novelty::Returning).unwrap_err();
    assert_eq!(
        exceeded.to_string(),
        "limit activeSeries of application iot/demo reached: 10 series"
    );
    assert_eq!(
        exceeded.retry_after,
        Duration::from_hours(12),
        "the day ends at midnight"
    );
}

#[test]
fn a_request_has_a_most_of_points() {
    let limits = ApplicationLimits {
        points_per_request: 3,
        ..ApplicationLimits::default()
    };
    let grant = Story::new(limits, TokenLimits::default()).grant();
    assert!(grant.request_of(3).is_ok());
    assert_eq!(
        grant.request_of(4).unwrap_err().to_string(),
        "limit pointsPerRequest of application iot/demo reached: 3 points"
    );
}

#[test]
fn what_has_left_the_ledger_is_forgotten() {
    let mut story = Story::new(rate(1, 1), TokenLimits::default());
    take(&mut PointLease::new(story.grant()), 1);
    story.application.tokens.push(story.token.clone());
    let ledger = Ledger {
        revision: 1,
        replicas: 1,
        volumes: Vec::new(),
        applications: vec![story.application.clone()],
    };
    story.limits.retain(&ledger);
    assert!(PointLease::new(story.grant()).take().is_err());
    story.limits.retain(&Ledger::default());
    assert!(PointLease::new(story.grant()).take().is_ok());
}
