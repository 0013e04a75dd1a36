use super::*;

fn pod(name: &str, ready: bool) -> PodFacts {
    PodFacts {
        name: name.to_owned(),
        address: Some(IpAddr::from([127, 0, 0, 1])),
        ready,
        incarnation: format!("{name}/1"),
    }
}

const START: Duration = Duration::from_secs(100);

fn at(seconds: u64) -> Duration {
    START + Duration::from_secs(seconds)
}

fn roster(pods: &[PodFacts]) -> Roster {
    let mut roster = Roster::default();
    roster.set(pods.to_vec(), START);
    roster
}

#[test]
fn without_a_ready_pod_nothing_is_handed_out_but_everything_may_be_taken_away() {
    let unknown = Roster::default();
    assert_eq!(unknown.reach(Needs::ReadyPods, at(0)), None);
    assert_eq!(
        unknown.reach(Needs::AllPods, at(0)),
        Some(0),
        "nobody has said that there is none"
    );
    let none = roster(&[]);
    assert_eq!(none.reach(Needs::ReadyPods, at(0)), None);
    assert_eq!(none.reach(Needs::AllPods, at(0)), Some(u64::MAX));
    let starting = roster(&[pod("a", false)]);
    assert_eq!(starting.reach(Needs::ReadyPods, at(60)), None);
    assert_eq!(starting.reach(Needs::AllPods, at(60)), Some(0));
}

#[test]
fn a_new_key_waits_for_a_starting_pod_for_thirty_seconds_and_a_revocation_for_ever() {
    let mut roster = roster(&[pod("a", true), pod("b", false)]);
    roster.confirm("a", "a/1", 7);
    assert_eq!(roster.reach(Needs::ReadyPods, at(29)), Some(0));
    assert_eq!(roster.missing(Needs::ReadyPods, 7, at(29)), ["b"]);
    assert_eq!(roster.next_deadline(at(29)), Some(at(30)));
    assert_eq!(roster.reach(Needs::ReadyPods, at(30)), Some(7));
    assert_eq!(roster.next_deadline(at(30)), None);
    assert_eq!(roster.missing(Needs::AllPods, 7, at(3_000)), ["b"]);
    assert_eq!(roster.counts(7), (1, 2));
    roster.confirm("b", "b/1", 9);
    assert_eq!(roster.reach(Needs::AllPods, at(3_000)), Some(7));
    roster.set([pod("b", false)], at(3_001));
    assert_eq!(
        roster.reach(Needs::AllPods, at(3_001)),
        Some(9),
        "a is gone"
    );
}

#[test]
fn a_container_that_starts_again_must_say_it_again() {
    let mut roster = roster(&[pod("a", true)]);
    roster.confirm("a", "a/1", 7);
    let again = PodFacts {
        incarnation: "a/2".to_owned(),
        ..pod("a", true)
    };
    roster.set([again], at(5));
    assert_eq!(roster.reach(Needs::AllPods, at(5)), Some(0));
    roster.confirm("a", "a/1", 8);
    assert_eq!(
        roster.reach(Needs::AllPods, at(5)),
        Some(0),
        "a late answer"
    );
    roster.confirm("a", "a/2", 7);
    assert_eq!(roster.reach(Needs::AllPods, at(5)), Some(7));
}

#[test]
fn an_older_answer_that_comes_late_takes_nothing_back() {
    let mut roster = roster(&[pod("a", true)]);
    roster.confirm("a", "a/1", 9);
    roster.confirm("a", "a/1", 8);
    roster.confirm("nobody", "a/1", 10);
    assert_eq!(roster.reach(Needs::ReadyPods, at(0)), Some(9));
}
