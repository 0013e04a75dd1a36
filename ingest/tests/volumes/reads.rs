//! What lies on several volumes is read, and deleted, as if it lay on one.

use penstock_model::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::fleet::{Answer, Fleet, WRITER};

const EXPORT: &str = "/api/v1/export?start=0&end=9999999999&match[]=";
/// 2023-11-14T22:13:20Z.
const T: i64 = 1_700_000_000;

/// Each line of an export as host, times in seconds after [`T`], values.
fn lines(answer: &Answer) -> Vec<(String, Vec<(i64, i64)>)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.is_whole, "{answer:?}");
    answer
        .body
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let host = line["metric"]["host"].as_str().unwrap().to_owned();
            let numbers = |name: &str| -> Vec<i64> {
                line[name]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|n| n.as_i64().unwrap())
                    .collect()
            };
            let times = numbers("timestamps")
                .into_iter()
                .map(|time| time / 1_000 - T);
            (host, times.zip(numbers("values")).collect())
        })
        .collect()
}

/// Results of a query as (tags, points).
fn results(answer: &Answer) -> Vec<(Value, Value)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.is_whole, "{answer:?}");
    let results = answer.json();
    let results = results.as_array().unwrap().iter();
    results
        .map(|one| (one["tags"].clone(), one["dps"].clone()))
        .collect()
}

#[test]
fn whichever_server_is_asked_the_answer_is_that_of_all() {
    let fleet = Fleet::start();
    // pod-1 is member 0, pod-0 member 1. A series on all three, one on two, one on a single one.
    fleet.put(0, "m", "a", &[(T, 1), (T + 30, 4)]);
    fleet.put(1, "m", "a", &[(T + 10, 2)]);
    fleet.put(2, "m", "a", &[(T + 20, 3)]);
    fleet.put(1, "m", "b", &[(T, 10), (T + 10, 20)]);
    fleet.put(2, "m", "b", &[(T + 20, 30)]);
    fleet.put(2, "m", "c", &[(T + 10, 5)]);
    fleet.put(1, "other", "a", &[(T, 99)]);

    for at in 0..3 {
        let exported = lines(&fleet.get(at, &format!("{EXPORT}m")));
        let expected = [
            ("a", vec![(0, 1), (10, 2), (20, 3), (30, 4)]),
            ("b", vec![(0, 10), (10, 20), (20, 30)]),
            ("c", vec![(10, 5)]),
        ];
        assert_eq!(
            exported,
            expected.map(|(host, rows)| (host.to_owned(), rows))
        );

        let by_host = fleet.get(at, &format!("/api/query?start={T}&end={}&m=none:m", T + 60));
        let key = |seconds: i64| (T + seconds).to_string();
        assert_eq!(
            results(&by_host),
            [
                (
                    json!({"host":"a"}),
                    json!({key(0): 1, key(10): 2, key(20): 3, key(30): 4})
                ),
                (
                    json!({"host":"b"}),
                    json!({key(0): 10, key(10): 20, key(20): 30})
                ),
                (json!({"host":"c"}), json!({key(10): 5})),
            ]
        );
        let sum = fleet.get(at, &format!("/api/query?start={T}&end={}&m=sum:m", T + 60));
        assert_eq!(
            results(&sum)[0].1,
            json!({key(0): 11, key(10): 27, key(20): 33, key(30): 4})
        );
        let averages = fleet.get(
            at,
            &format!("/api/query?start={}&m=sum:1m-avg:m%7Bhost=*%7D", T - 60),
        );
        assert_eq!(results(&averages).len(), 3);
    }
}

#[test]
fn a_name_is_known_if_any_server_knows_it() {
    let fleet = Fleet::start();
    fleet.put(2, "m", "a", &[(T, 1)]);
    for at in 0..3 {
        let known = fleet.get(
            at,
            &format!(
                "/api/query?start={T}&end={}&m=sum:m%7Bhost=a%7D&show_tsuids=true",
                T + 60
            ),
        );
        let tsuid = known.json()[0]["tsuids"][0].as_str().unwrap().to_owned();
        let by_id = fleet.get(
            at,
            &format!("/api/query?start={T}&end={}&tsuid=sum:{tsuid}", T + 60),
        );
        assert_eq!(results(&by_id).len(), 1);
        let unknown = fleet.get(at, &format!("/api/query?start={T}&m=sum:none"));
        assert_eq!(unknown.status, 400);
        assert!(
            unknown.body.contains("No such name for 'metrics': 'none'"),
            "{unknown:?}"
        );
        let unknown = tsuid.replacen(|_| true, "f", 3);
        let unknown = fleet.get(at, &format!("/api/query?start={T}&tsuid=sum:{unknown}"));
        assert_eq!(unknown.status, 400, "{unknown:?}");
    }
}

#[test]
fn of_two_points_of_one_time_the_last_volume_wins() {
    let fleet = Fleet::start();
    for (at, value) in [(2, 22), (0, 10), (1, 1)] {
        fleet.put(at, "m", "a", &[(T, value)]);
    }
    for at in 0..3 {
        let exported = lines(&fleet.get(at, &format!("{EXPORT}m")));
        assert_eq!(exported, [("a".to_owned(), vec![(0, 22)])], "pod-2's");
        let query = fleet.get(at, &format!("/api/query?start={T}&m=sum:m"));
        assert_eq!(results(&query)[0].1, json!({T.to_string(): 22}));
    }
}

#[test]
fn series_that_do_not_line_up_are_read_twice_and_many_in_batches() {
    let fleet = Fleet::start();
    // More series than one request names; their times all differ.
    let mut expected = serde_json::Map::new();
    for series in 0..1_500_i64 {
        let at = usize::try_from(series % 3).unwrap();
        fleet.put(
            at,
            "m",
            &format!("h{series:04}"),
            &[(T + series, 1), (T + 3_000, 1)],
        );
        expected.insert((T + series).to_string(), json!(series + 1));
    }
    expected.insert((T + 3_000).to_string(), json!(1_500));
    for at in 0..3 {
        let sum = fleet.get(
            at,
            &format!("/api/query?start={T}&end={}&m=sum:m", T + 3_600),
        );
        assert_eq!(results(&sum)[0].1, Value::Object(expected.clone()));
    }
}

#[test]
fn a_delete_reaches_every_volume() {
    let fleet = Fleet::start();
    for at in 0..3 {
        fleet.put(at, "m", "a", &[(T + i64::try_from(at).unwrap(), 1)]);
        fleet.put(at, "m", "b", &[(T, 1), (T + 100, 2)]);
    }
    let path = "/api/v1/admin/tsdb/delete_series?match[]=%7Bhost=%22a%22%7D";
    assert_eq!(fleet.ask(1, WRITER, "POST", path, b"").status, 204);
    let query = format!("/api/query?start={T}&end={}&m=sum:m", T + 50);
    let deleted = fleet.ask(2, WRITER, "DELETE", &query, b"");
    assert_eq!(results(&deleted).len(), 1);
    for at in 0..3 {
        let left = lines(&fleet.get(at, &format!("{EXPORT}m")));
        assert_eq!(left, [("b".to_owned(), vec![(100, 2)])]);
    }
}

#[test]
fn names_and_newest_points_are_those_of_all_volumes() {
    let fleet = Fleet::start();
    fleet.put(0, "cpu", "a", &[(T, 1)]);
    fleet.put(1, "cpu", "b", &[(T, 2)]);
    fleet.put(2, "cpu", "a", &[(T + 10, 3)]);
    fleet.put(2, "disk", "c", &[(T, 4)]);
    for at in 0..3 {
        let names = |query: &str| fleet.get(at, &format!("/api/suggest?{query}")).json();
        assert_eq!(names("type=metrics"), json!(["cpu", "disk"]));
        assert_eq!(names("type=tagv&max=2"), json!(["a", "b"]));
        let found = fleet.get(at, "/api/search/lookup?m=cpu").json();
        assert_eq!(found["totalResults"], 2, "{found}");
        let elsewhere = fleet
            .get(at, "/api/search/lookup?m=disk%7Bhost=c%7D")
            .json();
        assert_eq!(
            elsewhere["results"][0]["tags"],
            json!({"host": "c"}),
            "{elsewhere}"
        );
        let unknown = fleet.get(at, "/api/search/lookup?m=none");
        assert_eq!(unknown.status, 404, "{unknown:?}");
        let newest = fleet
            .get(
                at,
                "/api/query/last?timeseries=cpu%7Bhost=a%7D&resolve=true",
            )
            .json();
        assert_eq!(newest.as_array().unwrap().len(), 1, "{newest}");
        assert_eq!(newest[0]["value"], "3", "{newest}");
        let newest = fleet
            .get(at, "/api/query/last?timeseries=disk&resolve=true")
            .json();
        assert_eq!(newest[0]["value"], "4", "{newest}");
    }
}

#[test]
fn names_that_only_different_volumes_know_are_all_known() {
    let fleet = Fleet::start();
    fleet.put(0, "cpu", "a", &[(T, 1)]);
    fleet.put(1, "disk", "b", &[(T, 2)]);
    for at in 0..3 {
        // pod-2 knows nothing of it; the others one name each.
        for path in [
            "/api/search/lookup?m=cpu%7Bhost=b%7D",
            "/api/query/last?timeseries=cpu%7Bhost=b%7D",
            &format!("/api/query?start={T}&m=sum:cpu%7Bhost=b%7D"),
        ] {
            let answer = fleet.get(at, path);
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            let json = answer.json();
            let found = json.get("results").unwrap_or(&json);
            assert_eq!(found, &json!([]), "{path}");
        }
        for (path, status) in [
            ("/api/search/lookup?m=cpu%7Bhost=c%7D", 404),
            ("/api/query/last?timeseries=cpu%7Bhost=c%7D", 400),
        ] {
            let unknown = fleet.get(at, path);
            assert_eq!(unknown.status, status, "{path}: {unknown:?}");
            let expected = "No such name for 'tagv': 'c'";
            assert!(unknown.body.contains(expected), "{path}: {unknown:?}");
        }
        // A query of one that is known and one that is not has no answer.
        let both = "/api/query/last?timeseries=disk&timeseries=none";
        assert_eq!(fleet.get(at, both).status, 400);
        let found = fleet.get(at, "/api/search/lookup?m=disk").json();
        let tsuid = found["results"][0]["tsuid"].as_str().unwrap().to_owned();
        let newest = fleet
            .get(at, &format!("/api/query/last?tsuids={tsuid}"))
            .json();
        assert_eq!(newest[0]["value"], "2", "{newest}");
        let unknown = tsuid.replacen(|_| true, "f", 3);
        let unknown = fleet.get(at, &format!("/api/query/last?tsuids={unknown}"));
        assert_eq!(unknown.status, 400, "{unknown:?}");
    }
}

#[test]
fn a_request_that_is_wrong_is_wrong_on_every_volume() {
    let fleet = Fleet::start();
    fleet.put(0, "cpu", "a", &[(T, 1)]);
    for path in [
        "/api/suggest?type=none",
        "/api/search/lookup",
        "/api/search/tsmeta?m=cpu",
        "/api/query/last",
        "/api/uid/assign",
    ] {
        for at in 0..3 {
            let refused = fleet.get(at, path);
            assert_eq!(refused.status, 400, "{path}: {refused:?}");
            assert_eq!(refused.json()["error"]["code"], 400, "{path}");
        }
    }
}

#[test]
fn ids_and_figures_are_those_of_all_volumes() {
    let fleet = Fleet::start();
    fleet.put(0, "cpu", "a", &[(T, 1)]);
    fleet.put(1, "disk", "b", &[(T, 2)]);
    let now = SystemClock::new().now().millis() / 1_000;
    for at in 0..3 {
        fleet.put(at, "today", &format!("h{at}"), &[(now, 1)]);
    }
    for at in 0..3 {
        let assigned = fleet.get(at, "/api/uid/assign?metric=cpu,disk,new&tagv=b,c");
        assert_eq!(assigned.status, 400, "{assigned:?}");
        let assigned = assigned.json();
        let names = |member: &str| -> Vec<&String> {
            assigned[member].as_object().unwrap().keys().collect()
        };
        assert_eq!(names("metric"), ["new"]);
        assert_eq!(names("metric_errors"), ["cpu", "disk"]);
        assert_eq!(names("tagv"), ["c"]);
        assert_eq!(names("tagv_errors"), ["b"]);
        let free = fleet.get(at, "/api/uid/assign?metric=new");
        assert_eq!(free.status, 200, "{free:?}");
        assert_eq!(free.json()["metric"]["new"], assigned["metric"]["new"]);

        let stats = fleet.get(at, "/api/stats").json();
        assert_eq!(stats[0]["metric"], "tsd.series.active");
        assert_eq!(stats[0]["value"], "3", "{stats}");
        assert!(fleet.get(at, "/stats").body.contains(" 3 "));
    }
}
