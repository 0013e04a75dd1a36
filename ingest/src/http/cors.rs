//! Which pages of other origins may read answers in a browser.
//!
//! | `corsOrigins` | request | answer |
//! |---|---|---|
//! | empty, the default | `OPTIONS` | 405, as `OpenTSDB` has it |
//! | | all others | no header |
//! | `*` or a list | allowed `Origin` | `Access-Control-Allow-*`; `OPTIONS` is 200 without credentials and a body |
//! | | another `Origin` | 200 with an error object, as `OpenTSDB` has it; of what writes or deletes, 403 |
//! | | none | no header; `OPTIONS` is 405 |
//!
//! Browsers send what they keep of somebody's credentials only to origins that are listed by name. With `*` a page
//! must have a token of its own.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::error::ApiError;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
/// `OpenTSDB`'s list, and the header of OVH's tokens.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, Origin, User-Agent, DNT, Cache-Control, X-Mx-ReqToken, Keep-Alive, \
     X-Requested-With, If-Modified-Since, X-Warp10-Token",
);
/// Seconds for which a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Who may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    any: bool,
    origins: Vec<HeaderValue>,
}

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no origin: it has the form https://grafana.example.com or http://host:3000, or is * for all"
)]
pub struct NoOrigin(String);

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Ruling {
    /// It is served as if there were no origins.
    Plain,
    /// It is served, and its answer marked for this origin.
    Allowed(HeaderValue),
    /// It only asked whether this origin may ask.
    Preflight(HeaderValue),
    /// It is not served.
    Refused(ApiError),
}

impl Cors {
    /// Takes origins as a browser names them, and `*`.
    ///
    /// # Errors
    /// The first text that is none.
    pub fn new<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Result<Self, NoOrigin> {
        let mut cors = Self::default();
        for origin in origins {
            let origin = origin.as_ref();
            if origin == "*" {
                cors.any = true;
                continue;
            }
            let lower = origin.to_ascii_lowercase();
            let host = lower.split_once("://").map(|(_, host)| host);
            let is_origin = host.is_some_and(|host| {
                !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '*'])
            });
            match HeaderValue::from_str(&lower) {
                Ok(value) if is_origin => cors.origins.push(value),
                _ => return Err(NoOrigin(origin.to_owned())),
            }
        }
        Ok(cors)
    }

    /// What becomes of a request with this head.
    pub(crate) fn rule(&self, method: &Method, headers: &HeaderMap, writes: bool) -> Ruling {
        let is_off = !self.any && self.origins.is_empty();
        let origin = headers.get(ORIGIN).filter(|origin| !origin.is_empty());
        match origin {
            Some(origin) if !is_off => {
                if !self.allows(origin) {
                    Ruling::Refused(refused(origin, writes))
                } else if method == Method::OPTIONS {
                    Ruling::Preflight(origin.clone())
                } else {
                    Ruling::Allowed(origin.clone())
                }
            }
            _ if method == Method::OPTIONS => Ruling::Refused(
                ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
                    .with_details("The HTTP method [OPTIONS] is not permitted for this endpoint"),
            ),
            _ => Ruling::Plain,
        }
    }

    /// The answer to a preflight.
    pub(crate) fn preflight(&self, origin: HeaderValue) -> Response {
        let mut answer = StatusCode::OK.into_response();
        self.mark(origin, &mut answer);
        answer.headers_mut().insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        answer
    }

    /// Lets a page of an allowed origin read the answer.
    pub(crate) fn mark(&self, origin: HeaderValue, answer: &mut Response) {
        let is_listed = self.lists(&origin);
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        if is_listed {
            let yes = HeaderValue::from_static("true");
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.any || self.lists(origin)
    }

    fn lists(&self, origin: &HeaderValue) -> bool {
        self.origins
            .iter()
            .any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
    }
}

/// `OpenTSDB` answers 200, which a browser keeps from the page. But 200 to a write would say that points are stored.
fn refused(origin: &HeaderValue, writes: bool) -> ApiError {
    let status = if writes {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    let shown = origin.to_str().unwrap_or("?");
    ApiError::new(status, "CORS domain not allowed")
        .with_details(format!("The domain [{shown}] is not permitted access"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: Option<&str>) -> HeaderMap {
        let origin = origin.map(|origin| (ORIGIN, origin.parse().unwrap()));
        origin.into_iter().collect()
    }

    fn ruled(cors: &Cors, method: &Method, origin: Option<&str>) -> Ruling {
        cors.rule(method, &headers(origin), false)
    }

    #[test]
    fn without_origins_nothing_is_added_and_options_is_no_method() {
        let cors = Cors::new::<&str>([]).unwrap();
        for origin in [None, Some("https://page")] {
            assert!(matches!(ruled(&cors, &Method::GET, origin), Ruling::Plain));
            let Ruling::Refused(error) = ruled(&cors, &Method::OPTIONS, origin) else {
                panic!("refused")
            };
            assert_eq!(error.status(), 405);
        }
    }

    #[test]
    fn a_preflight_of_an_allowed_page_is_answered() {
        for (origins, has_credentials) in [(["*"], false), (["https://Grafana:3000"], true)] {
            let cors = Cors::new(origins).unwrap();
            let page = Some("https://grafana:3000");
            let Ruling::Preflight(origin) = ruled(&cors, &Method::OPTIONS, page) else {
                panic!("a preflight")
            };
            let answer = cors.preflight(origin);
            assert_eq!(answer.status(), 200);
            let headers = answer.headers();
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://grafana:3000");
            assert_eq!(
                headers[ACCESS_CONTROL_ALLOW_METHODS],
                "GET, POST, PUT, DELETE"
            );
            assert!(
                headers[ACCESS_CONTROL_ALLOW_HEADERS]
                    .to_str()
                    .unwrap()
                    .contains("X-Warp10-Token")
            );
            assert_eq!(
                headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS),
                has_credentials
            );
            assert!(matches!(
                ruled(&cors, &Method::GET, page),
                Ruling::Allowed(_)
            ));
            assert!(matches!(ruled(&cors, &Method::GET, None), Ruling::Plain));
        }
    }

    #[test]
    fn other_pages_are_told_so_and_writes_never_by_200() {
        let cors = Cors::new(["https://grafana"]).unwrap();
        for (writes, status) in [(false, 200), (true, 403)] {
            let headers = headers(Some("https://other"));
            let Ruling::Refused(error) = cors.rule(&Method::POST, &headers, writes) else {
                panic!("refused")
            };
            assert_eq!(error.status(), status);
        }
    }

    #[test]
    fn texts_that_are_no_origin_are_refused() {
        for text in [
            "",
            "grafana",
            "https://",
            "https://host/path",
            "https://*.host",
            "null",
            "http://a b",
        ] {
            assert!(Cors::new([text]).is_err(), "{text}");
        }
        assert!(Cors::new(["http://localhost:3000", "https://[::1]:1"]).is_ok());
    }
}
