//! Puts each token into its application, or reports why it cannot.

use std::collections::{HashMap, HashSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use penstock_model::Timestamp;
use penstock_tenancy::{
    Allow, LedgerApplication, LedgerKey, LedgerToken, ReadLimits, SourceRange, TokenId,
    TokenLimits, TokenState,
};

use super::{Problem, Reason, Sources, forced_tags};
use crate::Token;
use crate::field_path::FieldPath;

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
    /// The tokens of the previous ledger with their applications.
    before: HashMap<TokenId, (&'a LedgerApplication, &'a LedgerToken)>,
    ids: HashSet<TokenId>,
    /// Namespace and name of each Secret that is spoken for.
    secrets: HashSet<(String, String)>,
}

impl<'a> Placing<'a> {
    fn new(sources: &'a Sources<'a>) -> Self {
        let before = sources.previous.iter().flat_map(|ledger| ledger.tokens());
        Self {
            sources,
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
        let at = FieldPath::of(["spec", "applicationRef", "name"]);
        let application = applications
            .iter_mut()
            .find(|application| application.namespace == namespace && application.name == *wanted)
            .ok_or_else(|| {
                let message = format!("there is no usable MetricsApplication {namespace}/{wanted}");
                Problem::of_token(token, Reason::ApplicationNotFound, at, message)
            })?;
        let mut entry = self.entry(token, application)?;
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
        application: &LedgerApplication,
    ) -> Result<LedgerToken, Problem> {
        let refuse = |reason, at, message| Problem::of_token(token, reason, at, message);
        let name = token.token_name();
        let keys = self.sources.keys.get(&name).ok_or_else(|| {
            let at = FieldPath::of(["spec", "key"]);
            refuse(Reason::SourceMissing, at, "there is no key yet".to_owned())
        })?;
        self.check_application(token, keys.id, application)?;
        let tags = forced_tags(&token.spec().tags, application.charset)
            .map_err(|(at, message)| refuse(Reason::TagConflict, at, message))?;
        let source_ranges = source_ranges(token)?;
        if !self
            .secrets
            .insert((name.namespace.clone(), token.secret_name()))
        {
            let at = FieldPath::of(["spec", "secret", "name"]);
            let message = format!("another token writes the Secret {}", token.secret_name());
            return Err(refuse(Reason::SecretConflict, at, message));
        }
        if !self.ids.insert(keys.id) {
            let message = format!("another token has the id {}", keys.id);
            return Err(refuse(
                Reason::Duplicate,
                FieldPath::of(["metadata", "name"]),
                message,
            ));
        }
        let (limits, read_limits) = limits(token);
        Ok(LedgerToken {
            id: keys.id,
            namespace: name.namespace,
            name: name.name,
            permission: name.permission,
            state: token.spec().state.into(),
            keys: vec![LedgerKey {
                hash: keys.hash,
                not_after: None,
            }],
            tags,
            not_before: token.spec().not_before.as_ref().map(moment),
            expires_at: token.spec().expires_at.as_ref().map(moment),
            limits,
            read_limits,
            allow: rights(token, source_ranges),
        })
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

fn source_ranges(token: &Token) -> Result<Vec<SourceRange>, Problem> {
    let at = FieldPath::of(["spec", "allow", "sourceRanges"]);
    let ranges = token
        .source_ranges()
        .iter()
        .enumerate()
        .map(|(index, text)| {
            text.parse::<SourceRange>().map_err(|error| {
                Problem::of_token(
                    token,
                    Reason::InvalidSpec,
                    at.index(index),
                    error.to_string(),
                )
            })
        });
    let mut ranges = ranges.collect::<Result<Vec<_>, _>>()?;
    ranges.sort_unstable();
    ranges.dedup();
    Ok(ranges)
}

fn limits(token: &Token) -> (TokenLimits, ReadLimits) {
    match token {
        Token::Read(token) => (TokenLimits::default(), token.spec.limits.to_ledger()),
        Token::Write(token) => (token.spec.limits.to_ledger(), ReadLimits::default()),
    }
}

fn rights(token: &Token, source_ranges: Vec<SourceRange>) -> Allow {
    match token {
        Token::Read(_) => Allow {
            source_ranges,
            ..Allow::default()
        },
        Token::Write(token) => {
            let given = &token.spec.allow;
            let mut allow = Allow {
                protocols: given
                    .protocols
                    .iter()
                    .map(|protocol| (*protocol).into())
                    .collect(),
                metric_prefixes: given.metric_prefixes.clone(),
                source_ranges,
                delete: given.delete,
            };
            allow.protocols.sort_unstable();
            allow.protocols.dedup();
            allow.metric_prefixes.sort_unstable();
            allow.metric_prefixes.dedup();
            allow
        }
    }
}

fn moment(time: &Time) -> Timestamp {
    Timestamp::from_millis(time.0.as_millisecond())
}
