//! No 2xx and no clean telnet close leaves before the fdatasync that covers it.
//!
//! kill -9 keeps the page cache and would pass without any sync, so the real binary is watched under strace, on the
//! plain listener where answers can be read. For each point: its bytes arrive, then a sync begins and ends well,
//! and only then does the answer leave.

use anyhow::{Context, Result, ensure};
use penstock_e2e::{Call, Http, Standalone, Telnet, Trace};

const POINTS: usize = 20;

const CALLS: &str = "trace=read,recvfrom,readv,recvmsg,write,writev,sendto,sendmsg,shutdown,close,fdatasync,fsync,\
                     pwrite64,pwritev";

fn is_receive(call: &Call) -> bool {
    matches!(
        call.name.as_str(),
        "read" | "recvfrom" | "readv" | "recvmsg"
    )
}

fn is_send(call: &Call) -> bool {
    matches!(
        call.name.as_str(),
        "write" | "writev" | "sendto" | "sendmsg"
    )
}

/// The file descriptor that a call is about.
fn descriptor(call: &Call) -> &str {
    call.arguments.split(',').next().unwrap_or_default()
}

/// The end of the receive whose bytes hold `marker`, and its socket.
fn arrival<'a>(calls: &'a [Call], marker: &str) -> Result<(usize, &'a str)> {
    let arrived = |call: &&Call| is_receive(call) && call.arguments.contains(marker);
    let call = calls
        .iter()
        .find(arrived)
        .with_context(|| format!("{marker} never arrived"))?;
    Ok((call.end, descriptor(call)))
}

/// Between the two lines of the trace the log was written, then synced from begin to end.
fn is_synced_between(calls: &[Call], arrived: usize, answered: usize) -> bool {
    let inside = |call: &&Call| call.begin > arrived && call.end < answered;
    let writes = calls
        .iter()
        .filter(inside)
        .filter(|call| call.name.starts_with("pwrite"));
    let written: Vec<&Call> = writes.collect();
    let is_covering = |sync: &Call| {
        let is_of_same_file = |write: &&&Call| descriptor(write) == descriptor(sync);
        written
            .iter()
            .any(|write| is_of_same_file(&write) && write.end < sync.begin)
    };
    let mut syncs = calls
        .iter()
        .filter(inside)
        .filter(|call| call.name == "fdatasync");
    syncs.any(|sync| sync.result == "0" && is_covering(sync))
}

#[test]
fn http_answers_after_the_sync() -> Result<()> {
    let mut server = Standalone::start()?;
    let authorization = server.token("device")?.basic();
    let mut http = Http::connect(&server.plain())?;
    let trace = Trace::attach(server.process()?.id(), &server.scratch(""), &[CALLS])?;
    for number in 0..POINTS {
        let body = format!(r#"{{"metric":"synced.{number}.","value":1}}"#);
        assert_eq!(http.post("/api/put", &authorization, &body)?.status, 204);
    }
    let calls = trace.detach()?;
    for number in 0..POINTS {
        let marker = format!("synced.{number}.");
        let (arrived, socket) = arrival(&calls, &marker)?;
        let answers = |call: &&Call| {
            is_send(call)
                && call.begin > arrived
                && descriptor(call) == socket
                && call.arguments.contains("204")
        };
        let answer = calls
            .iter()
            .find(answers)
            .with_context(|| format!("no answer to {marker}"))?;
        ensure!(
            is_synced_between(&calls, arrived, answer.begin),
            "{marker} was answered before its sync"
        );
    }
    Ok(())
}

#[test]
fn telnet_closes_after_the_sync() -> Result<()> {
    let mut server = Standalone::start()?;
    let token = server.token("device")?;
    let sessions: Result<Vec<Telnet>> = (0..POINTS)
        .map(|_| Telnet::login(&server.plain(), &token))
        .collect();
    let trace = Trace::attach(server.process()?.id(), &server.scratch(""), &[CALLS])?;
    for (number, mut session) in sessions?.into_iter().enumerate() {
        session.send(&format!("put synced.{number}. 1760000000 1 a=b\n"))?;
        let end = if number % 2 == 0 {
            session.finish()?
        } else {
            exit(session)?
        };
        assert_eq!(end, "");
    }
    let calls = trace.detach()?;
    for number in 0..POINTS {
        let marker = format!("synced.{number}.");
        let (arrived, socket) = arrival(&calls, &marker)?;
        let closes = |call: &&Call| {
            matches!(call.name.as_str(), "shutdown" | "close")
                && call.begin > arrived
                && descriptor(call) == socket
        };
        let close = calls
            .iter()
            .find(closes)
            .with_context(|| format!("{marker} was never closed"))?;
        ensure!(
            is_synced_between(&calls, arrived, close.begin),
            "{marker} was closed before its sync"
        );
    }
    Ok(())
}

fn exit(mut session: Telnet) -> Result<String> {
    session.send("exit\n")?;
    session.read_to_close()
}
