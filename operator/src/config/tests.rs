use super::*;

fn parse(more: &[&str]) -> Result<Config, ConfigError> {
    let required = [
        "penstock-operator",
        "--namespace=metrics",
        "--pod-name=penstock-operator-0",
    ];
    let args = required.iter().chain(more).copied();
    Config::validate(Args::try_parse_from(args).unwrap())
}

#[test]
fn what_cannot_work_is_said_before_anything_starts() {
    let told = |more: &[&str]| parse(more).unwrap_err().to_string();
    assert_eq!(
        told(&["--name=Penstock"]),
        "--name: `Penstock` is no name: lower-case letters, digits and `-`, at most 40 characters"
    );
    assert!(told(&["--watch-namespaces=a,-b"]).starts_with("--watch-namespaces: `-b`"));
    for endpoint in [
        "host",
        "host:",
        ":1",
        "host:0",
        "::1:4242",
        "[::1:4242",
        "host:70000",
    ] {
        let flag = format!("--endpoint={endpoint}");
        assert_eq!(
            told(&[&flag]),
            format!("--endpoint: `{endpoint}` is not HOST:PORT")
        );
    }
    assert_eq!(
        told(&["--tls=existing"]),
        "--tls existing needs --tls-secret"
    );
    assert_eq!(
        told(&["--tls-secret=s"]),
        "--tls-secret has no effect with --tls self-managed"
    );
    assert_eq!(
        told(&["--tls=existing", "--tls-secret=s", "--tls-names=a"]),
        "--tls-names has no effect with --tls existing"
    );
}

#[test]
fn little_need_be_said() {
    let config = parse(&[]).unwrap();
    assert_eq!(config.watched, Watched::Cluster);
    assert_eq!(
        (&*config.endpoint_host, config.endpoint_port),
        ("penstock.metrics.svc", 4242)
    );
    let Tls::SelfManaged { names } = &config.tls else {
        panic!("{:?}", config.tls)
    };
    assert!(names.contains(&"penstock.metrics.svc".to_owned()));
    assert!(names.contains(&"*.penstock-ingest.metrics.svc".to_owned()));
}

#[test]
fn namespaces_are_a_set_and_an_empty_variable_means_all() {
    let config = parse(&["--watch-namespaces=b,a,b"]).unwrap();
    assert_eq!(
        config.watched,
        Watched::Namespaces(vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!(
        parse(&["--watch-namespaces="]).unwrap().watched,
        Watched::Cluster
    );
}

#[test]
fn an_endpoint_may_be_an_address() {
    let config = parse(&["--endpoint=[::1]:4343", "--tls-names=push.example.org"]).unwrap();
    assert_eq!(
        (&*config.endpoint_host, config.endpoint_port),
        ("::1", 4343)
    );
    let Tls::SelfManaged { names } = &config.tls else {
        panic!("{:?}", config.tls)
    };
    assert!(names.contains(&"::1".to_owned()) && names.contains(&"push.example.org".to_owned()));
}
