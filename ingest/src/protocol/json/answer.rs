//! What a client is told about its points.
//!
//! | | neither flag | `summary` | `details` |
//! |---|---|---|---|
//! | all stored | 204 | `{"success":2,"failed":0}` | and `"errors":[]` |
//! | some refused | error object | `{"success":1,"failed":1}` | and `"errors":[{"error":..,"datapoint":..}]` |
//!
//! The status is that of the worst point: a quota 429, else bad data 400. Points that were all refused for
//! their own `ovh.auth` make it 401 or 403. These three carry the error object beside the counts, too; that of
//! a quota names the limit that was met first.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;

use super::body::PutBody;
use super::echo::push_string;
use super::element::Element;
use super::options::{AnswerForm, PutOptions};

/// The most bytes of `errors` in one answer. Points refused after that are counted, but not listed.
pub const ERRORS_BYTES_MAX: usize = 32 * 1_024 * 1_024;

/// Why a point is not stored, as far as the status goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The point is bad.
    Data,
    /// A limit; it may pass after this time.
    Quota(Duration),
    /// Its own `ovh.auth` is nobody's.
    Unauthorized,
    /// Its own `ovh.auth` is known, but may not write.
    Forbidden,
    /// The store could not take it.
    Storage,
}

/// The answer as it grows, point by point.
#[derive(Debug)]
pub struct Answer {
    form: AnswerForm,
    timed: bool,
    success: u64,
    refused: Refused,
    retry_after: Option<Duration>,
    /// What the first point over a limit was told: it names the limit.
    exceeded: Option<String>,
    /// The elements of `errors`, comma-separated.
    errors: Vec<u8>,
    /// The places of refused points in the body, if those that come too late are to be listed.
    refused_at: Vec<u64>,
}

#[derive(Debug, Default)]
struct Refused {
    data: u64,
    quota: u64,
    unauthorized: u64,
    forbidden: u64,
    storage: u64,
    timed_out: u64,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// 204, no body: all stored, and nobody wants to read about it.
    NoContent,
    /// The counts that the client asked for.
    Counts {
        /// 200, or what the refused points make it.
        status: StatusCode,
        /// The JSON.
        body: Vec<u8>,
        /// When a quota lets points pass again.
        retry_after: Option<Duration>,
    },
    /// The error object for those who asked for no counts. It carries them all the same.
    Error {
        /// 400, 401, 403 or 429.
        status: StatusCode,
        /// The short text.
        message: String,
        /// The longer text.
        details: Option<Cow<'static, str>>,
        /// Stored points.
        success: u64,
        /// Points that are not stored.
        failed: u64,
        /// When a quota lets points pass again.
        retry_after: Option<Duration>,
    },
}

impl Answer {
    /// The answer to a request with these options.
    pub fn new(options: &PutOptions) -> Self {
        Self {
            form: options.form,
            timed: options.timeout.is_some(),
            success: 0,
            refused: Refused::default(),
            retry_after: None,
            exceeded: None,
            errors: Vec::new(),
            refused_at: Vec::new(),
        }
    }

    /// Counts a point that was taken.
    #[inline]
    pub fn take(&mut self) {
        self.success += 1;
    }

    /// Counts a point that is refused, and lists it if the client asked for that.
    pub fn refuse(&mut self, element: &Element<'_>, cause: Cause, text: &str) {
        if self.timed && self.form == AnswerForm::Details {
            self.refused_at.push(self.success + self.failed());
        }
        match cause {
            Cause::Data => self.refused.data += 1,
            Cause::Quota(delay) => {
                self.refused.quota += 1;
                self.retry_after = self.retry_after.max(Some(delay));
                self.exceeded.get_or_insert_with(|| text.to_owned());
            }
            Cause::Unauthorized => self.refused.unauthorized += 1,
            Cause::Forbidden => self.refused.forbidden += 1,
            Cause::Storage => self.refused.storage += 1,
        }
        self.list(element, text);
    }

    fn list(&mut self, element: &Element<'_>, text: &str) {
        if self.form != AnswerForm::Details || self.errors.len() >= ERRORS_BYTES_MAX {
            return;
        }
        if !self.errors.is_empty() {
            self.errors.push(b',');
        }
        self.errors.extend_from_slice(b"{\"error\":");
        push_string(&mut self.errors, text);
        self.errors.extend_from_slice(b",\"datapoint\":");
        element.echo(&mut self.errors);
        self.errors.push(b'}');
    }

    /// Points taken so far.
    pub fn success(&self) -> u64 {
        self.success
    }

    /// Points refused so far.
    pub fn failed(&self) -> u64 {
        let Refused {
            data,
            quota,
            unauthorized,
            forbidden,
            storage,
            timed_out: _,
        } = self.refused;
        data + quota + unauthorized + forbidden + storage
    }

    /// The points that were taken did not become durable within the time that the client gave. All points of
    /// the body have been taken or refused.
    pub fn time_out(&mut self, points: &mut PutBody<'_>) {
        self.refused.timed_out = std::mem::take(&mut self.success);
        if self.form != AnswerForm::Details {
            return;
        }
        points.rewind();
        let mut refused_at = std::mem::take(&mut self.refused_at).into_iter().peekable();
        let mut place = 0;
        while let Some(element) = points.next_element() {
            if refused_at.next_if_eq(&place).is_none() {
                self.list(&element, "Write timedout");
            }
            place += 1;
        }
    }

    /// The whole answer.
    pub fn finish(self) -> Reply {
        let status = self.status();
        if self.form != AnswerForm::Plain {
            return Reply::Counts {
                status,
                body: self.counts(status),
                retry_after: self.retry_after,
            };
        }
        if self.failed() + self.refused.timed_out == 0 {
            return Reply::NoContent;
        }
        let (message, details) = self.words(status);
        Reply::Error {
            // Without counts to read, storage alone is a failure too.
            status: if status == StatusCode::OK {
                StatusCode::BAD_REQUEST
            } else {
                status
            },
            message,
            details,
            success: self.success,
            failed: self.failed() + self.refused.timed_out,
            retry_after: self.retry_after,
        }
    }

    fn status(&self) -> StatusCode {
        let refused = &self.refused;
        let only = |count: u64| count > 0 && count == self.failed() && self.success == 0;
        if refused.quota > 0 {
            StatusCode::TOO_MANY_REQUESTS
        } else if only(refused.unauthorized) {
            StatusCode::UNAUTHORIZED
        } else if only(refused.unauthorized + refused.forbidden) {
            StatusCode::FORBIDDEN
        } else if self.failed() > refused.storage || refused.timed_out > 0 {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::OK
        }
    }

    fn words(&self, status: StatusCode) -> (String, Option<Cow<'static, str>>) {
        if self.refused.timed_out > 0 {
            let message = format!(
                "The put call has timedout with {} successful writes, {} failed writes and {} timed \
                 out writes.",
                self.success,
                self.failed(),
                self.refused.timed_out
            );
            return (message, None);
        }
        let message = match status {
            StatusCode::TOO_MANY_REQUESTS => "One or more data points were over a limit",
            StatusCode::UNAUTHORIZED => "Unauthorized",
            StatusCode::FORBIDDEN => "Forbidden",
            _ => "One or more data points had errors",
        };
        let details = match &self.exceeded {
            Some(limit) => Cow::Owned(limit.clone()),
            None => "Please see the TSD logs or append \"details\" to the put request".into(),
        };
        (message.to_owned(), Some(details))
    }

    /// What is no matter of single points. `OpenTSDB` has no such answers, so their form is ours.
    fn push_error(&self, status: StatusCode, out: &mut Vec<u8>) {
        let (message, _) = self.words(status);
        out.extend_from_slice(b"\"error\":{\"code\":");
        push_number(out, u64::from(status.as_u16()));
        out.extend_from_slice(b",\"message\":");
        push_string(out, &message);
        if let Some(limit) = &self.exceeded {
            out.extend_from_slice(b",\"details\":");
            push_string(out, limit);
        }
        out.extend_from_slice(b"},");
    }

    fn counts(&self, status: StatusCode) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.errors.len());
        out.push(b'{');
        if !matches!(status, StatusCode::OK | StatusCode::BAD_REQUEST) {
            self.push_error(status, &mut out);
        }
        out.extend_from_slice(b"\"success\":");
        push_number(&mut out, self.success);
        out.extend_from_slice(b",\"failed\":");
        push_number(&mut out, self.failed());
        if self.timed {
            out.extend_from_slice(b",\"timeouts\":");
            push_number(&mut out, self.refused.timed_out);
        }
        if self.form == AnswerForm::Details {
            out.extend_from_slice(b",\"errors\":[");
            out.extend_from_slice(&self.errors);
            out.push(b']');
        }
        out.push(b'}');
        out
    }
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests;
