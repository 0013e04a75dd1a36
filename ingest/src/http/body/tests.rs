use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http_body_util::StreamBody;

use super::*;

const LIMIT: u64 = 1 << 20;

fn reader(budget_bytes: u64) -> BodyReader {
    BodyReader::new(BodyBudget::new(budget_bytes), Duration::from_secs(30))
}

/// A body that comes in frames of `size`.
fn framed(bytes: &[u8], size: usize) -> Body {
    let frames: Vec<_> = bytes
        .chunks(size.max(1))
        .map(|chunk| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::copy_from_slice(chunk))))
        .collect();
    Body::new(StreamBody::new(futures_util::stream::iter(frames)))
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, value.parse().unwrap())
        })
        .collect()
}

async fn read(pairs: &[(&'static str, &str)], body: Body) -> Result<Vec<u8>, StatusCode> {
    reader(64 << 20)
        .read(&headers(pairs), body, LIMIT)
        .await
        .map(|body| body.to_vec())
        .map_err(|error| error.status())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const GZIP: &[(&str, &str)] = &[("content-encoding", "gzip")];

#[tokio::test]
async fn a_body_is_the_same_however_it_is_cut() {
    let sent: Vec<u8> = (0..100_000u32).map(|i| i.to_le_bytes()[0]).collect();
    for size in [1, 7, 4_096, 100_000] {
        assert_eq!(read(&[], framed(&sent, size)).await.unwrap(), sent);
        assert_eq!(read(GZIP, framed(&gzip(&sent), size)).await.unwrap(), sent);
    }
}

type Headers = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn every_form_of_compression_is_known() {
    let sent = b"[{\"metric\":\"m\"}]";
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(sent).unwrap();
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(sent).unwrap();
    let (zlib, deflate) = (zlib.finish().unwrap(), deflate.finish().unwrap());
    let two_members = [gzip(&sent[..5]), gzip(&sent[5..])].concat();
    let cases: [(Headers, Vec<u8>); 8] = [
        (&[("content-encoding", " GZIP ")], gzip(sent)),
        (&[("content-encoding", "x-gzip")], gzip(sent)),
        (&[("content-type", "application/gzip")], gzip(sent)),
        (
            &[("content-type", "Application/Gzip; charset=x")],
            gzip(sent),
        ),
        (&[("content-encoding", "deflate")], zlib),
        (&[("content-encoding", "deflate")], deflate),
        (&[("content-encoding", "identity")], sent.to_vec()),
        (GZIP, two_members),
    ];
    for (pairs, body) in cases {
        assert_eq!(
            read(pairs, framed(&body, 10)).await.unwrap(),
            sent,
            "{pairs:?}"
        );
    }
    let unknown = read(&[("content-encoding", "br")], framed(sent, 10)).await;
    assert_eq!(unknown, Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
}

#[tokio::test]
async fn an_empty_body_has_no_compression() {
    for body in [Body::empty(), framed(b"", 1)] {
        assert_eq!(read(GZIP, body).await.unwrap(), b"");
    }
}

#[tokio::test]
async fn damaged_compression_is_the_clients_fault() {
    let good = gzip(b"some text that is long enough");
    let cut = &good[..good.len() - 9];
    let mut flipped = good.clone();
    let at = good.len() - 6;
    flipped[at] ^= 1;
    for body in [b"not gzip at all".to_vec(), cut.to_vec(), flipped] {
        let refused = read(GZIP, framed(&body, 10)).await;
        assert_eq!(refused, Err(StatusCode::BAD_REQUEST));
    }
}

#[tokio::test]
async fn over_the_limit_is_refused_at_the_limit() {
    let limit = usize::try_from(LIMIT).unwrap();
    let just_fits = vec![b'x'; limit];
    let too_large = vec![b'x'; limit + 1];
    for size in [10_000, limit + 1] {
        assert_eq!(
            read(&[], framed(&just_fits, size)).await.unwrap().len(),
            limit
        );
        assert_eq!(
            read(GZIP, framed(&gzip(&just_fits), size))
                .await
                .unwrap()
                .len(),
            limit
        );
        for (pairs, body) in [(&[][..], too_large.clone()), (GZIP, gzip(&too_large))] {
            let refused = read(pairs, framed(&body, size)).await;
            assert_eq!(refused, Err(StatusCode::PAYLOAD_TOO_LARGE));
        }
    }
    // One that says how long it is, is refused before a frame is asked for.
    assert_eq!(
        read(&[], Body::from(too_large)).await,
        Err(StatusCode::PAYLOAD_TOO_LARGE)
    );
}

#[tokio::test]
async fn a_bomb_takes_no_more_than_it_may() {
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    let mut decoder = Decoder::new(Encoding::Gzip, LIMIT);
    let refused = decoder.write(&bomb).unwrap_err();
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(decoder.decoded_bytes() <= LIMIT);
}

#[tokio::test(start_paused = true)]
async fn bodies_share_their_memory_and_nobody_waits_for_ever() {
    let reader = reader(1 << 20);
    let large = vec![b'x'; 700 << 10];
    let none = HeaderMap::new();
    let held = reader
        .read(&none, framed(&large, 4_096), LIMIT)
        .await
        .unwrap();
    let refused = reader
        .read(&none, framed(&large, 4_096), LIMIT)
        .await
        .unwrap_err();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    let mut held = reader
        .read(&none, framed(&large, 4_096), LIMIT)
        .await
        .unwrap();
    // What is made of a body counts, too.
    held.reserve(200 << 10).await.unwrap();
    let refused = held.reserve(400 << 10).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let small = vec![b'x'; 200 << 10];
    let crowded = reader.read(&none, framed(&small, 4_096), LIMIT).await;
    assert_eq!(
        crowded.unwrap_err().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_given_up() {
    let never = futures_util::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
    let refused = read(&[], Body::new(StreamBody::new(never))).await;
    assert_eq!(refused, Err(StatusCode::REQUEST_TIMEOUT));
}

#[tokio::test]
async fn a_body_cut_short_is_the_clients_fault() {
    let frames = [
        Ok(http_body::Frame::data(Bytes::from_static(b"half"))),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ];
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    assert_eq!(read(&[], body).await, Err(StatusCode::BAD_REQUEST));
}

/// How many bytes of a body have been read when it has been refused.
async fn read_until_refused(pairs: &[(&'static str, &str)], bytes: &[u8], status: u16) -> usize {
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let pieces: Vec<_> = bytes.chunks(64 << 10).map(Bytes::copy_from_slice).collect();
    let frames = pieces.into_iter().map(move |piece| {
        counter.fetch_add(piece.len(), Ordering::Relaxed);
        Ok::<_, std::io::Error>(http_body::Frame::data(piece))
    });
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    let refused = reader(64 << 20).read(&headers(pairs), body, LIMIT).await;
    assert_eq!(refused.unwrap_err().status(), status);
    read.load(Ordering::Relaxed)
}

#[tokio::test]
async fn of_a_refused_body_the_rest_is_read_within_a_limit() {
    let limit = usize::try_from(LIMIT).unwrap();
    let (some, much) = (vec![b' '; 2 * limit], vec![b' '; 5 * limit]);
    assert_eq!(read_until_refused(&[], &some, 413).await, some.len());
    assert!(read_until_refused(&[], &much, 413).await < 4 * limit);
    let bomb = [gzip(&much), vec![0; limit]].concat();
    assert_eq!(read_until_refused(GZIP, &bomb, 413).await, bomb.len());
    assert_eq!(read_until_refused(GZIP, &some, 400).await, some.len());
    let unknown = &[("content-encoding", "br")];
    assert_eq!(read_until_refused(unknown, &some, 415).await, some.len());
    // Whoever waits for 100 Continue has sent nothing.
    let waits = &[("content-encoding", "br"), ("expect", "100-continue")];
    assert_eq!(read_until_refused(waits, &some, 415).await, 0);
}

/// A body that comes in pieces, a second apart, for ever.
fn dripping(piece: Vec<u8>) -> (Body, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let second = tokio::time::interval(Duration::from_secs(1));
    let pieces = futures_util::stream::unfold(second, move |mut second| {
        counter.fetch_add(1, Ordering::Relaxed);
        let piece = Bytes::copy_from_slice(&piece);
        async move {
            second.tick().await;
            Some((
                Ok::<_, std::io::Error>(http_body::Frame::data(piece)),
                second,
            ))
        }
    });
    (Body::new(StreamBody::new(pieces)), count)
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_stranger_who_sends_drop_by_drop() {
    let (body, pieces) = dripping(b" ".to_vec());
    let refused = reader(64 << 20)
        .read_soon(&HeaderMap::new(), body, LIMIT)
        .await;
    assert_eq!(refused.unwrap_err().status(), StatusCode::REQUEST_TIMEOUT);
    assert!(pieces.load(Ordering::Relaxed) <= 32);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_what_is_forgotten() {
    let (body, pieces) = dripping(b" ".to_vec());
    reader(64 << 20).drain(body, LIMIT).await;
    assert!(pieces.load(Ordering::Relaxed) <= 32);
}

#[tokio::test(start_paused = true)]
async fn compressed_nothing_has_an_end() {
    let nothing = gzip(b"").repeat(1_000);
    let (body, pieces) = dripping(nothing.clone());
    let refused = reader(64 << 20).read(&headers(GZIP), body, LIMIT).await;
    assert_eq!(refused.unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    let read = pieces.load(Ordering::Relaxed) * nothing.len();
    assert!(read < 4 << 20, "{read} bytes");
}

#[tokio::test]
async fn garbage_behind_a_compressed_body_is_damage() {
    let good = b"[{}]";
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(good).unwrap();
    let zlib = zlib.finish().unwrap();
    for (encoding, body) in [("gzip", gzip(good)), ("deflate", zlib)] {
        for garbage in [&b"x"[..], &[0; 100], b"\x1f\x8b"] {
            let body = [&body[..], garbage].concat();
            for size in [3, body.len()] {
                let found = read(&[("content-encoding", encoding)], framed(&body, size)).await;
                assert_eq!(
                    found,
                    Err(StatusCode::BAD_REQUEST),
                    "{encoding} {garbage:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn latin_1_comes_as_utf_8() {
    let java = ("content-type", "text/plain; charset=ISO-8859-1");
    let both = [java, ("content-encoding", "gzip")];
    for (text, in_utf_8) in [(&b"caf\xe9"[..], "café"), (b"cafe", "cafe")] {
        let plain = read(&[java], framed(text, 3)).await.unwrap();
        assert_eq!(plain, in_utf_8.as_bytes());
        let zipped = read(&both, framed(&gzip(text), 3)).await.unwrap();
        assert_eq!(zipped, in_utf_8.as_bytes());
    }
}
