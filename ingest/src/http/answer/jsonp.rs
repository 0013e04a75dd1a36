//! `jsonp=NAME`: the answer as the argument of a call, for pages that load it as a script.

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::whole;
use crate::http::error::ApiError;

/// The longest name.
const NAME_BYTES_MAX: usize = 128;

/// The name of a function of the page: nothing in it can be anything but a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallbackName(String);

impl CallbackName {
    /// Takes names of letters, digits, `_`, `$`, with dots between them, as JavaScript has them.
    ///
    /// # Errors
    /// 400 for all else, the empty name too.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let is_word = |word: &str| {
            let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
            !word.is_empty()
                && word.chars().all(is_good)
                && !word.starts_with(|c: char| c.is_ascii_digit())
        };
        if text.len() <= NAME_BYTES_MAX && text.split('.').all(is_word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ApiError::bad_request(format!(
                "'jsonp' must be a name of letters, digits, '_', '$' and '.', of at most {NAME_BYTES_MAX} characters"
            )))
        }
    }
}

/// `NAME(body)`.
pub(super) async fn call(name: &CallbackName, body: Body) -> Body {
    let before = format!("{}(", name.0);
    match whole(body).await {
        Ok(json) => Body::from([before.as_bytes(), &json, b")"].concat()),
        Err(body) => {
            let around = |text: Bytes| stream::once(async { Ok::<_, axum::Error>(text) });
            let called = around(before.into())
                .chain(body.into_data_stream().into_stream())
                .chain(around(Bytes::from_static(b")")));
            Body::from_stream(called)
        }
    }
}
