//! What people write, and how a ledger comes of it.
//!
//! ```text
//!   manifest (YAML, JSON)
//!      │  admission   what the API server would say: schema, CEL, transitions
//!      ▼
//!   MetricsApplication  WriteToken  ReadToken          Secret
//!      │                     │                            │  key_source
//!      │                     │                            ▼
//!      └──────────┬──────────┘◀──────────────  TokenKeys: id and hash
//!                 │  compile   pure: same input, same ledger
//!                 ▼
//!              Ledger  +  problems, each with its object and field
//! ```
//!
//! The operator and `penstock standalone` both stand on this crate, so one manifest means the same to both. It
//! has the resource types, from which `crdgen` writes the files in `crds/`, and pure functions over them.
//!
//! What is not here: a client of the API server, files, clocks. Time, randomness and the previous ledger are
//! arguments.

pub mod admission;
pub mod application;
pub mod application_status;
pub mod compile;
pub mod condition;
pub mod consent;
pub mod crds;
pub mod entry;
pub mod field_fault;
pub mod field_path;
pub mod key_source;
pub mod object_name;
pub mod ownership;
pub mod problem;
pub mod propagation;
pub mod reference;
pub mod rotation;
mod rules;
pub mod span;
mod structural;
pub mod tenant;
pub mod token;
mod token_resources;
pub mod token_secret;
pub mod token_status;
pub mod usage;

pub use admission::{Admission, Manifest};
pub use application::{
    ApplicationEndpoints, ApplicationStatus, ApplicationUsage, MetricsApplication,
    MetricsApplicationSpec, Namespaces, NamespacesFrom, TokenCounts, TokenPolicy,
};
pub use compile::{Sources, TokenKeys, compile};
pub use field_fault::FieldFault;
pub use field_path::FieldPath;
pub use key_source::{KeyMaterial, SecretData};
pub use object_name::{Kind, ObjectName};
pub use problem::{Problem, Reason};
pub use propagation::Propagation;
pub use span::Span;
pub use token::{Token, TokenName};
pub use token_resources::{
    Allow, ApplicationRef, DeletionPolicy, KeySource, KeyState, KeyStatus, ReadAllow, ReadLimits,
    ReadToken, ReadTokenSpec, Rotation, SecretKeyRef, SecretSpec, State, TokenLimits, TokenSpec,
    TokenStatus, WireProtocol, WriteToken, WriteTokenSpec,
};
pub use token_secret::{Credential, Endpoints, token_secret};

/// The API group of every resource.
pub const GROUP: &str = "penstock.dev";

/// The version of every resource.
pub const VERSION: &str = "v1alpha1";
