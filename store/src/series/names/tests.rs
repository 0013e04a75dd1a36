use std::collections::BTreeSet;

use penstock_model::{SeriesIdentity, SeriesKey, SeriesKind, Tags};
use proptest::prelude::*;

use super::*;
use crate::series::SeriesRegistry;
use crate::series::registry::tests::{Logged, filter, identity, passes, tenant};

const KINDS: [NameRole; 3] = [NameRole::Metric, NameRole::TagKey, NameRole::TagValue];

/// The names of a kind that a series has.
fn names_in(identity: &SeriesIdentity, kind: NameRole) -> Vec<String> {
    match kind {
        NameRole::Metric => vec![identity.metric.to_string()],
        NameRole::TagKey => identity.tags.iter().map(|(key, _)| key.into()).collect(),
        NameRole::TagValue => identity
            .tags
            .iter()
            .map(|(_, value)| value.into())
            .collect(),
    }
}

fn is_in(scope: NameScope<'_>, identity: &SeriesIdentity) -> bool {
    let takes = match scope {
        NameScope::Tenant(_) => true,
        NameScope::Series(selection) => selection.any_of.iter().any(|one| passes(one, identity)),
    };
    takes && identity.tenant == scope.tenant()
}

fn assert_names(registry: &SeriesRegistry, written: &[SeriesIdentity], scope: NameScope<'_>) {
    let seen: Vec<_> = written.iter().filter(|one| is_in(scope, one)).collect();
    for kind in KINDS {
        let all: BTreeSet<String> = seen.iter().flat_map(|one| names_in(one, kind)).collect();
        for prefix in ["", "m", "a", "x"] {
            for most in [1, 2, 1_000] {
                let expected: Vec<&str> = all
                    .iter()
                    .map(|name| &**name)
                    .filter(|name| name.starts_with(prefix))
                    .take(most)
                    .collect();
                let found = registry.names(scope, kind, prefix, most);
                let found: Vec<&str> = found.iter().map(|name| &**name).collect();
                assert_eq!(found, expected, "{scope:?} {kind:?} {prefix} {most}");
            }
        }
        for name in ["m", "mm", "n", "a", "ab", "b", "x", "xz", "q"] {
            assert_eq!(
                registry.knows(scope, kind, name),
                all.contains(name),
                "{scope:?} {kind:?} {name}"
            );
        }
    }
}

proptest! {
    #[test]
    fn names_are_those_of_the_series_in_scope(
        writes in proptest::collection::vec(identity(), 1..40),
        filters in proptest::collection::vec(filter(), 0..3),
        pause in any::<proptest::sample::Index>(),
    ) {
        let logged = Logged::new();
        let selections = [0, 1].map(|of| Selection { tenant: tenant(of), any_of: filters.clone() });
        let scopes = [
            NameScope::Tenant(tenant(0)),
            NameScope::Tenant(tenant(1)),
            NameScope::Tenant(tenant(2)),
            NameScope::Series(&selections[0]),
            NameScope::Series(&selections[1]),
        ];
        let pause = pause.index(writes.len());
        for (at, identity) in writes.iter().enumerate() {
            logged.resolve(&identity.to_key());
            if at == pause || at + 1 == writes.len() {
                for scope in scopes {
                    assert_names(&logged.registry, &writes[..=at], scope);
                }
            }
        }
    }

    #[test]
    fn visited_are_the_selected_in_the_order_of_their_ids(
        writes in proptest::collection::vec(identity(), 1..40),
        filter in filter(),
        enough in 1usize..5,
    ) {
        let logged = Logged::new();
        for identity in &writes {
            logged.resolve(&identity.to_key());
        }
        let selection = Selection { tenant: tenant(0), any_of: vec![filter] };
        let mut expected = logged.registry.select(&selection);
        expected.sort_unstable();
        let mut seen = Vec::new();
        logged.registry.visit(&selection, &mut |id, key| {
            assert_eq!(logged.registry.key(id).as_ref(), Some(key));
            seen.push(id);
            if seen.len() == enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        expected.truncate(enough);
        prop_assert_eq!(seen, expected);
    }
}

fn numbered(metric: &str, value: usize) -> SeriesKey {
    SeriesIdentity {
        tenant: tenant(1),
        kind: SeriesKind::Raw,
        metric: metric.into(),
        tags: Tags::from_pairs([("serial", format!("s{value:06}")), ("all", "same".into())])
            .unwrap(),
    }
    .to_key()
}

#[test]
fn many_names_come_from_several_runs_in_order() {
    const COUNT: usize = 40_000;
    let logged = Logged::new();
    let scope = NameScope::Tenant(tenant(1));
    // Steps of a prime: no run is a range of the names.
    for at in 0..COUNT {
        logged.resolve(&numbered("m", at * 7_919 % COUNT));
        if at == 20_000 {
            assert_eq!(
                logged
                    .registry
                    .names(scope, NameRole::TagValue, "", 2)
                    .len(),
                2
            );
        }
    }
    let before = logged.registry.memory_bytes();
    let all = logged
        .registry
        .names(scope, NameRole::TagValue, "", COUNT * 2);
    assert_eq!(all.len(), COUNT + 1);
    assert!(all.is_sorted());
    assert!(logged.registry.memory_bytes() - before < 8 * COUNT);
    let found = logged
        .registry
        .names(scope, NameRole::TagValue, "s03999", 25);
    let expected: Vec<String> = (0..10).map(|last| format!("s03999{last}")).collect();
    assert_eq!(
        found.iter().map(|name| &**name).collect::<Vec<_>>(),
        expected
    );
}
