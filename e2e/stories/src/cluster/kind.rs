//! The kinds of object that stories touch. A closed list: no discovery, so a call is one request.

use kube::api::ApiResource;
use kube::core::GroupVersionKind;

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Application,
    WriteToken,
    ReadToken,
    Definition,
    Deployment,
    Event,
    Lease,
    Namespace,
    Pod,
    Secret,
    StatefulSet,
    VolumeClaim,
}

impl Kind {
    /// Every kind that lives in a namespace and belongs to Penstock or to its pods: what a failed story prints.
    pub(crate) const PRINTED: [Kind; 9] = [
        Kind::Application,
        Kind::WriteToken,
        Kind::ReadToken,
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::Pod,
        Kind::VolumeClaim,
        Kind::Lease,
        Kind::Event,
    ];

    /// Group, version, kind, plural.
    fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Kind::Application => (
                "penstock.dev",
                "v1alpha1",
                "MetricsApplication",
                "metricsapplications",
            ),
            Kind::WriteToken => ("penstock.dev", "v1alpha1", "WriteToken", "writetokens"),
            Kind::ReadToken => ("penstock.dev", "v1alpha1", "ReadToken", "readtokens"),
            Kind::Definition => (
                "apiextensions.k8s.io",
                "v1",
                "CustomResourceDefinition",
                "customresourcedefinitions",
            ),
            Kind::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Kind::Event => ("events.k8s.io", "v1", "Event", "events"),
            Kind::Lease => ("coordination.k8s.io", "v1", "Lease", "leases"),
            Kind::Namespace => ("", "v1", "Namespace", "namespaces"),
            Kind::Pod => ("", "v1", "Pod", "pods"),
            Kind::Secret => ("", "v1", "Secret", "secrets"),
            Kind::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Kind::VolumeClaim => ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
        }
    }

    /// As `kubectl` takes it.
    pub(crate) fn plural(self) -> &'static str {
        self.names().3
    }

    pub(super) fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.names();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    pub(super) fn is_namespaced(self) -> bool {
        !matches!(self, Kind::Definition | Kind::Namespace)
    }
}
