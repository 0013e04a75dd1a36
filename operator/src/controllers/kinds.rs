//! What the three kinds have in common, so that one controller serves them all. What is done about them is not here.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::core::DeserializeGuard;
use penstock_api::{
    Kind, MetricsApplication, ObjectName, ReadToken, Token, TokenSpec, TokenStatus, WriteToken,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

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

    /// It among all objects.
    fn object_name(&self) -> ObjectName {
        name_of(Self::KIND, self.meta())
    }
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
}

impl Served for WriteToken {
    const KIND: Kind = Kind::WriteToken;
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
