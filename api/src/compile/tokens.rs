//! Puts each token into its application, or reports why it cannot.

use std::collections::{BTreeMap, HashMap, HashSet};

use penstock_model::Timestamp;
use penstock_tenancy::{LedgerApplication, LedgerToken, TokenId, TokenState};

use super::Sources;
use crate::consent::{Asking, consent, quota_exceeded};
use crate::entry::{Credentials, token_entry};
use crate::field_path::FieldPath;
use crate::problem::{Problem, Reason};
use crate::{MetricsApplication, State, Token};

/// Adds the tokens to the applications that they name.
pub(super) fn place(
    sources: &Sources<'_>,
    applications: &mut [LedgerApplication],
    problems: &mut Vec<Problem>,
) {
    let mut placing = Placing::new(sources);
    let mut tokens: Vec<_> = sources.tokens.iter().collect();
    // What two of them want goes to the one that has it already, else to the first by name.
    tokens.sort_by_cached_key(|token| {
        let name = token.token_name();
        let keys = sources.keys.get(&name);
        let is_new = keys.is_none_or(|keys| !placing.before.contains_key(&keys.id));
        (is_new, name)
    });
    for token in tokens {
        if let Err(problem) = placing.place(token, applications, problems) {
            problems.push(problem);
        }
    }
}

/// What is known while tokens are placed.
struct Placing<'a> {
    sources: &'a Sources<'a>,
    /// The applications by namespace and name.
    resources: HashMap<(&'a str, &'a str), &'a MetricsApplication>,
    /// The tokens of the previous ledger with their applications.
    before: HashMap<TokenId, (&'a LedgerApplication, &'a LedgerToken)>,
    ids: HashSet<TokenId>,
    /// Namespace and name of each Secret that is spoken for.
    secrets: HashSet<(String, String)>,
}

impl<'a> Placing<'a> {
    fn new(sources: &'a Sources<'a>) -> Self {
        let before = sources.previous.iter().flat_map(|ledger| ledger.tokens());
        let resources = sources.applications.iter().map(|(resource, _)| {
            let metadata = &resource.metadata;
            let namespace = metadata.namespace.as_deref().unwrap_or("default");
            let name = metadata.name.as_deref().unwrap_or_default();
            ((namespace, name), resource)
        });
        Self {
            sources,
            resources: resources.collect(),
            before: before
                .map(|(application, token)| (token.id, (application, token)))
                .collect(),
            ids: HashSet::new(),
            secrets: HashSet::new(),
        }
    }

    fn place(
        &mut self,
        token: &Token,
        applications: &mut [LedgerApplication],
        problems: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        let (namespace, wanted) = token.application();
        let is_wanted = |a: &&mut LedgerApplication| a.namespace == namespace && a.name == wanted;
        let application = applications.iter_mut().find(is_wanted);
        let resource = self.resources.get(&(namespace.as_str(), wanted));
        let (Some(application), Some(resource)) = (application, resource) else {
            let at = FieldPath::of(["spec", "applicationRef", "name"]);
            let message = format!("there is no usable MetricsApplication {namespace}/{wanted}");
            return Err(Problem::of_token(
                token,
                Reason::ApplicationNotFound,
                at,
                message,
            ));
        };
        let mut entry = self.entry(token, resource, application)?;
        if self.is_revoked(entry.id) && entry.state != TokenState::Revoked {
            entry.state = TokenState::Revoked;
            let at = FieldPath::of(["spec", "state"]);
            let message = "Revoked is final: make another token".to_owned();
            problems.push(Problem::of_token(token, Reason::Revoked, at, message));
        }
        application.tokens.push(entry);
        Ok(())
    }

    fn entry(
        &mut self,
        token: &Token,
        resource: &MetricsApplication,
        application: &LedgerApplication,
    ) -> Result<LedgerToken, Problem> {
        let refuse = |reason, at, message| Problem::of_token(token, reason, at, message);
        let name = token.token_name();
        let keys = self.sources.keys.get(&name).ok_or_else(|| {
            let at = FieldPath::of(["spec", "key"]);
            refuse(Reason::SourceMissing, at, "there is no key yet".to_owned())
        })?;
        self.check_application(token, keys.id, application)?;
        let expires_at = self.consent(token, resource, application)?;
        let credentials = Credentials {
            id: keys.id,
            keys: keys.keys.clone(),
            expires_at,
        };
        let entry = token_entry(token, application.charset, credentials)?;
        let secret = token.secret_name();
        if !self.secrets.insert((name.namespace, secret.clone())) {
            let at = FieldPath::of(["spec", "secret", "name"]);
            let message = format!("another token writes the Secret {secret}");
            return Err(refuse(Reason::SecretConflict, at, message));
        }
        if !self.ids.insert(keys.id) {
            let message = format!("another token has the id {}", keys.id);
            let at = FieldPath::of(["metadata", "name"]);
            return Err(refuse(Reason::Duplicate, at, message));
        }
        Ok(entry)
    }

    /// A folder of manifests knows no labels of namespaces but the one that each has on a cluster, and not when a token
    /// was made.
    fn consent(
        &self,
        token: &Token,
        resource: &MetricsApplication,
        application: &LedgerApplication,
    ) -> Result<Option<Timestamp>, Problem> {
        let counts = |entry: &&LedgerToken| entry.state != TokenState::Revoked;
        let count = application.tokens.iter().filter(counts).count();
        let max = usize::try_from(resource.spec.tokens.max).unwrap_or(0);
        if count >= max && token.spec().state != State::Revoked {
            return Err(quota_exceeded(resource, token));
        }
        let namespace = token.token_name().namespace;
        let labels = BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), namespace)]);
        let asking = Asking {
            namespace_labels: &labels,
            created: None,
            now: self.sources.now,
        };
        consent(resource, token, asking)
    }

    /// An id belongs to one application for ever: whoever holds its key must not find other data behind it.
    fn check_application(
        &self,
        token: &Token,
        id: TokenId,
        application: &LedgerApplication,
    ) -> Result<(), Problem> {
        let Some((before, _)) = self.before.get(&id) else {
            return Ok(());
        };
        if (&before.namespace, &before.name) == (&application.namespace, &application.name) {
            return Ok(());
        }
        let at = FieldPath::of(["spec", "applicationRef"]);
        let message = format!("cannot be changed from {}: make another token", before.name);
        Err(Problem::of_token(
            token,
            Reason::ApplicationChanged,
            at,
            message,
        ))
    }

    fn is_revoked(&self, id: TokenId) -> bool {
        let before = self.before.get(&id);
        before.is_some_and(|(_, token)| token.state == TokenState::Revoked)
    }
}
