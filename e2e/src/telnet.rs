//! A telnet session as a device has it: lines out, seldom a line back.

use crate::endpoint::{Endpoint, Stream};
use crate::token::Token;
use anyhow::{Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;

/// An open session.
#[derive(Debug)]
pub struct Telnet {
    stream: BufReader<Stream>,
}

impl Telnet {
    /// Connects and says nothing.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(endpoint: &Endpoint) -> Result<Telnet> {
        Ok(Telnet {
            stream: BufReader::new(endpoint.connect()?),
        })
    }

    /// Connects and authenticates.
    ///
    /// # Errors
    /// When the server does not answer `ok`.
    pub fn login(endpoint: &Endpoint, token: &Token) -> Result<Telnet> {
        let mut session = Telnet::connect(endpoint)?;
        session.send(&format!("auth {}\n", token.pair()))?;
        let answer = session.line()?;
        ensure!(answer == "ok\n", "auth was answered {answer:?}");
        Ok(session)
    }

    /// Sends text as it is.
    ///
    /// # Errors
    /// When the server has closed.
    pub fn send(&mut self, text: &str) -> Result<()> {
        self.send_bytes(text.as_bytes())
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the server has closed.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes)?;
        Ok(stream.flush()?)
    }

    /// One line of the server's, with its line feed; empty when it has closed.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line)
    }

    /// Ends the session as a careful device does: half-close, then read what the server still says.
    /// Nothing said and a clean close mean that every line is on the disk.
    ///
    /// # Errors
    /// When the server goes without a clean close.
    pub fn finish(mut self) -> Result<String> {
        self.stream.get_mut().finish_writing()?;
        self.read_to_close()
    }

    /// Breaks the connection off: the socket ends without TLS being told.
    ///
    /// # Errors
    /// When the server has already gone.
    pub fn break_off(self) -> Result<()> {
        Ok(self.stream.get_ref().socket().shutdown(Shutdown::Both)?)
    }

    /// What the server says until it closes by itself.
    ///
    /// # Errors
    /// When the server goes without a clean close.
    pub fn read_to_close(mut self) -> Result<String> {
        let mut answer = String::from_utf8(self.stream.buffer().to_vec())?;
        answer.push_str(&String::from_utf8(self.stream.get_mut().read_to_close()?)?);
        Ok(answer)
    }
}
