//! What the server says on a telnet connection. Every answer ends with a line feed.

use std::fmt::Display;
use std::time::Duration;

use penstock_model::Timestamp;

use super::command::Verb;
use crate::protocol::quote::Quoted;
use penstock_tenancy::Profile;

/// The answer to a good `auth`. Clients compare the whole line: not a byte more.
pub const AUTHENTICATED: &[u8] = b"ok\n";

/// The answer to `dropcaches`.
pub const CACHES_DROPPED: &[u8] = b"Caches dropped.\n";

/// The version of `OpenTSDB` whose behaviour this is.
pub const OPENTSDB_VERSION: &str = "2.4.1";

/// The answer to `help`.
pub const fn help(profile: Profile) -> &'static [u8] {
    match profile {
        Profile::Lenient => {
            b"available commands: put putm rollup auth version help stats dropcaches exit quit \n"
        }
        Profile::OpenTsdb => {
            b"available commands: put rollup auth version help stats dropcaches exit \n"
        }
    }
}

/// The answer to `version`: one line, and a second one to those who want `OpenTSDB`'s two.
pub fn version(profile: Profile) -> String {
    let first = format!(
        "net.opentsdb.tools {OPENTSDB_VERSION} built at revision penstock-{} (MINT)\n",
        env!("CARGO_PKG_VERSION")
    );
    match profile {
        Profile::Lenient => first,
        Profile::OpenTsdb => {
            first + "Built on 2018/12/15 00:00:00 +0000 by penstock@localhost:/penstock\n"
        }
    }
}

/// One line of the answer to `stats`: `tsd.` is put before the name.
pub fn stat_line(name: &str, now: Timestamp, value: u64, host: &str) -> String {
    format!(
        "tsd.{name} {} {value} host={host}\n",
        now.millis().div_euclid(1_000)
    )
}

/// An error line from its text.
pub fn error_line(error: &dyn Display) -> String {
    // A text of ours has no line end, and what it quotes of a client is escaped.
    format!("{error}\n")
}

/// The last line of a session that has not shown a token in time.
pub fn no_token_within(time: Duration) -> String {
    format!(
        "no token within {} s: send \"auth <id>:<key>\", or a tag ovh.auth=<id>:<key> on each line\n",
        time.as_secs()
    )
}

/// The error line of a point whose sender may not write.
pub fn unauthorized(verb: Verb, reason: &dyn Display) -> String {
    format!("{verb}: unauthorized: {reason}\n")
}

/// The error line of a point that was good but could not be taken: a limit, the clock window, overload.
pub fn refused(verb: Verb, reason: &dyn Display) -> String {
    format!("{verb}: {reason}\n")
}

/// The error line of an `auth` that was refused.
pub fn auth_refused(reason: &dyn Display) -> String {
    format!("auth: {reason}\n")
}

/// The error line of a line that is too long.
pub fn line_too_long(bytes_max: usize) -> String {
    format!("line too long: at most {bytes_max} bytes with its line end\n")
}

/// The error line of a last line that has no line feed. It repeats no more than a point's metric and time:
/// the rest may be a credential.
pub fn unfinished_line(line: &[u8]) -> String {
    let mut words = line
        .split(|b| matches!(b, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    let verb = words.next().unwrap_or_default().to_ascii_lowercase();
    let shown: Vec<&[u8]> = match verb.as_slice() {
        b"put" | b"putm" => words.take(2).collect(),
        b"rollup" => words.take(3).collect(),
        _ => Vec::new(),
    };
    let mut named = Vec::new();
    if !shown.is_empty() {
        named = [b": ".as_slice(), &verb, b" ", &shown.join(&b' '), b" ..."].concat();
    }
    format!(
        "the last line has no line feed and was not stored{}\n",
        Quoted::bytes(&named)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_these_bytes() {
        assert_eq!(AUTHENTICATED, b"ok\n");
        assert_eq!(
            help(Profile::OpenTsdb),
            b"available commands: put rollup auth version help stats dropcaches exit \n"
        );
        assert_eq!(version(Profile::Lenient).lines().count(), 1);
        let two = version(Profile::OpenTsdb);
        assert!(two.starts_with("net.opentsdb.tools 2.4.1 built at revision "));
        assert!(two.lines().nth(1).unwrap().starts_with("Built on "));
        assert_eq!(
            stat_line(
                "points.stored",
                Timestamp::from_millis(1_356_998_400_999),
                7,
                "pod-0"
            ),
            "tsd.points.stored 1356998400 7 host=pod-0\n"
        );
        assert_eq!(
            unauthorized(Verb::Put, &"no token"),
            "put: unauthorized: no token\n"
        );
        assert_eq!(auth_refused(&"unknown token"), "auth: unknown token\n");
        assert_eq!(
            line_too_long(4_096),
            "line too long: at most 4096 bytes with its line end\n"
        );
    }

    #[test]
    fn an_unfinished_line_is_named_without_its_credential() {
        for (line, text) in [
            (
                "put sys.cpu 1356998400 1.2",
                "the last line has no line feed and was not stored: put sys.cpu 1356998400 ...\n",
            ),
            (
                "PUT  m 1 2 ovh.auth=id:secret",
                "the last line has no line feed and was not stored: put m 1 ...\n",
            ),
            (
                "auth id:secret",
                "the last line has no line feed and was not stored\n",
            ),
            (
                "id:secret",
                "the last line has no line feed and was not stored\n",
            ),
            ("put", "the last line has no line feed and was not stored\n"),
        ] {
            assert_eq!(unfinished_line(line.as_bytes()), text);
        }
    }
}
