//! Making certificates. Pure but for the randomness of new keys.

use penstock_certificates::{AUTHORITY_LIFE, Signs, authority, later, leaf, set_life};
use penstock_model::Timestamp;
use rcgen::{CertificateParams, Issuer, KeyPair};
use x509_parser::pem::Pem;

/// An authority with its private key.
pub(super) struct Authority {
    /// When it was made: its name and its end follow from it.
    pub(super) made: Timestamp,
    /// PEM.
    pub(super) certificate: String,
    pub(super) key: KeyPair,
}

impl Authority {
    pub(super) fn make(now: Timestamp) -> Result<Self, rcgen::Error> {
        // To the second, as certificates have it.
        let made = Timestamp::from_millis(now.millis() / 1_000 * 1_000);
        let key = KeyPair::generate()?;
        let certificate = parameters(made).self_signed(&key)?.pem();
        Ok(Self {
            made,
            certificate,
            key,
        })
    }

    /// From this moment on it signs nothing that holds.
    pub(super) fn end(&self) -> Timestamp {
        later(self.made, AUTHORITY_LIFE)
    }

    /// A certificate for names and addresses, and its private key, both PEM.
    pub(super) fn issue(
        &self,
        names: &[String],
        now: Timestamp,
    ) -> Result<(String, String), rcgen::Error> {
        let key = KeyPair::generate()?;
        let leaf = leaf("Penstock ingest", names, now, self.end())?;
        let leaf = leaf.signed_by(&key, &self.issuer())?;
        Ok((leaf.pem(), key.serialize_pem()))
    }

    /// The certificate of another authority, as signed by this one: whoever trusts this one trusts that one.
    pub(super) fn vouch_for(&self, other: &Self) -> Result<String, rcgen::Error> {
        let mut parameters = parameters(other.made);
        parameters.use_authority_key_identifier_extension = true;
        set_life(&mut parameters, other.made, self.end());
        Ok(parameters.signed_by(&other.key, &self.issuer())?.pem())
    }

    fn issuer(&self) -> Issuer<'static, &KeyPair> {
        Issuer::new(parameters(self.made), &self.key)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({}, key redacted)", self.made)
    }
}

/// Its name tells it from its predecessors, which are in the same bundles.
fn parameters(made: Timestamp) -> CertificateParams {
    let name = format!("Penstock authority {}", made.millis() / 1_000);
    authority(&name, Signs::Authorities, made)
}

/// When the first certificate of a PEM text ends; `None`: there is none.
pub(super) fn not_after(pem: &str) -> Option<Timestamp> {
    let first = Pem::iter_from_buffer(pem.as_bytes()).next()?.ok()?;
    let certificate = first.parse_x509().ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
}

/// The certificates of a PEM text, one by one.
pub(super) fn certificates(pem: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let pieces = pem.split_inclusive(END);
    let whole = pieces.filter(|piece| piece.ends_with(END));
    whole.map(|piece| format!("{}\n", piece.trim())).collect()
}
