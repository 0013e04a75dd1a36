//! A small HTTP/1.1 client: keep-alive, bodies of either framing, nothing decoded behind one's back.

use crate::endpoint::{Endpoint, Stream};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};

/// One connection. Requests follow one another.
#[derive(Debug)]
pub struct Http {
    stream: BufReader<Stream>,
    host: String,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// Body without its framing.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none; the body is in the error.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON: {}", self.text()))
    }
}

impl Http {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(endpoint: &Endpoint) -> Result<Http> {
        let host = endpoint.address.to_string();
        Ok(Http {
            stream: BufReader::new(endpoint.connect()?),
            host,
        })
    }

    /// Sends a request with a body of known length and reads the answer.
    ///
    /// # Errors
    /// When the server closes before it has answered whole.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        let length = body.len().to_string();
        let headers = [headers, &[("Content-Length", length.as_str())]].concat();
        self.send_head(method, path, &headers)?;
        self.send_bytes(body)?;
        self.response()
    }

    /// A `POST` with credentials, the commonest request of all.
    ///
    /// # Errors
    /// As [`Http::request`].
    pub fn post(&mut self, path: &str, authorization: &str, body: &str) -> Result<Response> {
        self.request(
            "POST",
            path,
            &[("Authorization", authorization)],
            body.as_bytes(),
        )
    }

    /// A `GET` with credentials.
    ///
    /// # Errors
    /// As [`Http::request`].
    pub fn get(&mut self, path: &str, authorization: &str) -> Result<Response> {
        self.request("GET", path, &[("Authorization", authorization)], b"")
    }

    /// Sends the request line and headers alone; the caller frames the body.
    ///
    /// # Errors
    /// When the server has closed.
    pub fn send_head(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host);
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        head.push_str("\r\n");
        self.send_bytes(head.as_bytes())
    }

    /// Sends bytes of a body, or of anything else.
    ///
    /// # Errors
    /// When the server has closed.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes)?;
        Ok(stream.flush()?)
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// When the server closes before the end of it.
    pub fn response(&mut self) -> Result<Response> {
        let status_line = self.line()?;
        let status = status_line
            .split(' ')
            .nth(1)
            .context("the server closed without an answer")?;
        let status = status.parse().with_context(|| status_line.clone())?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').with_context(|| line.clone())?;
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        if status == 100 {
            return self.response();
        }
        self.read_body(&mut response)?;
        Ok(response)
    }

    fn read_body(&mut self, response: &mut Response) -> Result<()> {
        if response.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = u64::from_str_radix(self.line()?.trim(), 16)?;
                (&mut self.stream)
                    .take(size)
                    .read_to_end(&mut response.body)?;
                self.line()?;
                if size == 0 {
                    return Ok(());
                }
            }
        }
        let length: u64 = response.header("content-length").unwrap_or("0").parse()?;
        let read = (&mut self.stream)
            .take(length)
            .read_to_end(&mut response.body)?;
        anyhow::ensure!(
            u64::try_from(read)? == length,
            "the body ends after {read} bytes"
        );
        Ok(())
    }

    /// A line without its end; empty also when the server has closed.
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The connection below, for what no request should look like.
    pub fn into_stream(self) -> Stream {
        self.stream.into_inner()
    }
}
