//! What is printed when the server listens: that it does, and two commands to paste.

use std::path::{Path, PathBuf};

use penstock_api::Token;
use penstock_ingest::server::Addresses;
use penstock_tenancy::{Ledger, LedgerToken, Permission, TokenState};

/// Where the files of a token are, by its resource.
pub(crate) struct TokenFiles<'a> {
    /// The tokens that are asked for.
    pub(crate) tokens: Vec<&'a Token>,
    /// The folder of a Secret, from namespace and name.
    pub(crate) folder: &'a dyn Fn(&str, &str) -> PathBuf,
}

/// One line that says that the server listens, and, if there is a token that may write, how to use it.
pub(crate) fn greeting(
    addresses: Addresses,
    authority: &str,
    ca_file: &Path,
    ledger: Option<&Ledger>,
    files: &TokenFiles<'_>,
) -> String {
    let listening = listening(addresses);
    let found = ledger.and_then(|ledger| Some((ledger, find_writer(ledger, files)?)));
    let Some((ledger, (writer, metric))) = found else {
        return format!("{listening}\nNo active WriteToken yet: add one to the manifests.\n");
    };
    let ca = quote(ca_file);
    let (auth, token) = (
        quote(&writer.join("telnet-auth")),
        quote(&writer.join("token")),
    );
    let telnet = format!(
        "(cat {auth}; printf '\\nput {metric}.telnet %s 1 host=here\\nexit\\n' \"$(date +%s)\") | \
         openssl s_client -quiet -verify_return_error -CAfile {ca} -connect {authority} 2>/dev/null"
    );
    let put = format!(
        "curl -sS --cacert {ca} -u \"$(cat {token})\" -H 'Content-Type: application/json' \
         -d '{{\"metric\":\"{metric}.https\",\"timestamp\":'\"$(date +%s)\"',\"value\":2,\"tags\":{{\"host\":\"here\"}}}}' \
         https://{authority}/api/put"
    );
    let (what, https) = match find_reader(ledger, files) {
        None => ("", put),
        Some(reader) => (
            ", then read both back",
            format!(
                "{put} && curl -sS --cacert {ca} -u \"$(cat {})\" \
                 -G --data-urlencode 'match[]={{__name__=~\"{metric}.*\"}}' https://{authority}/api/v1/export",
                quote(&reader.join("token"))
            ),
        ),
    };
    format!(
        "{listening}\n\n# Write a point over telnet inside TLS; it answers ok:\n{telnet}\n\n\
         # Write a point over HTTPS{what}:\n{https}\n"
    )
}

fn listening(addresses: Addresses) -> String {
    let tls = addresses
        .tls
        .map(|address| format!("TLS (telnet and HTTPS) on {address}"));
    let plain = addresses
        .plain
        .map(|address| format!("plain telnet and HTTP on {address}"));
    let admin = format!("admin on http://{}", addresses.admin);
    let doors: Vec<_> = [tls, plain, Some(admin)].into_iter().flatten().collect();
    format!("penstock is listening: {}", doors.join(", "))
}

/// The files of the first token that may write, and the beginning of a metric's name that it may write.
fn find_writer(ledger: &Ledger, files: &TokenFiles<'_>) -> Option<(PathBuf, String)> {
    let token = usable(ledger, Permission::Write).find(|token| files.of(token).is_some())?;
    let prefix = token
        .allow
        .metric_prefixes
        .first()
        .map_or("", String::as_str);
    Some((files.of(token)?, format!("{prefix}penstock.demo")))
}

/// The files of a token that reads what the writer wrote: of the same application, without filters.
fn find_reader(ledger: &Ledger, files: &TokenFiles<'_>) -> Option<PathBuf> {
    let writer = usable(ledger, Permission::Write).find(|token| files.of(token).is_some())?;
    let application = ledger
        .applications
        .iter()
        .find(|application| application.tokens.iter().any(|token| token.id == writer.id))?;
    let sees_it = |reader: &&LedgerToken| {
        reader
            .tags
            .iter()
            .all(|(key, value)| writer.tags.get(key).or(application.tags.get(key)) == Some(value))
    };
    let readers = application
        .tokens
        .iter()
        .filter(|token| is_usable(token, Permission::Read));
    readers.filter(sees_it).find_map(|token| files.of(token))
}

fn usable(ledger: &Ledger, permission: Permission) -> impl Iterator<Item = &LedgerToken> {
    let running = ledger
        .applications
        .iter()
        .filter(|application| !application.paused);
    running
        .flat_map(|application| &application.tokens)
        .filter(move |token| is_usable(token, permission))
}

fn is_usable(token: &LedgerToken, permission: Permission) -> bool {
    token.permission == permission && token.state == TokenState::Active
}

impl TokenFiles<'_> {
    /// The folder with the token's key, if the key is there.
    fn of(&self, of: &LedgerToken) -> Option<PathBuf> {
        let is_it = |token: &&&Token| {
            let name = token.token_name();
            (name.namespace, name.name, name.permission)
                == (of.namespace.clone(), of.name.clone(), of.permission)
        };
        let token = self.tokens.iter().find(is_it)?;
        let folder = (self.folder)(&of.namespace, &token.secret_name());
        folder.join("token").is_file().then_some(folder)
    }
}

/// A path that a shell takes as one word.
fn quote(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
