//! What cannot be used as it is, and why.

use std::fmt;

use crate::Token;
use crate::field_path::FieldPath;
use crate::object_name::ObjectName;

/// A resource that cannot be used as it is. The ledger is without it, or refuses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The resource.
    pub object: ObjectName,
    /// The field that must be mended.
    pub at: FieldPath,
    /// The kind of problem: the reason of a condition.
    pub reason: Reason,
    /// What to mend.
    pub message: String,
}

/// The kinds of problem, a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The application that a token names does not exist.
    ApplicationNotFound,
    /// A token was moved to another application.
    ApplicationChanged,
    /// A forced tag cannot be stored under the application's rules.
    TagConflict,
    /// What should be a key or its hash is none.
    WeakKey,
    /// The Secret that a key should come from is missing.
    SourceMissing,
    /// The Secret to be written belongs to something else.
    SecretConflict,
    /// A field says something that its schema could not refuse.
    InvalidSpec,
    /// The application does not take tokens from this namespace.
    NamespaceNotAllowed,
    /// The application has as many tokens as it takes.
    QuotaExceeded,
    /// The application takes only tokens that end, or end sooner.
    ExpiryRequired,
    /// A revoked token is asked to work again.
    Revoked,
    /// Two tokens have the same id or name.
    Duplicate,
}

impl Reason {
    /// The reason as conditions write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApplicationNotFound => "ApplicationNotFound",
            Self::ApplicationChanged => "ApplicationChanged",
            Self::TagConflict => "TagConflict",
            Self::WeakKey => "WeakKey",
            Self::SourceMissing => "SourceMissing",
            Self::SecretConflict => "SecretConflict",
            Self::InvalidSpec => "InvalidSpec",
            Self::NamespaceNotAllowed => "NamespaceNotAllowed",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::ExpiryRequired => "ExpiryRequired",
            Self::Revoked => "Revoked",
            Self::Duplicate => "Duplicate",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Problem {
    /// A problem of any object.
    pub fn new(object: ObjectName, reason: Reason, at: FieldPath, message: String) -> Self {
        Self {
            object,
            at,
            reason,
            message,
        }
    }

    /// The field and what to mend, as a condition's message says it.
    pub fn advice(&self) -> String {
        format!("{}: {}", self.at, self.message)
    }

    /// A problem of a token.
    pub fn of_token(token: &Token, reason: Reason, at: FieldPath, message: String) -> Self {
        Self::new(token.object_name(), reason, at, message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {} ({})",
            self.object, self.at, self.message, self.reason
        )
    }
}
