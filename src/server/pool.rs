//! Threads for handlers that block, bounded: so many at once, so many in line, so long in line.

use super::http::api::ApiError;
use super::limits::{QUERIES_WAITING_MAX, QUEUE_WAIT_MAX, REQUESTS_WAITING_MAX, WRITES_WAITING_MAX};
use crate::config::Settings;
use crate::stats::{Line, Lines};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// One kind of work. Queries cannot keep writes from their turn, nor either of them a look at the statistics.
pub struct Pool {
    name: &'static str,
    bound: &'static str,
    running: Arc<Semaphore>,
    line: Arc<Line>,
    waiting_max: u64,
}

/// The pools of a server.
pub struct Pools {
    /// Reads of points.
    pub queries: Pool,
    /// Writes of points.
    pub writes: Pool,
    /// Puts with `sync`: while the store is away they must not keep those from the journal that do not wait for it.
    pub syncs: Pool,
    /// All else.
    pub others: Pool,
}

impl Pools {
    /// Sizes follow the number of processors, those of queries the settings.
    pub fn new(settings: &Settings, lines: &Lines) -> Pools {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let size = |setting: i64| usize::try_from(setting).unwrap_or(0);
        let writes = (cores * 4).max(8);
        let queries = match size(settings.query_concurrent) {
            0 => cores * 2,
            set => set,
        };
        Pools {
            queries: Pool::new("queries", ("QUERIES_WAITING_MAX", QUERIES_WAITING_MAX), queries, &lines.queries),
            writes: Pool::new("writes", ("WRITES_WAITING_MAX", WRITES_WAITING_MAX), writes, &lines.writes),
            syncs: Pool::new("puts with sync", ("WRITES_WAITING_MAX", WRITES_WAITING_MAX), writes, &lines.syncs),
            others: Pool::new("requests", ("REQUESTS_WAITING_MAX", REQUESTS_WAITING_MAX), (cores * 2).max(4), &lines.others),
        }
    }
}

impl Pool {
    fn new(name: &'static str, (bound, waiting_max): (&'static str, usize), running: usize, line: &Arc<Line>) -> Pool {
        let waiting_max = waiting_max as u64;
        line.running_max.store(running as u64, Ordering::Relaxed);
        line.waiting_max.store(waiting_max, Ordering::Relaxed);
        Pool { name, bound, running: Arc::new(Semaphore::new(running)), line: line.clone(), waiting_max }
    }

    /// Runs `work` on a thread that may block. A full line or a long wait in it is a 503; a panic in it a 500, and
    /// nobody else notices.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let permit = match self.running.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        let line = self.line.clone();
        let done = tokio::task::spawn_blocking(move || {
            let place = Place::take(&line.running);
            let done = work();
            drop((place, permit));
            done
        });
        done.await.map_err(|e| {
            tracing::error!("a handler failed: {e}");
            ApiError::new(500, "The request failed inside the server; its log says more")
        })
    }

    async fn wait(&self) -> Result<tokio::sync::OwnedSemaphorePermit, ApiError> {
        let place = Place::take(&self.line.waiting);
        if place.before >= self.waiting_max {
            return Err(self.full(format!("{} {} wait already", place.before, self.name)));
        }
        match timeout(QUEUE_WAIT_MAX, self.running.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(self.full(format!("no thread became free within {} s", QUEUE_WAIT_MAX.as_secs()))),
        }
    }

    fn full(&self, why: String) -> ApiError {
        ApiError::new(503, format!("Too many {} at once", self.name)).details(format!("{why} (limit {}: {})", self.bound, self.waiting_max))
    }
}

/// One of those that wait or run, until it goes, whatever happens.
struct Place<'a> {
    places: &'a AtomicU64,
    before: u64,
}

impl<'a> Place<'a> {
    fn take(places: &'a AtomicU64) -> Place<'a> {
        Place { places, before: places.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn the_line_has_an_end() {
        let pool = Arc::new(Pool::new("tests", ("TESTS", 1), 1, &Arc::default()));
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let until = async |place: &AtomicU64| {
            while place.load(Ordering::Relaxed) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let first = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move || held.recv().is_ok()).await }
        });
        until(&pool.line.running).await;
        let second = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(|| true).await }
        });
        until(&pool.line.waiting).await;
        let refused = pool.run(|| true).await.expect_err("the line is full");
        assert_eq!(refused.status, 503);
        assert!(refused.details.as_deref().is_some_and(|d| d.contains("TESTS")), "{refused:?}");
        hold.send(()).expect("still held");
        assert_eq!(first.await.expect("joins"), Ok(true));
        assert_eq!(second.await.expect("joins"), Ok(true));
        assert_eq!(pool.run(|| -> bool { panic!("in a handler") }).await.map_err(|e| e.status), Err(500));
        assert_eq!(pool.run(|| true).await, Ok(true));
    }
}
