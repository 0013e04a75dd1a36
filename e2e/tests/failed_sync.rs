//! A sync that fails stops the process: the kernel has marked the pages clean, and a second try would lie.

use anyhow::{Result, ensure};
use penstock_e2e::{Http, Standalone, Trace};

fn body(metric: &str) -> String {
    format!(r#"{{"metric":"{metric}","timestamp":1760000000,"value":1,"tags":{{"a":"b"}}}}"#)
}

#[test]
fn a_failed_fdatasync_stops_the_process_and_keeps_what_was_acknowledged() -> Result<()> {
    let mut server = Standalone::start()?;
    let authorization = server.token("device")?.basic();
    let mut http = Http::connect(&server.tls()?)?;
    assert_eq!(
        http.post("/api/put", &authorization, &body("before"))?
            .status,
        204
    );

    let failing = ["trace=fdatasync", "inject=fdatasync:error=EIO"];
    let trace = Trace::attach(server.process()?.id(), &server.scratch(""), &failing)?;
    let answer = http.post("/api/put", &authorization, &body("after"));
    ensure!(
        !answer.is_ok_and(|answer| answer.status < 300),
        "acknowledged without a sync"
    );
    let status = server.process()?.wait()?;
    ensure!(!status.success(), "the server ended with {status}");
    drop(trace);
    ensure!(
        server.log().contains("Input/output error"),
        "the log does not say why: {}",
        server.log()
    );

    server.start_again()?;
    assert_eq!(server.export("before")?.len(), 1);
    Ok(())
}
