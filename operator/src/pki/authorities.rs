//! Which authorities there are, and when one follows another. Pure but for the randomness of new keys.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use penstock_certificates::{AUTHORITY_LIFE, later};
use penstock_model::Timestamp;
use rcgen::KeyPair;

use super::authority::{Authority, certificates, not_after};
use super::text;

/// After so long a new authority signs even if some token's Secret is said to be without it: what is stuck must not hold
/// up a certificate that ends.
pub const SPREAD_MAX: Duration = Duration::from_hours(7 * 24);

/// The authorities of an installation.
#[derive(Debug)]
pub(super) struct Authorities {
    /// It signs.
    pub(super) current: Authority,
    /// It will sign.
    next: Option<Authority>,
    /// Certificates of those that signed once.
    old: Vec<String>,
    /// Each authority that followed one of those, as signed by it.
    cross: Vec<String>,
    replaced_for: Option<String>,
}

/// The Secret's entries are no authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its entry `{0}` is missing or damaged")]
pub struct AuthoritiesError(&'static str);

impl Authorities {
    pub(super) fn make(now: Timestamp) -> Result<Self, rcgen::Error> {
        Ok(Self {
            current: Authority::make(now)?,
            next: None,
            old: Vec::new(),
            cross: Vec::new(),
            replaced_for: None,
        })
    }

    pub(super) fn from_data(data: &BTreeMap<String, ByteString>) -> Result<Self, AuthoritiesError> {
        let many = |key| text(data, key).map_or_else(Vec::new, |pem| certificates(&pem));
        Ok(Self {
            current: authority(data, ["ca.crt", "ca.key", "ca-made"])?
                .ok_or(AuthoritiesError("ca.crt"))?,
            next: authority(data, ["next.crt", "next.key", "next-made"])?,
            old: many("old.crt"),
            cross: many("cross.crt"),
            replaced_for: text(data, "replaced-for"),
        })
    }

    pub(super) fn to_data(&self) -> BTreeMap<String, ByteString> {
        let mut data = BTreeMap::new();
        let mut put = |key: &str, text: &str| {
            if !text.is_empty() {
                data.insert(key.to_owned(), ByteString(text.as_bytes().to_vec()));
            }
        };
        put("ca.crt", &self.current.certificate);
        put("ca.key", &self.current.key.serialize_pem());
        put("ca-made", &self.current.made.to_string());
        if let Some(next) = &self.next {
            put("next.crt", &next.certificate);
            put("next.key", &next.key.serialize_pem());
            put("next-made", &next.made.to_string());
        }
        put("old.crt", &self.old.concat());
        put("cross.crt", &self.cross.concat());
        put(
            "replaced-for",
            self.replaced_for.as_deref().unwrap_or_default(),
        );
        data
    }

    /// The authorities after the next step, if one is due. `wish` is the annotation's value; `is_spread`: every client has
    /// been given [`Authorities::bundle`].
    pub(super) fn step(
        &self,
        wish: Option<&str>,
        is_spread: bool,
        now: Timestamp,
    ) -> Result<Option<Self>, rcgen::Error> {
        if let Some(next) = &self.next {
            let must = now >= later(next.made, SPREAD_MAX) || now >= self.current.end();
            return (is_spread || must).then(|| self.succeed(next)).transpose();
        }
        let is_old = now >= later(self.current.made, AUTHORITY_LIFE / 3 * 2);
        let is_wished = wish.is_some() && wish != self.replaced_for.as_deref();
        if is_old || is_wished {
            return Ok(Some(Self {
                next: Some(Authority::make(now)?),
                replaced_for: wish.map(str::to_owned),
                ..self.copy(now)?
            }));
        }
        let has_ended = |pem: &String| not_after(pem).is_none_or(|end| now >= end);
        let is_due = self.old.iter().chain(&self.cross).any(has_ended);
        is_due.then(|| self.copy(now)).transpose()
    }

    fn succeed(&self, next: &Authority) -> Result<Self, rcgen::Error> {
        let cross = self.current.vouch_for(next)?;
        // The nearest first: a chain leads from the leaf to the oldest.
        let nearest = |first: &String, rest: &[String]| [&[first.clone()][..], rest].concat();
        Ok(Self {
            current: copy(next)?,
            next: None,
            old: nearest(&self.current.certificate, &self.old),
            cross: nearest(&cross, &self.cross),
            replaced_for: self.replaced_for.clone(),
        })
    }

    /// Without what has ended.
    fn copy(&self, now: Timestamp) -> Result<Self, rcgen::Error> {
        let alive = |pems: &[String]| {
            let holds = |pem: &&String| not_after(pem).is_some_and(|end| now < end);
            pems.iter().filter(holds).cloned().collect()
        };
        Ok(Self {
            current: copy(&self.current)?,
            next: self.next.as_ref().map(copy).transpose()?,
            old: alive(&self.old),
            cross: alive(&self.cross),
            replaced_for: self.replaced_for.clone(),
        })
    }

    /// What clients must trust: the one that signs, the one that will, and those whose leaves a pod may still serve.
    pub(super) fn bundle(&self) -> String {
        let next = self.next.as_ref().map(|next| next.certificate.as_str());
        let old = self.old.iter().map(String::as_str);
        let all = [self.current.certificate.as_str()]
            .into_iter()
            .chain(next)
            .chain(old);
        all.collect()
    }

    /// What a server shows behind its leaf.
    pub(super) fn chain(&self) -> String {
        self.cross.concat()
    }
}

fn copy(authority: &Authority) -> Result<Authority, rcgen::Error> {
    Ok(Authority {
        made: authority.made,
        certificate: authority.certificate.clone(),
        key: KeyPair::from_pem(&authority.key.serialize_pem())?,
    })
}

fn authority(
    data: &BTreeMap<String, ByteString>,
    [certificate, key, made]: [&'static str; 3],
) -> Result<Option<Authority>, AuthoritiesError> {
    let Some(pem) = text(data, certificate) else {
        return Ok(None);
    };
    if not_after(&pem).is_none() {
        return Err(AuthoritiesError(certificate));
    }
    let entry = |name| text(data, name).ok_or(AuthoritiesError(name));
    let millis = entry(made)?
        .trim()
        .parse()
        .map_err(|_| AuthoritiesError(made))?;
    Ok(Some(Authority {
        made: Timestamp::from_millis(millis),
        certificate: pem,
        key: KeyPair::from_pem(&entry(key)?).map_err(|_| AuthoritiesError(key))?,
    }))
}

#[cfg(test)]
mod tests;
