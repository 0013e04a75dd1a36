use clap::Parser as _;

use super::*;

#[derive(clap::Parser, Debug)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

fn parse(more: &[&str]) -> Result<Arguments, clap::Error> {
    let line = ["standalone", "--manifests", ".", "--data", "data"];
    Line::try_parse_from(line.iter().chain(more)).map(|line| line.arguments)
}

fn settings(more: &[&str]) -> Settings {
    parse(more).unwrap().check().unwrap()
}

#[test]
fn by_default_it_listens_on_loopback_alone() {
    let settings = settings(&[]);
    assert_eq!(settings.listen.to_string(), "127.0.0.1:4242");
    assert_eq!(settings.admin.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.listen_plain, None);
    assert_eq!(
        settings.certificate_names(),
        ["localhost", "127.0.0.1", "::1"]
    );
    assert_eq!(
        settings.endpoints(4242, "PEM").authority(),
        "127.0.0.1:4242"
    );
}

#[test]
fn the_certificate_has_every_name_that_clients_may_use() {
    let settings = settings(&[
        "--listen",
        "0.0.0.0:4242",
        "--listen-plain",
        "192.0.2.1:4243",
        "--tls-san",
        "Store.Example",
        "--tls-san",
        "2001:db8::1",
        "--tls-san",
        "localhost",
    ]);
    assert_eq!(
        settings.certificate_names(),
        [
            "localhost",
            "127.0.0.1",
            "::1",
            "192.0.2.1",
            "store.example",
            "2001:db8::1"
        ]
    );
    assert_eq!(settings.endpoints(1, "PEM").authority(), "store.example:1");
}

#[test]
fn devices_are_told_a_name_that_they_can_connect_to() {
    assert_eq!(
        settings(&["--listen", "0.0.0.0:1"]).endpoints(1, "").host,
        "localhost"
    );
    let ipv6 = settings(&["--listen", "[2001:db8::1]:1"]);
    assert_eq!(ipv6.endpoints(1, "").authority(), "[2001:db8::1]:1");
}

#[test]
fn mistakes_are_told_with_the_argument_that_has_them() {
    for (more, told) in [
        (
            &["--tls-san", "not a name"][..],
            "neither a DNS name nor an IP address",
        ),
        (&["--listen", "4242"], "--listen"),
        (&["--log-format", "xml"], "none of auto, text, json"),
        (&["--colour", "red"], "--colour"),
    ] {
        let error = parse(more).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
    let same = parse(&["--admin", "127.0.0.1:4242"])
        .unwrap()
        .check()
        .unwrap_err();
    assert_eq!(
        same.to_string(),
        "--listen and --admin are both 127.0.0.1:4242"
    );
    let mut arguments = parse(&[]).unwrap();
    arguments.manifests = "no/such/folder".into();
    let missing = arguments.check().unwrap_err();
    assert_eq!(
        missing.to_string(),
        "--manifests no/such/folder: cannot be read"
    );
}

#[test]
fn any_free_port_may_be_asked_for_twice() {
    settings(&["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
}
