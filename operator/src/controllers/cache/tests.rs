use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use serde_json::json;

use super::*;

fn object(namespace: &str, name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"namespace": namespace, "name": name}})).unwrap()
}

/// What the events lead to, told in words.
fn told(cache: &mut Cache<ConfigMap>, events: Vec<(usize, Event<ConfigMap>)>) -> Vec<String> {
    let mut told = Vec::new();
    for (scope, event) in events {
        cache.take(scope, event, &mut |seen| match seen {
            Seen::There { before: None, now } => told.push(format!("new {}", now.name_any())),
            Seen::There { now, .. } => told.push(format!("changed {}", now.name_any())),
            Seen::Gone(gone) => told.push(format!("gone {}", gone.name_any())),
        });
    }
    told.sort();
    told
}

fn names(store: &Store<ConfigMap>) -> Vec<String> {
    let mut names: Vec<_> = store
        .state()
        .iter()
        .map(|object| object.name_any())
        .collect();
    names.sort();
    names
}

#[test]
fn nobody_reads_before_every_namespace_is_listed() {
    let (mut cache, store) = Cache::new(2);
    let first = vec![
        (0, Event::Init),
        (0, Event::InitApply(object("a", "one"))),
        (0, Event::InitApply(object("a", "two"))),
        (0, Event::InitDone),
        (0, Event::Delete(object("a", "two"))),
        (1, Event::Init),
    ];
    assert_eq!(told(&mut cache, first), Vec::<String>::new());
    assert_eq!(names(&store), Vec::<String>::new());
    let second = vec![
        (1, Event::InitApply(object("b", "three"))),
        (1, Event::InitDone),
    ];
    assert_eq!(told(&mut cache, second), ["new one", "new three"]);
    assert_eq!(names(&store), ["one", "three"]);
}

#[test]
fn what_a_new_list_lacks_is_gone() {
    let (mut cache, store) = Cache::new(2);
    let list = |scope, names: &[&str]| {
        let namespace = ["a", "b"][scope];
        let items = names
            .iter()
            .map(|name| (scope, Event::InitApply(object(namespace, name))));
        let begin = std::iter::once((scope, Event::Init));
        begin
            .chain(items)
            .chain([(scope, Event::InitDone)])
            .collect::<Vec<_>>()
    };
    told(&mut cache, list(0, &["one", "two"]));
    told(&mut cache, list(1, &["three"]));
    let applied = vec![(0, Event::Apply(object("a", "four")))];
    assert_eq!(told(&mut cache, applied), ["new four"]);
    assert_eq!(
        told(&mut cache, list(0, &["two"])),
        ["changed two", "gone four", "gone one"]
    );
    assert_eq!(
        names(&store),
        ["three", "two"],
        "another namespace is not concerned"
    );
}
