//! Which tenant each application's data belongs to.
//!
//! ```text
//!   DATA/tenants.json   {"tenants":{"default/mill":"0189f7c2…"},"checksum":"9f86d081…"}
//! ```
//!
//! Drawn once for a namespace and name and kept for ever: an application whose manifest vanishes finds its data again
//! when it returns. The checksum is the SHA-256 of the `tenants` object; a damaged file is an error, for a wrong id
//! would show an application somebody else's data, or none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use penstock_model::TenantId;
use penstock_tenancy::KeyHash;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use super::durable::{self, Readers};

/// Every application that there has ever been, as `namespace/name`, with its tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tenants(BTreeMap<String, TenantId>);

/// Why the tenants are not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TenantsError {
    /// The file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file does not hold what was written.
    #[error("{} is damaged: restore it from a backup; without it, applications do not find their data", path.display())]
    Damaged { path: PathBuf },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tenants: BTreeMap<String, String>,
    checksum: String,
}

impl Tenants {
    /// Reads the file; there is none at the first start.
    pub(crate) fn read(path: &Path) -> Result<Self, TenantsError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => {
                let path = path.to_owned();
                return Err(TenantsError::File { path, source });
            }
        };
        Self::decode(&bytes).ok_or_else(|| TenantsError::Damaged {
            path: path.to_owned(),
        })
    }

    /// Writes the file for good.
    pub(crate) fn write(&self, path: &Path) -> Result<(), TenantsError> {
        let tenants = self.to_text();
        let checksum = checksum(&tenants);
        let text = serde_json::to_string_pretty(&File { tenants, checksum }).unwrap_or_default();
        durable::write(path, text.as_bytes(), Readers::Owner).map_err(|source| {
            let path = path.to_owned();
            TenantsError::File { path, source }
        })
    }

    /// The tenant of an application, drawn if it is new.
    pub(crate) fn of<R: CryptoRng + ?Sized>(
        &mut self,
        namespace: &str,
        name: &str,
        rng: &mut R,
    ) -> TenantId {
        *self
            .0
            .entry(format!("{namespace}/{name}"))
            .or_insert_with(|| {
                let mut id = [0; 16];
                rng.fill_bytes(&mut id);
                TenantId::from_bytes(id)
            })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let file: File = serde_json::from_slice(bytes).ok()?;
        if checksum(&file.tenants) != file.checksum {
            return None;
        }
        let parsed = file
            .tenants
            .into_iter()
            .map(|(name, id)| Some((name, id.parse().ok()?)));
        let tenants = parsed.collect::<Option<BTreeMap<String, TenantId>>>()?;
        let distinct: BTreeSet<_> = tenants.values().collect();
        (distinct.len() == tenants.len()).then_some(Self(tenants))
    }

    fn to_text(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .map(|(name, id)| (name.clone(), id.to_string()))
            .collect()
    }
}

fn checksum(tenants: &BTreeMap<String, String>) -> String {
    let text = serde_json::to_vec(tenants).unwrap_or_default();
    KeyHash::of(&text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    fn two() -> Tenants {
        let mut rng = StdRng::seed_from_u64(1);
        let mut tenants = Tenants::default();
        tenants.of("default", "mill", &mut rng);
        tenants.of("default", "forge", &mut rng);
        tenants
    }

    #[test]
    fn a_tenant_is_drawn_once() {
        let mut tenants = two();
        let before = tenants.clone();
        let mill = tenants.of("default", "mill", &mut StdRng::seed_from_u64(2));
        assert_eq!(tenants, before);
        assert_ne!(
            mill,
            tenants.of("default", "forge", &mut StdRng::seed_from_u64(2))
        );
        assert_ne!(
            mill,
            tenants.of("other", "mill", &mut StdRng::seed_from_u64(2))
        );
    }

    #[test]
    fn they_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenants.json");
        assert_eq!(Tenants::read(&path).unwrap(), Tenants::default());
        two().write(&path).unwrap();
        assert_eq!(Tenants::read(&path).unwrap(), two());
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenants.json");
        two().write(&path).unwrap();
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut damaged = good.clone();
                damaged[at] ^= 1 << bit;
                // Blanks between the members may change into others.
                let seen = Tenants::decode(&damaged);
                assert!(seen.is_none() || seen == Some(two()), "byte {at} bit {bit}");
            }
            assert_eq!(Tenants::decode(&good[..at]), None, "cut at {at}");
        }
    }
}
