//! Whose data an application's points are, on a cluster.

use penstock_model::TenantId;
use penstock_tenancy::LedgerApplication;

use crate::MetricsApplication;
use crate::field_path::FieldPath;
use crate::problem::{Problem, Reason};

/// The tenant of an application: its UID, so that a namespace and name made again never sees old data; or the one that
/// it asks for in `spec.tenantID`, if the ledger knows that as an application of the same namespace and name.
/// `recorded` looks a tenant up in the ledger.
///
/// # Errors
/// [`Reason::InvalidSpec`]: the tenant is none of its own, or the resource has no UID.
pub fn tenant_of<'a>(
    application: &MetricsApplication,
    recorded: impl Fn(TenantId) -> Option<&'a LedgerApplication>,
) -> Result<TenantId, Problem> {
    let object = application.object_name();
    let refuse = |at, message: &str| {
        Problem::new(object.clone(), Reason::InvalidSpec, at, message.to_owned())
    };
    let Some(wanted) = &application.spec.tenant_id else {
        let at = FieldPath::of(["metadata", "uid"]);
        let uid = application.metadata.uid.as_deref().unwrap_or_default();
        return uid.parse().map_err(|_| {
            refuse(
                at,
                "is no UUID: the API server gives one, and nobody may change it",
            )
        });
    };
    let at = FieldPath::of(["spec", "tenantID"]);
    let tenant = wanted
        .parse()
        .map_err(|_| refuse(at.clone(), "is no tenant id: it has 32 hexadecimal digits, as status.tenantID of the former application said"))?;
    let is_its_own = |entry: &LedgerApplication| {
        (&entry.namespace, &entry.name) == (&object.namespace, &object.name)
    };
    if recorded(tenant).is_some_and(is_its_own) {
        Ok(tenant)
    } else {
        Err(refuse(
            at,
            "no data is kept for this namespace and name under that tenant: leave it out, or make the application under its former name",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn application(name: &str, tenant: Option<&str>) -> MetricsApplication {
        let mut application = json!({
            "apiVersion": "penstock.dev/v1alpha1", "kind": "MetricsApplication",
            "metadata": {"name": name, "namespace": "team", "uid": "0189f7c2-7c5b-4d2a-9c1e-00000000002a"}, "spec": {}
        });
        if let Some(tenant) = tenant {
            application["spec"]["tenantID"] = json!(tenant);
        }
        serde_json::from_value(application).unwrap()
    }

    #[test]
    fn old_data_is_found_by_its_former_owner_alone() {
        let kept: LedgerApplication = serde_json::from_value(json!({
            "namespace": "team", "name": "mill", "tenant": "0a".repeat(16), "limits": {}
        }))
        .unwrap();
        let tenant = kept.tenant;
        let recorded = |asked: TenantId| (asked == tenant).then_some(&kept);
        let own = tenant_of(&application("mill", None), recorded).unwrap();
        assert_eq!(own.to_string(), "0189f7c27c5b4d2a9c1e00000000002a");
        let asked = tenant.to_string();
        assert_eq!(
            tenant_of(&application("mill", Some(&asked)), recorded),
            Ok(tenant)
        );
        for (name, asked) in [("forge", &*asked), ("mill", &"0b".repeat(16))] {
            let refused = tenant_of(&application(name, Some(asked)), recorded).unwrap_err();
            assert_eq!(refused.at.to_string(), "spec.tenantID");
        }
    }
}
