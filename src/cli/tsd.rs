//! `tsd`: the daemon. Binds its port, opens the store, serves until it is told to stop, and leaves everything stored.

use super::{Call, Failure, log};
use crate::config::Settings;
use crate::server;
use crate::tsd::{self, StoreKind, Tsd};
use crate::worker::open;
use socket2::{Domain, Protocol, Socket, Type};
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// For how long further signals to stop are the first one: `timeout` and some supervisors tell the process and its group.
const SAME_STOP: Duration = Duration::from_secs(1);

pub fn run(call: &Call) -> Result<(), Failure> {
    if let [word, ..] = call.words().as_slice() {
        return Err(call.misused(1, &format!("Unexpected argument: {word}")));
    }
    let settings = call.settings()?;
    tracing::info!("tsdb {}; {}", env!("CARGO_PKG_VERSION"), settings.origin());
    raise_open_files();
    let pid_file = PidFile::claim(&settings)?;
    // The port is taken before the store is opened, so that a second daemon fails before it touches any data.
    let socket = bind(&settings)?;
    let preload = settings.core_preload_uid_cache.then_some(settings.core_preload_uid_cache_max_entries);
    let backlog = i32::try_from(settings.network_backlog).unwrap_or(i32::MAX);
    let threads = worker_threads(&settings);
    let tsd = Tsd::open(settings).map_err(Failure::new)?;
    let tsd = Arc::new(Tsd { logs: log::recent(), ..tsd });
    if let Some(max) = preload {
        let names = tsd.uids.preload(usize::try_from(max).unwrap_or(0)).map_err(Failure::new)?;
        tracing::info!("{names} names are in the caches");
    }
    socket.listen(backlog).map_err(|error| Failure::new(format!("cannot listen: {error}")))?;
    let listener: TcpListener = socket.into();
    let address = listener.local_addr()?;
    if let Err(error) = greet(&tsd, address) {
        tracing::debug!("nobody reads standard output: {error}");
    }
    tracing::info!("ready on {address}; {}", tsd.store.describe());
    if let Some(notice) = nobody_named_a_store(&tsd.settings) {
        tracing::warn!("{notice}");
    }
    let worker = Inside::start(&tsd)?;
    let similar = server::http::similar::Refresh::start(&tsd)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let served = runtime.block_on(async {
        let stop = stop_signal()?;
        server::serve(tsd.clone(), listener, stop).await
    });
    drop(runtime);
    drop(similar);
    drop(worker);
    let closed = tsd.writer.shutdown().map_err(Failure::new);
    served.map_err(Failure::new)?;
    closed?;
    drop(pid_file);
    tracing::info!("stopped");
    Ok(())
}

/// The worker in this process, if one is wanted. It ends before the writer does.
struct Inside(Option<(Arc<AtomicBool>, std::thread::JoinHandle<()>)>);

impl Inside {
    fn start(tsd: &Arc<Tsd>) -> Result<Inside, Failure> {
        if !tsd.settings.worker_enable {
            return Ok(Inside(None));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let worker = open::embedded(tsd, stop.clone());
        let work = move || {
            if let Err(error) = worker.run() {
                tracing::error!("the worker ended: {error}");
            }
        };
        Ok(Inside(Some((stop, std::thread::Builder::new().name("worker".into()).spawn(work)?))))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            stop.store(true, Ordering::Relaxed);
            if thread.join().is_err() {
                tracing::error!("the worker ended in a panic");
            }
        }
    }
}

fn worker_threads(settings: &Settings) -> usize {
    match usize::try_from(settings.network_worker_threads) {
        Ok(threads) if threads > 0 => threads,
        _ => std::thread::available_parallelism().map_or(2, usize::from),
    }
}

/// A bound socket that does not listen yet.
fn bind(settings: &Settings) -> Result<Socket, Failure> {
    let (host, port) = (settings.network_bind.as_str(), u16::try_from(settings.network_port).unwrap_or(0));
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let failed =
        |error: std::io::Error| Failure::new(format!("cannot listen on {host}:{port} (tsd.network.bind, tsd.network.port): {error}"));
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = (bare, port).to_socket_addrs().map_err(failed)?;
    let address = addresses.next().ok_or_else(|| failed(std::io::ErrorKind::AddrNotAvailable.into()))?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).map_err(failed)?;
    socket.set_reuse_address(settings.network_reuse_address).map_err(failed)?;
    socket.bind(&address.into()).map_err(failed)?;
    Ok(socket)
}

/// As many open files as the system lets this process ask for: every connection is one.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays: {error}");
    }
}

/// Where it listens and stores, and three lines to try.
fn greet(tsd: &Tsd, address: SocketAddr) -> std::io::Result<()> {
    let settings = &tsd.settings;
    let port = address.port();
    let host = if address.ip().is_unspecified() { "localhost".to_string() } else { address.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let mut out = std::io::stdout().lock();
    writeln!(out, "tsdb {} listens on {address}, telnet and HTTP", env!("CARGO_PKG_VERSION"))?;
    if settings.given.file.is_none() && address.ip().is_loopback() {
        writeln!(out, "  only this machine can connect, as there is no configuration file; --bind=0.0.0.0 opens it to all")?;
    }
    writeln!(out, "  stores in: {}", tsd.store.describe())?;
    if !settings.core_auto_create_metrics {
        writeln!(out, "  new metrics are refused: --auto-metric lets points create them, /api/uid/assign?metric=NAME creates one")?;
    }
    writeln!(out, "Try:")?;
    if !settings.core_auto_create_metrics {
        writeln!(out, "  curl 'http://{host}:{port}/api/uid/assign?metric=my.metric'")?;
    }
    let point = "{\"metric\":\"my.metric\",\"timestamp\":'$(date +%s)',\"value\":42,\"tags\":{\"host\":\"here\"}}";
    writeln!(out, "  curl -d '{point}' 'http://{host}:{port}/api/put?details'")?;
    writeln!(out, "  curl 'http://{host}:{port}/api/query?start=1h-ago&m=sum:my.metric'")?;
    writeln!(out, "  curl 'http://{host}:{port}/api/suggest?type=metrics'")?;
    out.flush()
}

/// A file that names no store, as those of OpenTSDB's packages, means the HBase of this machine to OpenTSDB: whoever brings
/// it along is told where the points go.
fn nobody_named_a_store(settings: &Settings) -> Option<String> {
    let file = settings.given.file.as_ref()?;
    let silent = settings.storage_engine.is_empty() && tsd::store_kind(settings) == StoreKind::Embedded;
    silent.then(|| {
        format!(
            "{} names no HBase, where OpenTSDB would take that of localhost: points go to the embedded store in {}. \
             tsd.storage.hbase.thrift = HOST:9090 leads to HBase, tsd.storage.engine = embedded says that this is meant",
            file.display(),
            settings.storage_embedded_path
        )
    })
}

/// Ready when the process is told to stop (SIGTERM, SIGINT). Another signal, [`SAME_STOP`] later, ends it at once: what was
/// acknowledged is in the journal.
pub(super) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("stopping");
        tokio::spawn(async move {
            tokio::time::sleep(SAME_STOP).await;
            // New ones, which know nothing of signals that came meanwhile.
            let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else { return };
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            tracing::warn!("stopped at once");
            std::process::exit(1);
        });
    })
}

/// The file with the process id; removed when the daemon ends in order.
struct PidFile(Option<PathBuf>);

impl PidFile {
    fn claim(settings: &Settings) -> Result<PidFile, Failure> {
        if settings.process_pid_file.is_empty() {
            return Ok(PidFile(None));
        }
        let path = PathBuf::from(&settings.process_pid_file);
        let failed = |error: String| Failure::new(format!("cannot write {} (tsd.process.pid.file): {error}", path.display()));
        if let Ok(text) = fs::read_to_string(&path)
            && !settings.process_pid_ignore_existing
            && text.trim().parse::<u32>().is_ok_and(runs)
        {
            return Err(failed(format!("process {} runs; tsd.process.pid.ignore.existing=true overwrites it", text.trim())));
        }
        fs::write(&path, format!("{}\n", std::process::id())).map_err(|error| failed(error.to_string()))?;
        Ok(PidFile(Some(path)))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!("cannot remove {}: {error}", path.display());
        }
    }
}

/// True if there is such a process other than this one.
fn runs(pid: u32) -> bool {
    pid != std::process::id() && Path::new("/proc").join(pid.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_names_no_store_is_told() {
        let mut settings = Settings::default();
        assert_eq!(nobody_named_a_store(&settings), None, "without a file the embedded store is what is wanted");
        settings.given.file = Some("opentsdb.conf".into());
        let notice = nobody_named_a_store(&settings).unwrap();
        assert!(notice.starts_with("opentsdb.conf names no HBase") && notice.contains("embedded store in tsdb-data"), "{notice}");
        for (engine, thrift, quorum) in [("embedded", "", ""), ("hbase", "", ""), ("", "h:9090", ""), ("", "", "localhost")] {
            settings.storage_engine = engine.into();
            settings.storage_hbase_thrift = thrift.into();
            settings.storage_hbase_zk_quorum = quorum.into();
            assert_eq!(nobody_named_a_store(&settings), None, "{engine} {thrift} {quorum}");
        }
    }
}
