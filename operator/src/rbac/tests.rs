use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Parser as _;
use penstock_model::SystemClock;
use penstock_tenancy::{Ledger, LedgerApplication, SigningKey};
use prometheus_client::registry::Registry;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::admin::Readiness;
use crate::config::{Args, Config};
use crate::fake_api::FakeApi;
use crate::lease::Candidate;
use crate::ledger_fixture::application;
use crate::ledger_secret::LedgerSecrets;
use crate::pki::Pki;
use crate::propagation::IngestWatch;
use crate::publisher::Document;
use crate::signing::Signing;
use crate::telemetry::Metrics;

fn config(more: &[&str]) -> Config {
    let args = ["penstock-operator", "--namespace=metrics", "--pod-name=o"];
    Config::validate(Args::parse_from(args.iter().chain(more).copied())).unwrap()
}

/// Everything that the operator does in its own namespace.
async fn do_all(api: &FakeApi, config: &Config) {
    let clock = Arc::new(SystemClock::new());
    let (namespace, names) = (&config.namespace, &config.names);
    let candidate = Candidate::new(
        api.client(),
        namespace,
        names.prefix(),
        names.lease(),
        "o".to_owned(),
        Arc::<SystemClock>::clone(&clock),
    );
    let held = candidate.acquire().await.unwrap();
    let stopping = CancellationToken::new();
    stopping.cancel();
    held.keep(stopping).await.unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let signing = Signing::open(
        api.client(),
        namespace,
        names,
        Arc::<SystemClock>::clone(&clock),
        &mut rng,
    );
    signing.await.unwrap();
    let (mut secrets, _) = LedgerSecrets::open(api.client(), namespace, names)
        .await
        .unwrap();
    for revision in 1..=2 {
        secrets.commit(&large(revision)).await.unwrap();
    }
    let metrics = Metrics::register(&mut Registry::default());
    Pki::new(api.client(), config, clock, metrics)
        .0
        .step()
        .await
        .unwrap();
    let readiness = Readiness::default();
    let (watch, seen) = IngestWatch::new(api.client(), config.clone(), &readiness);
    let mut waiting = BTreeSet::from(["pods", "persistentvolumeclaims", "statefulsets"]);
    let watched = async {
        while !waiting.is_empty() {
            tokio::task::yield_now().await;
            for [verb, _, resource, _] in api.uses() {
                if verb == "watch" {
                    waiting.remove(resource.as_str());
                }
            }
        }
    };
    tokio::select! {
        () = watch.run() => panic!("a watch has ended"),
        () = watched => {}
    }
    drop(seen);
    assert_eq!(readiness.missing(), Vec::<&str>::new());
}

/// A ledger of two parts.
fn large(revision: u64) -> Document {
    let applications = (0..2_600).map(|number| LedgerApplication {
        name: format!("app-{number:05}"),
        ..application(number + 1)
    });
    let ledger = Ledger {
        revision,
        replicas: 1,
        volumes: Vec::new(),
        applications: applications.collect(),
    };
    Document::sign(&ledger, &SigningKey::from_seed([7; 32]).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_done_is_granted_and_everything_granted_is_done() {
    for more in [&[][..], &["--tls=existing", "--tls-secret=theirs"]] {
        let (api, config) = (FakeApi::default(), config(more));
        do_all(&api, &config).await;
        let mut rules = own_rules(&config.names);
        rules.extend(if more.is_empty() {
            self_managed_rules(&config.names)
        } else {
            existing_rules("theirs")
        });
        let mut used = BTreeSet::new();
        for [verb, group, resource, name] in api.uses() {
            let granting = rules
                .iter()
                .position(|rule| rule.grants(&verb, &group, &resource, &name));
            let rule = granting.unwrap_or_else(|| panic!("{verb} {group} {resource} {name}"));
            used.insert((rule, verb, resource));
        }
        for (number, rule) in rules.iter().enumerate() {
            for (verb, resource) in rule
                .verbs
                .iter()
                .flat_map(|verb| rule.resources.iter().map(move |of| (verb, of)))
            {
                let right = (number, (*verb).to_owned(), (*resource).to_owned());
                assert!(
                    used.contains(&right),
                    "{verb} {resource} is granted for nothing"
                );
            }
        }
    }
}

#[test]
fn the_chart_has_this_table() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../charts/penstock/templates/operator/_rights.tpl"
    );
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text == chart_template(), "run `make crds`");
}

#[test]
fn nothing_of_the_own_namespace_is_granted_for_every_name_but_reading() {
    let names = ObjectNames::new("penstock");
    for rule in own_rules(&names)
        .into_iter()
        .chain(self_managed_rules(&names))
    {
        let only_reads = rule
            .verbs
            .iter()
            .all(|verb| ["get", "list", "watch"].contains(verb));
        assert!(only_reads || rule.names != Names::Any, "{rule:?}");
    }
    let ledger = &own_rules(&names)[1];
    assert!(ledger.grants("create", "", "secrets", "penstock-ledger-b7"));
    assert!(!ledger.grants("create", "", "secrets", "penstock-ledger-c0"));
    assert!(!ledger.grants("delete", "", "secrets", "penstock-ledger"));
    assert!(!ledger.grants("list", "", "secrets", ""));
}
