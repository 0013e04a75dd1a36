//! Anybody who reaches a pod's admin port may POST a ledger, and none but the operator's newest is taken: not one that is
//! forged, changed, cut short, older or too large. After each the pod has what it had, and says that it refused.

use crate::cluster::{Cluster, Forward, Kind, Namespace};
use crate::penstock::{Penstock, entry};
use crate::reach::{address, is_refusal};
use anyhow::{Context, Result, anyhow, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use penstock_e2e::{Endpoint, Http, Response, wait};
use serde_json::{Value, json};

const MAGIC: &str = "penstock-ledger/1";
const ADMIN_PORT: u16 = 8080;

/// More than any ledger may have.
const TOO_LARGE: usize = 5_734_401;

/// A pod's admin port.
struct Admin {
    pod: String,
    endpoint: Endpoint,
    bearer: String,
    _forward: Option<Forward>,
}

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;
    penstock.write_token("revoked", "greenhouse", &json!({}))?;
    penstock.wait_condition(Kind::WriteToken, "revoked", "Ready", "True")?;
    let revoked = penstock.token("revoked")?;
    let admins = admins(&penstock)?;
    let older = admins.first().context("a pod")?.document()?;
    penstock.patch(
        Kind::WriteToken,
        "revoked",
        &json!({"spec": {"state": "Revoked"}}),
    )?;
    penstock.wait_condition(Kind::WriteToken, "revoked", "Revoked", "True")?;
    penstock.wait_condition(Kind::WriteToken, "revoked", "Propagated", "True")?;

    let mut posts = 0;
    for admin in &admins {
        let stranger = admin.request("GET", &[], b"")?;
        ensure!(
            stranger.status == 401,
            "{} shows its ledger to anybody: {}",
            admin.pod,
            stranger.status
        );
        let newest = admin.document()?;
        let again = admin.request("POST", &[], &newest)?;
        ensure!(
            again.status == 200,
            "the very ledger that is loaded: {}",
            again.text()
        );
        for (what, document, status) in bad(&older, &newest)? {
            admin.refuses(what, &document, status)?;
            posts += 1;
        }
    }
    for pod in penstock.each_pod()? {
        let status = pod.push(&revoked, "forged", 1_600_000_000)?;
        ensure!(
            is_refusal(status),
            "{} answers {status} to a revoked key",
            pod.name()
        );
        let status = pod.push(&penstock.token("device")?, "forged", 1_600_000_000)?;
        ensure!(
            status == 204,
            "{} answers {status} to a good key",
            pod.name()
        );
    }
    println!("figure: {posts} bad ledgers POSTed to 3 pods: 0 taken");
    Ok(())
}

/// What must not be taken, and how it is refused.
fn bad(older: &[u8], newest: &[u8]) -> Result<Vec<(&'static str, Vec<u8>, u16)>> {
    let text = String::from_utf8(newest.to_vec())?;
    let (header, payload) = text.split_once('\n').context("a header line")?;
    let ledger: Value = serde_json::from_str(payload)?;
    let revision = ledger["revision"].as_u64().context("a revision")?;
    let grown = payload.replacen(&revision.to_string(), &(revision + 1).to_string(), 1);
    let own = Ed25519KeyPair::generate().map_err(|_| anyhow!("no key"))?;
    let own_id = fingerprint(own.public_key().as_ref());
    let own_id = own_id.get(..16).context("16 digits")?;
    let their_id = header.split(' ').nth(1).context("a key id")?;
    let cut = newest.len() / 2;
    Ok(vec![
        ("an older one", older.to_vec(), 409),
        ("one signed by somebody", signed(own_id, &own, &grown), 403),
        (
            "one signed by somebody in the operator's name",
            signed(their_id, &own, &grown),
            403,
        ),
        (
            "a changed one",
            format!("{header}\n{grown}").into_bytes(),
            400,
        ),
        (
            "half of one",
            newest.get(..cut).unwrap_or_default().to_vec(),
            400,
        ),
        ("nothing", Vec::new(), 400),
        ("one without a signature", payload.as_bytes().to_vec(), 400),
        ("one that is too large", vec![b' '; TOO_LARGE], 413),
    ])
}

fn signed(key_id: &str, key: &Ed25519KeyPair, payload: &str) -> Vec<u8> {
    let signature = key.sign(format!("{MAGIC}\n{payload}").as_bytes());
    let checksum = fingerprint(payload.as_bytes());
    let signature = BASE64_STANDARD.encode(signature.as_ref());
    format!("{MAGIC} {key_id} {checksum} {signature}\n{payload}").into_bytes()
}

/// SHA-256, as key ids and checksums are written.
fn fingerprint(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    let digits = digest
        .as_ref()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

fn admins(penstock: &Penstock<'_>) -> Result<Vec<Admin>> {
    let access = penstock.get(Kind::Secret, "penstock-ledger-access")?;
    let bearer = entry(&access, "bearer").context("a bearer")?;
    let admin = |pod: String| {
        let (address, forward) = address(penstock, &pod, ADMIN_PORT)?;
        let endpoint = Endpoint::plain(address);
        Ok(Admin {
            pod,
            endpoint,
            bearer: bearer.clone(),
            _forward: forward,
        })
    };
    penstock.pods()?.into_iter().map(admin).collect()
}

impl Admin {
    fn request(&self, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response> {
        Http::connect(&self.endpoint)?.request(method, "/ledger", headers, body)
    }

    /// The signed document in force.
    fn document(&self) -> Result<Vec<u8>> {
        let authorization = format!("Bearer {}", self.bearer);
        let answer = Http::connect(&self.endpoint)?.get("/ledger?full", &authorization)?;
        ensure!(answer.status == 200, "{}: {}", self.pod, answer.text());
        Ok(answer.body)
    }

    /// Revision and checksum in force.
    fn has(&self) -> Result<(Value, Value)> {
        let authorization = format!("Bearer {}", self.bearer);
        let report = Http::connect(&self.endpoint)?
            .get("/ledger", &authorization)?
            .json()?;
        Ok((report["revision"].clone(), report["checksum"].clone()))
    }

    fn rejections(&self) -> Result<u64> {
        let metrics = Http::connect(&self.endpoint)?.get("/metrics", "")?.text();
        let line = metrics.lines().find_map(|line| {
            line.strip_prefix(r#"penstock_ledger_rejections_total{origin="post"} "#)
        });
        Ok(line.unwrap_or("0").parse()?)
    }

    fn refuses(&self, what: &str, document: &[u8], status: u16) -> Result<()> {
        let (had, counted) = (self.has()?, self.rejections()?);
        let answer = self.request("POST", &[], document);
        // Of a body that is too large the pod reads no more than it must, and may be gone before the client has written.
        match answer {
            Ok(answer) => ensure!(
                answer.status == status,
                "{} answers {} to {what}, not {status}: {}",
                self.pod,
                answer.status,
                answer.text()
            ),
            Err(error) => ensure!(status == 413, "{what}: {error:#}"),
        }
        ensure!(self.has()? == had, "{} has taken {what}", self.pod);
        wait::until(&format!("{} counts {what}", self.pod), || {
            Ok((self.rejections()? > counted).then_some(()))
        })
    }
}
