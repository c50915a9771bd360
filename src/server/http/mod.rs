//! HTTP: one file a resource. Handlers are plain functions that may block; they run on a bounded pool.
//!
//! A request passes, in this order: address, chunking rule, route and version, query string, serializer, CORS, handler,
//! body. The order decides which of several mistakes is answered, and is the original's.

pub mod aggregators;
pub mod alerts;
pub mod annotation;
pub mod anomalies;
pub mod answer;
pub mod api;
pub mod body;
pub mod config;
pub mod cors;
pub mod dropcaches;
pub mod exp;
pub mod graph;
pub mod histogram;
pub mod last;
pub mod logs;
pub mod meta;
pub mod metrics;
pub mod pages;
pub mod put;
pub mod put_json;
pub mod query;
pub mod query_string;
mod reply;
pub mod route;
pub mod search;
pub mod serializers;
pub mod similar;
pub mod static_files;
pub mod stats;
pub mod suggest;
pub mod tree;
pub mod ui;
pub mod ui_files;
pub mod uid;
pub mod version;

use super::port::{Phase, Watched};
use super::{Shared, Stop};
use crate::query::engine::Cancel;
use answer::{Context, Refusal};
use api::{ApiError, ApiRequest, ApiResponse};
use body::Text;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use route::{Handler, Route};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::net::TcpStream;

/// Serves one connection until it ends or a stop is asked for.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr, mut stop: Stop) {
    let phase = Arc::new(Phase::default());
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(None); // `Watched` has the deadlines
    builder.title_case_headers(true).auto_date_header(false).pipeline_flush(true);
    builder.max_headers(shared.limits.headers).max_buf_size(shared.limits.head_bytes);
    let io = TokioIo::new(Watched::new(stream, phase.clone(), &shared.limits));
    let owner = shared.clone();
    let service = service_fn(move |request| {
        let (shared, phase) = (owner.clone(), phase.clone());
        async move { Ok::<_, Infallible>(exchange(shared, phase, peer, request).await) }
    });
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.asked() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!(%peer, "HTTP connection ended: {e}");
    }
}

/// Tells a handler that nobody waits for its answer any more.
struct Gone(Cancel);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One request and its response. Dropped by the HTTP library when the client goes away.
async fn exchange(shared: Arc<Shared>, phase: Arc<Phase>, peer: SocketAddr, request: Request<Incoming>) -> Response<Full<Bytes>> {
    phase.busy();
    let begun = Instant::now();
    shared.tsd.stats.server.http_requests.inc();
    let (parts, body) = request.into_parts();
    let gone = Gone(Cancel::default());
    let mut context = Context { show_trace: shared.tsd.settings.http_show_stack_trace, packing: packing(&parts), ..Context::default() };
    let outcome = match prepare(&shared, &parts, &mut context) {
        Err(refusal) => Err(refusal),
        Ok(None) => Ok(ApiResponse { content_type: "", ..ApiResponse::json("") }),
        Ok(Some((handler, params, route))) => {
            let call = Call { shared: &shared, parts: &parts, peer, cancel: gone.0.clone() };
            call.handle(handler, params, route, body).await.map_err(Refusal::from)
        }
    };
    if let Err(Refusal::Error(e)) = &outcome {
        tracing::debug!(%peer, status = e.status, path = %parts.uri, "refused: {}", e.message);
    }
    let response = context.respond(outcome);
    let stats = &shared.tsd.stats.server;
    stats.http_latency.record(begun.elapsed());
    if response.status().is_server_error() {
        stats.exceptions.inc();
    }
    phase.idle();
    response
}

/// The handler, the decoded parameters and the route of a request.
type Prepared = (Handler, Vec<(String, String)>, Route);

/// All that can be said before the body is read. `None`: an accepted OPTIONS, answered with its headers alone.
fn prepare(shared: &Shared, parts: &Parts, context: &mut Context) -> Result<Option<Prepared>, Refusal> {
    context.path = parts.uri.path().to_owned();
    if shared.limits.body.refuse_chunked && body::is_chunked(parts) && !ui::is_of_pages(&context.path) {
        return Err(ApiError::bad("Chunked request not supported.").into()); // an HTML page under /api too: strict/put-over-8k
    }
    // Errors below take the shape of the newest version if the path is one of the API, whatever is wrong with it.
    context.version = u32::from(is_api(&context.path));
    let params = query_string::decode(parts.uri.query().unwrap_or_default())?;
    let last = |name: &str| params.iter().rev().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
    context.json = last("json").is_some();
    context.jsonp = last("jsonp").map(answer::jsonp_name).transpose()?;
    let route = Route::parse(&context.path)?;
    (context.version, context.wrapping) = (route.version, route.wrapping());
    if let Some(name) = last("serializer").filter(|&name| name != "json") {
        let details = format!("Could not find a serializer with the name: {name}");
        return Err(ApiError::bad("Requested serializer was not found").details(details).into());
    }
    let origin = parts.headers.get("origin").and_then(|v| v.to_str().ok());
    context.cors = shared.cors.check(parts.method.as_str(), origin)?;
    if parts.method == hyper::Method::OPTIONS {
        return Ok(None);
    }
    let handler = route.handler(&shared.tsd.settings).ok_or(Refusal::NotFound)?;
    Ok(Some((handler, params, route)))
}

fn is_api(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.next().is_some_and(str::is_empty) && parts.next().is_some_and(|p| p.eq_ignore_ascii_case("api"))
}

fn packing(parts: &Parts) -> Option<api::Packing> {
    api::packing(parts.headers.get("accept-encoding")?.to_str().ok()?)
}

/// A request on its way to a handler.
struct Call<'a> {
    shared: &'a Arc<Shared>,
    parts: &'a Parts,
    peer: SocketAddr,
    cancel: Cancel,
}

impl Call<'_> {
    async fn handle(&self, handler: Handler, params: Vec<(String, String)>, route: Route, body: Incoming) -> Result<ApiResponse, ApiError> {
        let limits = match ui::is_of_pages(self.parts.uri.path()) {
            true => self.shared.limits.body.of_pages(),
            false => self.shared.limits.body.clone(),
        };
        let sent = body::read(self.parts, body, &limits, &self.shared.bodies).await?;
        let unread = sent.unread();
        self.hand_over(handler, self.request(params, route), sent, limits.json_depth).await.map_err(|error| unread.explain(error))
    }

    async fn hand_over(&self, handler: Handler, request: ApiRequest, sent: body::Sent, depth: usize) -> Result<ApiResponse, ApiError> {
        let pools = &self.shared.pools;
        let tsd = self.shared.tsd.clone();
        let (pool, call) = match handler {
            Handler::Query(call) => (&pools.queries, call),
            Handler::Call(call) => (&pools.others, call),
            Handler::Put => return put::put(self.shared, put::Kind::Points, request, sent).await,
            Handler::Rollup => return put::put(self.shared, put::Kind::Rollups, request, sent).await,
            Handler::Histogram => return put::put(self.shared, put::Kind::Histograms, request, sent).await,
            // Whatever comes as a body is of no interest there.
            Handler::Home => return pools.others.run(move || ui_files::home(&tsd, &request)).await.and_then(|answer| answer),
            Handler::Die => return self.die(),
        };
        let run = move || {
            let text = sent.into_text()?;
            body::check_depth(&text.text, depth)?;
            let (request, _text) = with_body(request, text);
            call(&tsd, &request)
        };
        pool.run(run).await.and_then(|answer| answer)
    }

    fn request(&self, params: Vec<(String, String)>, route: Route) -> ApiRequest {
        let headers = self.parts.headers.iter();
        ApiRequest {
            method: self.parts.method.as_str().to_owned(),
            path: self.parts.uri.path().to_owned(),
            target: self.parts.uri.path_and_query().map(|target| target.as_str().to_owned()).unwrap_or_default(),
            endpoint: route.endpoint,
            version: route.version,
            params,
            headers: headers.map(|(k, v)| (k.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect(),
            body: Vec::new(),
            peer: Some(self.peer),
            cancel: self.cancel.clone(),
        }
    }

    /// `/diediedie`: from this machine only, unlike the original, which stops for anybody.
    fn die(&self) -> Result<ApiResponse, ApiError> {
        if !self.peer.ip().to_canonical().is_loopback() {
            return Err(ApiError::new(403, "diediedie is taken from this machine only"));
        }
        tracing::warn!(peer = %self.peer, "shutdown requested");
        self.shared.ask_stop();
        Ok(answer::html(pages::exiting()))
    }
}

/// Moves the text into the request and keeps its share of the budget alive beside it.
fn with_body(mut request: ApiRequest, mut text: Text) -> (ApiRequest, Text) {
    request.body = std::mem::take(&mut text.text).into_bytes();
    (request, text)
}
