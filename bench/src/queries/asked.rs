//! Who is asked, and what a question costs him.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use penstock_e2e::{Endpoint, Http, Token};

use super::question::Request;
use crate::contender::Queried;
use crate::load::precise;
use crate::usage;

/// A question is asked again and again for so long, and at least so often.
const ASKED_FOR: Duration = Duration::from_secs(2);
const ASKED_MIN: u64 = 3;

/// A server that is asked.
#[derive(Debug)]
pub(super) struct Asked {
    process: u32,
    endpoint: Endpoint,
    authorization: Option<String>,
}

impl Asked {
    /// As it runs now.
    pub(super) fn new(server: &mut impl Queried) -> Result<Self> {
        Ok(Self {
            process: server.process()?,
            endpoint: server.http(),
            authorization: server.reader()?.as_ref().map(Token::basic),
        })
    }

    pub(super) fn connect(&self) -> Result<Http> {
        Http::connect(&self.endpoint)
    }

    /// The answer's body.
    pub(super) fn answer(&self, request: &Request) -> Result<Vec<u8>> {
        self.ask(&mut self.connect()?, request)
    }

    /// Milliseconds of processor time, of user and system, that one such question takes the server's process.
    pub(super) fn cost(&self, request: &Request) -> Result<f64> {
        let mut http = self.connect()?;
        let before = usage::processor_seconds(self.process)?;
        let start = Instant::now();
        let mut asked = 0;
        while asked < ASKED_MIN || start.elapsed() < ASKED_FOR {
            self.ask(&mut http, request)?;
            asked += 1;
        }
        let seconds = usage::processor_seconds(self.process)? - before;
        Ok(seconds * 1e3 / precise(asked))
    }

    pub(super) fn ask(&self, http: &mut Http, request: &Request) -> Result<Vec<u8>> {
        let mut headers = vec![("Content-Type", "application/json")];
        if let Some(authorization) = &self.authorization {
            headers.push(("Authorization", authorization));
        }
        let (path, body) = (&request.path, request.body.as_bytes());
        let answer = http.request(request.method, path, &headers, body)?;
        let status = answer.status;
        ensure!(status == 200, "{path}: {status} {}", answer.text());
        Ok(answer.body)
    }
}
