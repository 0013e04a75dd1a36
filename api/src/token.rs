//! One view of both kinds of token.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use penstock_tenancy::Permission;

use crate::{ApplicationRef, KeySource, Kind, ReadToken, State, WriteToken};

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

/// Reads the field that both specs have.
macro_rules! of_either {
    ($token:expr, $spec:ident => $read:expr) => {
        match $token {
            Token::Write(token) => {
                let $spec = &token.spec;
                $read
            }
            Token::Read(token) => {
                let $spec = &token.spec;
                $read
            }
        }
    };
}

impl Token {
    /// Its right.
    pub fn permission(&self) -> Permission {
        match self {
            Self::Write(_) => Permission::Write,
            Self::Read(_) => Permission::Read,
        }
    }

    /// What tells it from all others.
    pub fn token_name(&self) -> TokenName {
        let metadata = match self {
            Self::Write(token) => &token.metadata,
            Self::Read(token) => &token.metadata,
        };
        TokenName {
            namespace: metadata
                .namespace
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
            name: metadata.name.clone().unwrap_or_default(),
            permission: self.permission(),
        }
    }

    /// The application that it belongs to.
    pub fn application_ref(&self) -> &ApplicationRef {
        of_either!(self, spec => &spec.application_ref)
    }

    /// Forced tags, or filters.
    pub fn tags(&self) -> &BTreeMap<String, String> {
        of_either!(self, spec => &spec.tags)
    }

    /// What its owner has decided.
    pub fn state(&self) -> State {
        of_either!(self, spec => spec.state)
    }

    /// Its first moment.
    pub fn not_before(&self) -> Option<&Time> {
        of_either!(self, spec => spec.not_before.as_ref())
    }

    /// Its last moment.
    pub fn expires_at(&self) -> Option<&Time> {
        of_either!(self, spec => spec.expires_at.as_ref())
    }

    /// Where its key comes from.
    pub fn key(&self) -> &KeySource {
        of_either!(self, spec => &spec.key)
    }

    /// The networks it may be used from.
    pub fn source_ranges(&self) -> &[String] {
        of_either!(self, spec => &spec.allow.source_ranges)
    }

    /// The Secret that is written for it, in its namespace.
    pub fn secret_name(&self) -> String {
        let name = of_either!(self, spec => spec.secret.name.clone());
        name.unwrap_or_else(|| self.token_name().name)
    }
}
