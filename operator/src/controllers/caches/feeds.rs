//! The watches that fill the caches: one for each kind and each namespace that is served, or one for all namespaces.

use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use penstock_api::ownership::SECRET_LABEL;
use penstock_api::{MetricsApplication, ReadToken, WriteToken};
use serde::de::DeserializeOwned;

use super::Caches;
use crate::config::Watched;
use crate::controllers::cache::Cache;
use crate::controllers::kinds::Guarded;

/// What fills the caches.
#[derive(Debug)]
pub struct Feeds {
    pub(super) caches: Arc<Caches>,
    pub(super) applications: Cache<Guarded<MetricsApplication>>,
    pub(super) write_tokens: Cache<Guarded<WriteToken>>,
    pub(super) read_tokens: Cache<Guarded<ReadToken>>,
    pub(super) secrets: Cache<PartialObjectMeta<Secret>>,
    pub(super) namespaces: Option<Cache<PartialObjectMeta<Namespace>>>,
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
