//! What an authority of Penstock's and the certificates that it issues look like: names, uses, lives.
//!
//! ```text
//!   authority   10 years, signs certificates        in every client's ca.crt
//!   leaf        30 days, renewed after 20           shown by the servers
//! ```
//!
//! The operator keeps an authority in a Secret, `penstock standalone` one in a folder; their devices must not be able to tell
//! them apart. What is not here: where keys are kept, when something is issued, and who is shown what.

use std::time::Duration;

use penstock_model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose,
};
use time::OffsetDateTime;

const DAY: Duration = Duration::from_hours(24);

/// How long an authority signs anything that holds: ten years.
pub const AUTHORITY_LIFE: Duration = DAY.saturating_mul(3_653);

/// How long a leaf holds.
pub const LEAF_LIFE: Duration = DAY.saturating_mul(30);

/// When a leaf is replaced: after two thirds of its life, so that a failure leaves ten days.
pub const RENEW_AFTER: Duration = DAY.saturating_mul(20);

/// A client's clock may be this far behind ours.
const CLOCK_TOLERANCE: Duration = Duration::from_hours(1);

/// Which authorities an authority may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// None: only leaves.
    Leaves,
    /// Its successor too, so that whoever trusts the old one trusts the new one.
    Authorities,
}

/// An authority of this name, made at `made`. What it signs names it by what stands here: of one authority the name must
/// never change.
pub fn authority(common: &str, signs: Signs, made: Timestamp) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = name(common);
    authority.is_ca = IsCa::Ca(match signs {
        Signs::Leaves => BasicConstraints::Constrained(0),
        Signs::Authorities => BasicConstraints::Unconstrained,
    });
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut authority, made, later(made, AUTHORITY_LIFE));
    authority
}

/// A server's certificate for DNS names and addresses, which holds for [`LEAF_LIFE`] but no longer than its authority.
///
/// # Errors
/// A name is none.
pub fn leaf(
    common: &str,
    names: &[String],
    now: Timestamp,
    authority_ends: Timestamp,
) -> Result<CertificateParams, rcgen::Error> {
    let mut leaf = CertificateParams::new(names.to_vec())?;
    leaf.distinguished_name = name(common);
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    set_life(&mut leaf, now, later(now, LEAF_LIFE).min(authority_ends));
    Ok(leaf)
}

/// Lets a certificate hold from a moment, and a little before for clocks that are behind, to another.
pub fn set_life(of: &mut CertificateParams, from: Timestamp, to: Timestamp) {
    let moment = |at: Timestamp| {
        OffsetDateTime::from_unix_timestamp(at.millis() / 1_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    };
    of.not_before = moment(from.saturating_add_millis(-millis(CLOCK_TOLERANCE)));
    of.not_after = moment(to);
}

/// A moment so much later.
pub fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.saturating_add_millis(millis(by))
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Penstock");
    name.push(DnType::CommonName, common);
    name
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{Issuer, KeyPair};
    use x509_parser::parse_x509_certificate;

    const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    #[test]
    fn a_name_that_is_none_is_refused() {
        assert!(leaf("server", &["ä".to_owned()], START, later(START, DAY)).is_err());
    }

    #[test]
    fn a_leaf_ends_with_its_authority_and_serves_alone() {
        let key = KeyPair::generate().unwrap();
        let made = authority("authority", Signs::Leaves, START);
        let issuer = Issuer::new(made, &key);
        for (authority_ends, days) in [(later(START, AUTHORITY_LIFE), 30), (later(START, DAY), 1)] {
            let names = ["metrics.example".to_owned(), "192.0.2.1".to_owned()];
            let leaf = leaf("server", &names, START, authority_ends).unwrap();
            let leaf_key = KeyPair::generate().unwrap();
            let signed = leaf.signed_by(&leaf_key, &issuer).unwrap();
            let (_, read) = parse_x509_certificate(signed.der()).unwrap();
            assert_eq!(read.issuer().to_string(), "O=Penstock, CN=authority");
            assert!(!read.is_ca());
            let (from, to) = (read.validity().not_before, read.validity().not_after);
            assert_eq!(from.timestamp(), START.millis() / 1_000 - 3_600);
            assert_eq!(to.timestamp(), START.millis() / 1_000 + days * 86_400);
            assert!(
                read.extended_key_usage()
                    .unwrap()
                    .unwrap()
                    .value
                    .server_auth
            );
        }
    }

    #[test]
    fn only_who_may_signs_authorities() {
        let key = KeyPair::generate().unwrap();
        for (signs, expected) in [(Signs::Leaves, Some(0)), (Signs::Authorities, None)] {
            let made = authority("authority", signs, START)
                .self_signed(&key)
                .unwrap();
            let (_, read) = parse_x509_certificate(made.der()).unwrap();
            let constraints = read.basic_constraints().unwrap().unwrap().value;
            assert!(constraints.ca);
            assert_eq!(constraints.path_len_constraint, expected);
        }
    }
}
