//! One view of both kinds of token.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use penstock_tenancy::Permission;

use crate::{Kind, ObjectName, ReadToken, TokenSpec, TokenStatus, WriteToken};

/// A `WriteToken` or a `ReadToken`.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// It stores points.
    Write(WriteToken),
    /// It reads.
    Read(ReadToken),
}

/// What tells one token resource from all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenName {
    /// Its namespace.
    pub namespace: String,
    /// Its name, unique among the tokens of its kind in the namespace.
    pub name: String,
    /// Its kind.
    pub permission: Permission,
}

impl TokenName {
    /// The kind of the resource.
    pub fn kind(&self) -> Kind {
        match self.permission {
            Permission::Write => Kind::WriteToken,
            Permission::Read => Kind::ReadToken,
        }
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}/{}",
            self.kind().as_str(),
            self.namespace,
            self.name
        )
    }
}

impl Token {
    /// What both kinds have.
    pub fn spec(&self) -> &TokenSpec {
        match self {
            Self::Write(token) => &token.spec.common,
            Self::Read(token) => &token.spec.common,
        }
    }

    /// Its metadata.
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Write(token) => &token.metadata,
            Self::Read(token) => &token.metadata,
        }
    }

    /// What the operator told about it.
    pub fn status(&self) -> Option<&TokenStatus> {
        match self {
            Self::Write(token) => token.status.as_ref(),
            Self::Read(token) => token.status.as_ref(),
        }
    }

    /// Its right.
    pub fn permission(&self) -> Permission {
        match self {
            Self::Write(_) => Permission::Write,
            Self::Read(_) => Permission::Read,
        }
    }

    /// What tells it from all others.
    pub fn token_name(&self) -> TokenName {
        let metadata = self.metadata();
        TokenName {
            namespace: metadata
                .namespace
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
            name: metadata.name.clone().unwrap_or_default(),
            permission: self.permission(),
        }
    }

    /// It among all objects.
    pub fn object_name(&self) -> ObjectName {
        let name = self.token_name();
        ObjectName {
            kind: name.kind(),
            namespace: name.namespace,
            name: name.name,
        }
    }

    /// Namespace and name of the application that it belongs to.
    pub fn application(&self) -> (String, &str) {
        let reference = &self.spec().application_ref;
        let namespace = reference.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| self.token_name().namespace);
        (namespace, &reference.name)
    }

    /// The networks it may be used from.
    pub fn source_ranges(&self) -> &[String] {
        match self {
            Self::Write(token) => &token.spec.allow.source_ranges,
            Self::Read(token) => &token.spec.allow.source_ranges,
        }
    }

    /// The Secret that is written for it, in its namespace.
    pub fn secret_name(&self) -> String {
        let name = self.spec().secret.name.clone();
        name.unwrap_or_else(|| self.token_name().name)
    }
}
