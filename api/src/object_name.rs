//! What tells one resource from all others.

use std::fmt;

use serde_json::Value;

use crate::field_fault::FieldFault;
use crate::field_path::FieldPath;
use crate::{GROUP, VERSION};

/// The kinds of resource that a manifest of ours may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An application.
    MetricsApplication,
    /// A token that writes.
    WriteToken,
    /// A token that reads.
    ReadToken,
    /// Kubernetes' own Secret: tokens may take their keys from it.
    Secret,
}

impl Kind {
    const OURS: [Self; 3] = [Self::MetricsApplication, Self::WriteToken, Self::ReadToken];

    /// The kind of a manifest; `None` for a resource of somebody else.
    ///
    /// # Errors
    /// The field that says something which cannot be: no `apiVersion`, another version of ours, a
    /// kind that our group does not have.
    pub fn of(manifest: &Value) -> Result<Option<Self>, FieldFault> {
        let at = FieldPath::of(["apiVersion"]);
        let api_version = required_text(manifest, &at)?;
        let kind = required_text(manifest, &FieldPath::of(["kind"]))?;
        if api_version == "v1" {
            return Ok((kind == "Secret").then_some(Self::Secret));
        }
        let Some((group, version)) = api_version.split_once('/') else {
            return Ok(None);
        };
        if group != GROUP {
            return Ok(None);
        }
        if version != VERSION {
            let message = format!("must be {GROUP}/{VERSION}, not {api_version}");
            return Err(FieldFault::new(at, message));
        }
        let known = Self::OURS.into_iter().find(|ours| ours.as_str() == kind);
        known.map(Some).ok_or_else(|| {
            let names = Self::OURS.map(Self::as_str).join(", ");
            let message = format!("must be one of {names}, not {kind}");
            FieldFault::new(FieldPath::of(["kind"]), message)
        })
    }

    /// The kind as manifests write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MetricsApplication => "MetricsApplication",
            Self::WriteToken => "WriteToken",
            Self::ReadToken => "ReadToken",
            Self::Secret => "Secret",
        }
    }
}

/// Kind, namespace and name of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; `default` if it names none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectName {
    /// The object that a manifest of this kind is about.
    ///
    /// # Errors
    /// `metadata.name` is missing.
    pub fn of(kind: Kind, manifest: &Value) -> Result<Self, FieldFault> {
        let name = required_text(manifest, &FieldPath::of(["metadata", "name"]))?;
        let namespace = text(manifest, &FieldPath::of(["metadata", "namespace"]));
        Ok(Self {
            kind,
            namespace: namespace.unwrap_or("default").to_owned(),
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.as_str(), self.namespace, self.name)
    }
}

fn text<'a>(manifest: &'a Value, at: &FieldPath) -> Option<&'a str> {
    at.find(manifest)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn required_text<'a>(manifest: &'a Value, at: &FieldPath) -> Result<&'a str, FieldFault> {
    text(manifest, at).ok_or_else(|| FieldFault::new(at.clone(), "is required".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_are_told_from_those_of_others() {
        let kind = |api_version: &str, kind: &str| {
            Kind::of(&json!({"apiVersion": api_version, "kind": kind}))
                .map_err(|fault| fault.to_string())
        };
        let ours = "penstock.dev/v1alpha1";
        assert_eq!(kind(ours, "WriteToken"), Ok(Some(Kind::WriteToken)));
        assert_eq!(kind("v1", "Secret"), Ok(Some(Kind::Secret)));
        assert_eq!(kind("v1", "ConfigMap"), Ok(None));
        assert_eq!(kind("apps/v1", "Deployment"), Ok(None));
        assert_eq!(
            kind(ours, "WriteTokn"),
            Err(
                "kind: must be one of MetricsApplication, WriteToken, ReadToken, not WriteTokn"
                    .to_owned()
            )
        );
        assert_eq!(
            kind("penstock.dev/v1", "WriteToken"),
            Err("apiVersion: must be penstock.dev/v1alpha1, not penstock.dev/v1".to_owned())
        );
        assert_eq!(
            kind("", "WriteToken"),
            Err("apiVersion: is required".to_owned())
        );
    }

    #[test]
    fn a_name_is_required_and_a_namespace_is_not() {
        let name = |metadata| {
            ObjectName::of(Kind::Secret, &json!({"metadata": metadata}))
                .map(|name| name.to_string())
        };
        assert_eq!(
            name(json!({"name": "a"})),
            Ok("Secret default/a".to_owned())
        );
        assert_eq!(
            name(json!({"name": "a", "namespace": "n"})),
            Ok("Secret n/a".to_owned())
        );
        for metadata in [
            json!({}),
            json!({"name": ""}),
            json!({"name": 1}),
            json!("a"),
        ] {
            assert!(name(metadata).is_err());
        }
    }
}
