#![expect(
    clippy::needless_pass_by_value,
    reason = "a case reads better as json!(..) than as &json!(..)"
)]

use std::net::IpAddr;

use penstock_tenancy::{KeyHash, Permission, Protocol};
use serde_json::{Value, json};

use super::*;
use crate::{ReadToken, WriteToken};

/// A small world that can be changed and compiled again.
#[derive(Default)]
struct World {
    applications: Vec<(MetricsApplication, TenantId)>,
    tokens: Vec<Token>,
    keys: BTreeMap<TokenName, TokenKeys>,
    previous: Option<Ledger>,
}

impl World {
    /// One application with a write token and a read token.
    fn mill() -> Self {
        let mut world = Self::default();
        world.application("mill", 1, json!({"tags": {"site": "paris"}}));
        world.write("sensors", "Write0000001", json!({"tags": {"fleet": "f1"}}));
        world.read("grafana", "Read00000001");
        world
    }

    fn application(&mut self, name: &str, tenant: u8, spec: Value) {
        let resource = serde_json::from_value(json!({
            "apiVersion": "penstock.dev/v1alpha1", "kind": "MetricsApplication",
            "metadata": {"name": name, "namespace": "team"}, "spec": spec
        }));
        let tenant = TenantId::from_bytes([tenant; 16]);
        self.applications.push((resource.unwrap(), tenant));
    }

    fn write(&mut self, name: &str, id: &str, spec: Value) {
        let token: WriteToken =
            serde_json::from_value(token_json("WriteToken", name, spec)).unwrap();
        self.token(Token::Write(token), id);
    }

    fn read(&mut self, name: &str, id: &str) {
        let spec = json!({"allow": {"sourceRanges": ["192.0.2.0/24"]}});
        let token: ReadToken = serde_json::from_value(token_json("ReadToken", name, spec)).unwrap();
        self.token(Token::Read(token), id);
    }

    fn token(&mut self, token: Token, id: &str) {
        let keys = TokenKeys {
            id: id.parse().unwrap(),
            keys: vec![LedgerKey {
                hash: KeyHash::of(id.as_bytes()),
                not_after: None,
            }],
        };
        self.keys.insert(token.token_name(), keys);
        self.tokens.push(token);
    }

    fn compile(&self, now: i64) -> (Ledger, Vec<String>) {
        let (ledger, problems) = compile(&Sources {
            applications: &self.applications,
            tokens: &self.tokens,
            keys: &self.keys,
            previous: self.previous.as_ref(),
            replicas: 1,
            now: Timestamp::from_millis(now),
        });
        assert_eq!(ledger.check(), Ok(()));
        (ledger, problems.iter().map(ToString::to_string).collect())
    }

    /// Compiles without a problem, and remembers.
    fn settle(&mut self, now: i64) -> Ledger {
        let (ledger, problems) = self.compile(now);
        assert_eq!(problems, Vec::<String>::new());
        self.previous = Some(ledger.clone());
        ledger
    }
}

fn token_json(kind: &str, name: &str, spec: Value) -> Value {
    let mut full = json!({"applicationRef": {"name": "mill"}});
    full.as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "team"}, "spec": full
    })
}

fn states(ledger: &Ledger) -> Vec<(String, TokenState)> {
    ledger
        .tokens()
        .map(|(_, token)| (token.id.to_string(), token.state))
        .collect()
}

#[test]
fn resources_become_entries() {
    let mut world = World::mill();
    world.write(
        "probe",
        "Write0000002",
        json!({
            "state": "Paused", "notBefore": "2027-01-01T00:00:00Z", "expiresAt": "2028-01-01T00:00:00Z",
            "limits": {"pointsPerSecond": 7},
            "allow": {"protocols": ["Http", "Telnet", "Http"], "metricPrefixes": ["b", "a"], "delete": true}
        }),
    );
    let ledger = world.settle(1_000);
    assert_eq!(ledger.revision, 1_000);
    let [mill] = ledger.applications.as_slice() else {
        panic!("{ledger:?}")
    };
    assert_eq!(mill.tags.get("site"), Some("paris"));
    let [grafana, sensors, probe] = mill.tokens.as_slice() else {
        panic!("{mill:?}")
    };
    assert_eq!(grafana.permission, Permission::Read);
    let address: IpAddr = "192.0.2.9".parse().unwrap();
    assert_eq!(grafana.allow.check(Protocol::Http, address), Ok(()));
    assert_eq!(sensors.tags.get("fleet"), Some("f1"));
    assert_eq!(probe.state, TokenState::Paused);
    assert_eq!(
        probe.not_before,
        Some(Timestamp::from_millis(1_798_761_600_000))
    );
    assert_eq!(probe.limits.points_per_second, 7);
    assert_eq!(probe.allow.protocols, [Protocol::Telnet, Protocol::Http]);
    assert_eq!(probe.allow.metric_prefixes, ["a", "b"]);
    assert!(probe.allow.delete);
}

#[test]
fn the_order_of_resources_does_not_matter() {
    let world = World::mill();
    let mut turned = World::mill();
    turned.tokens.reverse();
    assert_eq!(world.compile(1), turned.compile(1));
}

#[test]
fn without_a_change_the_revision_stays() {
    let mut world = World::mill();
    let first = world.settle(1_000);
    assert_eq!(world.settle(2_000), first);
    world.application("other", 2, json!({}));
    assert_eq!(world.settle(2_000).revision, 2_000);
    world.application("third", 3, json!({}));
    assert_eq!(
        world.settle(1_500).revision,
        2_001,
        "clocks may go back, revisions not"
    );
}

#[test]
fn a_token_without_its_application_is_left_out() {
    let mut world = World::mill();
    world.applications.clear();
    let (ledger, problems) = world.compile(1);
    assert_eq!(ledger.applications, []);
    assert_eq!(
        problems,
        [
            "ReadToken team/grafana: spec.applicationRef.name: there is no usable MetricsApplication team/mill (ApplicationNotFound)",
            "WriteToken team/sensors: spec.applicationRef.name: there is no usable MetricsApplication team/mill (ApplicationNotFound)",
        ]
    );
}

#[test]
fn a_token_without_a_key_is_left_out() {
    let mut world = World::mill();
    world
        .keys
        .retain(|name, _| name.permission == Permission::Read);
    let (ledger, problems) = world.compile(1);
    assert_eq!(ledger.tokens().count(), 1);
    assert_eq!(
        problems,
        ["WriteToken team/sensors: spec.key: there is no key yet (SourceMissing)"]
    );
}

#[test]
fn forced_tags_keep_the_applications_character_set() {
    let mut world = World::default();
    world.application("mill", 1, json!({"charset": "IotLab"}));
    world.write("bad", "Write0000001", json!({"tags": {"site_id": "x"}}));
    world.write("good", "Write0000002", json!({"tags": {"site-id": "x"}}));
    let (ledger, problems) = world.compile(1);
    assert_eq!(ledger.tokens().count(), 1);
    assert_eq!(
        problems,
        [
            "WriteToken team/bad: spec.tags.site_id: the application's spec.charset refuses the tag name: illegal character: _. Choose another, or another charset (TagConflict)"
        ]
    );
    world.application("odd", 2, json!({"tags": {"k": "a b"}}));
    assert!(world.compile(1).1[0].starts_with("MetricsApplication team/odd: spec.tags.k:"));
}

#[test]
fn a_key_in_a_tag_is_refused_and_not_quoted() {
    let key = penstock_tenancy::Key::draw(
        &mut <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1),
        Permission::Write,
    );
    let mut world = World::mill();
    world.write("leak", "Write0000002", json!({"tags": {"k": key.expose()}}));
    let (_, problems) = world.compile(1);
    assert_eq!(
        problems,
        [
            "WriteToken team/leak: spec.tags: a tag value holds a token's key, which anybody could read there: choose another (TagConflict)"
        ]
    );
}

#[test]
fn two_tokens_cannot_have_one_secret_or_one_id() {
    let mut world = World::mill();
    world.settle(1);
    // By name it would come first, but the write token has the Secret already.
    world.read("sensors", "Read00000002");
    world.write("twin", "Write0000001", json!({}));
    let (ledger, problems) = world.compile(2);
    assert_eq!(Some(ledger), world.previous);
    assert_eq!(
        problems,
        [
            "WriteToken team/twin: metadata.name: another token has the id Write0000001 (Duplicate)",
            "ReadToken team/sensors: spec.secret.name: another token writes the Secret sensors (SecretConflict)",
        ]
    );
}

#[test]
fn networks_are_read_here() {
    let mut world = World::mill();
    world.write(
        "far",
        "Write0000002",
        json!({"allow": {"sourceRanges": ["10.0.0.0/8", "nowhere"]}}),
    );
    let (_, problems) = world.compile(1);
    assert_eq!(
        problems,
        [
            "WriteToken team/far: spec.allow.sourceRanges[1]: a source range is an address or a network such as 192.0.2.0/24, not \"nowhere\" (InvalidSpec)"
        ]
    );
}

#[test]
fn revoked_stays_revoked_whatever_the_resources_say() {
    let mut world = World::mill();
    world.tokens.remove(0);
    world.write("sensors", "Write0000001", json!({"state": "Revoked"}));
    world.settle(1);
    let revoked = ("Write0000001".to_owned(), TokenState::Revoked);

    // Asked to work again.
    world.tokens.pop();
    world.write("sensors", "Write0000001", json!({}));
    let (ledger, problems) = world.compile(2);
    assert!(states(&ledger).contains(&revoked));
    assert_eq!(
        problems,
        ["WriteToken team/sensors: spec.state: Revoked is final: make another token (Revoked)"]
    );

    // Its resource is gone, then its application too.
    world.tokens.clear();
    assert_eq!(states(&world.settle(3)), std::slice::from_ref(&revoked));
    let applications = std::mem::take(&mut world.applications);
    let ledger = world.settle(4);
    assert_eq!(states(&ledger), std::slice::from_ref(&revoked));
    assert!(ledger.applications[0].paused);

    // All of it comes back.
    world.applications = applications;
    world.write("sensors", "Write0000001", json!({}));
    assert_eq!(states(&world.compile(5).0), [revoked]);
    assert!(!world.compile(5).0.applications[0].paused);
}

#[test]
fn a_token_that_is_gone_is_no_longer_in_the_ledger() {
    let mut world = World::mill();
    world.settle(1);
    world.tokens.remove(0);
    let ledger = world.settle(2);
    assert_eq!(ledger.tokens().count(), 1);
}

#[test]
fn a_token_stays_with_its_application() {
    let mut world = World::mill();
    world.settle(1);
    world.application("other", 2, json!({}));
    world.tokens.remove(0);
    world.write(
        "sensors",
        "Write0000001",
        json!({"applicationRef": {"name": "other"}}),
    );
    let (ledger, problems) = world.compile(2);
    assert_eq!(ledger.tokens().count(), 1);
    assert_eq!(
        problems,
        [
            "WriteToken team/sensors: spec.applicationRef: cannot be changed from mill: make another token (ApplicationChanged)"
        ]
    );
}

#[test]
fn those_that_were_there_first_stay() {
    let mut world = World::default();
    world.application("mill", 1, json!({"tokens": {"max": 1}}));
    world.write("z", "Write0000001", json!({}));
    world.settle(1);
    world.write("a", "Write0000002", json!({}));
    world.write("old", "Write0000003", json!({"state": "Revoked"}));
    let (ledger, problems) = world.compile(2);
    assert_eq!(ledger.tokens().count(), 2, "a revoked one does not count");
    assert_eq!(
        problems,
        [
            "WriteToken team/a: spec.applicationRef: the application takes 1 tokens (its spec.tokens.max) and has them: delete or revoke one, or raise it (QuotaExceeded)"
        ]
    );
}

#[test]
fn tokens_of_other_namespaces_need_consent() {
    let mut world = World::default();
    let allow = json!({"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "team"}}});
    world.application("mill", 1, json!({"tokens": {"namespaces": allow}}));
    world.applications[0].0.metadata.namespace = Some("works".to_owned());
    let elsewhere = json!({"applicationRef": {"name": "mill", "namespace": "works"}});
    world.write("sensors", "Write0000001", elsewhere);
    world.settle(1);
    world.applications[0].0.spec.tokens = crate::TokenPolicy::default();
    let (ledger, problems) = world.compile(2);
    assert_eq!(ledger.tokens().count(), 0);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("NamespaceNotAllowed"), "{problems:?}");
}
