//! The situations that an application and a token may be in, made up, and what is told in each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use penstock_api::application_status::{ApplicationFacts, application_status};
use penstock_api::consent::{Asking, application_not_found, consent, quota_exceeded};
use penstock_api::entry::{Credentials, application_entry, token_entry};
use penstock_api::key_source::bring_along;
use penstock_api::propagation::Reach;
use penstock_api::rotation::Step;
use penstock_api::tenant::tenant_of;
use penstock_api::token_status::{SecretFacts, TokenFacts, token_status};
use penstock_api::usage::Figures;
use penstock_api::{Endpoints, MetricsApplication, Problem, SecretData, Token, TokenCounts};
use penstock_model::{Charset, TenantId, Timestamp};
use penstock_tenancy::{KeyHash, LedgerKey, TokenId};
use serde_json::{Value, json};

use super::NOW;
use crate::publisher::Refused;

const HOUR: i64 = 3_600_000;

/// How far a change may have come.
fn reaches() -> Vec<Reach> {
    let (revision, of) = (41, 3);
    let refused = [
        Refused::TooLarge {
            bytes: 5_700_000,
            max: 5_668_864,
        },
        Refused::Final,
    ];
    let refused = refused.map(|refused| Reach::Refused(refused.to_string()));
    let mut reaches = vec![
        Reach::All {
            revision,
            pods: 3,
            of,
            seconds: Some(Duration::from_millis(40)),
        },
        Reach::Nothing,
        Reach::Staged,
        Reach::Telling { revision },
        Reach::NoPods { revision },
        Reach::Waiting {
            revision,
            pods: 2,
            of,
            missing: vec!["penstock-ingest-1".to_owned()],
        },
    ];
    reaches.extend(refused);
    reaches
}

fn application(spec: &Value) -> anyhow::Result<MetricsApplication> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": "MetricsApplication",
        "metadata": {"name": "mill", "namespace": "team", "uid": "0189f7c2-7c5b-4d2a-9c1e-00000000002a"},
        "spec": spec,
    }))?)
}

/// What is told about an application, in every situation.
pub(super) fn applications() -> anyhow::Result<Vec<Condition>> {
    let endpoints = Endpoints {
        host: "penstock.metrics.svc".to_owned(),
        port: 4242,
        ca: String::new(),
    };
    let counts = TokenCounts {
        active: 1,
        paused: 0,
        expired: 0,
        revoked: 0,
    };
    let mut told = Vec::new();
    let mut tell = |spec: Value, reach: Reach, usage| -> anyhow::Result<()> {
        let application = application(&spec)?;
        let entry = tenant_of(&application, |_: TenantId| None)
            .and_then(|tenant| application_entry(&application, tenant));
        let facts = ApplicationFacts {
            problem: entry.as_ref().err(),
            tenant: None,
            endpoints: &endpoints,
            tokens: counts,
            reach,
            usage,
        };
        told.extend(application_status(&application, &facts, NOW).conditions);
        Ok(())
    };
    let mut some = Figures::default();
    some.add(10, 100, 1_000);
    for reach in reaches() {
        tell(json!({}), reach, Some(some))?;
    }
    let works = || reaches().swap_remove(0);
    tell(json!({}), works(), None)?;
    tell(json!({"paused": true}), works(), Some(some))?;
    tell(json!({"limits": {"activeSeries": 10}}), works(), Some(some))?;
    tell(json!({"tags": {"site": "a b"}}), Reach::Nothing, None)?;
    for tenant in ["0a0a", &"0a".repeat(16)] {
        tell(json!({"tenantID": tenant}), Reach::Nothing, None)?;
    }
    Ok(told)
}

fn token(spec: &Value) -> anyhow::Result<Token> {
    let mut full = json!({"applicationRef": {"name": "mill"}});
    if let (Some(full), Some(spec)) = (full.as_object_mut(), spec.as_object()) {
        full.extend(spec.clone());
    }
    Ok(Token::Write(serde_json::from_value(json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": "WriteToken",
        "metadata": {"name": "sensors", "namespace": "team"},
        "spec": full,
    }))?))
}

fn key(number: u8, not_after: Option<i64>) -> LedgerKey {
    LedgerKey {
        hash: KeyHash::of(&[number]),
        not_after: not_after.map(Timestamp::from_millis),
    }
}

/// What is told about a token, in every situation.
pub(super) fn tokens() -> anyhow::Result<Vec<Condition>> {
    let id: TokenId = "AbCdEfGhIjKl".parse()?;
    let (never, keys) = (BTreeMap::new(), [key(1, None)]);
    let works = TokenFacts {
        problem: None,
        id: Some(id),
        keys: &keys,
        held: keys.first().map(|key| key.hash),
        last_used: &never,
        version: 1,
        secret: SecretFacts::Written,
        step: Step::Settled,
        reach: reaches().swap_remove(0),
        next_rotation: None,
        expires_at: None,
        is_revoked: false,
        is_application_paused: false,
    };
    let mut told = Told(Vec::new());
    on_its_way(&mut told, &works, id)?;
    with_keys(&mut told, &works)?;
    refused(&mut told, &works)?;
    for problem in problems(id)? {
        let facts = TokenFacts {
            problem: Some(&problem),
            secret: SecretFacts::Missing,
            reach: Reach::Nothing,
            ..works.clone()
        };
        told.tell(&json!({}), &facts)?;
    }
    Ok(told.0)
}

struct Told(Vec<Condition>);

impl Told {
    fn tell(&mut self, spec: &Value, facts: &TokenFacts<'_>) -> anyhow::Result<()> {
        let status = token_status(&token(spec)?, facts, NOW);
        self.0.extend(status.conditions);
        Ok(())
    }
}

/// Its entry on the way to the pods, and its Secret.
fn on_its_way(told: &mut Told, works: &TokenFacts<'_>, id: TokenId) -> anyhow::Result<()> {
    let plain = json!({});
    let refused = [
        Refused::NoApplication,
        Refused::OtherApplication(id),
        Refused::KeysFull,
    ];
    let refused = refused.map(|refused| Reach::Refused(refused.to_string()));
    for reach in reaches().into_iter().chain(refused) {
        told.tell(
            &plain,
            &TokenFacts {
                reach,
                ..works.clone()
            },
        )?;
    }
    for secret in [
        SecretFacts::Missing,
        SecretFacts::Conflict,
        SecretFacts::Failed("exceeded quota: secrets, used: 10, limited: 10".to_owned()),
    ] {
        let facts = TokenFacts {
            secret,
            reach: Reach::Telling { revision: 41 },
            ..works.clone()
        };
        told.tell(&plain, &facts)?;
    }
    Ok(())
}

/// What is done with its keys.
fn with_keys(told: &mut Told, works: &TokenFacts<'_>) -> anyhow::Result<()> {
    let (plain, end) = (json!({}), Timestamp::from_millis(NOW.millis() + HOUR));
    for step in [
        Step::Draw,
        Step::Settling,
        Step::Full(Some(end)),
        Step::Full(None),
    ] {
        let secret = match step {
            Step::Full(_) => SecretFacts::Missing,
            _ => SecretFacts::Written,
        };
        let facts = TokenFacts {
            step,
            secret,
            ..works.clone()
        };
        told.tell(&plain, &facts)?;
    }
    let both = [key(1, Some(end.millis())), key(2, None)];
    let facts = TokenFacts {
        keys: &both,
        ..works.clone()
    };
    told.tell(&plain, &facts)
}

/// Refused by the pods, as somebody wants it.
fn refused(told: &mut Told, works: &TokenFacts<'_>) -> anyhow::Result<()> {
    let plain = json!({});
    told.tell(&json!({"state": "Paused"}), works)?;
    told.tell(&json!({"notBefore": "2027-01-01T00:00:00Z"}), works)?;
    let facts = TokenFacts {
        is_application_paused: true,
        ..works.clone()
    };
    told.tell(&plain, &facts)?;
    for end in [NOW, Timestamp::from_millis(NOW.millis() + HOUR)] {
        let facts = TokenFacts {
            expires_at: Some(end),
            ..works.clone()
        };
        told.tell(&plain, &facts)?;
    }
    for secret in [SecretFacts::Written, SecretFacts::Missing] {
        let facts = TokenFacts {
            is_revoked: true,
            secret,
            ..works.clone()
        };
        told.tell(&plain, &facts)?;
    }
    Ok(())
}

/// Everything that keeps a token from being accepted.
fn problems(id: TokenId) -> anyhow::Result<Vec<Problem>> {
    let plain = token(&json!({}))?;
    let mut problems = vec![application_not_found(&plain, None)];
    let broken = application(&json!({"tenantID": "0a0a"}))?;
    let broken = tenant_of(&broken, |_: TenantId| None).err();
    problems.push(application_not_found(&plain, broken.as_ref()));
    let mill = application(&json!({}))?;
    problems.push(quota_exceeded(&mill, &plain));
    let labels = BTreeMap::new();
    let asking = Asking {
        namespace_labels: &labels,
        created: None,
        now: NOW,
    };
    let mut elsewhere = token(&json!({"applicationRef": {"name": "mill", "namespace": "team"}}))?;
    if let Token::Write(token) = &mut elsewhere {
        token.metadata.namespace = Some("other".to_owned());
    }
    let bad = json!({"from": "Selector", "selector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}});
    for (tokens, token) in [
        (json!({"namespaces": {"from": "Same"}}), &elsewhere),
        (json!({"namespaces": bad}), &elsewhere),
        (json!({"requireExpiry": true}), &plain),
    ] {
        let application = application(&json!({"tokens": tokens}))?;
        problems.extend(consent(&application, token, asking).err());
    }
    for (spec, charset) in [
        (json!({"tags": {"site": "a b"}}), Charset::OpenTsdb),
        (
            json!({"allow": {"sourceRanges": ["192.0.2.0/33"]}}),
            Charset::OpenTsdb,
        ),
    ] {
        let credentials = Credentials {
            id,
            keys: Vec::new(),
            expires_at: None,
        };
        problems.extend(token_entry(&token(&spec)?, charset, credentials).err());
    }
    let own = token(&json!({"key": {"secretRef": {"name": "own", "key": "key"}}}))?;
    let hash = token(&json!({"key": {"hashRef": {"name": "own", "key": "hash"}}}))?;
    let secret = SecretData {
        namespace: "team".to_owned(),
        name: "own".to_owned(),
        entries: BTreeMap::from([("hash".to_owned(), b"abc".to_vec())]),
    };
    let short = SecretData {
        entries: BTreeMap::from([("key".to_owned(), b"abc".to_vec())]),
        ..secret.clone()
    };
    let secret = [secret];
    problems.extend(bring_along(&own, &[]).err());
    problems.extend(bring_along(&own, &secret).err());
    problems.extend(bring_along(&own, &[short]).err());
    problems.extend(bring_along(&hash, &secret).err());
    Ok(problems)
}
