//! What the API server would say to a manifest, without one.
//!
//! ```text
//!   value ── structural schema ── CEL rules ── CEL transitions against the last good one ──▶ Manifest
//!                  └────────────────┴─────────────────┴──▶ faults: field and what to mend
//! ```
//!
//! It is the same schema and the same rules that `crds/` gives the API server.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::field_fault::FieldFault;
use crate::field_path::FieldPath;
use crate::key_source::SecretData;
use crate::object_name::{Kind, ObjectName};
use crate::{MetricsApplication, ReadToken, Token, WriteToken, structural};

/// A manifest that the API server would take.
#[derive(Clone, Debug, PartialEq)]
pub enum Manifest {
    /// An application.
    Application(MetricsApplication),
    /// A token.
    Token(Token),
    /// A Secret; tokens may take their keys from it.
    Secret(SecretData),
    /// A resource of somebody else: not for us.
    Foreign,
}

/// The rules of all kinds, compiled once.
#[derive(Debug)]
pub struct Admission {
    kinds: BTreeMap<Kind, Rules>,
    validator: Validator,
}

/// The rules of one kind.
#[derive(Debug)]
struct Rules {
    schema: Value,
    compiled: CompiledSchema,
}

impl Admission {
    /// Compiles the rules of our resource definitions.
    pub fn new() -> Self {
        let kinds = [
            (Kind::MetricsApplication, MetricsApplication::crd()),
            (Kind::WriteToken, WriteToken::crd()),
            (Kind::ReadToken, ReadToken::crd()),
        ];
        Self {
            kinds: kinds
                .into_iter()
                .map(|(kind, crd)| (kind, Rules::of(crd)))
                .collect(),
            validator: Validator::new(),
        }
    }

    /// Takes or refuses a manifest. `old` is the last good manifest of the same object, if there is one.
    ///
    /// # Errors
    /// Every fault that was found; there is at least one.
    pub fn admit(
        &self,
        manifest: &Value,
        old: Option<&Value>,
    ) -> Result<Manifest, Vec<FieldFault>> {
        let Some(kind) = Kind::of(manifest).map_err(|fault| vec![fault])? else {
            return Ok(Manifest::Foreign);
        };
        let object = ObjectName::of(kind, manifest).map_err(|fault| vec![fault])?;
        if let Some(rules) = self.kinds.get(&kind) {
            self.check(rules, manifest, old)?;
        }
        match kind {
            Kind::MetricsApplication => decode(manifest, &object).map(Manifest::Application),
            Kind::WriteToken => decode(manifest, &object)
                .map(Token::Write)
                .map(Manifest::Token),
            Kind::ReadToken => decode(manifest, &object)
                .map(Token::Read)
                .map(Manifest::Token),
            Kind::Secret => read_secret(manifest, object).map(Manifest::Secret),
        }
    }

    fn check(
        &self,
        rules: &Rules,
        manifest: &Value,
        old: Option<&Value>,
    ) -> Result<(), Vec<FieldFault>> {
        let mut faults = Vec::new();
        check_envelope(manifest, &mut faults);
        let spec_schema = rules
            .schema
            .pointer("/properties/spec")
            .unwrap_or(&Value::Null);
        match manifest.get("spec") {
            Some(spec) => {
                structural::check(spec_schema, spec, &FieldPath::of(["spec"]), &mut faults);
            }
            None => faults.push(FieldFault::new(
                FieldPath::of(["spec"]),
                "is required".to_owned(),
            )),
        }
        // Rules read fields whose types they trust.
        if faults.is_empty()
            && let Err(errors) = self
                .validator
                .validate_compiled(&rules.compiled, manifest, old)
        {
            faults.extend(errors.into_vec().into_iter().map(|error| {
                FieldFault::new(FieldPath::from_dotted(&error.field_path), error.message)
            }));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }
}

impl Rules {
    fn of(crd: CustomResourceDefinition) -> Self {
        let version = crd.spec.versions.into_iter().next();
        let schema = version
            .and_then(|version| version.schema)
            .and_then(|schema| serde_json::to_value(schema.open_api_v3_schema).ok())
            .unwrap_or_default();
        let compiled = compile_schema(&schema);
        Self { schema, compiled }
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self::new()
    }
}

/// The fields around the spec. A status is the server's, and passed over.
fn check_envelope(manifest: &Value, faults: &mut Vec<FieldFault>) {
    const KNOWN: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
    for name in manifest
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys())
    {
        if !KNOWN.contains(&name.as_str()) {
            faults.push(FieldFault::new(
                FieldPath::of([name]),
                "unknown field".to_owned(),
            ));
        }
    }
    for field in ["name", "namespace"] {
        let name = manifest.pointer(&format!("/metadata/{field}"));
        if let Some(name) = name.and_then(Value::as_str)
            && !is_dns_label(name)
        {
            let message = "must be lower-case letters, digits and -".to_owned();
            faults.push(FieldFault::new(FieldPath::of(["metadata", field]), message));
        }
    }
}

fn is_dns_label(name: &str) -> bool {
    let part = |part: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !part.is_empty()
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(part)
}

fn decode<T: DeserializeOwned>(
    manifest: &Value,
    object: &ObjectName,
) -> Result<T, Vec<FieldFault>> {
    let mut manifest = manifest.clone();
    if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("namespace".to_owned(), json!(object.namespace));
    }
    serde_json::from_value(manifest)
        .map_err(|error| vec![FieldFault::new(FieldPath::root(), error.to_string())])
}

/// `data` is base64, `stringData` is plain and wins.
fn read_secret(manifest: &Value, object: ObjectName) -> Result<SecretData, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut entries = BTreeMap::new();
    for (field, is_base64) in [("data", true), ("stringData", false)] {
        let section = manifest.get(field).and_then(Value::as_object);
        for (key, value) in section.into_iter().flatten() {
            let at = FieldPath::of([field]).key(key);
            let text = value.as_str();
            let bytes = match text {
                Some(text) if is_base64 => BASE64.decode(text.trim()).ok(),
                text => text.map(|text| text.as_bytes().to_vec()),
            };
            match bytes {
                Some(bytes) => {
                    entries.insert(key.clone(), bytes);
                }
                None if is_base64 => {
                    faults.push(FieldFault::new(at, "must be base64 text".to_owned()));
                }
                None => faults.push(FieldFault::new(at, "must be a string".to_owned())),
            }
        }
    }
    if faults.is_empty() {
        Ok(SecretData {
            namespace: object.namespace,
            name: object.name,
            entries,
        })
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests;
