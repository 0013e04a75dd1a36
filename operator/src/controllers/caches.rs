//! Everything that is watched, and who is concerned by a change of it.
//!
//! | changed | is reconciled |
//! |---|---|
//! | an application | it, and every token that names it |
//! | a token | it, and within a second its application; when it goes, the others too, for there may be room |
//! | a Secret with the label `penstock.dev/secret` | the token that it was written for, and those that take their key from it |
//! | labels of a namespace | its tokens, which an application may choose by them |
//!
//! Secrets are watched by that label and without their contents. A change of a status alone concerns nobody: it is ours,
//! and so is a Secret as we have just written it. Whoever takes something away is told of besides, for
//! [`super::refusals`].

mod cached;
mod feeds;
mod index;
mod listed;
mod own_writes;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt as _};
use parking_lot::Mutex;
use penstock_api::ownership::{TOKEN_KIND_LABEL, TOKEN_NAME_LABEL};
use penstock_api::{Kind, MetricsApplication, ObjectName, ReadToken, State, TokenSpec, WriteToken};

pub(crate) use self::cached::Cached;
pub use self::feeds::Feeds;
use self::index::{Index, Place};
pub(crate) use self::listed::Listed;
use self::listed::look_at;
use self::own_writes::{OwnWrite, OwnWrites};
use self::told::Told;
use super::cache::{Cache, Seen};
use super::kinds::{Guarded, TokenKind, name_of};
use crate::config::Watched;
use crate::publisher::Wakes;

/// An application whose tokens come and go counts them this often at most, so that 10,000 new ones cost it no 10,000
/// statuses.
const COUNT_EVERY: Duration = Duration::from_secs(1);

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
    index: Mutex<Index>,
    own_writes: OwnWrites,
    wakes: Arc<Wakes>,
    /// Applications whose tokens have changed since they were last counted.
    to_count: Told<BTreeSet<ObjectName>>,
    refusing: Told<Vec<ObjectName>>,
    gone: Told<Vec<(ObjectName, ObjectMeta)>>,
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
            index: Mutex::default(),
            own_writes: OwnWrites::default(),
            wakes: Arc::default(),
            to_count: Told::default(),
            refusing: Told::default(),
            gone: Told::default(),
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
        let mut tokens = Vec::new();
        self.each_token(|token| tokens.push(name_of(token.kind, token.metadata)));
        self.wake(tokens);
    }

    /// Has applications reconciled whose tokens have changed, together and not too often. Never ends.
    pub(crate) async fn count_tokens(&self) {
        loop {
            let applications = self.to_count.take().await;
            self.wake(applications);
            tokio::time::sleep(COUNT_EVERY).await;
        }
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
            look_at(&token, &mut look);
        }
        for token in self.read_tokens.state() {
            look_at(&token, &mut look);
        }
    }

    /// Looks at the tokens of an application.
    pub(crate) fn each_token_of(
        &self,
        namespace: &str,
        application: &str,
        look: impl FnMut(&Listed<'_>),
    ) {
        let of = (namespace.to_owned(), application.to_owned());
        let tokens = self.index.lock().of_application(&of);
        self.look_at_each(tokens, look);
    }

    /// Looks at a token, if it is there and can be read.
    pub(crate) fn look_at_token(&self, token: &ObjectName, look: impl FnMut(&Listed<'_>)) {
        self.look_at_each([token.clone()], look);
    }

    fn look_at_each(
        &self,
        tokens: impl IntoIterator<Item = ObjectName>,
        mut look: impl FnMut(&Listed<'_>),
    ) {
        for ObjectName {
            kind,
            namespace,
            name,
        } in tokens
        {
            if kind == Kind::WriteToken {
                let found = ObjectRef::new(&name).within(&namespace);
                if let Some(found) = self.write_tokens.get(&found) {
                    look_at(&found, &mut look);
                }
            } else {
                let found = ObjectRef::new(&name).within(&namespace);
                if let Some(found) = self.read_tokens.get(&found) {
                    look_at(&found, &mut look);
                }
            }
        }
    }

    /// How many tokens of an application count against its `tokens.max`: all but the revoked ones.
    pub(crate) fn count_of(&self, namespace: &str, application: &str) -> usize {
        let of = (namespace.to_owned(), application.to_owned());
        self.index.lock().count(&of)
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

    /// The Secret of a token is about to be written by us: its news wakes nobody.
    pub(crate) fn begin_write(&self, token: ObjectName, secret: &str) -> OwnWrite<'_> {
        OwnWrite::begin(&self.own_writes, &self.wakes, token, secret)
    }

    /// What has gone since the last time; waits for the first.
    pub(crate) async fn gone(&self) -> Vec<(ObjectName, ObjectMeta)> {
        self.gone.take().await
    }

    /// Tokens that are not active and applications that are paused, as they were seen since the last time; waits for the
    /// first.
    pub(crate) async fn refusing(&self) -> Vec<ObjectName> {
        self.refusing.take().await
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
        let of = (name.namespace.clone(), name.name.clone());
        let tokens = self.index.lock().of_application(&of);
        self.wake(tokens);
        if let Seen::There { now, .. } = seen
            && now
                .0
                .as_ref()
                .is_ok_and(|application| application.spec.paused)
        {
            self.refusing.tell(name.clone());
        }
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
        let name = name_of(K::KIND, guarded.meta());
        let is_gone = matches!(seen, Seen::Gone(_));
        match &guarded.0 {
            Ok(token) if !is_gone => self.index.lock().put(name.clone(), token.token_spec()),
            _ => self.index.lock().remove(&name),
        }
        if let Ok(token) = &guarded.0 {
            let spec = token.token_spec();
            if spec.state != State::Active && !is_gone {
                self.refusing.tell(name.clone());
            }
            self.wake_application(&name.namespace, spec, is_gone);
        }
        self.wake([name]);
    }

    fn wake_application(&self, namespace: &str, spec: &TokenSpec, is_gone: bool) {
        let reference = &spec.application_ref;
        let namespace = reference.namespace.as_deref().unwrap_or(namespace);
        if is_gone {
            let mut others = Vec::new();
            self.each_token_of(namespace, &reference.name, |other| {
                if other.is_over_quota() {
                    others.push(name_of(other.kind, other.metadata));
                }
            });
            self.wake(others);
        }
        self.to_count.tell(ObjectName {
            kind: Kind::MetricsApplication,
            name: reference.name.clone(),
            namespace: namespace.to_owned(),
        });
    }

    fn secret_seen(&self, seen: &Seen<'_, PartialObjectMeta<Secret>>) {
        let (Seen::There { now: secret, .. } | Seen::Gone(secret)) = seen;
        let place: Place = (secret.namespace().unwrap_or_default(), secret.name_any());
        let labels = secret.labels();
        let kinds = [Kind::WriteToken, Kind::ReadToken];
        let kind = labels
            .get(TOKEN_KIND_LABEL)
            .and_then(|label| kinds.into_iter().find(|kind| kind.as_str() == label));
        if let (Some(kind), Some(token)) = (kind, labels.get(TOKEN_NAME_LABEL))
            && self.own_writes.is_news(&place, secret.resource_version())
        {
            self.wake([ObjectName {
                kind,
                namespace: place.0.clone(),
                name: token.clone(),
            }]);
        }
        let readers = self.index.lock().reading(&place);
        self.wake(readers);
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
        let tokens = self.index.lock().in_namespace(&namespace);
        self.wake(tokens);
    }

    fn went(&self, kind: Kind, metadata: &ObjectMeta) {
        self.gone.tell((name_of(kind, metadata), metadata.clone()));
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
