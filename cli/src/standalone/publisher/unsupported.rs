//! What manifests may ask for and one server alone does not do. It is said, and nothing else of the object suffers.
//!
//! Labels, annotations and the deletion policy of a Secret are passed over in silence: files have none, and stay.

use penstock_api::{FieldPath, MetricsApplication, Problem, Reason, Token};
use penstock_model::TenantId;

/// Keys are replaced by nobody here.
pub(super) fn rotation(token: &Token) -> Option<Problem> {
    let rotation = &token.spec().rotation;
    let field = match (&rotation.every, &rotation.trigger) {
        (Some(_), _) => "every",
        (None, Some(_)) => "trigger",
        (None, None) => return None,
    };
    let at = FieldPath::of(["spec", "rotation", field]);
    let message =
        "standalone replaces no keys: leave it out, and remove the token's key files for a new key";
    Some(Problem::of_token(
        token,
        Reason::InvalidSpec,
        at,
        message.to_owned(),
    ))
}

/// Which tenant a name has stands in `tenants.json`.
pub(super) fn tenant(application: &MetricsApplication, kept: TenantId) -> Option<Problem> {
    let wanted = application.spec.tenant_id.as_ref()?;
    if wanted.parse() == Ok(kept) {
        return None;
    }
    let at = FieldPath::of(["spec", "tenantID"]);
    let message =
        format!("standalone keeps the data of this name under the tenant {kept}: leave it out");
    Some(Problem::new(
        application.object_name(),
        Reason::InvalidSpec,
        at,
        message,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_done_is_said() {
        let token = |rotation: serde_json::Value| {
            let token = serde_json::from_value(json!({
                "apiVersion": "penstock.dev/v1alpha1", "kind": "ReadToken", "metadata": {"name": "a"},
                "spec": {"applicationRef": {"name": "mill"}, "rotation": rotation}
            }));
            Token::Read(token.unwrap())
        };
        assert_eq!(rotation(&token(json!({"overlap": "1h"}))), None);
        let said = rotation(&token(json!({"every": "48h"}))).unwrap();
        assert_eq!(said.at.to_string(), "spec.rotation.every");
        let asking = |tenant: &str| -> MetricsApplication {
            serde_json::from_value(json!({
                "apiVersion": "penstock.dev/v1alpha1", "kind": "MetricsApplication", "metadata": {"name": "mill"},
                "spec": {"tenantID": tenant}
            }))
            .unwrap()
        };
        let kept = TenantId::from_bytes([10; 16]);
        assert_eq!(tenant(&asking(&"0a".repeat(16)), kept), None);
        assert!(tenant(&asking(&"0b".repeat(16)), kept).is_some());
    }
}
