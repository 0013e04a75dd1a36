//! Paths to endpoints, as `OpenTSDB` and its clients spell them.
//!
//! | asked for | served as |
//! |---|---|
//! | `/API/Put/` | `/api/put`: letter case and slashes at the end do not count |
//! | `/api/put/anything` | `/api/put`: what follows an endpoint of one word does not count |
//! | `/api/v1/put` | `/api/put`; `/api/v2/...` is 501, `/api/v1x/...` 400 |
//! | `/opentsdb/api/put` | `/api/put`, as `VictoriaMetrics` serves it |
//! | `/api/v1/export`, `/prometheus/api/v1/export` | itself: of `VictoriaMetrics`, and only with its version |
//! | `/suggest`, `/version` ... | itself: of `OpenTSDB` 1.x |
//! | anything else | 404: below `/api` with the error object, elsewhere a page |
//!
//! The path is brought into its one form before anybody sees it. Points then go straight to their handler, everything
//! else through axum's router: at 50 points a request, its boxes and clones would be a noticeable part of the cost.

mod path;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode, Uri};
use tower::Service as _;

use super::answer::AnswerForm;
use super::context::HttpContext;
use super::cors::Ruling;
use super::delete_series::DELETE_SERIES;
use super::error::ApiError;
use super::presence::{Left, Presence};
use super::unread::Unread;
use super::{
    catalog, delete_series, export, health, histogram, put, query, search, stats, uid, united,
    volume,
};
use crate::protocol::json::Shape;
use crate::volumes::asker;

pub(crate) use path::canonical;

const NOT_FOUND_PAGE: &str = "<!DOCTYPE html><html><head><title>Page Not Found</title></head>\
    <body><h1>Page Not Found</h1><p>The requested URL was not found on this server.</p></body></html>";

/// Every endpoint of the data ports, for one loop. Cloning it is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    context: HttpContext,
    /// All that take no points.
    others: Router,
}

fn others(context: HttpContext) -> Router {
    Router::new()
        // A POST does not come here: the routes are for the answer to other methods.
        .route("/api/put", post(only_post).fallback(only_post))
        .route("/api/rollup", post(only_post).fallback(only_post))
        .route("/api/histogram", endpoint(post(histogram::histogram)))
        .route(
            "/api/query",
            endpoint(get(query::query).post(query::query).delete(query::query)),
        )
        .route(
            "/api/query/last",
            endpoint(get(united::last).post(united::last)),
        )
        .route(
            "/api/v1/export",
            endpoint(get(export::export).post(export::export)),
        )
        .route(
            DELETE_SERIES,
            endpoint(
                get(delete_series::delete_series)
                    .post(delete_series::delete_series)
                    .put(delete_series::delete_series),
            ),
        )
        .route("/api/v1/health/status", endpoint(get(health::status)))
        .route("/api/v1/health/check", endpoint(get(health::check)))
        .route("/health", endpoint(get(health::ok)))
        .merge(lookups())
        .merge(catalog())
        .merge(for_other_servers())
        .fallback(not_found)
        .with_state(context)
}

/// What another server asks on behalf of a query.
fn for_other_servers() -> Router<HttpContext> {
    Router::new()
        .route(asker::NAMES, endpoint(post(volume::names)))
        .route(asker::SERIES, endpoint(post(volume::series)))
        .route(asker::ROWS, endpoint(post(volume::rows)))
        .route(asker::DELETE, endpoint(post(volume::delete)))
}

/// What a read token finds out about names and series.
fn lookups() -> Router<HttpContext> {
    let suggest = || endpoint(get(united::suggest).post(united::suggest));
    let nothing = || endpoint(get(stats::nothing).post(stats::nothing));
    Router::new()
        .route("/api/suggest", suggest())
        .route("/suggest", suggest())
        .route("/api/search", any(search::no_kind))
        .route("/api/search/{kind}", any(united::search))
        .route("/api/uid", any(uid::not_implemented))
        .route(
            "/api/uid/{operation}",
            endpoint(get(united::uid).post(united::uid)),
        )
        .route("/api/stats", endpoint(get(stats::stats).post(stats::stats)))
        .route("/stats", endpoint(get(stats::stats_text)))
        .route(
            "/api/stats/query",
            endpoint(get(stats::queries).post(stats::queries)),
        )
        .route("/api/stats/jvm", endpoint(get(stats::jvm).post(stats::jvm)))
        .route("/api/stats/threads", nothing())
        .route("/api/stats/region_clients", nothing())
}

/// What is the same for everybody.
fn catalog() -> Router<HttpContext> {
    let aggregators = || endpoint(get(catalog::aggregators).post(catalog::aggregators));
    let drop_caches = || endpoint(get(catalog::drop_caches).delete(catalog::drop_caches));
    Router::new()
        .route(
            "/api/version",
            endpoint(get(catalog::version).post(catalog::version)),
        )
        .route("/version", endpoint(get(catalog::version_text)))
        .route("/api/aggregators", aggregators())
        .route("/aggregators", aggregators())
        .route(
            "/api/config",
            endpoint(get(catalog::config).post(catalog::config)),
        )
        .route(
            "/api/config/filters",
            endpoint(get(catalog::filters).post(catalog::filters)),
        )
        .route("/api/dropcaches", drop_caches())
        .route("/dropcaches", drop_caches())
}

/// A route whose other methods get 405 with the error object.
fn endpoint(methods: MethodRouter<HttpContext>) -> MethodRouter<HttpContext> {
    methods.fallback(method_not_allowed)
}

/// Which points an endpoint takes; `None` if it takes none. Errors of those that do count them.
fn shape_of(path: &str) -> Option<Shape> {
    match path {
        "/api/put" => Some(Shape::Put),
        "/api/rollup" => Some(Shape::Rollup),
        _ => None,
    }
}

/// Which points a request brings; `None` if it brings none.
fn puts<B>(request: &http::Request<B>) -> Option<Shape> {
    shape_of(request.uri().path()).filter(|_| *request.method() == Method::POST)
}

/// Whether an address, in any of its forms, is of an endpoint that takes points.
fn takes_points(uri: &Uri) -> bool {
    match canonical(uri) {
        Ok(one_form) => shape_of(one_form.as_ref().unwrap_or(uri).path()).is_some(),
        // Of a version that there is not: the endpoint is meant all the same.
        Err(_) => ["/put", "/rollup"]
            .iter()
            .any(|name| uri.path().to_ascii_lowercase().contains(name)),
    }
}

/// The same of the first bytes of a request; `None` if they name no address.
pub(super) fn line_takes_points(line: &[u8]) -> Option<bool> {
    let address = line.split(|byte| *byte == b' ').nth(1)?;
    let path = address.split(|byte| *byte == b'?').next()?;
    let uri = Uri::try_from(path.trim_ascii_end()).ok()?;
    uri.path().starts_with('/').then(|| takes_points(&uri))
}

impl Routes {
    /// Every endpoint, with the state of one loop.
    pub(crate) fn new(context: HttpContext) -> Self {
        let others = others(context.clone());
        Self::with(context, others)
    }

    /// Endpoints for points, and these others.
    pub(crate) fn with(context: HttpContext, others: Router) -> Self {
        Self { context, others }
    }

    /// Answers one request of a connection. Points are stored whether their client stays or not.
    ///
    /// # Errors
    /// [`Left`]: nobody waits for the answer any more, and what made it is dropped.
    pub(crate) async fn call(
        &self,
        mut request: Request,
        client: &Presence,
    ) -> Result<Response, Left> {
        match canonical(request.uri()) {
            Ok(None) => {}
            Ok(Some(one_form)) => *request.uri_mut() = one_form,
            Err(refused) => return Ok(self.refuse(request, refused).await),
        }
        let server = self.context.server();
        let response = if puts(&request).is_some() {
            // It reads the body itself, whatever it says to it.
            self.served(request).await
        } else {
            let (request, unread) = Unread::lend(request);
            let answering = self.served(request);
            let response = client.while_there(answering, || unread.is_read()).await?;
            unread.forget(&server.bodies).await;
            client.attend(response)
        };
        server.metrics.count_answer(response.status());
        Ok(response)
    }

    /// Answers a request that nobody needs to look at.
    pub(crate) async fn refuse(&self, request: Request, error: ApiError) -> Response {
        let server = self.context.server();
        let error = if takes_points(request.uri()) {
            error.for_put()
        } else {
            error
        };
        server.bodies.forget(request).await;
        server.metrics.count_answer(error.status());
        error.into_response()
    }

    /// Serves a request whose path has its one form: the rules of origins and of answers' forms are around the
    /// endpoint. Another server keeps them itself.
    async fn served(&self, mut request: Request) -> Response {
        let server = self.context.server();
        let method = request.method().clone();
        let puts = shape_of(request.uri().path()).is_some() && method != Method::OPTIONS;
        let refuse = async |request, error: ApiError| {
            server.bodies.forget(request).await;
            if puts { error.for_put() } else { error }.into_response()
        };
        match server.volumes.recognize(request.headers()) {
            Ok(None) => {}
            Ok(Some(from)) => {
                request.extensions_mut().insert(from);
                return self.route(request).await;
            }
            Err(refused) => return refuse(request, refused).await,
        }
        let deletes = request.uri().path() == DELETE_SERIES;
        let cors = &server.cors;
        let ruling = cors.rule(&method, request.headers(), puts || deletes);
        let form = AnswerForm::of(request.uri().query(), request.headers());
        let origin = match ruling {
            Ruling::Plain => None,
            Ruling::Allowed(origin) => Some(origin),
            Ruling::Preflight(origin) => return cors.preflight(origin),
            Ruling::Refused(error) => {
                let refused = refuse(request, error).await;
                return form.unwrap_or_default().apply(&method, refused).await;
            }
        };
        let mut response = match form {
            Ok(form) => {
                let response = self.route(request).await;
                form.apply(&method, response).await
            }
            Err(error) => refuse(request, error).await,
        };
        if let Some(origin) = origin {
            cors.mark(origin, &mut response);
        }
        response
    }

    async fn route(&self, request: Request) -> Response {
        match puts(&request) {
            Some(shape) => put::serve(&self.context, request, shape).await,
            None => match self.others.clone().call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
        }
    }
}

/// JSON below `/api`, and elsewhere what a browser shows.
async fn not_found(uri: Uri) -> Response {
    if uri.path().starts_with("/api") {
        return ApiError::new(StatusCode::NOT_FOUND, "Endpoint not found").into_response();
    }
    let html = HeaderValue::from_static("text/html; charset=UTF-8");
    (
        StatusCode::NOT_FOUND,
        [(CONTENT_TYPE, html)],
        NOT_FOUND_PAGE,
    )
        .into_response()
}

/// An endpoint for points does not say less about them because nobody could have sent any.
async fn only_post(method: Method) -> ApiError {
    method_not_allowed(method).await.for_put()
}

async fn method_not_allowed(method: Method) -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed").with_details(format!(
        "The HTTP method [{method}] is not permitted for this endpoint"
    ))
}
