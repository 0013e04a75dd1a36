use std::sync::Arc;

use penstock_model::Timestamp;
use serde_json::json;

use super::*;
use crate::fake_api::{FakeApi, Fault};

/// Follows tokio's paused clock; its wall clock is as wrong as it is told to be.
#[derive(Debug)]
struct VirtualClock {
    origin: tokio::time::Instant,
    wall_offset: i64,
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let millis = i64::try_from(self.monotonic().as_millis()).unwrap();
        Timestamp::from_millis(1_800_000_000_000 + millis + self.wall_offset)
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

fn candidate(api: &FakeApi, identity: &str, wall_offset: i64) -> Candidate {
    let clock = VirtualClock {
        origin: tokio::time::Instant::now(),
        wall_offset,
    };
    Candidate::new(
        api.client(),
        "metrics",
        "penstock",
        "penstock-operator".to_owned(),
        identity.to_owned(),
        Arc::new(clock),
    )
}

/// Lets virtual time pass, step by step for whoever waits in it.
async fn pass(time: Duration) {
    timeout(time, std::future::pending::<()>())
        .await
        .unwrap_err();
}

fn holder_of(api: &FakeApi) -> Option<String> {
    let lease = api.object("leases", "penstock-operator")?;
    lease["spec"]["holderIdentity"].as_str().map(str::to_owned)
}

fn observation(holder: Option<&str>, since: u64) -> Observation {
    Observation {
        version: Some("1".to_owned()),
        holder: holder.map(str::to_owned),
        since: Duration::from_secs(since),
    }
}

#[test]
fn only_what_is_nobodys_or_has_stood_still_is_taken() {
    let at = Duration::from_secs;
    assert_eq!(decide("a", &observation(None, 5), at(5)), Decision::Take);
    assert_eq!(
        decide("a", &observation(Some("a"), 5), at(5)),
        Decision::Take
    );
    let wait = Decision::Wait("b".to_owned());
    assert_eq!(decide("a", &observation(Some("b"), 5), at(5)), wait);
    assert_eq!(decide("a", &observation(Some("b"), 5), at(19)), wait);
    assert_eq!(
        decide("a", &observation(Some("b"), 5), at(20)),
        Decision::Take
    );
}

#[test]
fn a_version_that_has_not_changed_was_seen_before() {
    let lease = |version: &str| Lease {
        metadata: kube::api::ObjectMeta {
            resource_version: Some(version.to_owned()),
            ..kube::api::ObjectMeta::default()
        },
        spec: None,
    };
    let first = Observation::of(&lease("7"), None, Duration::from_secs(1));
    let later = Duration::from_secs(9);
    assert_eq!(Observation::of(&lease("7"), Some(&first), later), first);
    assert_eq!(
        Observation::of(&lease("8"), Some(&first), later).since,
        later
    );
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_leader_are_these() {
    let api = FakeApi::default();
    let held = candidate(&api, "a", 0).acquire().await.unwrap();
    assert_eq!(holder_of(&api).as_deref(), Some("a"));
    let stopping = CancellationToken::new();
    let keep = tokio::spawn(held.keep(stopping.clone()));
    pass(RENEW_EVERY + Duration::from_secs(1)).await;
    stopping.cancel();
    keep.await.unwrap().unwrap();
    assert_eq!(holder_of(&api), None, "released");
    let lease = "leases/penstock-operator";
    let verbs = ["GET", "PATCH", "PUT", "PUT", "PUT"];
    assert_eq!(api.calls(), verbs.map(|verb| format!("{verb} {lease}")));
}

#[tokio::test(start_paused = true)]
async fn of_two_one_leads_however_far_their_clocks_are_apart() {
    let api = FakeApi::default();
    let hour = 3_600_000;
    let held = candidate(&api, "a", -hour).acquire().await.unwrap();
    let stopping = CancellationToken::new();
    let keep = tokio::spawn(held.keep(stopping.clone()));
    let standby = tokio::spawn(candidate(&api, "b", hour).acquire());
    pass(LEASE_LASTS * 20).await;
    assert_eq!(holder_of(&api).as_deref(), Some("a"));
    assert!(!standby.is_finished() && !keep.is_finished());
    stopping.cancel();
    keep.await.unwrap().unwrap();
    pass(LOOK_EVERY * 2).await;
    assert!(standby.is_finished(), "released, nobody waits");
    assert_eq!(holder_of(&api).as_deref(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_ends_before_anybody_takes_over() {
    let api = FakeApi::default();
    let began = tokio::time::Instant::now();
    let held = candidate(&api, "a", 0).acquire().await.unwrap();
    let standby = candidate(&api, "b", 0);
    let standby = tokio::spawn(async move {
        standby.acquire().await.unwrap();
        tokio::time::Instant::now()
    });
    // The leader's network is gone, the standby's is not: every write of the leader is lost.
    let cut = FakeApi::default();
    cut.put("leases", "penstock-operator", |_| {});
    for call in 0..1_000 {
        cut.fail_at(call, Fault::Lost);
    }
    let held = Held {
        candidate: candidate(&cut, "a", 0),
        ..held
    };
    let error = held.keep(CancellationToken::new()).await.unwrap_err();
    let ended = tokio::time::Instant::now();
    assert!(matches!(error, LeaseError::Missed), "{error}");
    assert!(ended - began <= RENEW_DEADLINE + Duration::from_secs(1));
    let taken = standby.await.unwrap();
    assert!(taken - ended + Duration::from_secs(1) + RENEW_DEADLINE >= LEASE_LASTS);
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_ends_the_leader_and_a_label_does_not() {
    let api = FakeApi::default();
    let mut held = candidate(&api, "a", 0).acquire().await.unwrap();
    let label = |lease: &mut serde_json::Value| lease["metadata"]["labels"]["x"] = json!("y");
    api.put("leases", "penstock-operator", label);
    held.renew().await.unwrap();
    held.renew().await.unwrap();
    api.put("leases", "penstock-operator", |lease| {
        lease["spec"]["holderIdentity"] = json!("b");
    });
    let error = held.renew().await.unwrap_err();
    assert!(matches!(error, LeaseError::Lost(_)), "{error}");
}
