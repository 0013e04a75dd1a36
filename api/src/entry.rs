//! A resource as the ledger writes it.
//!
//! What only the resource itself decides is decided here. Whether the application takes a token at all is
//! [`consent`](crate::consent)'s question, which keys it has is [`rotation`](crate::rotation)'s.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use penstock_model::{Charset, NameRole, Tags, TenantId, Timestamp};
use penstock_tenancy::{
    Allow, LedgerApplication, LedgerKey, LedgerToken, ReadLimits, SourceRange, TokenId,
    TokenLimits, holds_key,
};

use crate::field_path::FieldPath;
use crate::problem::{Problem, Reason};
use crate::{MetricsApplication, Token};

/// An application without its tokens.
///
/// # Errors
/// [`Reason::TagConflict`].
pub fn application_entry(
    resource: &MetricsApplication,
    tenant: TenantId,
) -> Result<LedgerApplication, Problem> {
    let object = resource.object_name();
    let spec = &resource.spec;
    let tags = forced_tags(&spec.tags, spec.charset.into())
        .map_err(|(at, message)| Problem::new(object.clone(), Reason::TagConflict, at, message))?;
    Ok(LedgerApplication {
        namespace: object.namespace,
        name: object.name,
        tenant,
        profile: spec.profile.into(),
        charset: spec.charset.into(),
        on_error: spec.on_error.into(),
        tags,
        limits: spec.limits.to_ledger(),
        paused: spec.paused,
        removed: false,
        tokens: Vec::new(),
    })
}

/// What a token's entry has besides what its resource says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Its public name.
    pub id: TokenId,
    /// The hashes of its keys.
    pub keys: Vec<LedgerKey>,
    /// From when on it is refused, as its application has consented to.
    pub expires_at: Option<Timestamp>,
}

/// A token of an application with this character set.
///
/// # Errors
/// [`Reason::TagConflict`], or [`Reason::InvalidSpec`] for a source range that is none.
pub fn token_entry(
    token: &Token,
    charset: Charset,
    credentials: Credentials,
) -> Result<LedgerToken, Problem> {
    let name = token.token_name();
    let spec = token.spec();
    let tags = forced_tags(&spec.tags, charset)
        .map_err(|(at, message)| Problem::of_token(token, Reason::TagConflict, at, message))?;
    let source_ranges = source_ranges(token)?;
    let (limits, read_limits) = limits(token);
    Ok(LedgerToken {
        id: credentials.id,
        namespace: name.namespace,
        name: name.name,
        permission: name.permission,
        state: spec.state.into(),
        keys: credentials.keys,
        tags,
        not_before: spec.not_before.as_ref().map(moment),
        expires_at: credentials.expires_at,
        limits,
        read_limits,
        allow: rights(token, source_ranges),
    })
}

/// Forced tags must be storable under the application's own rules: nobody checks them again at the point.
fn forced_tags(
    tags: &BTreeMap<String, String>,
    charset: Charset,
) -> Result<Tags, (FieldPath, String)> {
    let at = FieldPath::of(["spec", "tags"]);
    for (key, value) in tags {
        for (role, name) in [(NameRole::TagKey, key), (NameRole::TagValue, value)] {
            if holds_key(name.as_bytes()) {
                return Err((
                    at.clone(),
                    format!(
                        "a {role} holds a token's key, which anybody could read there: choose another"
                    ),
                ));
            }
            if let Err(error) = charset.check(name) {
                return Err((
                    at.key(key),
                    format!(
                        "the application's spec.charset refuses the {role}: {error}. Choose another, or another charset"
                    ),
                ));
            }
        }
    }
    let pairs = tags
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    Tags::from_pairs(pairs).map_err(|error| (at, error.to_string()))
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
            let protocols = given.protocols.iter();
            let mut allow = Allow {
                protocols: protocols.map(|protocol| (*protocol).into()).collect(),
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

/// A moment of a resource, in the ledger's words.
pub fn moment(time: &Time) -> Timestamp {
    Timestamp::from_millis(time.0.as_millisecond())
}
