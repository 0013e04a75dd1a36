use kube::CustomResourceExt as _;
use penstock_tenancy::ApplicationLimits;
use penstock_tenancy::limits::Limit;
use serde_json::Value;

use super::*;
use crate::{ReadToken, WriteToken};

fn limits_schema<T: kube::CustomResourceExt>() -> Value {
    let crd = serde_json::to_value(T::crd()).unwrap();
    crd.pointer(
        "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/limits/properties",
    )
    .unwrap()
    .clone()
}

fn assert_same(schema: &Value, table: &[Limit]) {
    assert_eq!(schema.as_object().unwrap().len(), table.len());
    #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
    for limit in table {
        let field = &schema[limit.name];
        assert_eq!(field["minimum"], limit.min as f64, "{}", limit.name);
        assert_eq!(field["maximum"], limit.max as f64, "{}", limit.name);
    }
}

#[test]
fn ranges_are_those_of_the_one_table() {
    assert_same(
        &limits_schema::<MetricsApplication>(),
        ApplicationLimits::TABLE,
    );
    assert_same(
        &limits_schema::<WriteToken>(),
        penstock_tenancy::TokenLimits::TABLE,
    );
    assert_same(
        &limits_schema::<ReadToken>(),
        penstock_tenancy::ReadLimits::TABLE,
    );
}

#[test]
fn descriptions_tell_the_default_of_the_one_table() {
    let application = limits_schema::<MetricsApplication>();
    let reader = limits_schema::<ReadToken>();
    let tables = [
        (application, ApplicationLimits::TABLE),
        (reader, penstock_tenancy::ReadLimits::TABLE),
    ];
    let rows = tables
        .iter()
        .flat_map(|(schema, table)| table.iter().map(move |limit| (schema, limit)));
    for (schema, limit) in rows {
        let description = schema[limit.name]["description"].as_str().unwrap();
        let told = format!("Default {}", limit.default);
        assert!(description.contains(&told), "{}: {description}", limit.name);
    }
}

#[test]
fn what_is_not_set_has_its_default() {
    let limits = Limits {
        active_series: Some(7),
        burst: Some(-1),
        ..Limits::default()
    };
    let expected = ApplicationLimits {
        active_series: 7,
        ..ApplicationLimits::default()
    };
    assert_eq!(limits.to_ledger(), expected);
    assert_eq!(MetricsApplication::crd().spec.scope, "Namespaced");
}
