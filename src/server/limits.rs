//! Every bound of the server, by name. What is hit says the name; nothing here grows without end.

use crate::config::Settings;
use std::time::Duration;

/// How long a new connection may stay silent before anybody knows which protocol it speaks.
pub const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the head of a request may take from its first byte to its last.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a body may take between two of its pieces.
pub const BODY_PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long a kept HTTP connection may be idle. `tsd.core.socket.timeout`, if set, takes its place.
pub const HTTP_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a telnet connection may be idle: collectors keep theirs open between rounds, and a line sent into a
/// connection that is being closed is lost without a word, so this is long. `tsd.core.socket.timeout` takes its place.
pub const TELNET_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long a client may leave its replies unread before the connection is closed.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long running requests may go on after a stop was asked for.
pub const STOP_GRACE: Duration = Duration::from_secs(10);
/// How long the last flush to the store may take at a stop; what is not flushed stays in the journal.
pub const STOP_FLUSH: Duration = Duration::from_secs(30);

/// Most connections at once when `tsd.core.connections.limit` is 0 and the system allows more.
pub const CONNECTIONS_MAX: usize = 16_384;
/// Sockets left to the store and the journal out of what the system lets this process open.
pub const FILES_RESERVED: usize = 256;

/// Most bytes in the head of a request.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header lines of a request.
pub const HEADERS_MAX: usize = 100;
/// Most bytes of a compressed body, as sent.
pub const BODY_COMPRESSED_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of a body, after decompression if it was compressed.
pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most bytes that one byte of a compressed body may become, counted beyond the first MiB.
pub const BODY_RATIO_MAX: usize = 100;
/// Most bytes of bodies in memory, of all requests together.
pub const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bodies above this many bytes count as chunked for `tsd.http.request.enable_chunked`, as in the original.
pub const BODY_CHUNKED_ABOVE: usize = 8192;

/// Queries that wait for a free thread.
pub const QUERIES_WAITING_MAX: usize = 64;
/// Writes that wait for a free thread.
pub const WRITES_WAITING_MAX: usize = 1024;
/// Other requests that wait for a free thread.
pub const REQUESTS_WAITING_MAX: usize = 256;
/// How long a request may wait for a free thread.
pub const QUEUE_WAIT_MAX: Duration = Duration::from_secs(10);

/// Most bytes of a telnet line whose end has not come yet. OpenTSDB's own number; a line that comes whole may be longer
/// (recorded scenario `long_lines`).
pub const LINE_BYTES_MAX: usize = 1024;
/// Replies held for a telnet client before its input is left alone until it reads.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;
/// How long a telnet connection waits for room when nothing more can be taken, before its lines are refused.
pub const OVERLOAD_WAIT_MAX: Duration = Duration::from_secs(30);
/// Rejected points that `details` describes; more are counted only.
pub const PUT_DETAILS_MAX: usize = 50_000;
/// How long a synchronous put without `sync_timeout` waits for the store.
pub const PUT_SYNC_MAX: Duration = Duration::from_secs(60);

/// Settings that decide how requests are taken.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most connections at once.
    pub connections: usize,
    /// Idle time of kept HTTP connections.
    pub http_idle: Duration,
    /// Idle time of telnet connections.
    pub telnet_idle: Duration,
    /// See [`LINE_BYTES_MAX`].
    pub line_bytes: usize,
    /// `tsd.http.request.enable_chunked` was set to false by the operator: chunked, announced (`Expect`) and large
    /// bodies are refused as the original does. Not set at all, they are taken up to the limits.
    pub refuse_chunked: bool,
    /// `tsd.http.request.max_chunk`, if the operator set it: most bytes of such a body.
    pub max_chunk: Option<usize>,
}

impl Limits {
    /// From the settings; keys that OpenTSDB leaves at "no limit" get ours.
    pub fn new(settings: &Settings) -> Limits {
        let limit = usize::try_from(settings.core_connections_limit).unwrap_or(0);
        let idle = |default| match u64::try_from(settings.core_socket_timeout) {
            Ok(seconds) if seconds > 0 => Duration::from_secs(seconds),
            _ => default,
        };
        Limits {
            connections: if limit > 0 { limit } else { system_connections() },
            http_idle: idle(HTTP_IDLE_TIMEOUT),
            telnet_idle: idle(TELNET_IDLE_TIMEOUT),
            line_bytes: LINE_BYTES_MAX,
            refuse_chunked: false,
            max_chunk: None,
        }
    }
}

/// What the system lets this process open, less a reserve, at most [`CONNECTIONS_MAX`].
fn system_connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.and_then(|n| usize::try_from(n).ok()).unwrap_or(CONNECTIONS_MAX);
    files.saturating_sub(FILES_RESERVED).clamp(16, CONNECTIONS_MAX)
}
