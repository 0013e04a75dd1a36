//! A newcomer's first minutes: the example manifests, and the two commands that the server prints, pasted.

use anyhow::{Context, Result, ensure};
use penstock_e2e::{Program, Setup, Standalone, wait};
use std::path::Path;

#[test]
fn the_printed_commands_write_points_and_read_them_back() -> Result<()> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/standalone");
    let server = Standalone::with(Setup {
        manifests: Some(examples),
        ..Setup::default()
    })?;
    let commands = wait::until("the commands are printed", || {
        let log = server.log();
        let is_command = |line: &&str| line.starts_with("(cat ") || line.starts_with("curl ");
        let commands: Vec<String> = log.lines().filter(is_command).map(str::to_owned).collect();
        Ok((commands.len() == 2).then_some(commands))
    })
    .with_context(|| server.log())?;
    let paste = |command: &String| Program::new("bash").args(["-c", command]).run();
    let answers: Result<Vec<String>> = commands.iter().map(paste).collect();
    let [telnet, https] = &answers?[..] else {
        unreachable!("two commands were printed")
    };
    ensure!(telnet == "ok\n", "telnet was answered {telnet:?}");
    let stored = penstock_e2e::export::parse(https)?;
    ensure!(stored.len() == 2, "read back: {https}");
    for series in stored {
        ensure!(
            series.tags.get("site").map(String::as_str) == Some("home"),
            "{}",
            series.name()
        );
    }
    Ok(())
}
