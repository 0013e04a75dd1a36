//! SIGTERM: what has been read is kept, sessions of every kind end cleanly and in time, the next start finds everything.

use anyhow::{Context, Result, anyhow, ensure};
use penstock_e2e::{Endpoint, Http, Standalone, Stream, Telnet};
use std::io::{Read, Write};
use std::thread;

/// What the server logs when sessions have not ended within the 5 s that it gives them.
const OUT_OF_TIME: &str = "they did not finish in time";

const HEADERS: u8 = 1;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// As much of HTTP/2 as it takes to have a session: frames, and one request.
struct Http2(Stream);

impl Http2 {
    fn connect(endpoint: &Endpoint) -> Result<Http2> {
        let mut stream = endpoint.connect()?;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
        // Settings, none.
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])?;
        Ok(Http2(stream))
    }

    /// `GET /health`, as the first request of the connection.
    fn ask(&mut self) -> Result<()> {
        // From HPACK's table: GET, http. A path and an authority of our own.
        let mut block = vec![0x82, 0x86, 0x04, 7];
        block.extend_from_slice(b"/health\x01\x01h");
        // The end of the headers, and of the request.
        let length = u8::try_from(block.len())?;
        self.0
            .write_all(&[0, 0, length, HEADERS, 4 | 1, 0, 0, 0, 1])?;
        Ok(self.0.write_all(&block)?)
    }

    /// Reads frames up to one of this kind, and answers pings on the way: a server that stops asks whether its client
    /// has seen that.
    fn until(&mut self, kind: u8) -> Result<()> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).context("no such frame")?;
            let [high, middle, low, found, flags, ..] = head;
            let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, high, middle, low]))?];
            self.0.read_exact(&mut payload)?;
            if found == PING && flags == 0 {
                self.0.write_all(&[0, 0, 8, PING, 1, 0, 0, 0, 0])?;
                self.0.write_all(&payload)?;
            }
            if found == kind {
                return Ok(());
            }
        }
    }

    /// Reads on to the end, which the server has announced.
    fn until_closed(mut self) -> Result<()> {
        self.until(GOAWAY)?;
        while self.until(GOAWAY).is_ok() {}
        Ok(())
    }
}

#[test]
fn a_stopped_server_has_kept_what_it_read() -> Result<()> {
    let mut server = Standalone::start()?;
    let token = server.token("device")?;
    let mut session = Telnet::login(&server.tls()?, &token)?;
    session.send("put stop.telnet 1760000000 1 a=b\nversion\n")?;
    ensure!(!session.line()?.is_empty(), "no answer to version");
    session.send("put stop.telnet 1760000001 2 a=b\n")?;
    let mut http = Http::connect(&server.tls()?)?;
    let body = r#"{"metric":"stop.http","value":1}"#;
    assert_eq!(http.post("/api/put", &token.basic(), body)?.status, 204);
    let mut http2 = Http2::connect(&server.plain())?;
    http2.ask()?;
    http2.until(HEADERS)?;
    let http2 = thread::spawn(move || http2.until_closed());

    // The idle keep-alive connections and the open session do not hold it up.
    assert_eq!(server.stop()?.code(), Some(0), "{}", server.log());
    ensure!(!server.log().contains(OUT_OF_TIME), "{}", server.log());
    let last_words = session.read_to_close()?;
    ensure!(
        last_words.is_empty() || last_words.contains("stopping"),
        "{last_words}"
    );
    assert_eq!(http.into_stream().read_to_close()?, b"");
    http2.join().map_err(|_| anyhow!("the client panicked"))??;
    server.start_again()?;
    assert_eq!(server.export("stop.telnet")?[0].values()[0], "1");
    assert_eq!(server.export("stop.http")?.len(), 1);
    Ok(())
}
