//! Reading and changing objects, as JSON: stories look at what a user sees, not at our Rust types.

use super::{Cluster, Kind};
use anyhow::{Context, Result};
use kube::Api;
use kube::api::{
    DeleteParams, DynamicObject, ListParams, ObjectList, Patch, PatchParams, PostParams,
};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// Who stories are, to server-side apply.
const MANAGER: &str = "penstock-stories";

/// An API server under load, or just started again, may take a while; none takes this long.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Objects in one answer.
const PAGE: u32 = 500;

impl Cluster {
    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        let client = self.client.clone();
        if kind.is_namespaced() {
            Api::namespaced_with(client, namespace, &kind.resource())
        } else {
            Api::all_with(client, &kind.resource())
        }
    }

    fn call<T>(&self, what: &str, call: impl Future<Output = kube::Result<T>>) -> Result<T> {
        let result = self.wait(async { tokio::time::timeout(CALL_LIMIT, call).await });
        let result = result.with_context(|| format!("{what}: no answer within {CALL_LIMIT:?}"))?;
        result.with_context(|| what.to_owned())
    }

    /// The object, or nothing.
    pub(crate) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Result<Option<Value>> {
        let what = format!("get {} {namespace}/{name}", kind.plural());
        let found = self.call(&what, self.api(kind, namespace).get_opt(name))?;
        Ok(found.map(serde_json::to_value).transpose()?)
    }

    /// All objects of the namespace with these labels, `a=b,c=d`; every one if there are none.
    pub(crate) fn list(&self, kind: Kind, namespace: &str, labels: &str) -> Result<Vec<Value>> {
        let api = self.api(kind, namespace);
        let query = ListParams::default().labels(labels);
        let page = async |query: &ListParams| api.list(query).await;
        self.pages(kind, namespace, query, &page)
    }

    /// The metadata of all objects of the namespace: where there are thousands, and nobody asks what is in them.
    pub(crate) fn list_metadata(&self, kind: Kind, namespace: &str) -> Result<Vec<Value>> {
        let api = self.api(kind, namespace);
        let page = async |query: &ListParams| api.list_metadata(query).await;
        self.pages(kind, namespace, ListParams::default(), &page)
    }

    /// A list piece by piece: ten thousand objects at once would take longer than a call may.
    fn pages<K: Clone + Serialize>(
        &self,
        kind: Kind,
        namespace: &str,
        mut query: ListParams,
        page: &impl AsyncFn(&ListParams) -> kube::Result<ObjectList<K>>,
    ) -> Result<Vec<Value>> {
        let what = format!("list {} in {namespace}", kind.plural());
        query.limit = Some(PAGE);
        let mut listed = Vec::new();
        loop {
            let found = self.call(&what, page(&query))?;
            for item in found.items {
                listed.push(serde_json::to_value(item)?);
            }
            match found.metadata.continue_ {
                Some(rest) if !rest.is_empty() => query = query.continue_token(&rest),
                _ => return Ok(listed),
            }
        }
    }

    /// Creates an object; `metadata.name` or `metadata.generateName` names it.
    ///
    /// # Errors
    /// When the server refuses it: its words are in the error.
    pub(crate) fn create(&self, kind: Kind, namespace: &str, object: Value) -> Result<Value> {
        let what = format!("create {}", kind.plural());
        let object = dynamic(kind, object)?;
        let api = self.api(kind, namespace);
        let created = self.call(&what, api.create(&PostParams::default(), &object))?;
        Ok(serde_json::to_value(created)?)
    }

    /// A JSON merge patch, as `kubectl patch --type=merge`.
    pub(crate) fn patch(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        change: &Value,
    ) -> Result<Value> {
        let what = format!("patch {} {namespace}/{name}", kind.plural());
        let api = self.api(kind, namespace);
        let parameters = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = self.call(&what, api.patch(name, &parameters, &Patch::Merge(change)))?;
        Ok(serde_json::to_value(patched)?)
    }

    /// Deletes an object; one that is not there is deleted already. Does not wait for its end.
    pub(crate) fn delete(&self, kind: Kind, namespace: &str, name: &str) -> Result<()> {
        self.delete_with(kind, namespace, name, &DeleteParams::default())
    }

    /// Deletes a pod without waiting for its processes, which get SIGTERM and a second or two.
    pub(crate) fn delete_at_once(&self, namespace: &str, name: &str) -> Result<()> {
        self.delete_with(
            Kind::Pod,
            namespace,
            name,
            &DeleteParams::default().grace_period(0),
        )
    }

    fn delete_with(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        how: &DeleteParams,
    ) -> Result<()> {
        let what = format!("delete {} {namespace}/{name}", kind.plural());
        let api = self.api(kind, namespace);
        self.call(&what, async {
            match api.delete(name, how).await {
                Ok(_) => Ok(()),
                Err(kube::Error::Api(answer)) if answer.code == 404 => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    /// The end of what a container has printed.
    pub(crate) fn logs(
        &self,
        namespace: &str,
        pod: &str,
        lines: i64,
        previous: bool,
    ) -> Result<String> {
        let api: Api<k8s_openapi::api::core::v1::Pod> =
            Api::namespaced(self.client.clone(), namespace);
        let query = kube::api::LogParams {
            tail_lines: Some(lines),
            previous,
            ..kube::api::LogParams::default()
        };
        self.call(&format!("logs of {namespace}/{pod}"), api.logs(pod, &query))
    }

    /// What a pod's admin port shows as metrics, through the API server.
    pub(crate) fn metrics(&self, namespace: &str, pod: &str) -> Result<String> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}:8080/proxy/metrics");
        let request = http::Request::get(path).body(Vec::new())?;
        let asked = self.client.request_text(request);
        self.call(&format!("metrics of {namespace}/{pod}"), asked)
    }
}

/// The API server wants to be told what it is sent.
fn dynamic(kind: Kind, mut object: Value) -> Result<DynamicObject> {
    let resource = kind.resource();
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), resource.api_version.into());
        fields.insert("kind".to_owned(), resource.kind.into());
    }
    serde_json::from_value(object).context("an object has metadata")
}
