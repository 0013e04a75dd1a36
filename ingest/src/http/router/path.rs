//! The one form of a path.

use http::StatusCode;
use http::Uri;
use http::uri::PathAndQuery;

use crate::http::error::ApiError;

/// Endpoints that exist only under `/api/v1`, of `KairosDB`, `VictoriaMetrics` and Prometheus. Their further segments count.
const V1_ONLY: [&str; 4] = ["export", "admin", "health", "volume"];

/// Endpoints whose second segment counts, and which ones it may be; an empty list means any. All else behind an
/// endpoint does not count.
const CHILDREN: [(&str, &[&str]); 5] = [
    ("config", &["filters"]),
    ("query", &["last"]),
    ("search", &[]),
    ("stats", &["jvm", "query", "region_clients", "threads"]),
    ("uid", &[]),
];

/// The highest version of `OpenTSDB`'s API.
const VERSION_MAX: u64 = 1;

/// The same address with its path in the one form; `None` if it already has it.
///
/// # Errors
/// 501 and 400 for versions that there are not.
pub(crate) fn canonical(uri: &Uri) -> Result<Option<Uri>, ApiError> {
    let path = uri.path();
    if matches!(path, "/api/put" | "/api/rollup") {
        // What nearly all requests ask for, before anything is taken apart.
        return Ok(None);
    }
    let wanted = canonical_path(path)?;
    if wanted == path {
        return Ok(None);
    }
    let text = match uri.query() {
        Some(query) => format!("{wanted}?{query}"),
        None => wanted,
    };
    let path_and_query = PathAndQuery::try_from(text)
        .map_err(|error| ApiError::bad_request("Bad request").with_details(error.to_string()))?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts)
        .map(Some)
        .map_err(|error| ApiError::bad_request("Bad request").with_details(error.to_string()))
}

fn canonical_path(path: &str) -> Result<String, ApiError> {
    let lower = path.to_ascii_lowercase();
    let mut segments: Vec<&str> = lower
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    if matches!(segments.first(), Some(&("opentsdb" | "prometheus"))) {
        segments.remove(0);
    }
    if segments.first() != Some(&"api") {
        // OpenTSDB 1.x has no more than one.
        return Ok(if segments.first() == Some(&"health") {
            joined(&segments)
        } else {
            joined(segments.get(..1).unwrap_or(&segments))
        });
    }
    if let Some(version) = segments.get(1).and_then(|segment| version(segment)) {
        check_version(version)?;
        if segments.get(2).is_some_and(|name| V1_ONLY.contains(name)) {
            return Ok(joined(&segments));
        }
        segments.remove(1);
    }
    let child = CHILDREN
        .iter()
        .find(|(endpoint, _)| segments.get(1) == Some(endpoint))
        .zip(segments.get(2))
        .is_some_and(|((_, children), child)| children.is_empty() || children.contains(child));
    segments.truncate(if child { 3 } else { 2 });
    Ok(joined(&segments))
}

fn joined(segments: &[&str]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.push_str(segment);
    }
    if path.is_empty() {
        path.push('/');
    }
    path
}

/// What stands after the `v` of a segment that is meant as a version.
fn version(segment: &str) -> Option<&str> {
    let digits = segment.strip_prefix('v')?;
    digits
        .starts_with(|first: char| first.is_ascii_digit())
        .then_some(digits)
}

fn check_version(version: &str) -> Result<(), ApiError> {
    let number: u64 = version.parse().map_err(|_| {
        ApiError::bad_request("Invalid API version format supplied").with_details(format!(
            "API version [{version}] cannot be parsed to an integer"
        ))
    })?;
    if number > VERSION_MAX {
        return Err(ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            "Requested API version is greater than the max implemented",
        )
        .with_details(format!(
            "API version [{number}] is greater than the max [{VERSION_MAX}]"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str) -> String {
        let uri: Uri = path.parse().unwrap();
        match canonical(&uri) {
            Ok(None) => path.to_owned(),
            Ok(Some(uri)) => uri.to_string(),
            Err(error) => error.status().as_u16().to_string(),
        }
    }

    #[test]
    fn paths_are_brought_into_one_form() {
        for (path, wanted) in [
            ("/api/put", "/api/put"),
            ("/api/put?details", "/api/put?details"),
            ("/API/Put/?Summary=A", "/api/put?Summary=A"),
            ("//api//put//", "/api/put"),
            ("/api/put/x/y", "/api/put"),
            ("/api/v1/put", "/api/put"),
            ("/api/V1/rollup/?details", "/api/rollup?details"),
            ("/api/v0/put", "/api/put"),
            ("/api/v2/put", "501"),
            ("/api/v1x/put", "400"),
            ("/api/v99999999999999999999/put", "400"),
            ("/api/version", "/api/version"),
            ("/api/v1/version", "/api/version"),
            ("/opentsdb/api/put", "/api/put"),
            ("/api/v1/export?match[]=m", "/api/v1/export?match[]=m"),
            ("/prometheus/api/v1/export", "/api/v1/export"),
            // Without its version it is no endpoint.
            ("/api/export", "/api/export"),
            (
                "/api/v1/admin/tsdb/delete_series",
                "/api/v1/admin/tsdb/delete_series",
            ),
            ("/api/v1/health/check/", "/api/v1/health/check"),
            ("/api/v1/search/lookup/?m=M", "/api/search/lookup?m=M"),
            ("/api/search/Nothing/x", "/api/search/nothing"),
            ("/api/config/filters/x", "/api/config/filters"),
            ("/api/config/x", "/api/config"),
            ("/api/query/x", "/api/query"),
            ("/api/query/LAST", "/api/query/last"),
            ("/api/stats/jvm", "/api/stats/jvm"),
            ("/api/stats/x", "/api/stats"),
            ("/api/suggest/x/y", "/api/suggest"),
            ("/Suggest/?q=A", "/suggest?q=A"),
            ("/version/x", "/version"),
            ("/", "/"),
            ("/metrics", "/metrics"),
            ("http://h:1/API/put?x", "http://h:1/api/put?x"),
        ] {
            assert_eq!(shown(path), wanted, "{path}");
        }
    }
}
