//! How far a request goes: to every volume, or, passed on by another server, to this server's alone.

use std::sync::Arc;

use axum::extract::Request;
use bytes::Bytes;
use http::Method;
use penstock_model::Timestamp;
use penstock_tenancy::LedgerVolume;

use super::context::{HttpContext, source};
use crate::volumes::{Asker, Caller, Elsewhere, FromServer, Question, Window};

/// The type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// How far a request goes. Made before its body is read.
#[derive(Debug)]
pub(super) struct Reach {
    passed_on: Option<FromServer>,
    caller: Caller,
    others: Arc<[LedgerVolume]>,
}

impl Reach {
    pub(super) fn of(context: &HttpContext, request: &Request) -> Self {
        let passed_on = request.extensions().get::<FromServer>().copied();
        let others = match passed_on {
            None => context.server().volumes.others(),
            Some(_) => Arc::from([]),
        };
        Self {
            passed_on,
            caller: Caller::of(request.headers(), source(request)),
            others,
        }
    }

    /// The other volumes that have to be asked.
    pub(super) fn others(&self) -> &[LedgerVolume] {
        &self.others
    }

    /// What asks the other volumes from the thread of a query.
    pub(super) fn asker(&self, context: &HttpContext) -> Asker {
        let volumes = Arc::clone(&context.server().volumes);
        Asker::new(volumes, Arc::clone(&self.others), self.caller.clone())
    }

    /// Who else may know a name that this server does not.
    pub(super) fn elsewhere(&self, context: &HttpContext) -> Elsewhere {
        if self.is_passed_on() {
            Elsewhere::SeenTo
        } else {
            Elsewhere::Others(self.asker(context))
        }
    }

    /// Another server asks: it merges.
    pub(super) fn is_passed_on(&self) -> bool {
        self.passed_on.is_some()
    }

    /// The moments that another server says are meant.
    pub(super) fn window(&self) -> Option<(Timestamp, Timestamp)> {
        let Window { from, to } = self.passed_on?.window?;
        Some((from, to))
    }

    /// The request as other servers get it if nothing in it means another moment there.
    pub(super) fn passed_on_as_it_is<'a>(
        &'a self,
        path_and_query: &'a str,
        body: Bytes,
    ) -> Question<'a> {
        Question {
            caller: &self.caller,
            method: Method::GET,
            path_and_query,
            content_type: None,
            body,
            window: None,
        }
    }

    /// The request as other servers get it: a form, and the moments that it means here.
    pub(super) fn question<'a>(
        &'a self,
        path: &'a str,
        form: String,
        (from, to): (Timestamp, Timestamp),
    ) -> Question<'a> {
        Question {
            caller: &self.caller,
            method: Method::POST,
            path_and_query: path,
            content_type: Some(FORM),
            body: Bytes::from(form),
            window: Some(Window { from, to }),
        }
    }
}
