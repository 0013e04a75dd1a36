//! Everything that is watched, and who is concerned by a change of it.
//!
//! | changed | is reconciled |
//! |---|---|
//! | an application | it, and every token that names it |
//! | a token | it and its application; when it goes, the others too, for there may be room |
//! | a Secret with the label `penstock.dev/secret` | the token that it was written for, and those that take their key from it |
//! | labels of a namespace | its tokens, which an application may choose by them |
//!
//! Secrets are watched by that label and without their contents. A change of a status alone concerns nobody: it is ours.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt as _};
use parking_lot::Mutex;
use penstock_api::ownership::{SECRET_LABEL, TOKEN_KIND_LABEL, TOKEN_NAME_LABEL};
use penstock_api::{
    Kind, MetricsApplication, ObjectName, ReadToken, Reason, TokenSpec, TokenStatus, WriteToken,
};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::cache::{Cache, Seen};
use super::kinds::{Guarded, TokenKind, name_of};
use crate::config::Watched;
use crate::publisher::Wakes;

/// What is known of the cluster.
#[derive(Debug)]
pub struct Caches {
    pub(crate) applications: Store<Guarded<MetricsApplication>>,
    pub(crate) write_tokens: Store<Guarded<WriteToken>>,
    pub(crate) read_tokens: Store<Guarded<ReadToken>>,
    secrets: Store<PartialObjectMeta<Secret>>,
    /// Only where the whole cluster is watched: a role in a namespace cannot see its labels.
    namespaces: Option<Store<PartialObjectMeta<Namespace>>>,
    pub(crate) watched: Watched,
    wakes: Arc<Wakes>,
    gone: Mutex<Vec<(ObjectName, ObjectMeta)>>,
    somebody_gone: Notify,
}

/// What fills the caches.
#[derive(Debug)]
pub struct Feeds {
    caches: Arc<Caches>,
    applications: Cache<Guarded<MetricsApplication>>,
    write_tokens: Cache<Guarded<WriteToken>>,
    read_tokens: Cache<Guarded<ReadToken>>,
    secrets: Cache<PartialObjectMeta<Secret>>,
    namespaces: Option<Cache<PartialObjectMeta<Namespace>>>,
}

impl Feeds {
    /// Watches until the process ends.
    pub async fn run(self, client: Client) {
        let (caches, all) = (self.caches, watcher::Config::default());
        let labelled = watcher::Config::default().labels(SECRET_LABEL);
        let applications =
            self.applications
                .fill(apis(&client, &caches.watched), all.clone(), |seen| {
                    caches.application_seen(&seen);
                });
        let write_tokens =
            self.write_tokens
                .fill(apis(&client, &caches.watched), all.clone(), |seen| {
                    caches.token_seen::<WriteToken>(&seen);
                });
        let read_tokens =
            self.read_tokens
                .fill(apis(&client, &caches.watched), all.clone(), |seen| {
                    caches.token_seen::<ReadToken>(&seen);
                });
        let secrets = self
            .secrets
            .fill(apis(&client, &caches.watched), labelled, |seen| {
                caches.secret_seen(&seen);
            });
        let namespaces = async {
            match self.namespaces {
                Some(cache) => {
                    let api = Api::all(client.clone());
                    cache
                        .fill(vec![api], all.clone(), |seen| caches.namespace_seen(&seen))
                        .await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::join!(applications, write_tokens, read_tokens, secrets, namespaces);
    }
}

impl Caches {
    /// Empty caches, and what fills them.
    pub fn new(watched: Watched) -> (Arc<Self>, Feeds) {
        let scopes = match &watched {
            Watched::Cluster => 1,
            Watched::Namespaces(namespaces) => namespaces.len(),
        };
        let (applications, application_store) = Cache::new(scopes);
        let (write_tokens, write_store) = Cache::new(scopes);
        let (read_tokens, read_store) = Cache::new(scopes);
        let (secrets, secret_store) = Cache::new(scopes);
        let namespaces = (watched == Watched::Cluster).then(|| Cache::new(1));
        let (namespaces, namespace_store) = namespaces.unzip();
        let caches = Arc::new(Self {
            applications: application_store,
            write_tokens: write_store,
            read_tokens: read_store,
            secrets: secret_store,
            namespaces: namespace_store,
            watched,
            wakes: Arc::default(),
            gone: Mutex::default(),
            somebody_gone: Notify::new(),
        });
        let feeds = Feeds {
            caches: Arc::clone(&caches),
            applications,
            write_tokens,
            read_tokens,
            secrets,
            namespaces,
        };
        (caches, feeds)
    }

    /// Waits until everything has been listed once.
    pub async fn full(&self) {
        // A writer that is gone is the end of the process; nobody waits for it here.
        let ended = tokio::join!(
            self.applications.wait_until_ready(),
            self.write_tokens.wait_until_ready(),
            self.read_tokens.wait_until_ready(),
            self.secrets.wait_until_ready(),
        );
        drop(ended);
        if let Some(namespaces) = &self.namespaces {
            drop(namespaces.wait_until_ready().await);
        }
    }

    /// Objects of one kind to be reconciled. One consumer a kind; it never ends.
    pub(crate) fn wakes(&self, kind: Kind) -> impl Stream<Item = ObjectName> + Send + use<> {
        let wakes = Arc::clone(&self.wakes);
        stream::unfold(wakes, move |wakes| async move {
            let name = Box::pin(wakes.of(kind)).next().await?;
            Some((name, wakes))
        })
    }

    /// Has these objects reconciled.
    pub(crate) fn wake(&self, names: impl IntoIterator<Item = ObjectName>) {
        self.wakes.wake(names);
    }

    /// Has everything reconciled.
    pub(crate) fn wake_all(&self) {
        let applications = self.applications.state();
        self.wake(
            applications
                .iter()
                .map(|application| name_of(Kind::MetricsApplication, application.meta())),
        );
        self.wake_tokens(|_| true);
    }

    /// The application of this namespace and name.
    pub(crate) fn application(&self, namespace: &str, name: &str) -> Option<MetricsApplication> {
        let found = self
            .applications
            .get(&ObjectRef::new(name).within(namespace))?;
        found.0.as_ref().ok().cloned()
    }

    /// How many tokens there are.
    pub(crate) fn token_count(&self) -> usize {
        self.write_tokens.len() + self.read_tokens.len()
    }

    /// Looks at every token.
    pub(crate) fn each_token(&self, mut look: impl FnMut(&Listed<'_>)) {
        for token in self.write_tokens.state() {
            if let Ok(token) = &token.0 {
                look(&Listed {
                    kind: Kind::WriteToken,
                    metadata: &token.metadata,
                    spec: &token.spec.common,
                    status: token.status.as_ref(),
                });
            }
        }
        for token in self.read_tokens.state() {
            if let Ok(token) = &token.0 {
                look(&Listed {
                    kind: Kind::ReadToken,
                    metadata: &token.metadata,
                    spec: &token.spec.common,
                    status: token.status.as_ref(),
                });
            }
        }
    }

    /// The labels of a namespace; where they cannot be seen, the one that every namespace has.
    pub(crate) fn namespace_labels(&self, namespace: &str) -> BTreeMap<String, String> {
        let seen = self.namespaces.as_ref();
        let seen = seen.and_then(|namespaces| namespaces.get(&ObjectRef::new(namespace)));
        match seen {
            Some(seen) => seen.labels().clone(),
            None => BTreeMap::from([(
                "kubernetes.io/metadata.name".to_owned(),
                namespace.to_owned(),
            )]),
        }
    }

    /// Whether a Secret has the label by which its changes are seen.
    pub(crate) fn watches_secret(&self, namespace: &str, name: &str) -> bool {
        self.secrets
            .get(&ObjectRef::new(name).within(namespace))
            .is_some()
    }

    /// What has gone since the last time; waits for the first.
    pub(crate) async fn gone(&self) -> Vec<(ObjectName, ObjectMeta)> {
        loop {
            let somebody = self.somebody_gone.notified();
            let gone = std::mem::take(&mut *self.gone.lock());
            if !gone.is_empty() {
                return gone;
            }
            somebody.await;
        }
    }

    fn application_seen(&self, seen: &Seen<'_, Guarded<MetricsApplication>>) {
        let metadata = match seen {
            Seen::There { before, now } if !differs(before.as_deref(), now) => return,
            Seen::There { now, .. } => now.meta(),
            Seen::Gone(gone) => {
                self.went(Kind::MetricsApplication, gone.meta());
                gone.meta()
            }
        };
        let name = name_of(Kind::MetricsApplication, metadata);
        self.wake_tokens(|token| token.belongs_to(&name.namespace, &name.name));
        self.wake([name]);
    }

    fn token_seen<K: TokenKind>(&self, seen: &Seen<'_, Guarded<K>>) {
        let guarded = match seen {
            Seen::There { before, now } if !differs(before.as_deref(), now) => return,
            Seen::There { now, .. } => now,
            Seen::Gone(gone) => {
                self.went(K::KIND, gone.meta());
                gone
            }
        };
        self.wake([name_of(K::KIND, guarded.meta())]);
        let Ok(token) = &guarded.0 else {
            return;
        };
        let token = token.clone().into_token();
        let (namespace, name) = token.application();
        if matches!(seen, Seen::Gone(_)) {
            self.wake_tokens(|other| other.belongs_to(&namespace, name) && other.is_over_quota());
        }
        self.wake([ObjectName {
            kind: Kind::MetricsApplication,
            name: name.to_owned(),
            namespace,
        }]);
    }

    fn secret_seen(&self, seen: &Seen<'_, PartialObjectMeta<Secret>>) {
        let (Seen::There { now: secret, .. } | Seen::Gone(secret)) = seen;
        let (namespace, name) = (secret.namespace().unwrap_or_default(), secret.name_any());
        let labels = secret.labels();
        let kinds = [Kind::WriteToken, Kind::ReadToken];
        let kind = labels
            .get(TOKEN_KIND_LABEL)
            .and_then(|label| kinds.into_iter().find(|kind| kind.as_str() == label));
        if let (Some(kind), Some(token)) = (kind, labels.get(TOKEN_NAME_LABEL)) {
            let (namespace, name) = (namespace.clone(), token.clone());
            self.wake([ObjectName {
                kind,
                namespace,
                name,
            }]);
        }
        self.wake_tokens(|token| {
            let source = token.spec.key.reference();
            token.namespace() == namespace && source.is_some_and(|source| source.name == name)
        });
    }

    fn namespace_seen(&self, seen: &Seen<'_, PartialObjectMeta<Namespace>>) {
        let namespace = match seen {
            Seen::There {
                before: Some(before),
                now,
            } if before.labels() == now.labels() => return,
            Seen::There { now, .. } => now.name_any(),
            Seen::Gone(_) => return,
        };
        self.wake_tokens(|token| token.namespace() == namespace);
    }

    fn went(&self, kind: Kind, metadata: &ObjectMeta) {
        self.gone
            .lock()
            .push((name_of(kind, metadata), metadata.clone()));
        self.somebody_gone.notify_one();
    }

    fn wake_tokens(&self, is_meant: impl Fn(&Listed<'_>) -> bool) {
        let mut names = Vec::new();
        self.each_token(|token| {
            if is_meant(token) {
                names.push(name_of(token.kind, token.metadata));
            }
        });
        self.wake(names);
    }
}

/// A token in a cache, of whatever kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) kind: Kind,
    pub(crate) metadata: &'a ObjectMeta,
    pub(crate) spec: &'a TokenSpec,
    pub(crate) status: Option<&'a TokenStatus>,
}

impl Listed<'_> {
    pub(crate) fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Whether it names this application.
    pub(crate) fn belongs_to(&self, namespace: &str, name: &str) -> bool {
        let reference = &self.spec.application_ref;
        let of = reference
            .namespace
            .as_deref()
            .unwrap_or_else(|| self.namespace());
        reference.name == name && of == namespace
    }

    /// Whether it was refused for want of room.
    fn is_over_quota(&self) -> bool {
        let conditions = self.status.map_or(&[][..], |status| &status.conditions);
        conditions
            .iter()
            .any(|condition| condition.reason == Reason::QuotaExceeded.as_str())
    }
}

fn apis<K>(client: &Client, watched: &Watched) -> Vec<Api<K>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned,
{
    match watched {
        Watched::Cluster => vec![Api::all(client.clone())],
        Watched::Namespaces(namespaces) => {
            let api = |namespace: &String| Api::namespaced(client.clone(), namespace);
            namespaces.iter().map(api).collect()
        }
    }
}

/// Whether more than the status differs.
fn differs<K: Resource<DynamicType = ()>>(before: Option<&K>, now: &K) -> bool {
    let Some(before) = before else {
        return true;
    };
    let facts = |object: &K| {
        let metadata = object.meta().clone();
        (
            metadata.generation,
            metadata.uid,
            metadata.labels,
            metadata.annotations,
            metadata.deletion_timestamp,
        )
    };
    facts(before) != facts(now)
}

#[cfg(test)]
mod tests;
