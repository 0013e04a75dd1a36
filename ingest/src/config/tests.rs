use super::*;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ingest.yaml");
    std::fs::write(&path, text).unwrap();
    let variable = |name: &str| {
        environment
            .iter()
            .find(|(have, _)| *have == name)
            .map(|(_, value)| (*value).to_owned())
    };
    Config::load(&path, variable)
        .map(|(config, _)| config)
        .map_err(|error| {
            error
                .to_string()
                .replace(&*directory.path().to_string_lossy(), "DIR")
        })
}

#[test]
fn an_empty_file_means_all_defaults() {
    for text in ["", "# nothing yet\n\n"] {
        let config = load(text, &[]).unwrap();
        assert_eq!(config.data_directory, Path::new("/var/lib/penstock"));
        assert_eq!(
            config.listen.tls.unwrap().address.to_string(),
            "0.0.0.0:4242"
        );
        assert_eq!(config.listen.plain, None);
        assert_eq!(config.listen.admin.to_string(), "0.0.0.0:8080");
        assert_eq!(config.connections_max.get(), 10_000);
        assert_eq!(config.timeouts.stop, Duration::from_secs(5));
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = load(
        "listen: {plain: '127.0.0.1:1'}\nmemoryMebibytes: 64\nconnections: 5\n",
        &[
            ("PENSTOCK_LISTEN_PLAIN", "127.0.0.1:2"),
            ("PENSTOCK_LISTEN_TLS", ""),
            ("PENSTOCK_MEMORY_MEBIBYTES", "128"),
            ("PENSTOCK_SERVICE_HOST", "10.0.0.1"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.plain.unwrap().port(), 2);
    assert!(config.listen.tls.is_none());
    assert_eq!(config.memory.bytes(), 128 << 20);
    assert_eq!(config.connections_max.get(), 5);
}

/// Each says where and what; the words are part of the program.
#[test]
fn mistakes_are_named() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: &[Case<'_>] = &[
        (
            "dataDirectroy: /x\n",
            &[],
            "DIR/ingest.yaml: unknown field `dataDirectroy`, expected one of `dataDirectory`, `listen`, `tls`, \
             `ledger`, `volume`, `memoryMebibytes`, `connections`, `loops`, `corsOrigins`, `timeouts`, \
             `watchMilliseconds`, `log` at line 1 column 1",
        ),
        (
            "listen:\n  tls: 4242\n",
            &[],
            "DIR/ingest.yaml: listen.tls: invalid socket address syntax at line 2 column 8",
        ),
        (
            "listen: {tls: null}\n",
            &[],
            "listen: neither `tls` nor `plain` is set, so no client could connect",
        ),
        (
            "listen: {tls: '0.0.0.0:8080'}\n",
            &[],
            "listen: tls and admin are both 0.0.0.0:8080",
        ),
        (
            "memoryMebibytes: 1\n",
            &[],
            "memoryMebibytes: 1 is outside 64..=1048576",
        ),
        (
            "timeouts: {stopSeconds: 0}\n",
            &[],
            "timeouts.stopSeconds: 0 is outside 1..=300",
        ),
        (
            "corsOrigins: [grafana]\n",
            &[],
            "corsOrigins: `grafana` is no origin: it has the form https://grafana.example.com or http://host:3000, \
             or is * for all",
        ),
        (
            "connections: 0\n",
            &[],
            "DIR/ingest.yaml: connections: invalid value: integer `0`, expected a nonzero usize \
             at line 1 column 14",
        ),
        (
            "",
            &[("PENSTOCK_LISTEN_ADMIN", "everywhere")],
            "environment variable PENSTOCK_LISTEN_ADMIN: `everywhere` is not address:port",
        ),
        (
            "",
            &[("PENSTOCK_LOG_FORMAT", "xml")],
            "environment variable PENSTOCK_LOG_FORMAT: `xml` is none of auto, text, json",
        ),
    ];
    for (text, environment, message) in cases {
        assert_eq!(load(text, environment).unwrap_err(), *message, "{text}");
    }
    let missing = Config::load(Path::new("/nowhere/ingest.yaml"), |_| None).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read /nowhere/ingest.yaml");
}

/// Every field and every variable stands on the page that people read.
#[test]
fn the_page_follows_the_code() {
    let page = include_str!("../../../docs/ingest-server.md");
    for (name, _) in raw::OVERRIDES {
        assert!(page.contains(name), "{name}");
    }
    for (field, _, min, max) in RawConfig::default().ranges() {
        let range = format!("{min} to {max}");
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{field}`")))
            .unwrap_or_else(|| panic!("{field} has no row"));
        assert!(row.contains(&range), "{field}: {range}");
    }
}
