//! What the three kinds have in common, so that one controller serves them all.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, Store};
use penstock_api::{
    Kind, MetricsApplication, ObjectName, ReadToken, Token, TokenSpec, TokenStatus, WriteToken,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Caches, Context, Failed, application, token};

/// An object as the API server has it: one that cannot be read is no reason to see no other.
pub(crate) type Guarded<K> = DeserializeGuard<K>;

/// A kind that is reconciled.
pub(crate) trait Served:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// Which.
    const KIND: Kind;

    /// All that there are.
    fn cache(caches: &Caches) -> &Store<Guarded<Self>>;

    /// It among all objects.
    fn object_name(&self) -> ObjectName {
        name_of(Self::KIND, self.meta())
    }

    /// Whether nobody has seen a newer one of its name, or its end.
    fn is_current(&self, caches: &Caches) -> bool {
        let metadata = self.meta();
        let name = metadata.name.as_deref().unwrap_or_default();
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let newest = Self::cache(caches).get(&ObjectRef::new(name).within(namespace));
        newest.is_some_and(|newest| {
            let newest = newest.meta();
            newest.uid == metadata.uid && newest.generation <= metadata.generation
        })
    }

    /// Brings about what it asks for.
    fn reconcile(
        self,
        context: &Arc<Context>,
    ) -> impl Future<Output = Result<Action, Failed>> + Send;
}

/// A kind of token.
pub(crate) trait TokenKind: Served {
    /// It as a token of any kind.
    fn into_token(self) -> Token;

    /// What both kinds have.
    fn token_spec(&self) -> &TokenSpec;

    /// What was told about it.
    fn token_status(&self) -> Option<&TokenStatus>;
}

pub(crate) fn name_of(kind: Kind, metadata: &kube::core::ObjectMeta) -> ObjectName {
    ObjectName {
        kind,
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
    }
}

impl Served for MetricsApplication {
    const KIND: Kind = Kind::MetricsApplication;

    fn cache(caches: &Caches) -> &Store<Guarded<Self>> {
        &caches.applications
    }

    async fn reconcile(self, context: &Arc<Context>) -> Result<Action, Failed> {
        application::reconcile(self, context).await
    }
}

impl Served for WriteToken {
    const KIND: Kind = Kind::WriteToken;

    fn cache(caches: &Caches) -> &Store<Guarded<Self>> {
        &caches.write_tokens
    }

    async fn reconcile(self, context: &Arc<Context>) -> Result<Action, Failed> {
        token::reconcile(self, context).await
    }
}

impl TokenKind for WriteToken {
    fn into_token(self) -> Token {
        Token::Write(self)
    }

    fn token_spec(&self) -> &TokenSpec {
        &self.spec.common
    }

    fn token_status(&self) -> Option<&TokenStatus> {
        self.status.as_ref()
    }
}

impl Served for ReadToken {
    const KIND: Kind = Kind::ReadToken;

    fn cache(caches: &Caches) -> &Store<Guarded<Self>> {
        &caches.read_tokens
    }

    async fn reconcile(self, context: &Arc<Context>) -> Result<Action, Failed> {
        token::reconcile(self, context).await
    }
}

impl TokenKind for ReadToken {
    fn into_token(self) -> Token {
        Token::Read(self)
    }

    fn token_spec(&self) -> &TokenSpec {
        &self.spec.common
    }

    fn token_status(&self) -> Option<&TokenStatus> {
        self.status.as_ref()
    }
}
