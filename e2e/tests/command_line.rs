//! The command line of `penstock standalone`: mistakes are told before anything is bound, with exit code 2.

use anyhow::{Result, ensure};
use penstock_e2e::{Setup, Standalone};

fn refused(setup: Setup, said: &str) -> Result<()> {
    let mut server = Standalone::prepare(setup)?;
    server.launch()?;
    let status = server.process()?.wait()?;
    ensure!(status.code() == Some(2), "{status}: {}", server.log());
    ensure!(
        server.log().contains(said),
        "{said} is not in: {}",
        server.log()
    );
    ensure!(!server.ca().exists(), "it has begun to work");
    Ok(())
}

#[test]
fn an_unknown_argument_is_told() -> Result<()> {
    let arguments = vec!["--colour".into(), "red".into()];
    refused(
        Setup {
            arguments,
            ..Setup::default()
        },
        "--colour",
    )
}

#[test]
fn an_address_that_is_none_is_told() -> Result<()> {
    let arguments = vec!["--tls-san".into(), "not a name".into()];
    refused(
        Setup {
            arguments,
            ..Setup::default()
        },
        "not a name",
    )
}

#[test]
fn two_servers_do_not_share_a_data_directory() -> Result<()> {
    let first = Standalone::start()?;
    let data = Some(first.data().to_owned());
    let mut second = Standalone::prepare(Setup {
        data,
        ..Setup::default()
    })?;
    second.launch()?;
    let status = second.process()?.wait()?;
    ensure!(!status.success(), "it started: {}", second.log());
    ensure!(
        second.log().to_lowercase().contains("lock"),
        "{}",
        second.log()
    );
    first.export("m")?;
    Ok(())
}
