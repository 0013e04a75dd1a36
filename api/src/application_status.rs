//! What is told about an application: where clients find it, how many tokens it has, what is in its way.

use penstock_model::{TenantId, Timestamp};

use crate::condition::{Conditions, Verdict};
use crate::problem::Problem;
use crate::propagation::Reach;
use crate::token_status::time;
use crate::usage::Figures;
use crate::{ApplicationEndpoints, ApplicationStatus, Endpoints, MetricsApplication, TokenCounts};

/// What there is to tell about an application.
#[derive(Clone, Debug)]
pub struct ApplicationFacts<'a> {
    /// Why it cannot be used, if it cannot.
    pub problem: Option<&'a Problem>,
    /// Whose data its points are.
    pub tenant: Option<TenantId>,
    /// Where clients find the service.
    pub endpoints: &'a Endpoints,
    /// Its tokens.
    pub tokens: TokenCounts,
    /// How far its entry has come.
    pub reach: Reach,
    /// What it uses; `None` before the pods have told.
    pub usage: Option<Figures>,
}

/// The status that tells it.
pub fn application_status(
    application: &MetricsApplication,
    facts: &ApplicationFacts<'_>,
    now: Timestamp,
) -> ApplicationStatus {
    let before = application.status.as_ref();
    let generation = application.metadata.generation;
    let told = before.map_or(&[][..], |status| &status.conditions);
    let mut conditions = Conditions::after(told, generation, time(now));
    let accepted = match facts.problem {
        None => Verdict::yes("Accepted", ""),
        Some(problem) => Verdict::no(problem.reason.as_str(), problem.advice()),
    };
    let ready = match facts.problem {
        Some(_) => accepted.clone(),
        None if application.spec.paused => Verdict::no(
            "Paused",
            "all its tokens are refused: set spec.paused to false",
        ),
        None if facts.reach.is_all() => Verdict::yes("Works", "every pod serves it"),
        None => facts.reach.propagated(),
    };
    for (type_, verdict) in [
        ("Ready", ready),
        ("Accepted", accepted),
        ("Programmed", facts.reach.programmed()),
        ("Propagated", facts.reach.propagated()),
    ] {
        conditions.set(type_, verdict);
    }
    match facts.usage {
        Some(usage) => conditions.set("WithinLimits", usage.within(application.spec.limits)),
        None => conditions.keep(
            "WithinLimits",
            Verdict::unknown("NotTold", "the pods have not told yet what it uses"),
        ),
    }
    let told = before.and_then(|before| before.usage.as_ref());
    ApplicationStatus {
        observed_generation: generation,
        tenant_id: facts.tenant.map(|tenant| tenant.to_string()),
        endpoints: Some(endpoints(facts.endpoints)),
        tokens: Some(facts.tokens),
        propagation: facts
            .reach
            .told(before.and_then(|before| before.propagation.as_ref())),
        usage: match facts.usage {
            Some(usage) => Some(usage.told(told, now)),
            None => told.cloned(),
        },
        conditions: conditions.into_list(),
    }
}

fn endpoints(service: &Endpoints) -> ApplicationEndpoints {
    let authority = service.authority();
    ApplicationEndpoints {
        put: format!("https://{authority}/api/put"),
        rollup: format!("https://{authority}/api/rollup"),
        query: format!("https://{authority}"),
        telnet: authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_says_where_and_how_far() {
        let application = serde_json::from_value(json!({
            "apiVersion": "penstock.dev/v1alpha1", "kind": "MetricsApplication",
            "metadata": {"name": "mill", "generation": 3}, "spec": {"paused": true}
        }));
        let application: MetricsApplication = application.unwrap();
        let service = Endpoints {
            host: "metrics.example".to_owned(),
            port: 4242,
            ca: String::new(),
        };
        let facts = ApplicationFacts {
            problem: None,
            tenant: Some(TenantId::from_bytes([1; 16])),
            endpoints: &service,
            tokens: TokenCounts::default(),
            reach: Reach::NoPods { revision: 4 },
            usage: None,
        };
        let status = application_status(&application, &facts, Timestamp::from_millis(0));
        let told: Vec<_> = status
            .conditions
            .iter()
            .map(|c| format!("{}={} {}", c.type_, c.status, c.reason))
            .collect();
        assert_eq!(
            told,
            [
                "Ready=False Paused",
                "Accepted=True Accepted",
                "Programmed=True LedgerWritten",
                "Propagated=False NoPods",
                "WithinLimits=Unknown NotTold"
            ]
        );
        assert_eq!(status.endpoints.unwrap().telnet, "metrics.example:4242");
        assert_eq!(status.propagation.unwrap().revision, 4);
    }
}
