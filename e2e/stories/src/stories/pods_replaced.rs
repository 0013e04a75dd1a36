//! Ingest pods are deleted one after another, every few seconds, while keys are made and revoked. Whichever pod answers,
//! and however new it is: a key that was handed out works, and a key whose revocation is done never does.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{Penstock, has_condition};
use crate::reach::{Reach, is_refusal};
use anyhow::{Result, anyhow, ensure};
use penstock_e2e::{Token, wait};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const DELETIONS: usize = 8;
const BETWEEN_DELETIONS: Duration = Duration::from_secs(5);

/// Tokens that may be used at a time; the oldest is revoked for each new one.
const IN_USE: usize = 3;

/// A pod whose network is taken down says nothing more at all.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// A token that starts while a pod hangs waits for that pod for 30 s.
const TOKEN_LIMIT: Duration = Duration::from_mins(2);

/// What every pod must be of one mind about.
#[derive(Clone, Default)]
struct Book {
    handed_out: Vec<Token>,
    revoked: Vec<Token>,
}

/// What was asked of the pods.
#[derive(Default)]
struct Tally {
    taken: u64,
    refused: u64,
}

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    let (book, over) = (Mutex::new(Book::default()), AtomicBool::new(false));
    thread::scope(|scope| {
        let team = scope.spawn(|| make_and_revoke(&penstock, &book, &over));
        let devices = scope.spawn(|| use_every_pod(&penstock, &book, &over));
        let deleted = delete_pods(&penstock);
        over.store(true, Ordering::Relaxed);
        let made = team.join().map_err(|_| anyhow!("the team panicked"))??;
        let tally = devices
            .join()
            .map_err(|_| anyhow!("the devices panicked"))??;
        deleted?;
        println!(
            "figure: {DELETIONS} pods replaced while {made} keys were made and revoked: {} uses of good keys taken, {} of \
             revoked ones refused, 0 the other way",
            tally.taken, tally.refused
        );
        Ok(())
    })
}

#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
fn delete_pods(penstock: &Penstock<'_>) -> Result<()> {
    for number in 0..DELETIONS {
        let pod = format!("penstock-ingest-{}", number % 3);
        penstock
            .cluster()
            .delete(Kind::Pod, penstock.namespace(), &pod)?;
        let start = Instant::now();
        wait::until("the time of the next deletion", || {
            Ok((start.elapsed() >= BETWEEN_DELETIONS).then_some(()))
        })?;
    }
    penstock.wait_pods(3)
}

/// One token after another; each is used for a while, then revoked.
fn make_and_revoke(
    penstock: &Penstock<'_>,
    book: &Mutex<Book>,
    over: &AtomicBool,
) -> Result<usize> {
    let mut made = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let name = format!("device-{}", made.len());
        penstock.write_token(&name, "greenhouse", &json!({}))?;
        let what = format!("the Secret of {name}");
        let token = wait::at_most(TOKEN_LIMIT, &what, || penstock.token_now(&name))?;
        lock(book).handed_out.push(token.clone());
        made.push((name, token));
        if let Some((name, token)) = made
            .len()
            .checked_sub(IN_USE)
            .and_then(|oldest| made.get(oldest))
        {
            // From here on it may be refused, and soon it must be.
            lock(book).handed_out.retain(|other| other != token);
            penstock.patch(
                Kind::WriteToken,
                name,
                &json!({"spec": {"state": "Revoked"}}),
            )?;
            wait::at_most(
                TOKEN_LIMIT,
                &format!("{name} is revoked everywhere"),
                || {
                    let now = penstock.get(Kind::WriteToken, name)?;
                    let done = has_condition(&now, "Revoked", "True")
                        && has_condition(&now, "Propagated", "True");
                    Ok(done.then_some(()))
                },
            )?;
            lock(book).revoked.push(token.clone());
        }
    }
    Ok(made.len())
}

/// Tries every key on every pod that answers, as long as the story lasts.
fn use_every_pod(penstock: &Penstock<'_>, book: &Mutex<Book>, over: &AtomicBool) -> Result<Tally> {
    let authority = penstock.authority()?;
    let mut tally = Tally::default();
    while !over.load(Ordering::Relaxed) {
        for pod in Reach::present(penstock, &authority)? {
            use_one_pod(&pod.given_up_after(ANSWER_LIMIT), book, &mut tally)?;
        }
    }
    ensure!(tally.taken > 0 && tally.refused > 0, "no key was tried");
    Ok(tally)
}

fn use_one_pod(pod: &Reach, book: &Mutex<Book>, tally: &mut Tally) -> Result<()> {
    let Book {
        handed_out,
        revoked,
    } = lock(book).clone();
    for token in &handed_out {
        // A pod that goes, or has not opened yet, answers nothing.
        let Ok(answer) = pod.post(token, "replaced", 1_600_000_000) else {
            return Ok(());
        };
        // One that is to be revoked leaves the book before anybody is told so.
        ensure!(
            !is_refusal(answer.status) || !lock(book).handed_out.contains(token),
            "{} refuses a key that was handed out: {} {}",
            pod.name(),
            answer.status,
            answer.text()
        );
        tally.taken += u64::from(answer.status == 204);
    }
    for token in revoked.iter().rev().take(IN_USE) {
        let Ok(status) = pod.push(token, "replaced", 1_600_000_000) else {
            return Ok(());
        };
        ensure!(
            status >= 400,
            "{} takes a revoked key: {status}",
            pod.name()
        );
        tally.refused += u64::from(is_refusal(status));
    }
    Ok(())
}

fn lock(book: &Mutex<Book>) -> std::sync::MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
