use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Answers every request with a report, at most so many on a connection, and counts connections that are open and
/// that ever were.
struct Pod {
    port: u16,
    opened: Arc<AtomicUsize>,
    open: tokio::sync::watch::Receiver<usize>,
}

impl Pod {
    async fn start(requests_max: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let opened = Arc::<AtomicUsize>::default();
        let (count, open) = tokio::sync::watch::channel(0);
        let counted = Arc::clone(&opened);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                count.send_modify(|open| *open += 1);
                let count = count.clone();
                tokio::spawn(async move {
                    answer(socket, requests_max).await;
                    count.send_modify(|open| *open -= 1);
                });
            }
        });
        Self { port, opened, open }
    }

    async fn ask(&self, port: &PodPort) {
        let answer = port.report(IpAddr::from([127, 0, 0, 1])).await.unwrap();
        assert_eq!(answer.answer.revision, Some(7));
    }

    fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

async fn answer(mut socket: TcpStream, requests_max: usize) {
    const BODY: &str = r#"{"revision":7}"#;
    let mut read = Vec::new();
    for number in 1..=requests_max {
        while !read.ends_with(b"\r\n\r\n") {
            if socket.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        }
        read.clear();
        let close = if number == requests_max {
            "Connection: close\r\n"
        } else {
            ""
        };
        let length = BODY.len();
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{close}\r\n{BODY}");
        socket.write_all(text.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn kept_connections_are_used_again_and_end_with_their_pod() {
    let mut pod = Pod::start(3).await;
    let port = PodPort::new(pod.port, "bearer".to_owned());
    let kept = port.kept(1);
    for asked in 0..6 {
        pod.ask(&kept).await;
        assert_eq!(pod.opened(), 1 + asked / 3, "a closed one is opened anew");
    }
    pod.ask(&kept).await;
    drop(kept);
    pod.open.wait_for(|open| *open == 0).await.unwrap();
    let before = pod.opened();
    for _ in 0..2 {
        pod.ask(&port).await;
    }
    assert_eq!(pod.opened(), before + 2);
}
