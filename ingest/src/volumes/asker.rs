//! Asking other servers from the thread of a query, which may wait.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Method;
use http_body_util::{BodyExt, Limited};
use penstock_model::SeriesKey;
use penstock_tenancy::LedgerVolume;
use tokio::runtime::Handle;

use super::wanted::{NamesAnswer, NamesQuestion, WantedSeries};
use super::{Caller, PeerRows, Question, VolumeError, Volumes, Window, frame};

/// Where names are asked for.
pub const NAMES: &str = "/api/v1/volume/names";
/// Where series are asked for.
pub const SERIES: &str = "/api/v1/volume/series";
/// Where the rows of series are asked for.
pub const ROWS: &str = "/api/v1/volume/rows";
/// Where the samples of series are deleted.
pub const DELETE: &str = "/api/v1/volume/delete";

const JSON: &str = "application/json";
const FRAMES: &str = "application/octet-stream";
const NAMES_BYTES_MAX: usize = 1 << 20;

/// Asks on behalf of one caller.
#[derive(Debug, Clone)]
pub struct Asker {
    volumes: Arc<Volumes>,
    others: Arc<[LedgerVolume]>,
    own_place: usize,
    caller: Caller,
    runtime: Handle,
}

impl Asker {
    /// Asks `others` for `caller`. Make it on a loop.
    pub fn new(volumes: Arc<Volumes>, others: Arc<[LedgerVolume]>, caller: Caller) -> Self {
        Self {
            own_place: volumes.own_place(&others),
            volumes,
            others,
            caller,
            runtime: Handle::current(),
        }
    }

    /// The volumes that it asks.
    pub fn others(&self) -> &[LedgerVolume] {
        &self.others
    }

    /// How many of their names come before this server's.
    pub const fn own_place(&self) -> usize {
        self.own_place
    }

    /// What each says of names.
    ///
    /// # Errors
    /// The first [`VolumeError`].
    pub fn names(&self, question: &NamesQuestion) -> Result<Vec<NamesAnswer>, VolumeError> {
        // Strings only: it cannot fail.
        let body = Bytes::from(serde_json::to_vec(question).unwrap_or_default());
        let asking = self.others.iter().map(async |volume| {
            let question = self.question(NAMES, JSON, body.clone(), None);
            let answer = self.volumes.ask(volume, &question).await?;
            let broken = |reason: String| VolumeError::missing(&volume.name, reason);
            let body = Limited::new(answer.into_body(), NAMES_BYTES_MAX).collect();
            let body = tokio::time::timeout(self.volumes.stall, body).await;
            let body = body
                .map_err(|_| VolumeError::silent(volume, self.volumes.stall))?
                .map_err(|error| broken(error.to_string()))?;
            serde_json::from_slice(&body.to_bytes()).map_err(|error| broken(error.to_string()))
        });
        self.runtime
            .block_on(join_all(asking))
            .into_iter()
            .collect()
    }

    /// Whether any of them says yes.
    ///
    /// # Errors
    /// The first [`VolumeError`].
    pub fn knows(&self, question: &NamesQuestion) -> Result<bool, VolumeError> {
        Ok(self.names(question)?.iter().any(|answer| answer.known))
    }

    /// The series that each has, in the order of their keys.
    ///
    /// # Errors
    /// The first [`VolumeError`].
    pub fn series(&self, wanted: &WantedSeries) -> Result<Vec<Vec<SeriesKey>>, VolumeError> {
        let body = Bytes::from(serde_json::to_vec(wanted).unwrap_or_default());
        let question = self.question(SERIES, JSON, body, None);
        let asking = self.volumes.ask_for_rows(&self.others, &question);
        let answers = self.runtime.block_on(asking)?;
        answers
            .into_iter()
            .map(|mut answer| {
                let mut keys = Vec::new();
                while let Some(key) = answer.peek()? {
                    keys.push(key.clone());
                    answer.pass_over()?;
                }
                Ok(keys)
            })
            .collect()
    }

    /// The rows of some series of some volumes, each in the order in which its keys are given. Places are those of
    /// [`Asker::others`].
    ///
    /// # Errors
    /// The first [`VolumeError`].
    pub fn rows(
        &self,
        wanted: &[(usize, Vec<&SeriesKey>)],
        window: Window,
    ) -> Result<Vec<PeerRows>, VolumeError> {
        let asking = wanted.iter().map(async |(place, keys)| {
            let volume = self.volume(*place)?;
            let question = self.question(ROWS, FRAMES, frames_of(keys), Some(window));
            let answer = self.volumes.ask(volume, &question).await?;
            Ok(PeerRows::new(
                volume,
                answer.into_body(),
                self.volumes.stall,
            ))
        });
        self.runtime
            .block_on(join_all(asking))
            .into_iter()
            .collect()
    }

    /// Deletes the samples of some series of one volume.
    ///
    /// # Errors
    /// [`VolumeError`]: they may not have been deleted.
    pub fn delete(
        &self,
        place: usize,
        keys: &[&SeriesKey],
        window: Window,
    ) -> Result<(), VolumeError> {
        let question = self.question(DELETE, FRAMES, frames_of(keys), Some(window));
        let asking = self.volumes.ask(self.volume(place)?, &question);
        self.runtime.block_on(asking).map(drop)
    }

    fn volume(&self, place: usize) -> Result<&LedgerVolume, VolumeError> {
        let volume = self.others.get(place);
        volume.ok_or_else(|| VolumeError::missing("", "there is no such volume"))
    }

    fn question<'a>(
        &'a self,
        path: &'a str,
        content_type: &'a str,
        body: Bytes,
        window: Option<Window>,
    ) -> Question<'a> {
        Question {
            caller: &self.caller,
            method: Method::POST,
            path_and_query: path,
            content_type: Some(content_type),
            body,
            window,
        }
    }
}

fn frames_of(keys: &[&SeriesKey]) -> Bytes {
    let mut body = Vec::new();
    for key in keys {
        frame::put_series(key.as_bytes(), &mut body);
    }
    frame::put_end(u64::try_from(keys.len()).unwrap_or(u64::MAX), &mut body);
    body.into()
}
