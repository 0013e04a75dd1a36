//! A data volume as the ledger records it: where a part of every application's data lies.

use serde::{Deserialize, Serialize};

use crate::LedgerFault;

/// Data volumes of one installation: a read asks all of them.
pub const VOLUMES_MAX: usize = 256;

/// Characters of a volume's name.
pub const VOLUME_NAME_MAX: usize = 253;

/// One data volume and the server that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerVolume {
    /// How people and errors name it: on Kubernetes the pod of the ordinal, `penstock-ingest-0`. Letters, digits,
    /// `.`, `_` and `-`, at most [`VOLUME_NAME_MAX`].
    pub name: String,
    /// Host and data port of the server that has it, `penstock-ingest-0.penstock-ingest.metrics.svc:4242`. The host
    /// is a name, an IPv4 address, or an IPv6 address in brackets.
    pub address: String,
}

impl LedgerVolume {
    pub(crate) fn check_all(volumes: &[Self]) -> Result<(), LedgerFault> {
        if volumes.len() > VOLUMES_MAX {
            return Err(LedgerFault::Volumes {
                volumes: volumes.len(),
            });
        }
        if !volumes.is_sorted_by(|a, b| a.name < b.name) {
            return Err(LedgerFault::Order {
                at: "the volumes".to_owned(),
            });
        }
        for volume in volumes {
            if !Self::is_name(&volume.name) {
                return Err(LedgerFault::VolumeName {
                    name: volume.name.clone(),
                });
            }
            if !volume.has_good_address() {
                return Err(LedgerFault::VolumeAddress {
                    name: volume.name.clone(),
                    address: volume.address.clone(),
                });
            }
        }
        Ok(())
    }

    /// Whether a volume may be called so: names stand in headers of HTTP and in messages.
    pub fn is_name(name: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        (1..=VOLUME_NAME_MAX).contains(&name.len()) && name.bytes().all(plain)
    }

    fn has_good_address(&self) -> bool {
        let Some((host, port)) = self.address.rsplit_once(':') else {
            return false;
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let inside = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let good_host = match inside {
            Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
            None => (1..=VOLUME_NAME_MAX).contains(&host.len()) && host.bytes().all(plain),
        };
        good_host
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str, address: &str) -> LedgerVolume {
        LedgerVolume {
            name: name.to_owned(),
            address: address.to_owned(),
        }
    }

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for address in [
            "", "a", "a:", ":1", "a:0", "a:65536", "a:+1", "a b:1", "a/b:1", "::1:1", "[a]:1",
        ] {
            let refused = LedgerVolume::check_all(&[volume("a", address)]);
            assert!(
                matches!(refused, Err(LedgerFault::VolumeAddress { .. })),
                "{address}"
            );
        }
        for address in [
            "a:1",
            "pod-0.set.ns.svc.cluster.local:4242",
            "127.0.0.1:65535",
            "[::1]:4242",
        ] {
            assert_eq!(
                LedgerVolume::check_all(&[volume("a", address)]),
                Ok(()),
                "{address}"
            );
        }
    }

    #[test]
    fn names_are_plain_sorted_and_few() {
        for name in ["", "a b", "a\n", "é", &"a".repeat(VOLUME_NAME_MAX + 1)] {
            let refused = LedgerVolume::check_all(&[volume(name, "a:1")]);
            assert!(
                matches!(refused, Err(LedgerFault::VolumeName { .. })),
                "{name:?}"
            );
        }
        let twice = [volume("a", "a:1"), volume("a", "b:1")];
        assert!(matches!(
            LedgerVolume::check_all(&twice),
            Err(LedgerFault::Order { .. })
        ));
        let many: Vec<_> = (0..=VOLUMES_MAX)
            .map(|number| volume(&format!("v{number:03}"), "a:1"))
            .collect();
        assert_eq!(
            LedgerVolume::check_all(&many),
            Err(LedgerFault::Volumes {
                volumes: VOLUMES_MAX + 1
            })
        );
    }
}
