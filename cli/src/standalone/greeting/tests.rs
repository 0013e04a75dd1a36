use std::net::SocketAddr;

use super::*;

#[test]
fn the_line_names_every_door() {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let addresses = Addresses {
        tls: Some(address("127.0.0.1:4242")),
        plain: Some(address("[::1]:4243")),
        admin: address("127.0.0.1:8080"),
    };
    assert_eq!(
        listening(addresses),
        "penstock is listening: TLS (telnet and HTTPS) on 127.0.0.1:4242, \
         plain telnet and HTTP on [::1]:4243, admin on http://127.0.0.1:8080"
    );
    let files = TokenFiles {
        tokens: Vec::new(),
        folder: &|_, _| PathBuf::new(),
    };
    let text = greeting(
        addresses,
        "127.0.0.1:4242",
        Path::new("ca.crt"),
        None,
        &files,
    );
    assert!(
        text.ends_with("\nNo active WriteToken yet: add one to the manifests.\n"),
        "{text}"
    );
}

#[test]
fn a_path_is_one_word_for_the_shell() {
    for (path, quoted) in [
        ("/srv/data/tls/ca.crt", "/srv/data/tls/ca.crt"),
        ("/my data/key", "'/my data/key'"),
        ("it's", r"'it'\''s'"),
        ("$HOME", "'$HOME'"),
    ] {
        assert_eq!(quote(Path::new(path)), quoted);
    }
}
