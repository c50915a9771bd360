//! The whole server over real sockets on a free port.

use super::*;
use crate::config::Settings;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

/// A server that runs until it is dropped.
struct Running {
    address: SocketAddr,
    tsd: Arc<Tsd>,
    stop: Option<oneshot::Sender<()>>,
    ended: Option<tokio::task::JoinHandle<io::Result<()>>>,
    runtime: Option<Runtime>,
    _folder: tempfile::TempDir,
}

impl Running {
    fn with(change: impl FnOnce(&mut Settings)) -> Running {
        let mut settings = Settings { core_auto_create_metrics: true, ..Settings::default() };
        let folder = tempfile::tempdir().unwrap();
        settings.storage_embedded_path = folder.path().to_str().unwrap().to_owned();
        change(&mut settings);
        let tsd = Arc::new(Tsd::open(settings).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let ended = runtime.spawn(serve(tsd.clone(), listener, async move {
            let _ = stopped.await;
        }));
        Running { address, tsd, stop: Some(stop), ended: Some(ended), runtime: Some(runtime), _folder: folder }
    }

    fn new() -> Running {
        Running::with(|_| {})
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(async { timeout(Duration::from_secs(180), work).await.expect("the test takes too long") })
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes in pieces and reads until the other side closes, or nothing came for a while.
    async fn talk(&self, bytes: &[u8], piece: usize) -> String {
        let mut stream = self.connect().await;
        stream.set_nodelay(true).unwrap();
        for part in bytes.chunks(piece) {
            if stream.write_all(part).await.is_err() {
                break;
            }
            if piece < bytes.len() {
                sleep(Duration::from_millis(1)).await;
            }
        }
        listen(&mut stream).await
    }

    fn check(&self, bytes: &str, want: &str) {
        let all = bytes.as_bytes();
        let (whole, threes, ones) = self.run(async { tokio::join!(self.talk(all, all.len()), self.talk(all, 3), self.talk(all, 1)) });
        for (got, piece) in [(whole, all.len()), (threes, 3), (ones, 1)] {
            assert_eq!(got, want, "{bytes:?} in pieces of {piece}");
        }
    }

    fn status(&self, request: &[u8]) -> String {
        let answer = self.run(self.talk(request, request.len()));
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        format!("{} {body}", answer.split(' ').nth(1).unwrap_or("nothing"))
    }

    fn stop(&mut self) -> Duration {
        let begun = Instant::now();
        drop(self.stop.take());
        let ended = self.ended.take().unwrap();
        self.run(ended).unwrap().unwrap();
        begun.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What comes until the other side closes or is silent: for a while behind an answer, longer before one, which may need a disk.
async fn listen(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    let mut buffer = vec![0; 65536]; // not in the future, which is moved about on small stacks
    let mut silence = Duration::from_secs(3);
    while let Ok(Ok(n)) = timeout(silence, stream.read(&mut buffer)).await {
        if n == 0 {
            break;
        }
        silence = Duration::from_millis(300);
        got.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8_lossy(&got).into_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const EMPTY_LIST: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: 2\r\n\r\n[]";
const POINT: &str = r#"{"metric":"m","timestamp":1400000000,"value":1,"tags":{"a":"b"}}"#;

#[test]
fn one_port_two_languages_any_packets() {
    let server = Running::new();
    server.check("GET /api/suggest?type=metrics HTTP/1.1\r\n\r\n", EMPTY_LIST); // http_raw/t01
    server.check(
        "GET /api/suggest?type=metrics HTTP/1.1\r\nConnection: keep-alive\r\n\r\nGET /api/suggest?type=tagk HTTP/1.1\r\n\r\n",
        &format!("{EMPTY_LIST}{EMPTY_LIST}"), // http_raw/t02
    );
    server.check(
        "help\r\nfoo\n",
        "available commands: stats dropcaches version exit help put rollup histogram diediedie \nunknown command: foo.  Try `help'.\n",
    );
    server.check("\n", "unknown command: .  Try `help'.\n");
    let post = |head: &str, body: &str| format!("POST /api/put HTTP/1.1\r\n{head}\r\n{body}");
    let done = "HTTP/1.1 204 No Content\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n";
    server.check(&post(&format!("Content-Length: {}\r\n", POINT.len()), POINT), done);
    let chunks = format!("5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", &POINT[..5], POINT.len() - 5, &POINT[5..]);
    server.check(&post("Transfer-Encoding: chunked\r\n", &chunks), done);
    server.check(
        &post(&format!("Expect: 100-continue\r\nContent-Length: {}\r\n", POINT.len()), POINT),
        &format!("HTTP/1.1 100 Continue\r\n\r\n{done}"),
    );
}

/// What a connection costs while it says nothing: its task, without what it has read.
#[test]
fn a_connection_is_small() {
    let server = Running::new();
    let stream = server.run(server.connect());
    let shared = Arc::new(Shared::new(server.tsd.clone()));
    let bytes = std::mem::size_of_val(&connection(shared, stream, server.address));
    assert!(bytes < 8 * 1024, "{bytes} bytes");
}

#[test]
fn http_versions_and_methods() {
    let server = Running::new();
    let close = server.run(server.talk(b"GET /api/suggest?type=metrics HTTP/1.1\r\nConnection: close\r\n\r\n", 999));
    assert!(close.contains("Connection: close\r\n") && close.ends_with("\r\n\r\n[]"), "{close}");
    let old = server.run(server.talk(b"GET /api/suggest?type=metrics HTTP/1.0\r\n\r\n", 999));
    assert!(old.starts_with("HTTP/1.0 200 OK\r\n") && old.ends_with("\r\n\r\n[]"), "{old}");
    let head = server.run(server.talk(b"HEAD /api/version HTTP/1.1\r\n\r\n", 999));
    assert!(
        head.starts_with("HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json; charset=UTF-8\r\n")
            && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert!(server.status(b"GET /api/suggest?type=%zz HTTP/1.1\r\n\r\n").starts_with("400 {\"error\":"));
    assert!(
        server
            .status(b"POST /api/suggest HTTP/1.1\r\nContent-Type: a/b; charset=nosuch\r\nContent-Length: 2\r\n\r\n{}")
            .starts_with("400 ")
    );
    assert!(server.status(b"GET nosuch HTTP/1.1\r\n\r\n").starts_with("400 "));
    assert!(server.status(b"GET /api/suggest?type=metrics&jsonp=alert(1) HTTP/1.1\r\n\r\n").starts_with("400 {\"error\":"));
    assert_eq!(
        server.status(b"GET /api/nosuch?jsonp=cb HTTP/1.1\r\n\r\n"),
        "404 cb({\"error\":{\"code\":404,\"message\":\"Endpoint not found\"}})"
    );
}

#[test]
fn bodies_have_bounds() {
    let server = Running::with(|s| s.http_request_max_body = 4096);
    let post = |headers: &str, body: &[u8]| {
        let mut request = format!("POST /api/put?summary HTTP/1.1\r\nContent-Length: {}\r\n{headers}\r\n", body.len()).into_bytes();
        request.extend_from_slice(body);
        server.status(&request)
    };
    let spaces = |n: usize| format!("{POINT}{}", " ".repeat(n));
    assert_eq!(post("", POINT.as_bytes()), "200 {\"success\":1,\"failed\":0}");
    assert_eq!(post("Content-Encoding: gzip\r\n", &gzip(POINT.as_bytes())), "200 {\"success\":1,\"failed\":0}");
    assert_eq!(post("", spaces(4096 - POINT.len()).as_bytes()), "200 {\"success\":1,\"failed\":0}");
    let refused = post("", spaces(4097 - POINT.len()).as_bytes());
    assert!(refused.starts_with("413 ") && refused.contains("tsd.http.request.max_body"), "{refused}");
    let bomb = post("Content-Encoding: gzip\r\n", &gzip(spaces(2 << 20).as_bytes()));
    assert!(bomb.starts_with("413 ") && bomb.contains("BODY_RATIO_MAX"), "{bomb}");
    assert!(post("Content-Encoding: gzip\r\n", b"no gzip at all").starts_with("400 "));
    assert_eq!(post("Content-Encoding: identity\r\n", POINT.as_bytes()), "200 {\"success\":1,\"failed\":0}");
    let endless = format!("POST /api/put HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n{}\r\n1000\r\n", " ".repeat(4096));
    assert!(server.status(format!("{endless}{}\r\n0\r\n\r\n", " ".repeat(4096)).as_bytes()).starts_with("413 "));
}

/// What a body in an encoding that is not known was told was "bad JSON" alone. The original reads such a body as it is, so that
/// plain text under a wrong name is taken, and so here.
#[test]
fn an_unknown_content_encoding_is_named() {
    let server = Running::with(|_| {});
    let post = |path: &str, encoding: &str, body: &[u8]| {
        let head = format!("POST {path} HTTP/1.1\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n", body.len());
        server.status(&[head.as_bytes(), body].concat())
    };
    let zstd = b"\x28\xb5\x2f\xfd\x04\x00\x41\x00\x00[{\"metric\"";
    for (path, encoding) in [("/api/put", "zstd"), ("/api/put?details", "br"), ("/api/query", "zstd"), ("/api/annotation", "gzip, br")] {
        let refused = post(path, encoding, zstd);
        let named = format!("Content-Encoding {encoding} was not unpacked; gzip, deflate and identity are read");
        assert!(refused.starts_with("400 ") && refused.contains(&named), "{path}: {refused}");
    }
    assert_eq!(post("/api/put?summary", "br", POINT.as_bytes()), "200 {\"success\":1,\"failed\":0}");
    let other = post("/api/put", "identity", b"no JSON");
    assert!(other.starts_with("400 ") && !other.contains("Content-Encoding"), "{other}");
}

#[test]
fn chunked_is_refused_where_switched_off() {
    let server = Running::with(|s| s.http_request_enable_chunked = false);
    let chunked = server.status(b"POST /api/put HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert!(chunked.starts_with("400 <!DOCTYPE html>") && chunked.contains("Chunked request not supported."), "{chunked}"); // strict/put-over-8k
    let large = format!("POST /api/put HTTP/1.1\r\nContent-Length: 8193\r\n\r\n{POINT}{}", " ".repeat(8193 - POINT.len()));
    assert!(server.status(large.as_bytes()).starts_with("400 <!DOCTYPE html>"));
    let small = format!("POST /api/put HTTP/1.1\r\nContent-Length: 8192\r\n\r\n{POINT}{}", " ".repeat(8192 - POINT.len()));
    assert_eq!(server.status(small.as_bytes()), "204 ");
}

#[test]
fn slow_clients_are_closed() {
    let server = Running::with(|s| {
        (s.http_header_timeout, s.http_idle_timeout, s.http_request_timeout) = (200, 400, 200);
        (s.network_first_byte_timeout, s.network_telnet_idle_timeout) = (200, 200);
    });
    // What is sent, and how long the server waits after it at least. It closes, however long that takes on a busy machine.
    for (bytes, least) in [
        ("", 150),
        ("GET /api", 150),
        ("GET /api/version HTTP/1.1\r\n\r\n", 350),
        ("POST /api/put HTTP/1.1\r\nContent-Length: 9\r\n\r\n[", 150),
        ("help\n", 150),
    ] {
        let waited = server.run(async {
            let mut stream = server.connect().await;
            stream.write_all(bytes.as_bytes()).await.unwrap();
            let begun = Instant::now();
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all).await;
            begun.elapsed().as_millis()
        });
        assert!(waited >= least, "{bytes:?}: closed after {waited} ms");
    }
}

#[test]
fn connections_over_the_limit_are_closed_at_once() {
    let server = Running::with(|s| s.core_connections_limit = 2);
    server.run(async {
        let (mut one, mut two) = (server.connect().await, server.connect().await);
        for stream in [&mut one, &mut two] {
            stream.write_all(b"help\n").await.unwrap();
            assert!(listen(stream).await.starts_with("available commands"));
        }
        let mut three = server.connect().await;
        assert_eq!(three.read(&mut [0; 9]).await.unwrap_or(0), 0);
        assert_eq!(server.tsd.stats.server.connections_rejected.get(), 1);
        drop(one);
        // Until the server has noticed it.
        while !server.talk(b"help\n", 9).await.starts_with("available commands") {}
    });
}

#[test]
fn an_honest_client_is_served_among_500_slow_ones() {
    let server = Running::new();
    server.run(async {
        let mut slow = Vec::new();
        for i in 0..500 {
            let stream = server.connect().await;
            slow.push((stream, if i % 2 == 0 { &b"GET /api/version HTTP/1.1\r\nX-Slow: "[..] } else { &b"put m 1400000000 1 a="[..] }));
        }
        let mut worst = Duration::ZERO;
        for step in 0..20 {
            for (stream, text) in &mut slow {
                stream.write_all(text.get(step..=step).unwrap_or(b"x")).await.unwrap();
            }
            let begun = Instant::now();
            let answer = server.talk(b"put m 1400000000 1 a=b\nversion\nexit\n", 99).await;
            worst = worst.max(begun.elapsed());
            assert!(answer.starts_with("net.opentsdb"), "{answer}");
            sleep(Duration::from_millis(20)).await;
        }
        assert!(worst < Duration::from_secs(20), "the honest client waited {worst:?}");
    });
}

#[test]
fn puts_that_wait_for_the_store_keep_no_others_from_the_journal() {
    let server = Running::new();
    let writes = server.tsd.stats.lines.writes.running_max.load(std::sync::atomic::Ordering::Relaxed);
    let request = |path: &str| format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{POINT}", POINT.len());
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let tsd = server.tsd.clone();
    // Nothing is flushed while this lasts, as if the store were away.
    let away = std::thread::spawn(move || tsd.writer.at_rest(&mut || assert_eq!(held.recv(), Ok(()))));
    server.run(async {
        let mut waiting = Vec::new();
        for _ in 0..writes {
            let mut stream = server.connect().await;
            stream.write_all(request("/api/put?sync").as_bytes()).await.unwrap();
            waiting.push(stream);
        }
        let syncs = &server.tsd.stats.lines.syncs.running;
        while syncs.load(std::sync::atomic::Ordering::Relaxed) < writes {
            sleep(Duration::from_millis(5)).await;
        }
        let mut plain = server.connect().await;
        plain.write_all(request("/api/put").as_bytes()).await.unwrap();
        let mut answer = String::new();
        plain.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        let_go.send(()).unwrap();
        for mut stream in waiting {
            answer.clear();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        }
    });
    away.join().unwrap();
}

#[test]
fn a_stop_lets_running_work_end() {
    let mut server = Running::new();
    let (mut telnet, mut http) = server.run(async { (server.connect().await, server.connect().await) });
    server.run(async {
        telnet.write_all(b"put m 1400000000 1 a=b\nhelp\nput m 1400000001 1 a=b\n").await.unwrap();
        assert!(listen(&mut telnet).await.starts_with("available"));
        http.write_all(b"GET /api/version HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(listen(&mut http).await.contains("200 OK"));
    });
    let took = server.stop();
    assert!(took < Duration::from_secs(8), "a stop with idle connections took {took:?}");
    assert_eq!(server.tsd.stats.put.points_telnet.get(), 2);
    assert_eq!(server.run(async { http.read(&mut [0; 9]).await.unwrap_or(0) }), 0);
    assert!(server.run(async { TcpStream::connect(server.address).await }).is_err());
}

#[test]
fn diediedie_stops_the_server_from_here() {
    let mut server = Running::new();
    assert_eq!(server.run(server.talk(b"diediedie\n", 99)), "Cleaning up and exiting now.\n");
    let ended = server.ended.take().unwrap();
    assert!(server.run(ended).unwrap().is_ok());
}
