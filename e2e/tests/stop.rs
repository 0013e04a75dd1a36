//! SIGTERM: what has been read is kept, sessions end cleanly, the next start finds everything.

use anyhow::{Result, ensure};
use penstock_e2e::{Http, Standalone, Telnet};

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

    // The idle keep-alive connection and the open session do not hold it up.
    assert_eq!(server.stop()?.code(), Some(0), "{}", server.log());
    let last_words = session.read_to_close()?;
    ensure!(
        last_words.is_empty() || last_words.contains("stopping"),
        "{last_words}"
    );
    server.start_again()?;
    assert_eq!(server.export("stop.telnet")?[0].values()[0], "1");
    assert_eq!(server.export("stop.http")?.len(), 1);
    Ok(())
}
