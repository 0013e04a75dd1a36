use kube::runtime::watcher::Event;
use penstock_api::ownership::SECRET_LABEL;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

impl Feeds {
    /// Everything was listed, and nothing was there.
    pub(crate) fn open(&mut self) {
        fn empty<K>(cache: &mut Cache<K>)
        where
            K: Resource<DynamicType = ()>
                + Clone
                + Debug
                + DeserializeOwned
                + Send
                + Sync
                + 'static,
        {
            for event in [Event::Init, Event::InitDone] {
                cache.take(0, event, &mut |_| {});
            }
        }
        empty(&mut self.applications);
        empty(&mut self.write_tokens);
        empty(&mut self.read_tokens);
        empty(&mut self.secrets);
        if let Some(namespaces) = &mut self.namespaces {
            empty(namespaces);
        }
    }

    /// An object of any kind is seen.
    pub(crate) fn see(&mut self, object: &Value, gone: bool) {
        fn event<K>(object: &Value, gone: bool) -> Event<K>
        where
            K: DeserializeOwned,
        {
            let object = serde_json::from_value(object.clone()).unwrap();
            if gone {
                Event::Delete(object)
            } else {
                Event::Apply(object)
            }
        }
        let caches = Arc::clone(&self.caches);
        match object["kind"].as_str().unwrap() {
            "MetricsApplication" => {
                self.applications.take(0, event(object, gone), &mut |seen| {
                    caches.application_seen(&seen);
                });
            }
            "WriteToken" => {
                self.write_tokens.take(0, event(object, gone), &mut |seen| {
                    caches.token_seen::<WriteToken>(&seen);
                });
            }
            "ReadToken" => {
                self.read_tokens.take(0, event(object, gone), &mut |seen| {
                    caches.token_seen::<ReadToken>(&seen);
                });
            }
            "Secret" => self.secrets.take(0, event(object, gone), &mut |seen| {
                caches.secret_seen(&seen);
            }),
            "Namespace" => {
                let namespaces = self.namespaces.as_mut().unwrap();
                namespaces.take(0, event(object, gone), &mut |seen| {
                    caches.namespace_seen(&seen);
                });
            }
            other => panic!("{other}"),
        }
    }
}

impl Caches {
    /// Who is to be woken, in the order of kinds.
    pub(crate) fn woken(&self) -> Vec<String> {
        use futures_util::FutureExt as _;
        let kinds = [Kind::MetricsApplication, Kind::WriteToken, Kind::ReadToken];
        if let Some(applications) = self.to_count.take().now_or_never() {
            self.wake(applications);
        }
        let mut woken = Vec::new();
        for kind in kinds {
            let mut wakes = Box::pin(self.wakes(kind));
            while let Some(Some(name)) = wakes.next().now_or_never() {
                woken.push(name.to_string());
            }
        }
        woken
    }
}

fn application() -> Value {
    json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": "MetricsApplication",
        "metadata": {"name": "mill", "namespace": "works", "generation": 1}, "spec": {}
    })
}

fn token(kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "team", "generation": 1},
        "spec": {"applicationRef": {"name": "mill", "namespace": "works"}}
    })
}

fn filled() -> (Arc<Caches>, Feeds) {
    let (caches, mut feeds) = Caches::new(Watched::Cluster);
    feeds.open();
    feeds.see(&application(), false);
    feeds.see(&token("WriteToken", "sensors"), false);
    let mut brought = token("ReadToken", "grafana");
    brought["spec"]["key"] = json!({"secretRef": {"name": "mine", "key": "key"}});
    feeds.see(&brought, false);
    caches.woken();
    (caches, feeds)
}

const ALL: [&str; 3] = [
    "MetricsApplication works/mill",
    "WriteToken team/sensors",
    "ReadToken team/grafana",
];

#[test]
fn an_application_concerns_its_tokens() {
    let (caches, mut feeds) = filled();
    let mut changed = application();
    changed["metadata"]["generation"] = json!(2);
    feeds.see(&changed, false);
    assert_eq!(caches.woken(), ALL);
    feeds.see(&application(), true);
    assert_eq!(caches.woken(), ALL);
}

#[test]
fn a_token_concerns_its_application() {
    let (caches, mut feeds) = filled();
    feeds.see(&token("WriteToken", "probe"), false);
    assert_eq!(
        caches.woken(),
        ["MetricsApplication works/mill", "WriteToken team/probe"]
    );
    let mut over = token("WriteToken", "late");
    over["status"] = json!({"conditions": [{
        "type": "Accepted", "status": "False", "reason": "QuotaExceeded", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"
    }]});
    feeds.see(&over, false);
    caches.woken();
    feeds.see(&token("WriteToken", "probe"), true);
    let woken = caches.woken();
    assert!(
        woken.contains(&"WriteToken team/late".to_owned()),
        "there is room for it: {woken:?}"
    );
}

#[test]
fn who_takes_something_away_is_told_of_besides() {
    use futures_util::FutureExt as _;
    let (caches, mut feeds) = filled();
    let refusing = |caches: &Caches| {
        let told = caches.refusing().now_or_never().unwrap_or_default();
        told.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(refusing(&caches), Vec::<String>::new());
    let mut revoked = token("WriteToken", "sensors");
    revoked["metadata"]["generation"] = json!(2);
    revoked["spec"]["state"] = json!("Revoked");
    feeds.see(&revoked, false);
    let mut paused = application();
    paused["metadata"]["generation"] = json!(2);
    paused["spec"]["paused"] = json!(true);
    feeds.see(&paused, false);
    let both = ["WriteToken team/sensors", "MetricsApplication works/mill"];
    assert_eq!(refusing(&caches), both);
    feeds.see(&revoked, true);
    assert_eq!(refusing(&caches), Vec::<String>::new(), "that is a removal");
}

#[test]
fn our_own_write_of_a_secret_concerns_its_readers_alone() {
    let (caches, mut feeds) = filled();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {
        "name": "mine", "namespace": "team", "resourceVersion": "7",
        "labels": {TOKEN_KIND_LABEL: "WriteToken", TOKEN_NAME_LABEL: "sensors"}
    }});
    let sensors = ObjectName {
        kind: Kind::WriteToken,
        namespace: "team".to_owned(),
        name: "sensors".to_owned(),
    };
    let mut write = caches.begin_write(sensors, "mine");
    feeds.see(&secret, false);
    write.made(&serde_json::from_value(secret.clone()).unwrap());
    drop(write);
    assert_eq!(caches.woken(), ["ReadToken team/grafana"]);
    feeds.see(&secret, false);
    assert_eq!(caches.woken().len(), 2, "that is another change");
}

#[test]
fn a_status_concerns_nobody() {
    let (caches, mut feeds) = filled();
    let mut told = token("WriteToken", "sensors");
    told["status"] = json!({"id": "AbCdEfGhIjKl"});
    feeds.see(&told, false);
    assert_eq!(caches.woken(), Vec::<String>::new());
}

#[test]
fn a_secret_concerns_its_token_and_those_that_read_it() {
    let (caches, mut feeds) = filled();
    let secret = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "team", "labels": labels}});
    feeds.see(
        &secret(
            "out",
            json!({TOKEN_KIND_LABEL: "WriteToken", TOKEN_NAME_LABEL: "sensors"}),
        ),
        true,
    );
    assert_eq!(caches.woken(), ["WriteToken team/sensors"]);
    feeds.see(&secret("mine", json!({SECRET_LABEL: "source"})), false);
    assert_eq!(caches.woken(), ["ReadToken team/grafana"]);
    assert!(caches.watches_secret("team", "mine"));
}

#[test]
fn labels_of_a_namespace_concern_its_tokens() {
    let (caches, mut feeds) = filled();
    let namespace = |labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": labels}});
    feeds.see(&namespace(json!({"a": "b"})), false);
    assert_eq!(caches.woken().len(), 2);
    feeds.see(&namespace(json!({"a": "b"})), false);
    assert_eq!(caches.woken(), Vec::<String>::new());
    assert_eq!(caches.namespace_labels("team")["a"], "b");
}
