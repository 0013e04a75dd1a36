//! A delete hides at once, survives a kill and a flush, and needs a token that may.

use anyhow::{Result, ensure};
use penstock_e2e::{Http, Setup, Standalone, Telnet};

const DELETE: &str = "/api/v1/admin/tsdb/delete_series?match[]=";

fn put(server: &Standalone, lines: &str) -> Result<()> {
    let mut session = Telnet::login(&server.tls()?, &server.token("device")?)?;
    session.send(lines)?;
    let complaint = session.finish()?;
    ensure!(complaint.is_empty(), "{complaint}");
    Ok(())
}

#[test]
fn deleted_points_stay_deleted_and_later_ones_are_kept() -> Result<()> {
    let device = "allow: {delete: true}".to_owned();
    let mut server = Standalone::with(Setup {
        device,
        ..Setup::default()
    })?;
    put(
        &server,
        "put gone 1760000000 1 a=b\nput gone 1760000001 2 a=c\nput kept 1760000000 3 a=b\n",
    )?;
    let authorization = server.token("device")?.basic();
    let answer =
        Http::connect(&server.tls()?)?.post(&format!("{DELETE}gone"), &authorization, "")?;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(server.export("gone")?, []);
    put(&server, "put gone 1760000000 9 a=b\n")?;

    let check = |server: &Standalone| -> Result<()> {
        let gone = server.export("gone")?;
        assert_eq!(
            gone.iter()
                .flat_map(penstock_e2e::Series::values)
                .collect::<Vec<_>>(),
            ["9"]
        );
        assert_eq!(server.export("kept")?.len(), 1);
        Ok(())
    };
    check(&server)?;
    server.kill()?;
    server.start_again()?;
    check(&server)?;
    ensure!(server.stop()?.success(), "no clean stop");
    server.start_again()?;
    check(&server)
}

#[test]
fn a_token_without_the_right_deletes_nothing() -> Result<()> {
    let server = Standalone::start()?;
    put(&server, "put kept 1760000000 3 a=b\n")?;
    for name in ["device", "reader"] {
        let authorization = server.token(name)?.basic();
        let answer =
            Http::connect(&server.tls()?)?.post(&format!("{DELETE}kept"), &authorization, "")?;
        assert_eq!(answer.status, 403, "{name}: {}", answer.text());
    }
    assert_eq!(server.export("kept")?.len(), 1);
    Ok(())
}
