use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_model::{SeriesIdentity, SeriesKind, Tags};
use proptest::prelude::*;

use super::*;
use crate::series::budget::Unlimited;
use crate::series::matcher::{KindFilter, Matcher, SeriesFilter};
use crate::series::run::tests::Bytes;

const NEXT: NextIds = NextIds {
    series: SeriesId(0),
    metric: MetricId(0),
};

pub(crate) fn tenant(number: u8) -> TenantId {
    TenantId::from_bytes([number; 16])
}

fn day(number: i32) -> Day {
    Day::from_number(number)
}

fn key(of: u8, metric: &str, tags: &[(&str, &str)]) -> SeriesKey {
    SeriesIdentity {
        tenant: tenant(of),
        kind: SeriesKind::Raw,
        metric: metric.into(),
        tags: Tags::from_pairs(tags.iter().copied()).unwrap(),
    }
    .to_key()
}

/// A registry with a log that only counts.
pub(crate) struct Logged {
    pub(crate) registry: SeriesRegistry,
    last: Cell<u64>,
}

impl Logged {
    pub(crate) fn new() -> Self {
        Self {
            registry: SeriesRegistry::new(7, NEXT),
            last: Cell::new(0),
        }
    }

    fn resolve_within<B: SeriesBudget>(
        &self,
        key: &SeriesKey,
        of: i32,
        today: i32,
        budget: &B,
    ) -> Result<Resolved, B::Refusal> {
        let mut define = |_: SeriesId, _: MetricId, _: &SeriesKey| {
            self.last.set(self.last.get() + 1);
            Sequence(self.last.get())
        };
        self.registry
            .resolve(key, day(of), day(today), budget, &mut define)
    }

    pub(crate) fn resolve(&self, key: &SeriesKey) -> Resolved {
        self.resolve_within(key, 10, 10, &Unlimited).unwrap()
    }

    fn run(&self, up_to: u64) -> Option<Bytes> {
        let contents = self.registry.unwritten(Sequence(up_to))?;
        let mut bytes = Vec::new();
        let summary = self
            .registry
            .write_run(&contents, &mut |more| {
                bytes.extend_from_slice(more);
                Ok(())
            })
            .unwrap();
        assert_eq!(
            usize::try_from(summary.series).unwrap(),
            contents.series.len()
        );
        assert_eq!(
            (summary.first, summary.last),
            (contents.first, contents.last)
        );
        assert_eq!(usize::try_from(summary.bytes).unwrap(), bytes.len());
        Some(Bytes(bytes))
    }
}

/// Refuses all beyond a count; remembers what it was asked.
struct AtMost {
    active: u64,
    asked: Cell<Option<(u64, Novelty)>>,
}

impl AtMost {
    fn new(active: u64) -> Self {
        Self {
            active,
            asked: Cell::new(None),
        }
    }
}

impl SeriesBudget for AtMost {
    type Refusal = &'static str;

    fn admit(&self, active: u64, novelty: Novelty) -> Result<(), &'static str> {
        self.asked.set(Some((active, novelty)));
        if active < self.active {
            Ok(())
        } else {
            Err("too many series")
        }
    }
}

#[test]
fn a_new_series_is_in_the_log_before_anybody_knows_its_id() {
    let registry = SeriesRegistry::new(1, NEXT);
    let wanted = key(1, "m", &[("host", "a")]);
    let mut defined = Vec::new();
    let mut define = |series: SeriesId, metric: MetricId, key: &SeriesKey| {
        defined.push((series, metric, key.clone()));
        Sequence(1)
    };
    let mut resolve = || registry.resolve(&wanted, day(1), day(1), &Unlimited, &mut define);
    let first = resolve().unwrap();
    assert_eq!(resolve(), Ok(first));
    assert_eq!(defined, [(first.series, first.metric, wanted.clone())]);
    assert_eq!(registry.key(first.series), Some(wanted));
    assert_eq!(registry.metric(first.series), Some(first.metric));
}

#[test]
fn a_refused_series_does_not_exist() {
    let logged = Logged::new();
    let (a, b) = (key(1, "m", &[("host", "a")]), key(1, "m", &[("host", "b")]));
    let one = AtMost::new(1);
    let known = logged.resolve_within(&a, 10, 10, &one).unwrap();
    assert_eq!(
        logged.resolve_within(&b, 10, 10, &one),
        Err("too many series")
    );
    assert_eq!(one.asked.take(), Some((1, Novelty::New)));
    assert_eq!((logged.registry.len(), logged.last.get()), (1, 1));
    assert_eq!(logged.resolve_within(&a, 10, 10, &one), Ok(known));
    assert_eq!(one.asked.take(), None, "it is counted already");
    let next = logged.registry.next_ids();
    assert_eq!((next.series, next.metric), (SeriesId(1), MetricId(1)));
}

#[test]
fn a_series_that_returns_on_a_new_day_is_asked_for_once() {
    let logged = Logged::new();
    let a = key(1, "m", &[]);
    let budget = AtMost::new(1);
    logged.resolve_within(&a, 9, 10, &budget).unwrap();
    assert_eq!(budget.asked.take(), Some((0, Novelty::New)));
    assert_eq!(logged.registry.active_series(tenant(1), day(10)), 0);
    logged.resolve_within(&a, 8, 10, &budget).unwrap();
    assert_eq!(budget.asked.take(), None, "late points count for no day");
    logged.resolve_within(&a, 10, 10, &budget).unwrap();
    assert_eq!(budget.asked.take(), Some((0, Novelty::Returning)));
    assert_eq!(logged.registry.active_series(tenant(1), day(10)), 1);
    let none = AtMost::new(0);
    assert_eq!(logged.resolve_within(&a, 10, 10, &none).map(|_| ()), Ok(()));
    assert!(logged.resolve_within(&a, 11, 11, &none).is_err());
    assert_eq!(logged.registry.active_series(tenant(1), day(11)), 0);
}

#[test]
fn recovery_counts_what_it_finds_of_today() {
    let logged = Logged::new();
    let ids: Vec<SeriesId> = ["a", "b", "c"]
        .iter()
        .map(|host| logged.resolve_within(&key(1, "m", &[("host", host)]), 9, 9, &Unlimited))
        .map(|resolved| resolved.unwrap().series)
        .collect();
    let registry = &logged.registry;
    registry.mark_active(ids.iter().copied().take(2), day(10), day(10));
    registry.mark_active([ids[0], SeriesId(99)], day(10), day(10));
    registry.mark_active([ids[2]], day(9), day(10));
    assert_eq!(registry.active_series(tenant(1), day(10)), 2);
    assert_eq!(registry.active_series(tenant(2), day(10)), 0);
}

#[test]
fn threads_that_meet_at_a_new_series_agree() {
    let registry = SeriesRegistry::new(3, NEXT);
    let sequence = std::sync::atomic::AtomicU64::new(0);
    let keys: Vec<SeriesKey> = (0..200)
        .map(|n| key(n % 2, "m", &[("n", &(n / 2).to_string())]))
        .collect();
    let resolve_all = || {
        let mut define = |_: SeriesId, _: MetricId, _: &SeriesKey| {
            Sequence(sequence.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1)
        };
        keys.iter()
            .map(|key| registry.resolve(key, day(1), day(1), &Unlimited, &mut define))
            .collect::<Result<Vec<_>, _>>()
            .unwrap()
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(resolve_all)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!((registry.len(), sequence.into_inner()), (200, 200));
    assert_eq!(registry.active_series(tenant(0), day(1)), 100);
}

#[test]
fn replay_takes_the_same_definition_again_but_no_other() {
    let registry = SeriesRegistry::new(3, NEXT);
    let (a, b) = (key(1, "m", &[("h", "a")]), key(1, "n", &[("h", "a")]));
    let insert = |series, metric, key: &SeriesKey, sequence| {
        registry.insert_replayed(SeriesId(series), MetricId(metric), key, Sequence(sequence))
    };
    insert(5, 2, &a, 1).unwrap();
    insert(5, 2, &a, 2).unwrap();
    assert!(insert(5, 3, &a, 3).is_err(), "another metric id");
    assert!(insert(6, 2, &a, 4).is_err(), "another series id");
    assert!(insert(5, 3, &b, 5).is_err(), "an id that is taken");
    assert!(insert(6, 2, &b, 6).is_err(), "a metric id that is taken");
    // A series may come after one with a higher id.
    insert(3, 7, &b, 7).unwrap();
    let next = registry.next_ids();
    assert_eq!((next.series, next.metric), (SeriesId(6), MetricId(8)));
    let mut metrics = Vec::new();
    registry
        .metrics_of(&[SeriesId(3), SeriesId(5)], &mut metrics)
        .unwrap();
    assert_eq!(metrics, [MetricId(7), MetricId(2)]);
    let unknown = registry.metrics_of(&[SeriesId(3), SeriesId(4)], &mut metrics);
    assert_eq!(unknown, Err(UnknownSeries(SeriesId(4))));
}

#[test]
fn what_is_written_is_not_written_again() {
    let logged = Logged::new();
    for host in ["c", "a", "b"] {
        logged.resolve(&key(1, "m", &[("h", host)]));
    }
    let first_two = logged.registry.unwritten(Sequence(2)).unwrap();
    assert_eq!(first_two.series, [SeriesId(1), SeriesId(0)]);
    assert_eq!(
        (first_two.first, first_two.last),
        (Sequence(1), Sequence(2))
    );
    logged.registry.mark_written(Sequence(2));
    let third = logged.registry.unwritten(Sequence(9)).unwrap();
    assert_eq!((third.first, third.last), (Sequence(3), Sequence(3)));
    logged.registry.mark_written(Sequence(9));
    assert_eq!(logged.registry.unwritten(Sequence(9)), None);
}

fn kind() -> impl Strategy<Value = SeriesKind> {
    let (interval, sum, max) = (
        "1h".parse().unwrap(),
        "sum".parse().unwrap(),
        "max".parse().unwrap(),
    );
    prop_oneof![
        4 => Just(SeriesKind::Raw),
        1 => Just(SeriesKind::Rollup { interval, aggregator: sum }),
        1 => Just(SeriesKind::PreAggregate { group_by: max }),
        1 => Just(SeriesKind::RolledUpPreAggregate { interval, aggregator: max, group_by: sum }),
    ]
}

pub(crate) fn identity() -> impl Strategy<Value = SeriesIdentity> {
    (
        0u8..2,
        kind(),
        "m|n|mm",
        proptest::collection::btree_map("a|b|ab", "x|y|xy|xz", 0..4),
    )
        .prop_map(|(of, kind, metric, tags)| SeriesIdentity {
            tenant: tenant(of),
            kind,
            metric: metric.into(),
            tags: Tags::from_pairs(tags).unwrap(),
        })
}

fn matcher(text: &'static str) -> impl Strategy<Value = Matcher> {
    let one = || text.prop_map(String::into_boxed_str);
    prop_oneof![
        one().prop_map(Matcher::Equals),
        one().prop_map(Matcher::NotEquals),
        proptest::collection::vec(one(), 0..3).prop_map(Matcher::OneOf),
        Just(Matcher::any()),
        text.prop_map(|part| Matcher::Matches(Arc::new(move |text| text.contains(&part)))),
        (0usize..4).prop_map(|n| Matcher::Matches(Arc::new(move |text| text.len() != n))),
    ]
}

pub(crate) fn filter() -> impl Strategy<Value = SeriesFilter> {
    let kind = prop_oneof![
        3 => Just(KindFilter::RawOnly),
        1 => (matcher("1h|"), matcher("sum|max|"), matcher("sum|max|")).prop_map(
            |(interval, aggregator, group_by)| KindFilter::Rollups { interval, aggregator, group_by }
        ),
    ];
    let tag = (
        "a|b|ab|c".prop_map(String::into_boxed_str),
        matcher("x|y|xy|q|"),
    );
    (
        matcher("m|n|mm|q|"),
        kind,
        proptest::collection::vec(tag, 0..3),
    )
        .prop_map(|(metric, kind, tags)| SeriesFilter { metric, kind, tags })
}

pub(crate) fn passes(filter: &SeriesFilter, identity: &SeriesIdentity) -> bool {
    filter.kind.accepts(&identity.kind)
        && filter.metric.accepts(&identity.metric)
        && filter
            .tags
            .iter()
            .all(|(key, matcher)| matcher.accepts(identity.tags.get(key).unwrap_or_default()))
}

/// The registry as a map would be.
#[derive(Default)]
struct Model {
    ids: BTreeMap<SeriesKey, Resolved>,
    active: [u64; 2],
}

impl Model {
    fn select(&self, selection: &Selection) -> Vec<SeriesId> {
        let wanted = |key: &SeriesKey| {
            let identity = key.decode().unwrap();
            identity.tenant == selection.tenant
                && selection.any_of.iter().any(|one| passes(one, &identity))
        };
        let found = self.ids.iter().filter(|(key, _)| wanted(key));
        found.map(|(_, resolved)| resolved.series).collect()
    }
}

fn assert_agrees(registry: &SeriesRegistry, model: &Model, selections: &[Selection]) {
    assert_eq!(registry.len(), model.ids.len());
    for (key, resolved) in &model.ids {
        assert_eq!(registry.key(resolved.series).as_ref(), Some(key));
        assert_eq!(registry.metric(resolved.series), Some(resolved.metric));
    }
    for selection in selections {
        assert_eq!(
            registry.select(selection),
            model.select(selection),
            "{selection:?}"
        );
    }
}

proptest! {
    #[test]
    fn the_registry_is_a_map_that_can_be_asked(
        writes in proptest::collection::vec((identity(), 8i32..11), 1..80),
        filters in proptest::collection::vec(proptest::collection::vec(filter(), 0..3), 1..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let logged = Logged::new();
        let mut model = Model::default();
        let mut active = std::collections::BTreeSet::new();
        for (identity, of) in &writes {
            let key = identity.to_key();
            let resolved = logged.resolve_within(&key, *of, 10, &Unlimited).unwrap();
            prop_assert_eq!(*model.ids.entry(key.clone()).or_insert(resolved), resolved);
            if *of == 10 && active.insert(key) {
                model.active[usize::from(identity.tenant.to_bytes()[0])] += 1;
            }
        }
        let selections: Vec<Selection> = [0, 1]
            .into_iter()
            .flat_map(|of| filters.iter().map(move |any_of| Selection { tenant: tenant(of), any_of: any_of.clone() }))
            .collect();
        assert_agrees(&logged.registry, &model, &selections);
        for of in [0, 1] {
            prop_assert_eq!(logged.registry.active_series(tenant(of), day(10)), model.active[usize::from(of)]);
        }
        // Metrics of two tenants or kinds are two metrics, whatever their names.
        let prefixes: BTreeMap<MetricId, Vec<u8>> = model.ids.iter()
            .map(|(key, resolved)| (resolved.metric, key.pieces().metric().to_vec()))
            .collect();
        for (key, resolved) in &model.ids {
            prop_assert_eq!(&prefixes[&resolved.metric], key.pieces().metric());
        }

        // Two runs, loaded in either order, are the same registry.
        let all = logged.last.get();
        let some = u64::try_from(cut.index(usize::try_from(all).unwrap() + 1)).unwrap();
        let mut runs: Vec<Bytes> = logged.run(some).into_iter().collect();
        logged.registry.mark_written(Sequence(some));
        runs.extend(logged.run(all));
        for order in [0, 1] {
            let loaded = SeriesRegistry::new(99, logged.registry.next_ids());
            for nth in 0..runs.len() {
                loaded.load_run(&runs[(nth + order) % runs.len()]).unwrap();
            }
            assert_agrees(&loaded, &model, &selections);
            prop_assert_eq!(loaded.unwritten(Sequence(all)), None);
            prop_assert_eq!(loaded.next_ids(), logged.registry.next_ids());
        }
    }
}
