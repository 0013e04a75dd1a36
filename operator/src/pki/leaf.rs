//! The certificate that is served, in its Secret.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use penstock_certificates::{RENEW_AFTER, later};
use penstock_model::Timestamp;

use super::authorities::Authorities;
use super::authority::{certificates, not_after};
use super::text;

/// A leaf without its chain.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    /// PEM.
    pub(super) certificate: String,
    key: String,
    /// When, by whom and for which names it was issued.
    issued: String,
}

impl Leaf {
    pub(super) fn from_data(data: &BTreeMap<String, ByteString>) -> Option<Self> {
        let served = text(data, "tls.crt")?;
        Some(Self {
            certificate: certificates(&served).into_iter().next()?,
            key: text(data, "tls.key")?,
            issued: text(data, "issued")?,
        })
    }

    /// Whether it is what would be issued, and young enough.
    pub(super) fn is_good(&self, by: &Authorities, names: &[String], now: Timestamp) -> bool {
        let issued: Option<i64> = self
            .issued
            .split_once(' ')
            .and_then(|(millis, _)| millis.parse().ok());
        issued.is_some_and(|millis| {
            let at = Timestamp::from_millis(millis);
            self.issued == issued_for(at, by, names)
                && now < later(at, RENEW_AFTER)
                && not_after(&self.certificate).is_some_and(|end| now < end)
        })
    }

    pub(super) fn issue(
        by: &Authorities,
        names: &[String],
        now: Timestamp,
    ) -> Result<Self, rcgen::Error> {
        let (certificate, key) = by.current.issue(names, now)?;
        Ok(Self {
            certificate,
            key,
            issued: issued_for(now, by, names),
        })
    }

    /// With its chain, and what clients must trust.
    pub(super) fn to_data(&self, by: &Authorities) -> BTreeMap<String, ByteString> {
        let entry = |key: &str, text: String| (key.to_owned(), ByteString(text.into_bytes()));
        BTreeMap::from([
            entry("tls.crt", self.certificate.clone() + &by.chain()),
            entry("tls.key", self.key.clone()),
            entry("ca.crt", by.bundle()),
            entry("issued", self.issued.clone()),
        ])
    }
}

fn issued_for(at: Timestamp, by: &Authorities, names: &[String]) -> String {
    format!("{at} {} {}\n", by.current.made, names.join(","))
}
