//! What a token's Secret holds: all that a device or a reader needs, one entry each.
//!
//! | entry | is | in |
//! |---|---|---|
//! | `id`, `key` | the two halves of the credential | both |
//! | `token` | `id:key` | both |
//! | `telnet-auth` | the whole line that a telnet client sends first | write |
//! | `url`, `rollup-url` | where HTTP clients post points and rollups | write |
//! | `telnet-host`, `telnet-port` | where telnet clients connect with TLS | write |
//! | `query-url` | the base of every read | read |
//! | `ca.crt` | the certificates to trust, PEM | both |
//! | `type`, `provider`, `host`, `port`, `uri`, `username`, `password` | the Service Binding names of the same | both |
//!
//! Where the user keeps the key (`hashRef`), the entries that would hold it are left out.

use std::collections::BTreeMap;

use penstock_tenancy::{Key, Permission, TokenId};

use crate::key_source::KeyMaterial;

/// Where clients find the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// A name or an address that the certificate is valid for, without brackets.
    pub host: String,
    /// The port that takes TLS.
    pub port: u16,
    /// The certificates to trust, PEM.
    pub ca: String,
}

impl Endpoints {
    /// `host:port`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The names of all entries that a token's Secret may have.
pub const ENTRIES: [&str; 17] = [
    "id",
    "key",
    "token",
    "telnet-auth",
    "url",
    "rollup-url",
    "telnet-host",
    "telnet-port",
    "query-url",
    "ca.crt",
    "type",
    "provider",
    "host",
    "port",
    "uri",
    "username",
    "password",
];

/// What can be read from a Secret of a token.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Credential {
    /// The token's public name.
    pub id: Option<TokenId>,
    /// The key.
    pub key: Option<Key>,
}

impl Credential {
    /// Reads the entries `id` and `key`; what is no id or no key counts as missing.
    pub fn read<'a>(entry: impl Fn(&str) -> Option<&'a [u8]>) -> Self {
        let text = |name: &str| std::str::from_utf8(entry(name)?).ok();
        Self {
            id: text("id").and_then(|id| id.trim().parse().ok()),
            key: text("key").and_then(|key| Key::parse(key.trim_end_matches(['\r', '\n'])).ok()),
        }
    }
}

/// The entries of a token's Secret.
pub fn token_secret(
    id: TokenId,
    permission: Permission,
    key: &KeyMaterial,
    endpoints: &Endpoints,
) -> BTreeMap<&'static str, String> {
    let base = format!("https://{}", endpoints.authority());
    let mut entries = BTreeMap::from([
        ("id", id.to_string()),
        ("ca.crt", endpoints.ca.clone()),
        ("type", "opentsdb".to_owned()),
        ("provider", "penstock".to_owned()),
        ("host", endpoints.host.clone()),
        ("port", endpoints.port.to_string()),
        ("uri", base.clone()),
        ("username", id.to_string()),
    ]);
    match permission {
        Permission::Write => entries.extend([
            ("url", format!("{base}/api/put")),
            ("rollup-url", format!("{base}/api/rollup")),
            ("telnet-host", endpoints.host.clone()),
            ("telnet-port", endpoints.port.to_string()),
        ]),
        Permission::Read => entries.extend([("query-url", base)]),
    }
    if let KeyMaterial::Key(key) = key {
        let key = key.expose();
        entries.extend([
            ("key", key.to_owned()),
            ("token", format!("{id}:{key}")),
            ("password", key.to_owned()),
        ]);
        if permission == Permission::Write {
            entries.insert("telnet-auth", format!("auth {id}:{key}"));
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use penstock_tenancy::{Credential, Key, KeyHash};

    fn endpoints() -> Endpoints {
        Endpoints {
            host: "::1".to_owned(),
            port: 4242,
            ca: "PEM".to_owned(),
        }
    }

    fn secret(permission: Permission, key: &KeyMaterial) -> BTreeMap<&'static str, String> {
        token_secret(
            "AbCdEfGhIjK1".parse().unwrap(),
            permission,
            key,
            &endpoints(),
        )
    }

    #[test]
    fn every_entry_has_a_known_name_and_can_be_read_back() {
        let key = Key::parse(&"k".repeat(32)).unwrap();
        let write = secret(Permission::Write, &KeyMaterial::Key(key.clone()));
        let read = secret(Permission::Read, &KeyMaterial::Key(key.clone()));
        let names: std::collections::BTreeSet<_> =
            write.keys().chain(read.keys()).copied().collect();
        assert_eq!(names, ENTRIES.into_iter().collect());
        let credential = super::Credential::read(|name| write.get(name).map(String::as_bytes));
        assert_eq!(credential.key, Some(key));
        assert_eq!(credential.id.unwrap().to_string(), write["id"]);
        assert_eq!(
            super::Credential::read(|_| Some(b"short")),
            super::Credential::default()
        );
    }

    #[test]
    fn a_device_finds_all_it_needs() {
        let key = Key::parse(&"k".repeat(32)).unwrap();
        let entries = secret(Permission::Write, &KeyMaterial::Key(key.clone()));
        let credential = Credential::parse(entries["token"].as_bytes()).unwrap();
        assert_eq!(*credential.hash(), key.hash());
        assert_eq!(entries["telnet-auth"], format!("auth {}", entries["token"]));
        assert_eq!(entries["url"], "https://[::1]:4242/api/put");
        assert_eq!(entries["rollup-url"], "https://[::1]:4242/api/rollup");
        assert_eq!(
            (&*entries["telnet-host"], &*entries["telnet-port"]),
            ("::1", "4242")
        );
        assert!(!entries.contains_key("query-url"));
    }

    #[test]
    fn a_reader_gets_no_address_to_write_to() {
        let key = Key::parse(&"k".repeat(32)).unwrap();
        let entries = secret(Permission::Read, &KeyMaterial::Key(key));
        assert_eq!(entries["query-url"], "https://[::1]:4242");
        for absent in ["url", "rollup-url", "telnet-auth", "telnet-host"] {
            assert!(!entries.contains_key(absent), "{absent}");
        }
    }

    #[test]
    fn a_key_that_the_user_keeps_appears_nowhere() {
        let entries = secret(
            Permission::Write,
            &KeyMaterial::Hash(KeyHash::of(b"secret")),
        );
        for absent in ["key", "token", "password", "telnet-auth"] {
            assert!(!entries.contains_key(absent), "{absent}");
        }
        assert_eq!(entries["id"], "AbCdEfGhIjK1");
    }
}
