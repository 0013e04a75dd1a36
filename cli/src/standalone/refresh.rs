//! One round: read the manifests, decide, write, load, report.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use penstock_api::{Admission, Endpoints, FieldFault, Problem};
use penstock_ingest::server::{Addresses, ServerError};
use penstock_model::Timestamp;
use penstock_tenancy::Ledger;

use super::desired::{Desired, Report};
use super::manifests::{self, Text};
use super::publisher::{Plan, PublishError, Publisher};
use super::{TokenFiles, greeting, remembered};

/// What must be remembered from one round to the next.
pub(crate) struct Refresher {
    manifests: PathBuf,
    remembered: PathBuf,
    ca_file: PathBuf,
    admission: Admission,
    publisher: Publisher,
    endpoints: Endpoints,
    /// What was good in the last round, or in the last run.
    good: Desired,
    /// What has been told already.
    told: BTreeSet<String>,
    loaded_revision: Option<u64>,
}

/// Why a round did not bring the manifests into force. What was in force stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    /// The folder of manifests cannot be listed.
    #[error("cannot read the manifests in {}", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The data directory.
    #[error("cannot write what the manifests ask for")]
    Publish(#[from] PublishError),
    /// The server.
    #[error("the server does not take the ledger")]
    Load(#[source] ServerError),
}

impl Refresher {
    /// Takes up what the last run left.
    pub(crate) fn new(
        manifests: &Path,
        data: &Path,
        publisher: Publisher,
        endpoints: Endpoints,
    ) -> Self {
        let admission = Admission::new();
        let remembered = data.join("manifests.json");
        let good = remembered::read(&remembered, &admission).unwrap_or_else(|error| {
            let file = remembered.display();
            tracing::warn!(%error, %file, "last good manifests are not known");
            Desired::default()
        });
        Self {
            manifests: manifests.to_owned(),
            remembered,
            ca_file: data.join("tls/ca.crt"),
            admission,
            publisher,
            endpoints,
            good,
            told: BTreeSet::new(),
            loaded_revision: None,
        }
    }

    /// Brings into force what the manifests say now. `load` gets a ledger only if it is a new one, and only when all
    /// that it depends on is on the disk.
    ///
    /// # Errors
    /// [`RefreshError`]; trying again is safe.
    pub(crate) fn refresh(
        &mut self,
        now: Timestamp,
        load: impl FnOnce(&Ledger) -> Result<(), ServerError>,
    ) -> Result<(), RefreshError> {
        let files = manifests::read_folder(&self.manifests).map_err(|source| {
            let path = self.manifests.clone();
            RefreshError::Folder { path, source }
        })?;
        let (mut desired, mut reports) = Desired::read(&files, &self.good, &self.admission);
        let plan = self.settle(&mut desired, &files, &mut reports, now)?;
        for warning in &plan.warnings {
            let fault = "is not the key of its token, which keeps the one that it has; remove the file for a new key";
            reports.push(Report::of_file(&warning.path, fault));
        }
        let problems = plan.problems.iter().map(|problem| &problem.object);
        let left_out: Vec<_> = problems
            .filter(|object| !plan.has(object))
            .cloned()
            .collect();
        self.publish(plan, load)?;
        for object in &left_out {
            desired.remove(object);
        }
        self.remember(desired);
        self.tell(&reports);
        Ok(())
    }

    fn publish(
        &mut self,
        plan: Plan,
        load: impl FnOnce(&Ledger) -> Result<(), ServerError>,
    ) -> Result<(), RefreshError> {
        let ledger = self.publisher.keep(plan)?.clone();
        if self.loaded_revision.is_none() {
            self.publisher.reveal()?;
        }
        if self.loaded_revision != Some(ledger.revision) {
            load(&ledger).map_err(RefreshError::Load)?;
            self.loaded_revision = Some(ledger.revision);
            let (applications, tokens) = (ledger.applications.len(), ledger.tokens().count());
            let revision = ledger.revision;
            tracing::info!(revision, applications, tokens, "ledger in force");
        }
        Ok(self.publisher.reveal()?)
    }

    /// Plans until nothing new is asked for that cannot be done: an object that cannot be used goes back to its last
    /// good manifest.
    fn settle(
        &self,
        desired: &mut Desired,
        files: &BTreeMap<PathBuf, Text>,
        reports: &mut Vec<Report>,
        now: Timestamp,
    ) -> Result<Plan, RefreshError> {
        loop {
            let plan = self
                .publisher
                .plan(desired, &self.endpoints, &mut rand::rng(), now)?;
            let mut took_back = false;
            for problem in &plan.problems {
                reports.extend(report(problem, desired, files));
                took_back |= desired.take_back(&problem.object, &self.good);
            }
            if !took_back {
                return Ok(plan);
            }
        }
    }

    /// Keeps what is good. If the disk refuses, the next start knows the manifests of an earlier round: no harm as
    /// long as the files are good.
    fn remember(&mut self, desired: Desired) {
        if desired != self.good
            && let Err(error) = remembered::write(&self.remembered, &desired)
        {
            let file = self.remembered.display();
            tracing::warn!(%error, %file, "last good manifests not kept");
        }
        self.good = desired;
    }

    /// Logs what has not been told in the round before.
    fn tell(&mut self, reports: &[Report]) {
        let mut now = BTreeSet::new();
        for report in reports {
            let text = report.to_string();
            if !self.told.contains(&text) && !now.contains(&text) {
                tracing::warn!(
                    file = %report.file.display(),
                    line = report.line,
                    object = report.object.as_ref().map(tracing::field::display),
                    field = report.named_field(),
                    reason = report.message,
                    "manifest refused"
                );
            }
            now.insert(text);
        }
        if reports.is_empty() && !self.told.is_empty() {
            tracing::info!("all manifests are good again");
        }
        self.told = now;
    }

    /// What to print when the server listens.
    pub(crate) fn greeting(&self, addresses: Addresses, authority: &str) -> String {
        let files = TokenFiles {
            tokens: self.good.tokens().collect(),
            folder: &|namespace, name| self.publisher.secret_folder(namespace, name),
        };
        let ledger = self.publisher.ledger();
        greeting(addresses, authority, &self.ca_file, ledger, &files)
    }
}

/// A problem with the file and line of its object.
fn report(problem: &Problem, desired: &Desired, files: &BTreeMap<PathBuf, Text>) -> Option<Report> {
    let entry = desired.get(&problem.object)?;
    let fault = FieldFault {
        at: problem.at.clone(),
        message: format!("{} ({:?})", problem.message, problem.reason),
    };
    let text = files
        .get(&entry.file)
        .and_then(|text| text.as_deref().ok())
        .unwrap_or_default();
    let object = Some(problem.object.clone());
    Some(Report::of_fault(
        &entry.file,
        text,
        &entry.document,
        object,
        fault,
    ))
}

#[cfg(test)]
mod tests;
