//! What is written by people and programs, and read as a whole.

use penstock_ingest::protocol::selector;
use penstock_model::Timestamp;
use penstock_query::Query;
use penstock_tenancy::{Ledger, SigningKey, sign, verify};

use super::{Target, texts};

/// 2026-11-25T12:00:00Z
const NOON: Timestamp = Timestamp::from_millis(1_795_608_000_000);

/// `match[]` of an export.
pub(super) const SELECTOR: Target = Target {
    name: "selector",
    seeds: || {
        texts(&[
            r#"sys.cpu{host="web01",dc!="lga"}"#,
            r#"{__name__=~"sys\\..*|net",host!~"a.+"}"#,
            r#"{a="b" or c='d', e=`f`}"#,
            r#"{"sys.cpu", "quoted key"="\u00e9\x41"}"#,
            "m{}",
        ])
    },
    read: |input| {
        let Ok(text) = std::str::from_utf8(input) else {
            return "not UTF-8".to_owned();
        };
        match selector::parse(text) {
            Ok(filters) => {
                assert!(!filters.is_empty(), "nothing is selected");
                format!("{} filters of {}", filters.len(), shape(&filters))
            }
            Err(error) => error.to_string(),
        }
    },
};

fn shape(filters: &[penstock_store::series::SeriesFilter]) -> String {
    let tags: Vec<String> = filters
        .iter()
        .map(|filter| "t".repeat(filter.tags.len().min(8)))
        .collect();
    tags.join("|")
}

/// `/api/query`: a line of parameters, or the body of a POST.
pub(super) const QUERY: Target = Target {
    name: "query",
    seeds: || {
        texts(&[
            "start=1h-ago&m=sum:rate:1m-avg:sys.cpu{host=*}{dc=literal_or(a|b)}",
            "start=1346846400&end=2026/11/25-12:00:00&m=avg:1d-p99-zero:m&tz=Europe/Paris&ms",
            "start=1w-ago&tsuids=sum:000001000001000001&m=none:explicit_tags:x{a=b}",
            r#"{"start":1346846400,"queries":[{"metric":"m","aggregator":"sum","downsample":"1h-avg-nan","rate":true,"rateOptions":{"counter":true,"counterMax":"5","dropResets":true},"filters":[{"type":"regexp","tagk":"h","filter":"a.*","groupBy":true}]}]}"#,
            r#"{"start":"1n-ago","end":"now","timezone":"UTC","useCalendar":true,"queries":[{"metric":"m","aggregator":"ep99r7","tags":{"a":"*"},"explicitTags":true,"rollupUsage":"ROLLUP_RAW"}]}"#,
        ])
    },
    read: |input| {
        let parsed = if input.starts_with(b"{") {
            Query::from_json(input, NOON)
        } else {
            let Ok(text) = std::str::from_utf8(input) else {
                return "not UTF-8".to_owned();
            };
            let pairs = text
                .split('&')
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            Query::from_uri(pairs, NOON)
        };
        match parsed {
            Ok(query) => format!("{query:?}").chars().take(200).collect(),
            Err(error) => error.to_string().chars().take(60).collect(),
        }
    },
};

/// The ledger: no document that nobody signed is taken, and what is signed comes back the same.
pub(super) const LEDGER: Target = Target {
    name: "ledger",
    seeds: || {
        let ledger = Ledger {
            revision: 7,
            replicas: 2,
            volumes: Vec::new(),
            applications: Vec::new(),
        };
        let mut seeds = texts(&[
            r#"{"revision":1,"replicas":1,"applications":[{"name":"n/a","tenant":"07070707070707070707070707070707","tokens":[]}]}"#,
            "{}",
        ]);
        seeds.extend(key().and_then(|key| sign(&ledger, &key).ok()));
        seeds.extend(serde_json::to_vec(&ledger).ok());
        seeds
    },
    read: |input| {
        let Some(key) = key() else {
            return String::new();
        };
        let own = [key.verifying_key()];
        let document = match verify(input, &own) {
            Ok(verified) => return format!("taken: {:?}", verified.ledger().revision),
            Err(error) => error.to_string(),
        };
        let Ok(mut ledger) = serde_json::from_slice::<Ledger>(input) else {
            return document;
        };
        ledger.canonicalize();
        match sign(&ledger, &key) {
            Ok(signed) => {
                let found = verify(&signed, &own).map(|verified| verified.ledger().clone());
                assert_eq!(
                    found.as_ref().ok(),
                    Some(&ledger),
                    "another ledger comes back"
                );
                "a ledger".to_owned()
            }
            Err(error) => format!("{document}; {error}"),
        }
    },
};

fn key() -> Option<SigningKey> {
    SigningKey::from_seed([7; 32]).ok()
}
