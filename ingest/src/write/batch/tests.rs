use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use penstock_model::TenantId;
use penstock_tenancy::{Allow, ApplicationLimits, Profile};
use proptest::prelude::*;

use super::*;
use crate::protocol::telnet::{Command, scan_line};
use crate::story::{NOON_S, Story, tags};
use crate::write::RefusalKind;

/// Puts one line of a token; the batch is committed and durable when this returns.
fn put(story: &Story, token: u8, line: &str) -> Result<(), Refusal> {
    let Ok(Command::Put(point) | Command::Rollup(point)) =
        scan_line(line.as_bytes(), Profile::Lenient)
    else {
        panic!("not a point: {line}")
    };
    let grant = story.grant(token);
    let mut batch = story.event_loop.batch();
    let stored = batch.put(&point, &grant, &ExtraLabels::NONE);
    if let Committed::Appended(sequence) = batch.commit() {
        story.store.wait_durable(sequence).unwrap();
    }
    stored
}

#[test]
fn a_batch_that_is_dropped_leaves_nothing_behind() {
    let story = Story::new();
    let Ok(Command::Put(point)) = scan_line(b"put m 1 1", Profile::Lenient) else {
        panic!("not a point")
    };
    story
        .event_loop
        .batch()
        .put(&point, &story.grant(1), &ExtraLabels::NONE)
        .unwrap();
    assert!(matches!(
        story.event_loop.batch().commit(),
        Committed::Nothing
    ));
}

#[test]
fn a_token_writes_only_the_metrics_that_it_may() {
    let story = Story::with(|ledger| {
        ledger.applications[0].tokens[0].allow = Allow {
            metric_prefixes: vec!["sys.".into(), "app.".into()],
            ..Allow::default()
        };
    });
    put(&story, 1, "put sys.cpu 1 1").unwrap();
    let refused = put(&story, 1, "put net.rx 1 1").unwrap_err();
    assert_eq!(refused.kind(), RefusalKind::Data);
    assert_eq!(
        refused.telnet_text(),
        "illegal argument: Invalid metric name (\"net.rx\"): the token may write only what begins with sys., app."
    );
    assert_eq!(story.stored(1).len(), 1);
}

#[test]
fn a_point_that_is_refused_uses_nothing_up() {
    let story = Story::with(|ledger| {
        ledger.applications[0].limits = ApplicationLimits {
            points_per_second: 1,
            burst: 1,
            ..ApplicationLimits::default()
        };
    });
    for _ in 0..10 {
        assert_eq!(
            put(&story, 1, "put m: 1 1").unwrap_err().kind(),
            RefusalKind::Data
        );
        assert_eq!(
            put(&story, 1, "put m 3392231680 1").unwrap_err().kind(),
            RefusalKind::Data
        );
    }
    put(&story, 1, "put m 1 1").unwrap();
    assert_eq!(
        put(&story, 1, "put m 1 1").unwrap_err().kind(),
        RefusalKind::Quota
    );
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A point of an application, `age` hours old.
    Put {
        application: u8,
        metric: u8,
        tags: u8,
        age: u8,
    },
    /// The application forces another tag, or none.
    Force { application: u8, value: u8 },
    /// Hours go by.
    Pass { hours: u8 },
}

/// Spellings of three tag sets: the first two are one set.
const TAGS: [(&str, &[&str]); 4] = [
    ("a=1 b=2", &["a=1", "b=2"]),
    ("b=2  a=1", &["a=1", "b=2"]),
    ("a=1", &["a=1"]),
    ("", &[]),
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u8..=2, 0u8..3, 0u8..4, 0u8..30).prop_map(|(application, metric, tags, age)| Step::Put {
            application,
            metric,
            tags,
            age
        }),
        1 => (1u8..=2, 0u8..3).prop_map(|(application, value)| Step::Force { application, value }),
        1 => (0u8..20).prop_map(|hours| Step::Pass { hours }),
    ]
}

/// What should be stored, without a cache, a registry or a log.
#[derive(Debug, Default)]
struct Model {
    hours: i64,
    forced: BTreeMap<u8, u8>,
    /// By application and series: hour of the sample, value.
    series: BTreeMap<(u8, String), BTreeMap<i64, usize>>,
    /// Series of an application that were written for a day, when it was that day.
    active: BTreeSet<(u8, i64, String)>,
}

impl Model {
    /// Noon is in the middle of day 0.
    fn day(hour: i64) -> i64 {
        (hour + 12).div_euclid(24)
    }

    fn put(&mut self, (application, metric, tags, age): (u8, u8, u8, u8), value: usize) -> String {
        let (written, sorted) = TAGS[usize::from(tags)];
        let mut all: Vec<String> = sorted.iter().map(|&tag| tag.to_owned()).collect();
        match self.forced.get(&application) {
            None | Some(0) => {}
            Some(value) => all.push(format!("site=s{value}")),
        }
        let series = format!("m{metric}{{{}}}", all.join(","));
        let hour = self.hours - i64::from(age);
        self.series
            .entry((application, series.clone()))
            .or_default()
            .insert(hour, value);
        if Self::day(hour) == Self::day(self.hours) {
            self.active.insert((application, Self::day(hour), series));
        }
        format!("put m{metric} {} {value} {written}", NOON_S + hour * 3_600)
    }

    fn stored(&self, application: u8) -> BTreeSet<String> {
        let of = |((owner, _), _): &(&(u8, String), _)| *owner == application;
        self.series
            .iter()
            .filter(of)
            .map(|((_, series), samples)| {
                let samples: Vec<_> = samples
                    .iter()
                    .map(|(h, v)| format!("{}={v}", h * 3_600))
                    .collect();
                format!("{series} {}", samples.join(" "))
            })
            .collect()
    }

    fn active(&self, application: u8) -> u64 {
        let today = Self::day(self.hours);
        let active = self
            .active
            .iter()
            .filter(|(owner, day, _)| (*owner, *day) == (application, today));
        active.count().try_into().unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Two applications with the same names share nothing, a token whose forced tags change writes to other
    /// series from the next point on, and every day counts its own active series: whatever the tables of
    /// known series have seen before.
    #[test]
    fn every_point_lands_in_its_own_series(steps in prop::collection::vec(step(), 1..120)) {
        let mut story = Story::new();
        let mut model = Model::default();
        for (value, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put { application, metric, tags, age } => {
                    let line = model.put((application, metric, tags, age), value);
                    put(&story, application, &line).unwrap();
                }
                Step::Force { application, value } => {
                    model.forced.insert(application, value);
                    let forced = format!("s{value}");
                    let forced = if value == 0 { tags(&[]) } else { tags(&[("site", &forced)]) };
                    let at = usize::from(application) - 1;
                    story.change_ledger(|ledger| ledger.applications[at].tags = forced);
                }
                Step::Pass { hours } => {
                    model.hours += i64::from(hours);
                    story.clock.advance(Duration::from_hours(u64::from(hours)));
                }
            }
            for application in 1..=2 {
                let tenant = TenantId::from_bytes([application; 16]);
                prop_assert_eq!(story.event_loop.active_series(tenant), model.active(application));
            }
        }
        for application in 1..=2 {
            let stored: BTreeSet<String> = story.stored(application).into_iter().collect();
            prop_assert_eq!(stored, model.stored(application));
        }
    }
}
