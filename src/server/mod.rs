//! The outer ring: one port, telnet and HTTP.
//!
//! [`serve`] takes connections; `port` says which of the two languages each speaks. Reading order: `limits`, `port`,
//! `telnet`, `http`. No byte layout and no query mathematics here: points go to `write`, questions to `query`.

pub mod http;
pub mod limits;
mod pool;
mod port;
pub mod telnet;
#[cfg(test)]
mod tests;

use crate::point::Rules;
use crate::tsd::{self, Tsd};
use crate::write::{Ticket, WriteError, Writer};
use http::body::Budget;
use http::cors::Cors;
use limits::{Limits, STOP_FLUSH, STOP_GRACE};
use pool::Pools;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long to wait after an accept that failed because the system is out of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all connections share.
struct Shared {
    tsd: Arc<Tsd>,
    limits: Limits,
    rules: Rules,
    cors: Cors,
    pools: Pools,
    bodies: Budget,
    stop: watch::Sender<bool>,
}

impl Shared {
    fn new(tsd: Arc<Tsd>) -> Shared {
        let settings = &tsd.settings;
        Shared {
            limits: Limits::new(settings),
            bodies: Budget::default(),
            rules: tsd::rules(settings),
            cors: Cors::new(settings),
            pools: Pools::new(settings, &tsd.stats.lines),
            stop: watch::channel(false).0,
            tsd,
        }
    }

    /// Stops the server from inside.
    fn ask_stop(&self) {
        self.stop.send_replace(true);
    }

    fn stop(&self) -> Stop {
        Stop(self.stop.subscribe())
    }
}

/// Tells connections that the server stops.
#[derive(Clone)]
struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns once a stop was asked for.
    async fn asked(&mut self) {
        // An error means that the server is gone, which is a stop as well.
        let _ = self.0.wait_for(|&stop| stop).await;
    }
}

/// Waits, without a thread, until a batch is on disk.
async fn on_disk(writer: &Arc<Writer>, ticket: Ticket) -> Result<(), WriteError> {
    let (done, wait) = oneshot::channel();
    writer.notify(ticket, Box::new(move |result| drop(done.send(result))));
    wait.await.unwrap_or_else(|_| Err(WriteError::Failed("the journal stopped".to_owned())))
}

/// Serves until `shutdown` is ready or a client on this machine says `diediedie`: then no more connections are taken,
/// running requests end, what waits is flushed to the store, and the call returns.
pub async fn serve(tsd: Arc<Tsd>, listener: std::net::TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let shared = Arc::new(Shared::new(tsd));
    let mut connections = JoinSet::new();
    accept(&shared, &listener, &mut connections, shutdown).await;
    drop(listener);
    shared.ask_stop();
    let ended = timeout(STOP_GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("{} connections did not end within {} s and are cut", connections.len(), STOP_GRACE.as_secs());
        connections.shutdown().await;
    }
    let writer = shared.tsd.writer.clone();
    match tokio::task::spawn_blocking(move || writer.flush(STOP_FLUSH)).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => tracing::warn!("not everything could be flushed at the stop; the journal keeps it: {e}"),
        Err(e) => tracing::error!("the last flush failed: {e}"),
    }
    Ok(())
}

/// Takes connections until a stop is asked for.
async fn accept(shared: &Arc<Shared>, listener: &TcpListener, connections: &mut JoinSet<()>, shutdown: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(shared.limits.connections));
    let mut stop = shared.stop();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => return,
            () = stop.asked() => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match place(shared, &places) {
                Ok(place) => {
                    let shared = shared.clone();
                    connections.spawn(async move {
                        connection(shared.clone(), stream, peer).await;
                        shared.tsd.stats.server.connections_closed.inc();
                        drop(place);
                    });
                }
                // Closed at once, as the original does.
                Err(_) => reject(shared, peer),
            },
            Err(e) => {
                shared.tsd.stats.server.accept_errors.inc();
                tracing::warn!("cannot take a connection: {e}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Counts a connection and finds it a place.
fn place(shared: &Shared, places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
    shared.tsd.stats.server.connections.inc();
    places.clone().try_acquire_owned()
}

fn reject(shared: &Shared, peer: SocketAddr) {
    shared.tsd.stats.server.connections_rejected.inc();
    tracing::warn!(%peer, "connection refused: {} are open (limit tsd.core.connections.limit, or what the system allows)", shared.limits.connections);
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let settings = &shared.tsd.settings;
    let options = socket2::SockRef::from(&stream);
    if let Err(e) = options.set_tcp_nodelay(settings.network_tcp_no_delay).and_then(|()| options.set_keepalive(settings.network_keep_alive))
    {
        tracing::debug!(%peer, "socket options: {e}");
    }
    let mut stop = shared.stop();
    let detected = tokio::select! {
        detected = port::detect(&stream, shared.limits.first_byte) => detected,
        () = stop.asked() => return,
    };
    match detected {
        Ok(Some(port::Protocol::Http)) => http::serve(shared, stream, peer, stop).await,
        Ok(Some(port::Protocol::Telnet)) => telnet::serve(shared, stream, peer, stop).await,
        Ok(None) => {}
        Err(e) => tracing::debug!(%peer, "connection lost before its first byte: {e}"),
    }
}
