//! Every bound of the server, by name. What is hit says the name; nothing here grows without end.
//!
//! Operators set those of [`Limits`] by keys; the constants are bounds that nobody needs to turn.

use crate::config::Settings;
use std::time::Duration;

/// How long a client may leave its replies unread before the connection is closed.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long running requests may go on after a stop was asked for.
pub const STOP_GRACE: Duration = Duration::from_secs(10);
/// How long the last flush to the store may take at a stop; what is not flushed stays in the journal.
pub const STOP_FLUSH: Duration = Duration::from_secs(30);
/// How long a refused body is still read, and
pub const DRAIN_TIME: Duration = Duration::from_secs(5);
/// how many bytes of it: a client that is still sending cannot read why it was refused.
pub const DRAIN_BYTES: usize = 64 * 1024 * 1024;

/// Most connections at once when `tsd.core.connections.limit` is 0 and the system allows more.
pub const CONNECTIONS_MAX: usize = 16_384;
/// Sockets left to the store and the journal out of what the system lets this process open.
pub const FILES_RESERVED: usize = 256;

/// Most bytes that one byte of a compressed body of more than a MiB may become. Points that differ in little come to 55, with
/// eight long tags to 120; a body made to unfold comes to a thousand.
pub const BODY_RATIO_MAX: usize = 500;
/// Most bytes of bodies in memory, of all requests together.
pub const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bodies above this many bytes count as chunked for `tsd.http.request.enable_chunked`, as in the original.
pub const BODY_CHUNKED_ABOVE: usize = 8192;
/// Bytes of a body of `/api/ui/*` that are taken whatever `tsd.http.request.max_chunk` says.
pub const PAGE_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Queries that wait for a free thread; `tsd.query.concurrent` says how many run.
pub const QUERIES_WAITING_MAX: usize = 64;
/// Writes that wait for a free thread.
pub const WRITES_WAITING_MAX: usize = 1024;
/// Other requests that wait for a free thread.
pub const REQUESTS_WAITING_MAX: usize = 256;
/// How long a request may wait for a free thread.
pub const QUEUE_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long a connection waits for room when nothing more can be taken, before its points are refused, and
pub const OVERLOAD_WAIT_MAX: Duration = Duration::from_secs(30);
/// how long it waits between two tries.
pub const OVERLOAD_PAUSE: Duration = Duration::from_millis(20);
/// Rejected points that `details` describes; more are counted only.
pub const PUT_DETAILS_MAX: usize = 50_000;
/// How long a synchronous put waits for the store at most, whatever its `sync_timeout` says.
pub const PUT_SYNC_MAX: Duration = Duration::from_secs(60);

/// In the place of "for ever".
const EVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Bounds of connections, from the settings.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most connections at once: `tsd.core.connections.limit`, or what the system allows.
    pub connections: usize,
    /// `tsd.network.first_byte_timeout`
    pub first_byte: Duration,
    /// `tsd.core.socket.timeout`, else `tsd.network.telnet_idle_timeout`
    pub telnet_idle: Duration,
    /// `tsd.network.line_bytes_max`: bytes of a line whose end has not come yet. A line that comes whole may be longer
    /// (recorded scenario `long_lines`).
    pub line_bytes: usize,
    /// `tsd.network.reply_bytes_max`: replies held for a client before its input is left alone until it reads.
    pub reply_bytes: usize,
    /// `tsd.core.socket.timeout`, else `tsd.http.idle_timeout`
    pub http_idle: Duration,
    /// `tsd.http.header_timeout`
    pub head_timeout: Duration,
    /// `tsd.http.header_bytes_max`
    pub head_bytes: usize,
    /// `tsd.http.headers_max`
    pub headers: usize,
    /// Of bodies.
    pub body: BodyLimits,
}

/// Bounds of request bodies, from the settings.
#[derive(Clone, Debug)]
pub struct BodyLimits {
    /// `tsd.http.request.enable_chunked` is false: chunked, announced (`Expect`) and large bodies are refused as the
    /// original does.
    pub refuse_chunked: bool,
    /// `tsd.http.request.max_chunk`: bytes of such a body.
    pub max_chunk: usize,
    /// `tsd.http.request.max_body`: bytes of any body, as sent.
    pub max_body: usize,
    /// `tsd.http.request.max_inflated`: bytes of a compressed body, unpacked.
    pub max_inflated: usize,
    /// `tsd.http.request.timeout`: how long a body may take to arrive.
    pub timeout: Duration,
    /// `tsd.http.json_depth_max`
    pub json_depth: usize,
}

impl BodyLimits {
    /// Those of `/api/ui/*`: OpenTSDB, which has none of it, sets no rule for large bodies there.
    pub fn of_pages(&self) -> BodyLimits {
        BodyLimits { refuse_chunked: false, max_chunk: self.max_chunk.max(PAGE_BODY_BYTES_MAX), ..self.clone() }
    }
}

impl Limits {
    /// From the settings, whose ranges were checked when they were read.
    pub fn new(settings: &Settings) -> Limits {
        let silent = duration(settings.core_socket_timeout.saturating_mul(1000));
        let idle = |own| if silent < EVER { silent } else { duration(own) };
        Limits {
            connections: match size(settings.core_connections_limit) {
                0 => system_connections(),
                limit => limit,
            },
            first_byte: duration(settings.network_first_byte_timeout),
            telnet_idle: idle(settings.network_telnet_idle_timeout),
            line_bytes: size(settings.network_line_bytes_max),
            reply_bytes: size(settings.network_reply_bytes_max),
            http_idle: idle(settings.http_idle_timeout),
            head_timeout: duration(settings.http_header_timeout),
            head_bytes: size(settings.http_header_bytes_max),
            headers: size(settings.http_headers_max),
            body: BodyLimits {
                refuse_chunked: !settings.http_request_enable_chunked,
                max_chunk: size(settings.http_request_max_chunk),
                max_body: size(settings.http_request_max_body),
                max_inflated: size(settings.http_request_max_inflated),
                timeout: duration(settings.http_request_timeout),
                json_depth: size(settings.http_json_depth_max),
            },
        }
    }
}

/// Milliseconds of a setting; 0 is for ever.
fn duration(millis: i64) -> Duration {
    match u64::try_from(millis) {
        Ok(0) | Err(_) => EVER,
        Ok(millis) => Duration::from_millis(millis),
    }
}

fn size(setting: i64) -> usize {
    usize::try_from(setting).unwrap_or(0)
}

/// What the system lets this process open, less a reserve, at most [`CONNECTIONS_MAX`].
fn system_connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.and_then(|n| usize::try_from(n).ok()).unwrap_or(CONNECTIONS_MAX);
    files.saturating_sub(FILES_RESERVED).clamp(16, CONNECTIONS_MAX)
}
