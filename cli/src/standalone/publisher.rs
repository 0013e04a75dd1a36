//! From what is asked for to what is in force.
//!
//! ```text
//!   Desired ── plan ──▶ Plan ── keep: key files staged ▸ tenants.json ▸ ledger.signed ──▶ Ledger
//!               │ changes nothing            each synced before the next                  │ load
//!               └ problems                                                                ▼
//!                                                            reveal: key files in their place
//! ```
//!
//! A ledger never speaks of a key or a tenant that a restart would forget, and nobody reads a key that the server does
//! not take yet. At the first round the files come before the load: then the server turns ready by it.

mod keys;
mod unsupported;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use penstock_api::{
    Endpoints, Kind, ObjectName, Problem, SecretData, Sources, Token, compile, token_secret,
};
use penstock_model::Timestamp;
use penstock_tenancy::{Ledger, Permission};
use rand::CryptoRng;

use super::desired::Desired;
use super::key_files::{KeyFiles, SecretName, Secrets};
use super::ledger_file::{LedgerFile, LedgerFileError};
use super::tenants::{Tenants, TenantsError};
use keys::{Drawer, Files, TokenKey};

/// Makes ledgers, and keeps on disk what the next one depends on.
#[derive(Debug)]
pub(crate) struct Publisher {
    key_files: KeyFiles,
    tenants_file: PathBuf,
    tenants: Tenants,
    ledger_file: LedgerFile,
    /// What is in force; empty before the first one.
    previous: Option<Ledger>,
    /// What is kept and not yet in its place.
    staged: Secrets,
}

/// What is to be done. Nothing of it has been done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What cannot be used.
    pub(crate) problems: Vec<Problem>,
    /// Key files that were changed by hand or by a fault, and are left alone.
    pub(crate) warnings: Vec<KeyFileWarning>,
    tenants: Tenants,
    secrets: Secrets,
    ledger: Ledger,
}

/// A key file that does not hold the key of its token. The token goes on with the key that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFileWarning {
    /// The file.
    pub(crate) path: PathBuf,
}

/// Why the state on disk cannot be read or written. What was in force stays in force.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// A key file.
    #[error("cannot use the key files in {}", path.display())]
    KeyFiles {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// `tenants.json`.
    #[error("the tenants are not known")]
    Tenants(#[from] TenantsError),
    /// `ledger.signed`.
    #[error("the last ledger is not known")]
    Ledger(#[from] LedgerFileError),
}

impl Plan {
    /// Whether the ledger has the object in spite of a problem with it.
    pub(crate) fn has(&self, object: &ObjectName) -> bool {
        self.ledger.tokens().any(|(_, token)| {
            let kind = match token.permission {
                Permission::Write => Kind::WriteToken,
                Permission::Read => Kind::ReadToken,
            };
            (kind, &token.namespace, &token.name) == (object.kind, &object.namespace, &object.name)
        })
    }
}

impl Publisher {
    /// Opens the state in the data directory.
    pub(crate) fn open<R: CryptoRng + ?Sized>(
        data: &Path,
        rng: &mut R,
    ) -> Result<Self, PublishError> {
        let tenants_file = data.join("tenants.json");
        let tenants = Tenants::read(&tenants_file)?;
        let (ledger_file, previous) = LedgerFile::open(data, rng)?;
        Ok(Self {
            key_files: KeyFiles::new(data.join("secrets")),
            tenants_file,
            tenants,
            ledger_file,
            previous,
            staged: Secrets::new(),
        })
    }

    /// The ledger in force, if there has ever been one.
    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.previous.as_ref()
    }

    /// The folder of a Secret's files.
    pub(crate) fn secret_folder(&self, namespace: &str, name: &str) -> PathBuf {
        self.key_files.folder(&SecretName {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Decides what to do. Draws what is missing; what is drawn counts only if the plan is carried out.
    ///
    /// # Errors
    /// The key files cannot be read.
    pub(crate) fn plan<R: CryptoRng + ?Sized>(
        &self,
        desired: &Desired,
        endpoints: &Endpoints,
        rng: &mut R,
        now: Timestamp,
    ) -> Result<Plan, PublishError> {
        let kept = self
            .key_files
            .read()
            .map_err(|source| self.key_files_error(source))?;
        let secrets: Vec<SecretData> = desired.secrets().cloned().collect();
        let mut tenants = self.tenants.clone();
        let mut problems = Vec::new();
        let mut applications = Vec::new();
        for application in desired.applications() {
            let object = application.object_name();
            let tenant = tenants.of(&object.namespace, &object.name, rng);
            match unsupported::tenant(application, tenant) {
                None => applications.push((application.clone(), tenant)),
                problem => problems.extend(problem),
            }
        }
        let mut drawer = Drawer::new(&kept, &secrets, self.previous.as_ref());
        let mut tokens: Vec<Token> = Vec::new();
        let mut token_keys = BTreeMap::new();
        for token in desired.tokens() {
            problems.extend(unsupported::rotation(token));
            if let Some(key) = drawer.keys_of(token, rng, &mut problems) {
                token_keys.insert(token.token_name(), key);
                tokens.push(token.clone());
            }
        }
        let keys = token_keys
            .iter()
            .map(|(name, key)| (name.clone(), key.for_ledger()))
            .collect();
        let (ledger, more) = compile(&Sources {
            applications: &applications,
            tokens: &tokens,
            keys: &keys,
            previous: self.previous.as_ref(),
            replicas: 1,
            now,
        });
        problems.extend(more);
        let mut plan = Plan {
            problems,
            warnings: Vec::new(),
            tenants,
            secrets: Secrets::new(),
            ledger,
        };
        let in_ledger: HashSet<_> = plan.ledger.tokens().map(|(_, token)| token.id).collect();
        for token in &tokens {
            // Only what the ledger has is handed out.
            if let Some(key) = token_keys.get(&token.token_name())
                && in_ledger.contains(&key.id)
            {
                self.plan_secret(token, key, endpoints, &mut plan);
            }
        }
        Ok(plan)
    }

    /// Decides what the files of a token shall hold.
    fn plan_secret(&self, token: &Token, key: &TokenKey, endpoints: &Endpoints, plan: &mut Plan) {
        let secret = SecretName {
            namespace: token.token_name().namespace,
            name: token.secret_name(),
        };
        match &key.files {
            Files::Hold(material) => {
                let entries = token_secret(key.id, token.permission(), material, endpoints);
                plan.secrets.insert(secret, entries);
            }
            Files::Damaged => plan.warnings.push(KeyFileWarning {
                path: self.key_files.folder(&secret).join("key"),
            }),
            Files::SourceLost => {}
        }
    }

    /// Makes the disk hold what the plan says and answers the ledger that may be loaded now.
    ///
    /// # Errors
    /// [`PublishError`]: the ledger must not be loaded. Trying again is safe.
    pub(crate) fn keep(&mut self, plan: Plan) -> Result<&Ledger, PublishError> {
        // What an earlier round has kept and not revealed is planned again, if it is still asked for.
        self.staged = self
            .key_files
            .stage(plan.secrets)
            .map_err(|source| self.key_files_error(source))?;
        if plan.tenants != self.tenants {
            plan.tenants.write(&self.tenants_file)?;
            self.tenants = plan.tenants;
        }
        if self.previous.as_ref() != Some(&plan.ledger) {
            self.ledger_file.write(&plan.ledger)?;
        }
        Ok(self.previous.insert(plan.ledger))
    }

    /// Puts the key files of what was kept in their place.
    ///
    /// # Errors
    /// [`PublishError`]. Keeping and revealing again is safe.
    pub(crate) fn reveal(&mut self) -> Result<(), PublishError> {
        let staged = std::mem::take(&mut self.staged);
        self.key_files
            .reveal(&staged)
            .map_err(|source| self.key_files_error(source))
    }

    fn key_files_error(&self, source: io::Error) -> PublishError {
        let path = self.tenants_file.with_file_name("secrets");
        PublishError::KeyFiles { path, source }
    }
}
