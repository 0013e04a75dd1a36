//! An API server in memory, for tests: objects with versions, every call recorded, and a fault at any of them.

mod objects;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{Method, StatusCode};
use kube::Client;
use parking_lot::Mutex;
use serde_json::{Value, json};

pub(crate) use objects::{Objects, client, refusal};

/// Clones are the same server.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeApi {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    objects: Objects,
    calls: Vec<String>,
    uses: BTreeSet<Use>,
    /// What happens at calls, by their number from 0.
    faults: BTreeMap<usize, Fault>,
}

/// A call as authorization sees it: verb, API group, resource, and the object's name if there is one.
pub(crate) type Use = [String; 4];

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is done, and the answer is lost.
    Unanswered,
    /// It is not done, and nobody says so.
    Lost,
    /// The server says this and does nothing.
    Says(u16),
}

impl FakeApi {
    pub(crate) fn client(&self) -> Client {
        let api = self.clone();
        client("metrics", move |head, body| {
            let query = head.uri.query();
            let is_watch = query.is_some_and(|query| query.contains("watch=true"));
            let body = serde_json::from_slice(body).unwrap_or(Value::Null);
            api.call(&head.method, head.uri.path(), is_watch, body)
        })
    }

    /// Lets the call of this number, counted from now on, go wrong.
    pub(crate) fn fail_at(&self, number: usize, fault: Fault) {
        let mut state = self.state.lock();
        let at = state.calls.len() + number;
        state.faults.insert(at, fault);
    }

    /// Every call since the last time: verb and path without what is before the kind.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().calls)
    }

    /// Every right that has been made use of.
    pub(crate) fn uses(&self) -> BTreeSet<Use> {
        self.state.lock().uses.clone()
    }

    /// The object of a kind's plural and a name.
    pub(crate) fn object(&self, kind: &str, name: &str) -> Option<Value> {
        self.state.lock().objects.get(&format!("{kind}/{name}"))
    }

    /// Puts an object there, or changes it, as another program would.
    pub(crate) fn put(&self, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state.lock();
        let key = format!("{kind}/{name}");
        let new = || json!({"metadata": {"name": name}});
        let mut object = state.objects.get(&key).unwrap_or_else(new);
        change(&mut object);
        state.objects.store(&key, object);
    }

    pub(crate) fn remove(&self, kind: &str, name: &str) {
        self.state.lock().objects.remove(&format!("{kind}/{name}"));
    }

    fn call(
        &self,
        method: &Method,
        path: &str,
        is_watch: bool,
        body: Value,
    ) -> (StatusCode, Value) {
        let mut state = self.state.lock();
        // `/api/v1/namespaces/NS/KIND/NAME`, `/apis/GROUP/VERSION/namespaces/NS/KIND/NAME`
        let (before, after) = path.split_once("/namespaces/").unwrap();
        let group = before
            .strip_prefix("/apis/")
            .map_or("", |group| group.split_once('/').unwrap().0);
        let after: Vec<&str> = after.split('/').collect();
        let name = after.get(2).copied().unwrap_or_default();
        let verbs: &[&str] = match (method.as_str(), name) {
            ("GET", "") if is_watch => &["watch"],
            ("GET", "") => &["list"],
            ("GET", _) => &["get"],
            ("PUT", _) => &["update"],
            // An apply may make the object, and must be allowed to.
            ("PATCH", _) => &["patch", "create"],
            ("POST", _) => &["create"],
            _ => &["delete"],
        };
        for verb in verbs {
            state
                .uses
                .insert([verb, group, after[1], name].map(str::to_owned));
        }
        if name.is_empty() {
            return state.list(after[1], is_watch);
        }
        let key = format!("{}/{name}", after[1]);
        let number = state.calls.len();
        state.calls.push(format!("{method} {key}"));
        match state.faults.remove(&number) {
            Some(Fault::Lost) => return refusal(500, "lost"),
            Some(Fault::Says(code)) => return refusal(code, "as the test wants it"),
            Some(Fault::Unanswered) => {
                state.answer(method, &key, body);
                return refusal(504, "the answer is lost");
            }
            None => {}
        }
        state.answer(method, &key, body)
    }
}

impl State {
    /// A watch ends at once, and is begun again.
    fn list(&self, kind: &str, is_watch: bool) -> (StatusCode, Value) {
        let of_kind = self
            .objects
            .iter()
            .filter(|(key, _)| key.split('/').next() == Some(kind));
        let items: Vec<&Value> = of_kind.map(|(_, object)| object).collect();
        let list = json!({ "metadata": { "resourceVersion": self.objects.version().to_string() }, "items": items });
        (StatusCode::OK, if is_watch { Value::Null } else { list })
    }

    fn answer(&mut self, method: &Method, key: &str, body: Value) -> (StatusCode, Value) {
        match (method.as_str(), self.objects.get(key)) {
            ("GET", Some(object)) => (StatusCode::OK, object),
            ("PATCH", Some(object)) => {
                let applied = apply(object, &body);
                (StatusCode::OK, self.objects.store(key, applied))
            }
            ("PATCH", None) => (StatusCode::CREATED, self.objects.store(key, body)),
            ("PUT", Some(before)) => self.objects.replace(key, &before, body),
            _ => refusal(404, "not found"),
        }
    }
}

/// Of server-side apply, what we use: labels.
fn apply(mut object: Value, wanted: &Value) -> Value {
    object["metadata"]["labels"] = wanted["metadata"]["labels"].clone();
    object
}
