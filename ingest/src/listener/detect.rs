//! What a connection speaks, decided by its first bytes.
//!
//! ```text
//! 16 ..                              TLS
//! METHOD ' ' ('/' | '*' | 'http')    HTTP     GET /api/version
//! PRI ' ' '*'                        HTTP/2   (its preface is a method of that name)
//! anything else                      telnet   put, auth, PUT m 1 2, ff fb 1f
//! ```
//!
//! The bias: telnet. Every byte that cannot go on as HTTP makes it telnet, whose own parser then says what is wrong.
//! This page decides and does nothing; reading and waiting happen in [`first_bytes`].

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A TLS record. Where TLS is wanted, the handshake comes next.
    Tls,
    /// HTTP/1.1 or 1.0.
    Http1,
    /// HTTP/2 with prior knowledge, or as ALPN has settled.
    Http2,
    /// Lines.
    Telnet,
}

/// The first byte of every TLS connection: a handshake record.
pub(crate) const TLS_HANDSHAKE: u8 = 0x16;

/// Every method that a client of ours may send, and the first word of HTTP/2's preface.
const METHODS: [&[u8]; 10] = [
    b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"PRI",
];

/// How many bytes decide at most: the longest method, a blank, `http`.
const DECISION_BYTES_MAX: usize = 12;

/// Decides by what has come so far; `None` asks for more.
pub fn decide(first: &[u8]) -> Option<Protocol> {
    let lead = *first.first()?;
    if lead == TLS_HANDSHAKE {
        return Some(Protocol::Tls);
    }
    let candidates = METHODS.iter().filter(|method| {
        let common = method.len().min(first.len());
        first.get(..common) == method.get(..common)
    });
    let mut undecided = false;
    for method in candidates {
        match first.get(method.len()..) {
            None | Some([] | [b' ']) => undecided = true,
            Some([b' ', target @ ..]) => match decide_target(target) {
                Some(true) if *method == b"PRI" => return Some(Protocol::Http2),
                Some(true) => return Some(Protocol::Http1),
                Some(false) => {}
                None => undecided = true,
            },
            Some(_) => {}
        }
    }
    (!undecided).then_some(Protocol::Telnet)
}

/// Whether a request target starts here.
fn decide_target(target: &[u8]) -> Option<bool> {
    const ABSOLUTE: &[u8] = b"http";
    match target.first()? {
        b'/' | b'*' => Some(true),
        _ => {
            let common = target.len().min(ABSOLUTE.len());
            let alike = target
                .get(..common)
                .zip(ABSOLUTE.get(..common))
                .is_some_and(|(have, want)| have.eq_ignore_ascii_case(want));
            if !alike {
                Some(false)
            } else if common == ABSOLUTE.len() {
                Some(true)
            } else {
                None
            }
        }
    }
}

/// Reads until the protocol is clear and gives back what was read with it. `None`: the peer closed without a byte,
/// as health checkers and several collectors do.
///
/// A peer that stops in the middle of a word that could have been HTTP gets telnet. Put a time limit around it.
///
/// # Errors
/// What the stream says.
pub async fn first_bytes<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> io::Result<Option<Protocol>> {
    loop {
        let read = stream.read_buf(buffer).await?;
        if buffer.is_empty() {
            return Ok(None);
        }
        if let Some(protocol) = decide(buffer) {
            return Ok(Some(protocol));
        }
        if read == 0 || buffer.len() > DECISION_BYTES_MAX {
            return Ok(Some(Protocol::Telnet));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_bytes_decide() {
        use Protocol::{Http1, Http2, Telnet, Tls};
        let cases: &[(&[u8], Option<Protocol>)] = &[
            (b"", None),
            (b"\x16\x03\x01", Some(Tls)),
            (b"put m 1 2\n", Some(Telnet)),
            (b"PUT m 1 2\n", Some(Telnet)),
            (b"PUT /api/put HTTP/1.1\r\n", Some(Http1)),
            // A metric may start with a slash; then the word looks like a request and is one.
            (b"PUT /m 1 2\n", Some(Http1)),
            (b"P", None),
            (b"PO", None),
            (b"PU", None),
            (b"PX", Some(Telnet)),
            (b"POST", None),
            (b"POST ", None),
            (b"POST h", None),
            (b"POST ht", None),
            (b"POST hx", Some(Telnet)),
            (b"POST http", Some(Http1)),
            (b"GET HTTP://h/", Some(Http1)),
            (b"OPTIONS * HTTP/1.1", Some(Http1)),
            (b"PRI * HTTP/2.0\r\n", Some(Http2)),
            (b"GET\n", Some(Telnet)),
            (b"GETX /", Some(Telnet)),
            (b"get / HTTP/1.1", Some(Telnet)),
            (b"version\n", Some(Telnet)),
            (b"\n", Some(Telnet)),
            (b" GET /", Some(Telnet)),
            (b"\xff\xfb\x1fput", Some(Telnet)),
            (b"\x80\x02]", Some(Telnet)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decide(bytes), *expected, "{}", bytes.escape_ascii());
        }
    }

    #[tokio::test]
    async fn a_peer_that_stops_in_a_method_word_speaks_telnet() {
        let mut buffer = BytesMut::new();
        let protocol = first_bytes(&mut &b"PO"[..], &mut buffer).await.unwrap();
        assert_eq!(protocol, Some(Protocol::Telnet));
        assert_eq!(&buffer[..], b"PO");
    }

    #[tokio::test]
    async fn a_peer_that_says_nothing_is_no_protocol() {
        let protocol = first_bytes(&mut &b""[..], &mut BytesMut::new())
            .await
            .unwrap();
        assert_eq!(protocol, None);
    }

    proptest! {
        /// However the bytes are cut into packets, the answer is the same, and it comes soon.
        #[test]
        fn more_bytes_never_change_a_decision(bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
            let whole = decide(&bytes);
            for end in 1..bytes.len() {
                if let Some(early) = decide(&bytes[..end]) {
                    prop_assert_eq!(Some(early), whole);
                }
            }
            prop_assert!(whole.is_some() || bytes.len() <= DECISION_BYTES_MAX);
        }
    }
}
