//! A part is never handed out as the whole, and asking for a part is no way around anything.

use std::io::Read;

use penstock_tenancy::Permission;

use crate::fleet::{Fleet, READER, WRITER, read_answer, token, until};

const EXPORT: &str = "/api/v1/export?start=0&end=9999999999&match[]=m";
const T: i64 = 1_700_000_000;

#[test]
fn a_volume_that_cannot_be_reached_is_named() {
    let mut fleet = Fleet::start();
    for at in 0..3 {
        fleet.put(at, "m", "a", &[(T, 1)]);
    }
    fleet.kill(1);
    let paths = [
        EXPORT.to_owned(),
        format!("/api/query?start={T}&m=sum:m"),
        format!("/api/query?start={T}&m=sum:elsewhere"),
        "/api/suggest?type=metrics".to_owned(),
        "/api/search/lookup?m=m".to_owned(),
        "/api/query/last?timeseries=m".to_owned(),
        "/api/query/last?timeseries=elsewhere".to_owned(),
        "/api/search/lookup?m=elsewhere".to_owned(),
        "/api/uid/assign?metric=m".to_owned(),
        "/api/stats".to_owned(),
    ];
    for path in &paths {
        let refused = fleet.get(0, path);
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(
            refused.body.contains("volume pod-0 cannot be read"),
            "{refused:?}"
        );
    }
    let path = "/api/v1/admin/tsdb/delete_series?match[]=m";
    let refused = fleet.ask(2, WRITER, "POST", path, b"");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(
        refused.body.contains("pod-0") && refused.body.contains("repeat"),
        "{refused:?}"
    );

    // It comes back with what it had; the delete is repeated.
    fleet.launch(1);
    fleet.publish(|_| {});
    until(|| fleet.get(0, EXPORT).body.contains("\"a\""));
    assert_eq!(fleet.ask(2, WRITER, "POST", path, b"").status, 204);
    assert_eq!(fleet.get(0, EXPORT).body, "");
}

#[test]
fn a_server_that_dies_in_the_midst_breaks_the_answer() {
    let mut fleet = Fleet::start();
    // More than all sockets on the way hold, and more series than one request names: when the server dies, a part of its
    // answer is still to come.
    for series in 0..1_100 {
        let value = |n: i64| (n * 1_100 + series).wrapping_mul(0x5851_f42d_4c95_7f2d);
        let points: Vec<_> = (0..450)
            .map(|n| (T + n * 1_000 + series, value(n)))
            .collect();
        fleet.put(1, "m", &format!("h{series:04}"), &points);
    }
    fleet.put(0, "m", "z", &[(T, 1)]);
    let query = format!("/api/query?start={T}&end={}&m=none:m", T + 500_000);
    for path in [EXPORT, &query] {
        let whole = read_answer(fleet.begin(0, path)).unwrap();
        assert!(whole.is_whole);
        assert_eq!(whole.status, 200);

        let mut socket = fleet.begin(0, path);
        let mut first = [0; 2_000];
        socket.read_exact(&mut first).unwrap();
        fleet.kill(1);
        let mut rest = Vec::new();
        let ended = socket.read_to_end(&mut rest);
        let end = rest.ends_with(b"0\r\n\r\n");
        assert!(
            !end,
            "{ended:?}: {} of {} bytes",
            rest.len(),
            whole.body.len()
        );
        assert!(first.len() + rest.len() < whole.body.len());
        fleet.launch(1);
        fleet.publish(|_| {});
    }
}

#[test]
fn only_a_server_may_ask_for_one_volume() {
    let fleet = Fleet::start();
    fleet.put(0, "m", "a", &[(T, 1)]);
    let credential = Fleet::credential(READER);
    for marks in [
        "Penstock-Volume: pod-1\r\n".to_owned(),
        format!(
            "Penstock-Volume: pod-1\r\nPenstock-Server: {}\r\nPenstock-Source: 192.0.2.1\r\n",
            "0".repeat(64)
        ),
    ] {
        let refused = fleet.ask_with(0, &format!("{credential}{marks}"), "GET", EXPORT, b"");
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.body.contains("only servers"), "{refused:?}");
    }
    for path in ["names", "series", "rows", "delete"] {
        let path = format!("/api/v1/volume/{path}");
        let hidden = fleet.ask(0, READER, "POST", &path, b"{}");
        assert_eq!(hidden.status, 404, "{hidden:?}");
    }
}

#[test]
fn a_query_is_counted_once_and_a_token_keeps_its_networks() {
    let fleet = Fleet::start_with(|ledger| {
        let reader = &mut ledger.applications[0].tokens[0];
        assert_eq!(reader.permission, Permission::Write);
        let mut counted = token("CountedToken", Permission::Read);
        // A share of 1 a second and server, and ten seconds' worth at once.
        counted.read_limits.queries_per_second = 3;
        let mut near = token("NearbyTokens", Permission::Read);
        near.allow.source_ranges = vec!["127.0.0.0/8".parse().unwrap()];
        let mut far = token("FarawayToken", Permission::Read);
        far.allow.source_ranges = vec!["192.0.2.0/24".parse().unwrap()];
        ledger.applications[0].tokens.extend([counted, near, far]);
    });
    fleet.put(0, "m", "a", &[(T, 1)]);
    for at in 0..3 {
        // What the other servers ask of this one does not count here.
        for turn in 0..10 {
            let answer = fleet.ask(at, "CountedToken", "GET", EXPORT, b"");
            assert_eq!(answer.status, 200, "{turn}: {answer:?}");
        }
        assert_eq!(
            fleet.ask(at, "NearbyTokens", "GET", EXPORT, b"").status,
            200
        );
        assert_eq!(
            fleet.ask(at, "FarawayToken", "GET", EXPORT, b"").status,
            403
        );
    }
}

#[test]
fn a_server_that_is_behind_makes_no_good_key_bad() {
    let mut fleet = Fleet::start();
    fleet.put(0, "m", "a", &[(T, 1)]);
    // One server misses the ledger that brings a token.
    fleet.kill(2);
    fleet.publish(|ledger| {
        let new = token("NewlyMadeKey", Permission::Read);
        ledger.applications[0].tokens.push(new);
    });
    fleet.launch(2);
    until(|| {
        let answer = fleet.ask(0, "NewlyMadeKey", "GET", EXPORT, b"");
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(
            answer.body.contains("volume pod-2 cannot be read"),
            "{answer:?}"
        );
        answer.body.contains("its server answers 401")
    });
    fleet.publish(|ledger| {
        let new = token("NewlyMadeKey", Permission::Read);
        ledger.applications[0].tokens.push(new);
    });
    assert_eq!(fleet.ask(0, "NewlyMadeKey", "GET", EXPORT, b"").status, 200);
}

#[test]
fn a_name_that_leads_to_the_wrong_server_is_found() {
    let mut fleet = Fleet::start();
    fleet.put(0, "m", "a", &[(T, 1)]);
    // The ledger says that pod-0 is where pod-2 is.
    fleet.publish(|ledger| {
        let there = ledger.volumes[2].address.clone();
        ledger.volumes[1].address = there;
    });
    let refused = fleet.get(0, EXPORT);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(
        refused.body.contains("this server's volume is"),
        "{refused:?}"
    );
}
