#![expect(
    clippy::needless_pass_by_value,
    reason = "a case reads better as json!(..) than as &json!(..)"
)]

use serde_json::json;

use super::*;

fn application(spec: Value) -> Value {
    json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": "MetricsApplication",
        "metadata": {"name": "mill"}, "spec": spec
    })
}

fn token(kind: &str, spec: Value) -> Value {
    let mut full = json!({"applicationRef": {"name": "mill"}});
    full.as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": kind,
        "metadata": {"name": "sensors", "namespace": "team"}, "spec": full
    })
}

fn write(spec: Value) -> Value {
    token("WriteToken", spec)
}

fn told(manifest: &Value, old: Option<&Value>) -> Vec<String> {
    match Admission::new().admit(manifest, old) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

fn accepts(manifest: &Value) {
    assert_eq!(told(manifest, None), Vec::<String>::new(), "{manifest}");
}

fn rejects(manifest: &Value, fault: &str) {
    assert_eq!(told(manifest, None), [fault], "{manifest}");
}

#[test]
fn the_smallest_manifests_are_taken_and_defaulted() {
    let admitted = Admission::new()
        .admit(&application(json!({})), None)
        .unwrap();
    let Manifest::Application(mill) = admitted else {
        panic!("{admitted:?}")
    };
    assert_eq!(mill.metadata.namespace.as_deref(), Some("default"));
    assert_eq!(mill.spec, crate::MetricsApplicationSpec::default());
    for kind in ["WriteToken", "ReadToken"] {
        let admitted = Admission::new()
            .admit(&token(kind, json!({})), None)
            .unwrap();
        let Manifest::Token(token) = admitted else {
            panic!("{admitted:?}")
        };
        assert_eq!(token.secret_name(), "sensors");
        assert_eq!(
            token.token_name().to_string(),
            format!("{kind} team/sensors")
        );
    }
}

#[test]
fn a_manifest_with_everything_is_taken() {
    accepts(&application(json!({
        "profile": "OpenTSDB", "charset": "IotLab", "onError": "KeepOpen", "paused": true,
        "tags": {"site": "paris"}, "limits": {"pointsPerSecond": 0, "bodyBytes": 1024},
        "tenantID": "0189f7c27c5b4d2a9c1e00000000002a",
        "tokens": {
            "namespaces": {"from": "Selector", "selector": {
                "matchLabels": {"metrics": "yes"},
                "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]
            }},
            "max": 20000, "requireExpiry": true, "maxTTL": "8760h"
        }
    })));
    accepts(&write(json!({
        "applicationRef": {"name": "mill", "namespace": "works"},
        "rotation": {"overlap": "0s"},
        "tags": {"fleet": "f1"}, "state": "Paused",
        "notBefore": "2027-01-01T00:00:00Z", "expiresAt": "2028-01-01T00:00:00Z",
        "key": {"secretRef": {"name": "mine", "key": "key"}},
        "limits": {"pointsPerSecond": 100, "burst": 1000, "connections": 5},
        "allow": {
            "protocols": ["Telnet", "Http"], "metricPrefixes": ["cpu."],
            "sourceRanges": ["192.0.2.0/24"], "delete": true
        },
        "secret": {
            "name": "sensors-token", "labels": {"app": "sensors"}, "annotations": {"note": "x"},
            "deletionPolicy": "Retain"
        }
    })));
    accepts(&write(json!({
        "key": {"generate": {}}, "rotation": {"every": "720h", "overlap": "24h", "trigger": "leak of May"}
    })));
    accepts(&token(
        "ReadToken",
        json!({"limits": {
            "maxRangeDays": 31, "maxSeries": 1000, "maxSamples": 1_000_000, "maxSeconds": 5,
            "maxBytes": 67_108_864, "queriesPerSecond": 10
        }}),
    ));
}

#[test]
fn rules_of_the_schema_name_the_field() {
    rejects(
        &application(json!({"limits": {"bodyBytes": 1}})),
        "spec.limits.bodyBytes: is 1, 1024 to 1073741824 are allowed",
    );
    rejects(
        &application(json!({"retentionDays": 1})),
        "spec.retentionDays: unknown field",
    );
    rejects(
        &write(json!({"allow": {"protocols": ["Smtp"]}})),
        "spec.allow.protocols[0]: must be one of Telnet, Http, not \"Smtp\"",
    );
    rejects(
        &token("ReadToken", json!({"limits": {"pointsPerSecond": 1}})),
        "spec.limits.pointsPerSecond: unknown field",
    );
    rejects(
        &json!({"apiVersion": "penstock.dev/v1alpha1", "kind": "ReadToken", "metadata": {"name": "a"}}),
        "spec: is required",
    );
    rejects(&json!({"kind": "ReadToken"}), "apiVersion: is required");
    let mut capital = application(json!({}));
    capital["metadata"]["name"] = json!("Mill");
    rejects(
        &capital,
        "metadata.name: must be lower-case letters, digits and -",
    );
    let mut odd = application(json!({}));
    odd["specs"] = json!({});
    rejects(&odd, "specs: unknown field");
}

#[test]
fn names_have_at_most_52_characters() {
    let mut manifest = application(json!({}));
    manifest["metadata"]["name"] = json!("a".repeat(52));
    accepts(&manifest);
    manifest["metadata"]["name"] = json!("a".repeat(53));
    rejects(&manifest, "metadata.name has at most 52 characters");
}

#[test]
fn tag_keys_are_checked_by_a_rule() {
    for key in ["site", "a.b/c-d_e", "-x", "9"] {
        accepts(&write(json!({"tags": {key: "v"}})));
    }
    for key in [
        "__name__",
        ".app",
        "ovh.auth",
        "a b",
        "é",
        "",
        &"k".repeat(65),
    ] {
        let told = told(&write(json!({"tags": {key: "v"}})), None);
        assert_eq!(told.len(), 1, "{key}");
        assert!(
            told[0].starts_with("spec.tags: a tag key has 1 to 64"),
            "{told:?}"
        );
    }
}

#[test]
fn exactly_one_source_of_the_key() {
    let reference = json!({"name": "mine", "key": "key"});
    let fault = "spec.key: exactly one of generate, secretRef and hashRef";
    accepts(&write(json!({"key": {"generate": {}}})));
    accepts(&write(json!({"key": {"hashRef": reference}})));
    rejects(&write(json!({"key": {}})), fault);
    rejects(
        &write(json!({"key": {"generate": {}, "secretRef": reference}})),
        fault,
    );
    rejects(
        &write(json!({"key": {"hashRef": reference, "secretRef": reference}})),
        fault,
    );
}

#[test]
fn a_token_begins_before_it_ends() {
    let between = |from: &str, to: &str| write(json!({"notBefore": from, "expiresAt": to}));
    accepts(&between("2027-01-01T00:00:00Z", "2027-01-01T00:00:01Z"));
    // Later as text, earlier as a moment.
    rejects(
        &between("2027-01-01T00:00:00Z", "2027-01-01T00:30:00+01:00"),
        "spec.expiresAt: expiresAt must be later than notBefore",
    );
}

#[test]
fn only_drawn_keys_rotate_by_schedule_or_trigger() {
    let reference = json!({"name": "mine", "key": "key"});
    let fault = "spec.rotation: every and trigger need key.generate: a key that you bring along is replaced by changing its Secret";
    for rotation in [json!({"every": "48h"}), json!({"trigger": "now"})] {
        accepts(&write(json!({"rotation": rotation})));
        let brought = json!({"key": {"secretRef": reference}, "rotation": rotation});
        rejects(&write(brought), fault);
    }
    accepts(&write(
        json!({"key": {"hashRef": reference}, "rotation": {"overlap": "1h"}}),
    ));
}

#[test]
fn an_overlap_ends_before_the_next_rotation() {
    let fault = "spec.rotation: overlap (24h if it is not set) must be shorter than every";
    accepts(&write(
        json!({"rotation": {"every": "1h", "overlap": "59m59s"}}),
    ));
    accepts(&write(json!({"rotation": {"every": "25h"}})));
    rejects(&write(json!({"rotation": {"every": "24h"}})), fault);
    rejects(
        &write(json!({"rotation": {"every": "1h", "overlap": "60m"}})),
        fault,
    );
}

#[test]
fn spans_are_spans_of_a_minute_or_more() {
    rejects(
        &write(json!({"rotation": {"every": "59s", "overlap": "0s"}})),
        "spec.rotation.every: must be at least 1m",
    );
    rejects(
        &application(json!({"tokens": {"maxTTL": "1s"}})),
        "spec.tokens.maxTTL: must be at least 1m",
    );
    rejects(
        &application(json!({"tokens": {"maxTTL": "30d"}})),
        "spec.tokens.maxTTL: must match ^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$",
    );
}

#[test]
fn a_selector_stands_where_it_is_asked() {
    let namespaces = |value: Value| application(json!({"tokens": {"namespaces": value}}));
    let fault = "spec.tokens.namespaces: selector goes with from: Selector";
    accepts(&namespaces(json!({"from": "All"})));
    accepts(&namespaces(json!({"from": "Selector", "selector": {}})));
    rejects(&namespaces(json!({"from": "Selector"})), fault);
    rejects(&namespaces(json!({"selector": {}})), fault);
    rejects(&namespaces(json!({"from": "Same", "selector": {}})), fault);
}

#[test]
fn a_tenant_cannot_be_changed() {
    let of = |tenant: Option<&str>| match tenant {
        Some(tenant) => application(json!({"tenantID": tenant.repeat(32)})),
        None => application(json!({})),
    };
    rejects(
        &application(json!({"tenantID": "mill"})),
        "spec.tenantID: must match ^[0-9a-f]{32}$",
    );
    for (old, new) in [(None, Some("a")), (Some("a"), None), (Some("a"), Some("b"))] {
        assert_eq!(
            told(&of(new), Some(&of(old))),
            ["spec.tenantID: tenantID cannot be changed: make another application"]
        );
    }
    assert_eq!(
        told(&of(Some("a")), Some(&of(Some("a")))),
        Vec::<String>::new()
    );
    assert_eq!(told(&of(None), Some(&of(None))), Vec::<String>::new());
}

#[test]
fn an_application_reference_cannot_be_changed() {
    let old = write(json!({}));
    let new = write(json!({"applicationRef": {"name": "other"}}));
    assert_eq!(
        told(&new, Some(&old)),
        ["spec.applicationRef: applicationRef cannot be changed: make another token"]
    );
    let elsewhere = write(json!({"applicationRef": {"name": "mill", "namespace": "other"}}));
    assert_eq!(told(&elsewhere, Some(&old)).len(), 1);
    assert_eq!(
        told(&write(json!({"state": "Paused"})), Some(&old)),
        Vec::<String>::new()
    );
}

#[test]
fn revoked_is_final() {
    let revoked = write(json!({"state": "Revoked"}));
    assert_eq!(
        told(&revoked, Some(&write(json!({})))),
        Vec::<String>::new()
    );
    for state in [
        json!({}),
        json!({"state": "Active"}),
        json!({"state": "Paused"}),
    ] {
        assert_eq!(
            told(&write(state), Some(&revoked)),
            ["spec.state: Revoked is final: make another token"]
        );
    }
}

/// The methods that the derive makes stand on the same rules.
#[test]
fn validate_cel_agrees() {
    let decode = |manifest: Value| serde_json::from_value::<WriteToken>(manifest).unwrap();
    let active = decode(write(json!({})));
    let revoked = decode(write(json!({"state": "Revoked"})));
    assert!(active.validate_cel().is_ok());
    assert!(revoked.validate_cel_update(&active).is_ok());
    assert!(active.validate_cel_update(&revoked).is_err());
    assert!(decode(write(json!({"key": {}}))).validate_cel().is_err());
}

#[test]
fn secrets_are_read_as_kubernetes_reads_them() {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "type": "Opaque",
        "data": {"key": "b25l", "both": "b25l"}, "stringData": {"both": "two"}
    });
    let Manifest::Secret(secret) = Admission::new().admit(&manifest, None).unwrap() else {
        panic!()
    };
    assert_eq!(secret.entries["key"], b"one");
    assert_eq!(secret.entries["both"], b"two", "stringData wins");
    assert!(!format!("{secret:?}").contains("one"));
    let mut broken = manifest;
    broken["data"]["key"] = json!("***");
    broken["stringData"]["both"] = json!(1);
    assert_eq!(
        told(&broken, None),
        [
            "data.key: must be base64 text",
            "stringData.both: must be a string"
        ]
    );
}

#[test]
fn resources_of_others_are_passed_over() {
    let manifest = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}});
    assert_eq!(
        Admission::new().admit(&manifest, None),
        Ok(Manifest::Foreign)
    );
}

#[test]
fn the_examples_are_taken() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut count = 0;
    for folder in ["standalone", "kubernetes"] {
        for entry in std::fs::read_dir(examples.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for document in serde_yaml::Deserializer::from_str(&text) {
                let manifest: Value = serde::Deserialize::deserialize(document).unwrap();
                accepts(&manifest);
                count += 1;
            }
        }
    }
    assert!(count >= 6, "{count}");
}
