//! Objects that only the leader writes: each write says which version it replaces, so that a leader that has lost its
//! lease changes nothing.
//!
//! ```text
//!   PUT, version 7 ──▶ answered            done
//!                  ──▶ 409                 another leader: end the process
//!                  ──▶ 4xx                 a right or a field is missing: end the process, it says which
//!                  ──▶ 5xx, or no answer ──▶ GET ──▶ what we wrote     done
//!                                                ──▶ version 7 still   the same PUT again
//!                                                ──▶ anything else     another leader: end the process
//! ```
//!
//! There is no end to trying: the lease is. Its holder ends the process when it cannot be renewed.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{INSTANCE, MANAGED_BY, MANAGER};

/// How long one request may take.
const REQUEST_MAX: Duration = Duration::from_secs(5);
const BACK_OFF_FIRST: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// Objects of one kind in one namespace, written by the leader alone.
#[derive(Clone, Debug)]
pub struct Fenced<K> {
    api: Api<K>,
    /// The installation, for the labels of what is made.
    instance: String,
}

/// Why a fenced object cannot be read or written. All of them end the process.
#[derive(Debug, thiserror::Error)]
pub enum FencedError {
    /// Somebody else has written it since we read it.
    #[error("{name} was written by another leader")]
    Conflict {
        /// The object.
        name: String,
    },
    /// An object of this name is not ours, and is never adopted.
    #[error(
        "{name} is there and not ours: it has no label {MANAGED_BY}={MANAGER}; remove it, or choose another --name"
    )]
    Foreign {
        /// The object.
        name: String,
    },
    /// The API server refuses for good.
    #[error("the API server refuses {name}")]
    Refused {
        /// The object.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// One request came to nothing.
enum Failure {
    /// The server has said no.
    Final(kube::Error),
    /// It may have been done, or not.
    Unknown(String),
}

impl<K> Fenced<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + Debug + Serialize + DeserializeOwned,
{
    /// Through a client that sends each request once.
    pub fn new(client: Client, namespace: &str, instance: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            instance: instance.to_owned(),
        }
    }

    /// The object as it is now.
    ///
    /// # Errors
    /// [`FencedError::Refused`].
    pub async fn get(&self, name: &str) -> Result<Option<K>, FencedError> {
        let mut pause = Pause::default();
        loop {
            match once(self.api.get_opt(name)).await {
                Ok(found) => return Ok(found),
                Err(Failure::Final(source)) => return Err(refused(name, source)),
                Err(Failure::Unknown(reason)) => pause.after("GET", name, &reason).await,
            }
        }
    }

    /// The object as it is now, or an empty one of ours that is made.
    ///
    /// Made by server-side apply of its metadata: unlike a plain create, a right to that can be granted for one name.
    ///
    /// # Errors
    /// [`FencedError::Foreign`] for an object that somebody else has made.
    pub async fn ensure(&self, name: &str) -> Result<K, FencedError> {
        let foreign = || FencedError::Foreign {
            name: name.to_owned(),
        };
        match self.get(name).await? {
            Some(object) if is_ours(&object) => Ok(object),
            Some(_) => Err(foreign()),
            None => self.make(name).await,
        }
    }

    async fn make(&self, name: &str) -> Result<K, FencedError> {
        let object = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": { "name": name, "labels": self.labels() },
        });
        let (parameters, patch) = (PatchParams::apply(MANAGER), Patch::Apply(&object));
        let mut pause = Pause::default();
        loop {
            match once(self.api.patch(name, &parameters, &patch)).await {
                Ok(object) => return Ok(object),
                Err(Failure::Final(source)) => return Err(refused(name, source)),
                Err(Failure::Unknown(reason)) => pause.after("PATCH", name, &reason).await,
            }
        }
    }

    /// Replaces the object whose resource version `object` carries. `is_done` says whether an object that is found after
    /// a write without an answer is what was written.
    ///
    /// # Errors
    /// [`FencedError::Conflict`] if somebody else has written meanwhile.
    pub async fn put(
        &self,
        object: &K,
        is_done: impl Fn(&K) -> bool + Send,
    ) -> Result<K, FencedError> {
        let name = object.name_any();
        let conflict = || FencedError::Conflict { name: name.clone() };
        let parameters = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let mut pause = Pause::default();
        loop {
            match once(self.api.replace(&name, &parameters, object)).await {
                Ok(written) => return Ok(written),
                Err(Failure::Final(kube::Error::Api(status))) if is_conflict(&status) => {
                    return Err(conflict());
                }
                Err(Failure::Final(source)) => return Err(refused(&name, source)),
                Err(Failure::Unknown(reason)) => pause.after("PUT", &name, &reason).await,
            }
            match self.get(&name).await? {
                Some(found) if is_done(&found) => return Ok(found),
                Some(found) if found.resource_version() == object.resource_version() => {}
                Some(_) | None => return Err(conflict()),
            }
        }
    }

    /// What every object of ours carries.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        BTreeMap::from([label(MANAGED_BY, MANAGER), label(INSTANCE, &self.instance)])
    }
}

fn is_ours(object: &impl ResourceExt) -> bool {
    object
        .labels()
        .get(MANAGED_BY)
        .is_some_and(|manager| manager == MANAGER)
}

/// A replaced object that is gone counts as written by another: whoever removes our Secrets has taken over.
fn is_conflict(status: &kube::core::Status) -> bool {
    status.code == 409 || status.code == 404
}

fn refused(name: &str, source: kube::Error) -> FencedError {
    FencedError::Refused {
        name: name.to_owned(),
        source: Box::new(source),
    }
}

async fn once<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(REQUEST_MAX, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(classify(error)),
        Err(_) => Err(Failure::Unknown("no answer in time".to_owned())),
    }
}

/// A 4xx is an answer, but for those that say "later".
fn classify(error: kube::Error) -> Failure {
    match error {
        kube::Error::Api(status)
            if (400..500).contains(&status.code) && !matches!(status.code, 408 | 429) =>
        {
            Failure::Final(kube::Error::Api(status))
        }
        error @ (kube::Error::SerdeError(_) | kube::Error::BuildRequest(_)) => {
            Failure::Final(error)
        }
        error => Failure::Unknown(error.to_string()),
    }
}

/// Waits longer each time, and says why.
#[derive(Default)]
struct Pause {
    last: Option<Duration>,
}

impl Pause {
    async fn after(&mut self, verb: &str, name: &str, reason: &str) {
        let next = self.last.map_or(BACK_OFF_FIRST, |last| last * 2);
        let next = next.min(BACK_OFF_MAX);
        self.last = Some(next);
        tracing::warn!(
            verb,
            name,
            reason,
            "a request came to nothing; trying again"
        );
        tokio::time::sleep(next).await;
    }
}

#[cfg(test)]
mod tests;
