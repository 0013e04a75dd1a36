//! Why a volume's part of an answer is missing.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::StatusCode;
use http_body_util::{BodyExt, Collected, Limited};
use hyper::body::Incoming;
use penstock_model::WithCauses;
use penstock_tenancy::LedgerVolume;
use serde::Deserialize;

use super::wanted::NotUnderstood;
use crate::http::error::ApiError;

/// The longest refusal that is passed on.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// A part of the answer is missing, so there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VolumeError {
    /// Its server cannot be asked, or has stopped in the midst of its answer.
    #[error("volume {volume} cannot be read: {reason}")]
    Missing {
        /// The volume.
        volume: String,
        /// Why, for people.
        reason: String,
    },
    /// Its server refuses the request for what it is.
    #[error("volume {volume} refuses: {}", refusal.message())]
    Refused {
        /// The volume.
        volume: String,
        /// What the client is told.
        refusal: ApiError,
    },
}

impl VolumeError {
    pub(super) fn missing(volume: &str, reason: impl Into<String>) -> Self {
        Self::Missing {
            volume: volume.to_owned(),
            reason: reason.into(),
        }
    }

    /// Its server has another version, and says what this one does not know.
    pub fn not_understood(error: &NotUnderstood) -> Self {
        Self::missing("", error.to_string())
    }

    /// Its server sends other series than those it was asked for.
    pub fn out_of_order(volume: &str) -> Self {
        Self::missing(
            volume,
            "its server sends other series than it was asked for",
        )
    }

    /// Its server's answer is none.
    pub fn broken(volume: &LedgerVolume, reason: impl Into<String>) -> Self {
        Self::missing(&volume.name, reason)
    }

    pub(super) fn unreachable(volume: &LedgerVolume, error: &(dyn Error + 'static)) -> Self {
        Self::missing(&volume.name, WithCauses(error).to_string())
    }

    pub(super) fn silent(volume: &LedgerVolume, stall: Duration) -> Self {
        let reason = format!("its server was silent for {} s", stall.as_secs());
        Self::missing(&volume.name, reason)
    }
}

impl From<VolumeError> for ApiError {
    fn from(error: VolumeError) -> Self {
        match error {
            VolumeError::Missing { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "A part of the data cannot be reached",
            )
            .with_details(error.to_string())
            .with_retry_after(Duration::from_secs(1)),
            VolumeError::Refused { refusal, .. } => refusal,
        }
    }
}

/// The error object as another server writes it.
#[derive(Deserialize)]
struct Written {
    error: WrittenError,
}

#[derive(Deserialize)]
struct WrittenError {
    message: String,
    details: Option<String>,
}

/// What an answer that is no success means. What the client asked for is judged alike everywhere, so that is passed on;
/// who the client is was judged here already, and a server that judges otherwise has another ledger: it is behind or ahead.
pub(super) async fn refusal(
    volume: &LedgerVolume,
    answer: http::Response<Incoming>,
) -> VolumeError {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), REFUSAL_BYTES_MAX).collect();
    let body = body.await.map(Collected::to_bytes).unwrap_or_default();
    let written: Option<Written> = serde_json::from_slice(&body).ok();
    let (message, details) = written.map_or_else(
        || (status.to_string(), None),
        |written| (written.error.message, written.error.details),
    );
    match status {
        StatusCode::BAD_REQUEST
        | StatusCode::NOT_FOUND
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::PAYLOAD_TOO_LARGE => {
            let mut refusal = ApiError::new(status, message);
            if let Some(details) = details {
                refusal = refusal.with_details(details);
            }
            VolumeError::Refused {
                volume: volume.name.clone(),
                refusal,
            }
        }
        _ => {
            let said = details.map_or(message.clone(), |details| format!("{message}: {details}"));
            VolumeError::missing(&volume.name, format!("its server answers {status}: {said}"))
        }
    }
}

impl From<VolumeError> for io::Error {
    fn from(error: VolumeError) -> Self {
        Self::other(error)
    }
}
