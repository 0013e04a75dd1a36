//! The API server of a scenario.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::StatusCode;
use kube::Client;
use parking_lot::Mutex;
use serde_json::Value;

use crate::fake_api::{Objects, client, refusal};
use crate::rbac::served_rules;

/// Clones are the same server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    objects: Objects,
    calls: Vec<String>,
    bodies: Vec<String>,
    /// What a watch would tell: everything that was written but events.
    news: Vec<Value>,
    uses: BTreeSet<[String; 3]>,
    faults: BTreeMap<usize, Fault>,
}

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is done, and the answer is lost.
    Unanswered,
    /// It is not done.
    Refused(u16),
}

impl Server {
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        client("default", move |head, body| {
            let mut state = server.0.lock();
            state.call(head.method.as_str(), head.uri.path(), body)
        })
    }

    /// Every call since the last time.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().calls)
    }

    /// Every right that has been made use of: verb, group, resource.
    pub(crate) fn uses(&self) -> BTreeSet<[String; 3]> {
        self.0.lock().uses.clone()
    }

    /// Every object as it was written through a client since the last time.
    pub(crate) fn news(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().news)
    }

    /// Everything that was ever sent but the contents of Secrets.
    pub(crate) fn sent(&self) -> String {
        self.0.lock().bodies.join("\n")
    }

    /// The call of this number, counted from now on, goes wrong.
    pub(crate) fn fail_at(&self, number: usize, fault: Fault) {
        let mut state = self.0.lock();
        let at = state.calls.len() + number;
        state.faults.insert(at, fault);
    }

    pub(crate) fn no_more_faults(&self) {
        self.0.lock().faults.clear();
    }

    pub(crate) fn version(&self) -> u64 {
        self.0.lock().objects.version()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        self.0.lock().objects.get(key)
    }

    pub(crate) fn objects(&self, kinds: &[&str]) -> Vec<Value> {
        let state = self.0.lock();
        let meant = |object: &&Value| {
            object["kind"]
                .as_str()
                .is_some_and(|kind| kinds.contains(&kind))
        };
        let objects = state.objects.iter().map(|(_, object)| object);
        objects.filter(meant).cloned().collect()
    }

    pub(crate) fn put(&self, object: &Value) {
        let plural = format!("{}s", object["kind"].as_str().unwrap().to_lowercase());
        let key = format!("{plural}/{}", object["metadata"]["name"].as_str().unwrap());
        let mut state = self.0.lock();
        let mut object = object.clone();
        let before = state.objects.get(&key);
        if let Some(status) = before.as_ref().and_then(|before| before.get("status")) {
            object["status"] = status.clone();
        }
        state.objects.store(&key, object);
    }

    pub(crate) fn remove(&self, key: &str) {
        self.0.lock().objects.remove(key);
    }

    /// The reasons of all events.
    pub(crate) fn events(&self) -> Vec<String> {
        let state = self.0.lock();
        let events = state
            .objects
            .iter()
            .filter(|(key, _)| key.starts_with("events/"));
        events
            .map(|(_, event)| event["reason"].as_str().unwrap().to_owned())
            .collect()
    }

    /// An entry of the token's Secret.
    pub(crate) fn entry(&self, name: &str) -> Option<String> {
        use base64::Engine as _;
        let secret = self.get("secrets/sensors")?;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(secret["data"][name].as_str()?)
            .unwrap();
        Some(String::from_utf8(bytes).unwrap())
    }
}

impl State {
    fn call(&mut self, method: &str, path: &str, body: &[u8]) -> (StatusCode, Value) {
        let after = path.split_once("/namespaces/").unwrap().1;
        let parts: Vec<&str> = after.split('/').skip(1).collect();
        let object: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let name = parts
            .get(1)
            .copied()
            .or(object["metadata"]["name"].as_str())
            .unwrap_or_default()
            .to_owned();
        let is_event = parts[0] == "events";
        let key = format!(
            "{}/{}",
            parts[0],
            if is_event {
                format!("{:04}", self.objects.version())
            } else {
                name
            }
        );
        let shown = if is_event {
            format!("event {}", object["reason"].as_str().unwrap())
        } else {
            key.clone()
        };
        let status = parts
            .get(2)
            .map(|sub| format!("/{sub}"))
            .unwrap_or_default();
        self.uses
            .insert(check_granted(method, &format!("{}{status}", parts[0])));
        let number = self.calls.len();
        self.calls.push(format!("{method} {shown}{status}"));
        if parts[0] != "secrets" {
            self.bodies.push(String::from_utf8_lossy(body).into_owned());
        }
        match self.faults.remove(&number) {
            Some(Fault::Refused(code)) => refusal(code, "as the test wants it"),
            Some(Fault::Unanswered) => {
                self.answer(method, &key, object);
                refusal(500, "the answer is lost")
            }
            None => self.answer(method, &key, object),
        }
    }

    fn answer(&mut self, method: &str, key: &str, body: Value) -> (StatusCode, Value) {
        let (status, object) = self.do_it(method, key, body);
        if method != "GET" && status.is_success() && !key.starts_with("events/") {
            self.news.push(object.clone());
        }
        (status, object)
    }

    fn do_it(&mut self, method: &str, key: &str, body: Value) -> (StatusCode, Value) {
        match (method, self.objects.get(key)) {
            ("GET", Some(object)) => (StatusCode::OK, object),
            ("POST", None) => (StatusCode::CREATED, self.objects.store(key, body)),
            ("POST", Some(_)) => refusal(409, "already exists"),
            ("PATCH", Some(mut object)) => {
                object["status"] = body["status"].clone();
                (StatusCode::OK, self.objects.store(key, object))
            }
            ("PUT", Some(before)) => self.objects.replace(key, &before, body),
            _ => refusal(404, "not found"),
        }
    }
}

/// What is done and not in the table of rights would fail on a real cluster. Gives verb, group and resource.
fn check_granted(method: &str, resource: &str) -> [String; 3] {
    let verb = match method {
        "GET" => "get",
        "POST" => "create",
        "PUT" => "update",
        _ => "patch",
    };
    let group = match resource {
        "secrets" => "",
        "events" => "events.k8s.io",
        _ => penstock_api::GROUP,
    };
    let mut rules = served_rules().into_iter();
    let is_granted = rules.any(|rule| rule.grants(verb, group, resource, ""));
    assert!(is_granted, "{verb} {resource} is not granted");
    [verb, group, resource].map(str::to_owned)
}
