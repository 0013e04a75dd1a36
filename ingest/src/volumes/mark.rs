//! How one server shows another that it is one, and what it tells besides the caller's request.
//!
//! | header | is |
//! |---|---|
//! | `Penstock-Volume` | the volume that is meant; its server answers of that alone |
//! | `Penstock-Server` | SHA-256 of `penstock-server/1\n` and the bearer that the operator gives to all servers |
//! | `Penstock-Source` | the address of the client, for allow-lists |
//! | `Penstock-Window` | first and last moment in milliseconds |
//!
//! A client cannot make the second: the other three are believed only with it. It is sent over TLS to a server that has
//! shown a certificate, see [`trust`](super::trust).

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use penstock_model::Timestamp;
use penstock_tenancy::{KeyHash, LedgerVolume};

use crate::http::error::ApiError;

/// The headers that carry a caller's credentials.
pub(super) const CREDENTIALS: [HeaderName; 2] =
    [AUTHORIZATION, HeaderName::from_static("x-warp10-token")];

const VOLUME: HeaderName = HeaderName::from_static("penstock-volume");
const SERVER: HeaderName = HeaderName::from_static("penstock-server");
const SOURCE: HeaderName = HeaderName::from_static("penstock-source");
const WINDOW: HeaderName = HeaderName::from_static("penstock-window");

/// The first and the last moment that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
}

/// A request that came from another server: it is answered of this server's own volume, and has been charged there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FromServer {
    /// The address of the client.
    pub source: IpAddr,
    /// The moments that the request's words mean.
    pub window: Option<Window>,
}

/// The secret that servers know each other by.
#[derive(Debug)]
pub(super) struct Mark {
    bearer_file: Option<PathBuf>,
}

impl Mark {
    pub(super) fn new(bearer_file: Option<PathBuf>) -> Self {
        Self { bearer_file }
    }

    pub(super) fn put(
        &self,
        headers: &mut HeaderMap,
        volume: &LedgerVolume,
        source: IpAddr,
        window: Option<Window>,
    ) -> io::Result<()> {
        let proof = self.proof()?.to_string();
        let window = window.map(|Window { from, to }| format!("{} {}", from.millis(), to.millis()));
        let texts = [
            (VOLUME, Some(volume.name.clone())),
            (SERVER, Some(proof)),
            (SOURCE, Some(source.to_string())),
            (WINDOW, window),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                let value = HeaderValue::try_from(text).map_err(io::Error::other)?;
                headers.insert(name, value);
            }
        }
        Ok(())
    }

    pub(super) fn recognize(
        &self,
        headers: &HeaderMap,
        own: Option<&str>,
    ) -> Result<Option<FromServer>, ApiError> {
        let Some(volume) = headers.get(VOLUME) else {
            return Ok(None);
        };
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let offered: Option<KeyHash> = text(SERVER).and_then(|text| text.parse().ok());
        // Hashes, since they compare in constant time.
        if offered.is_none() || offered != self.proof().ok() {
            return Err(forbidden());
        }
        if Some(volume.as_bytes()) != own.map(str::as_bytes) {
            let own = own.unwrap_or("none that has a name");
            return Err(
                ApiError::new(StatusCode::MISDIRECTED_REQUEST, "Misdirected request")
                    .with_details(format!("this server's volume is {own}")),
            );
        }
        let source = text(SOURCE).and_then(|text| text.parse().ok());
        let window = text(WINDOW).map(parse_window);
        match (source, window) {
            (Some(source), None) => Ok(Some(FromServer {
                source,
                window: None,
            })),
            (Some(source), Some(Some(window))) => Ok(Some(FromServer {
                source,
                window: Some(window),
            })),
            _ => Err(forbidden()),
        }
    }

    fn proof(&self) -> io::Result<KeyHash> {
        let file = self
            .bearer_file
            .as_ref()
            .ok_or_else(|| io::Error::other("there is no bearer that servers share"))?;
        let bearer = std::fs::read(file)?;
        let bearer = bearer.trim_ascii();
        if bearer.is_empty() {
            return Err(io::Error::other("the bearer that servers share is empty"));
        }
        Ok(KeyHash::of(&[b"penstock-server/1\n", bearer].concat()))
    }
}

fn parse_window(text: &str) -> Option<Window> {
    let (from, to) = text.split_once(' ')?;
    Some(Window {
        from: Timestamp::from_millis(from.parse().ok()?),
        to: Timestamp::from_millis(to.parse().ok()?),
    })
}

fn forbidden() -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "Forbidden")
        .with_details("only servers of this installation ask for one volume")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str) -> LedgerVolume {
        LedgerVolume {
            name: name.to_owned(),
            address: "a:1".to_owned(),
        }
    }

    fn mark(directory: &tempfile::TempDir, bearer: &str) -> Mark {
        let file = directory.path().join("bearer");
        std::fs::write(&file, bearer).unwrap();
        Mark::new(Some(file))
    }

    #[test]
    fn a_server_is_known_by_the_bearer_alone() {
        let directory = tempfile::tempdir().unwrap();
        let ours = mark(&directory, "secret\n");
        let source: IpAddr = "192.0.2.7".parse().unwrap();
        let window = Some(Window {
            from: Timestamp::from_millis(-5),
            to: Timestamp::MAX,
        });
        let mut headers = HeaderMap::new();
        assert_eq!(ours.recognize(&headers, Some("b")).unwrap(), None);
        ours.put(&mut headers, &volume("b"), source, window)
            .unwrap();
        let known = ours.recognize(&headers, Some("b")).unwrap();
        assert_eq!(known, Some(FromServer { source, window }));
        for own in [None, Some("a")] {
            let wrong = ours.recognize(&headers, own).unwrap_err();
            assert_eq!(wrong.status(), StatusCode::MISDIRECTED_REQUEST);
        }
        let secret = headers.get(SERVER).unwrap();
        assert!(!secret.to_str().unwrap().contains("secret"));

        let other = tempfile::tempdir().unwrap();
        for stranger in [mark(&other, "other"), mark(&other, ""), Mark::new(None)] {
            let refused = stranger.recognize(&headers, Some("b")).unwrap_err();
            assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        }
    }

    #[test]
    fn nothing_is_believed_without_the_mark() {
        let directory = tempfile::tempdir().unwrap();
        let ours = mark(&directory, "secret");
        let mut headers = HeaderMap::new();
        headers.insert(SOURCE, HeaderValue::from_static("192.0.2.7"));
        assert_eq!(ours.recognize(&headers, Some("b")).unwrap(), None);
        headers.insert(VOLUME, HeaderValue::from_static("b"));
        for proof in ["", "zz", &KeyHash::of(b"secret").to_string()] {
            headers.insert(SERVER, HeaderValue::from_str(proof).unwrap());
            ours.recognize(&headers, Some("b")).unwrap_err();
        }
        ours.put(&mut headers, &volume("b"), IpAddr::from([1, 2, 3, 4]), None)
            .unwrap();
        for window in ["", "1", "1 x", "1 2 3"] {
            headers.insert(WINDOW, HeaderValue::from_str(window).unwrap());
            ours.recognize(&headers, Some("b")).unwrap_err();
        }
        assert!(
            Mark::new(None)
                .put(&mut headers, &volume("b"), IpAddr::from([1, 2, 3, 4]), None)
                .is_err()
        );
    }
}
