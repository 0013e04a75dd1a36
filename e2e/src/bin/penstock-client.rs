//! What a device does with its token's Secret, mounted as a folder: `penstock-client FOLDER` pushes one point over telnet in TLS
//! and one over HTTPS, with nothing but the values it finds there. It ends with 0 when both were acknowledged.

use anyhow::{Context, Result, ensure};
use penstock_e2e::{Endpoint, Http, Telnet, Token};
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<()> {
    let folder = PathBuf::from(
        env::args()
            .nth(1)
            .context("usage: penstock-client FOLDER")?,
    );
    let value = |name: &str| fs::read_to_string(folder.join(name)).with_context(|| name.to_owned());
    let authority = value("ca.crt")?;

    let telnet = format!("{}:{}", value("telnet-host")?, value("telnet-port")?);
    push_telnet(&endpoint(&telnet, &authority)?, &value("telnet-auth")?)?;

    let url = value("url")?;
    let rest = url.strip_prefix("https://").context("url is https")?;
    let (host, path) = rest.split_at(rest.find('/').context("url has a path")?);
    push_https(&endpoint(host, &authority)?, path, &folder)
}

fn endpoint(authority: &str, ca: &str) -> Result<Endpoint> {
    let (name, _) = authority.rsplit_once(':').context("host:port")?;
    let address = authority
        .to_socket_addrs()?
        .next()
        .with_context(|| format!("{name} has no address"))?;
    Endpoint::named(address, name, ca.as_bytes())
}

fn push_telnet(endpoint: &Endpoint, auth: &str) -> Result<()> {
    let mut session = Telnet::connect(endpoint)?;
    session.send(&format!("{}\n", auth.trim_end()))?;
    let answer = session.line()?;
    ensure!(answer == "ok\n", "auth was answered {answer:?}");
    session.send("put client.telnet 1600000000 1 by=client\n")?;
    let complaint = session.finish()?;
    ensure!(complaint.is_empty(), "put was answered {complaint:?}");
    Ok(())
}

fn push_https(endpoint: &Endpoint, path: &str, folder: &Path) -> Result<()> {
    let token = Token::read(folder)?;
    let body =
        r#"{"metric":"client.https","timestamp":1600000000,"value":1,"tags":{"by":"client"}}"#;
    let response = Http::connect(endpoint)?.post(path, &token.basic(), body)?;
    ensure!(
        response.status == 204,
        "{}: {}",
        response.status,
        response.text()
    );
    Ok(())
}
