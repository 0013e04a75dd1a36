//! What an API server in memory consists of: objects with versions, refusals, and a client that asks it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// Objects by plural and name, `secrets/device`, each with the version of its last change.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    by_key: BTreeMap<String, Value>,
    version: u64,
}

impl Objects {
    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        self.by_key.get(key).cloned()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.by_key.iter()
    }

    /// The version of the last change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.by_key.remove(key);
    }

    /// Puts an object there, with the next version.
    pub(crate) fn store(&mut self, key: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.by_key.insert(key.to_owned(), object.clone());
        object
    }

    /// Puts an object in the place of `before` if it names its version.
    pub(crate) fn replace(
        &mut self,
        key: &str,
        before: &Value,
        object: Value,
    ) -> (StatusCode, Value) {
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        if version(before) == version(&object) {
            (StatusCode::OK, self.store(key, object))
        } else {
            refusal(409, "the object has been modified")
        }
    }
}

/// An API server's answer to what it does not do.
pub(crate) fn refusal(code: u16, message: &str) -> (StatusCode, Value) {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        _ => "ForATest",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    (StatusCode::from_u16(code).unwrap(), status)
}

/// A client whose calls are answered by a function of the request's head and body. Null is an empty body.
pub(crate) fn client<F>(namespace: &str, answer: F) -> Client
where
    F: Fn(&Parts, &[u8]) -> (StatusCode, Value) + Clone + Send + 'static,
{
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let (status, said) = answer(&head, &body);
            let said = match said {
                Value::Null => Vec::new(),
                said => serde_json::to_vec(&said).unwrap(),
            };
            let mut response = Response::new(Body::from(said));
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        }
    });
    Client::new(service, namespace)
}
