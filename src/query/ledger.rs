//! Which queries run and which have ended, for `/api/stats/query`; and no to one that runs already, if that is wanted.
//!
//! Bounded: the last [`DONE_MAX`] ended queries are kept; equal ones with equal outcomes count as one that was executed
//! several times.

use super::engine::{Cancel, Used};
use crate::clock;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Ended queries that are kept, as many as OpenTSDB keeps.
const DONE_MAX: usize = 256;
/// Longest text of a query that is kept, in bytes.
const QUERY_BYTES_MAX: usize = 64 * 1024;

/// The book of queries. Cheap to share.
#[derive(Debug)]
pub struct Ledger {
    allow_duplicates: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    running: HashMap<u64, Entry>,
    done: VecDeque<Done>,
}

/// A query as it came.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who asks.
    pub host: String,
    /// The same with the port, as it is shown.
    pub remote: String,
    /// The query with its defaults.
    pub query: Value,
    /// The request's headers.
    pub headers: Vec<(String, String)>,
    /// Milliseconds since the epoch.
    start: i64,
    begun: Instant,
    /// Whether it is one of those that `/api/stats/query` tells of.
    listed: bool,
    watch: Cancel,
}

#[derive(Debug)]
struct Done {
    entry: Entry,
    end: i64,
    status: u16,
    exception: Option<String>,
    executed: u64,
    stats: Value,
    /// When it last began and ended; the entry is that of the first time, as OpenTSDB keeps it.
    last: (i64, i64),
}

/// A query that has ended, for people.
#[derive(Clone, Debug)]
pub struct EndedLately {
    /// The query with its defaults.
    pub query: Value,
    /// Status of its answers.
    pub status: u16,
    /// Why, if it failed.
    pub exception: Option<String>,
    /// How many times it was asked.
    pub executed: u64,
    /// When it began the last time, in milliseconds since the epoch.
    pub start_ms: i64,
    /// And when it ended.
    pub end_ms: i64,
}

/// A query that runs, for people.
#[derive(Clone, Debug)]
pub struct RunningNow {
    /// By which it can be stopped.
    pub id: u64,
    /// Who asks: `/address:port`.
    pub remote: String,
    /// The query with its defaults.
    pub query: Value,
    /// Milliseconds since the epoch.
    pub start_ms: i64,
    /// Since then.
    pub elapsed: Duration,
    /// What it has read.
    pub used: Used,
    /// It was asked to stop and has not yet.
    pub stopping: bool,
}

/// How a query ended.
#[derive(Debug)]
pub struct Outcome {
    /// The answer's status.
    pub status: u16,
    /// Its reason phrase.
    pub exception: Option<String>,
    /// What was measured.
    pub stats: Value,
}

impl Entry {
    /// A query that begins now; `watch` stops it.
    pub fn new(host: String, remote: String, query: Value, headers: &[(String, String)], watch: &Cancel) -> Entry {
        let size = query.to_string().len();
        let query = if size > QUERY_BYTES_MAX { json!({ "tooLongToKeep": size }) } else { query };
        let secret = |name: &str| name.eq_ignore_ascii_case("cookie") || name.eq_ignore_ascii_case("authorization");
        let shown = |(name, value): &(String, String)| (name.clone(), if secret(name) { "*******".into() } else { value.clone() });
        Entry {
            host,
            remote,
            query,
            headers: headers.iter().map(shown).collect(),
            start: clock::now_ms(),
            begun: Instant::now(),
            listed: true,
            watch: watch.clone(),
        }
    }

    /// One that `/api/stats/query` does not tell of, as OpenTSDB does not.
    pub fn unlisted(self) -> Entry {
        Entry { listed: false, ..self }
    }

    fn headers(&self) -> Value {
        self.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect::<serde_json::Map<_, _>>().into()
    }

    fn same(&self, other: &Entry) -> bool {
        self.listed == other.listed && self.host == other.host && self.query == other.query
    }
}

impl Ledger {
    /// `allow_duplicates`: `tsd.query.allow_simultaneous_duplicates`.
    pub fn new(allow_duplicates: bool) -> Ledger {
        Ledger { allow_duplicates, state: Mutex::default() }
    }

    /// Enters a query. It is struck out when the returned guard goes.
    ///
    /// # Errors
    /// The same host asks the same already, and that is not allowed.
    pub fn begin(&self, entry: Entry) -> Result<Running<'_>, String> {
        let mut state = self.state.lock();
        if !self.allow_duplicates && entry.listed && state.running.values().any(|other| other.same(&entry)) {
            return Err(format!("Query is already executing for endpoint: {}", entry.remote));
        }
        state.next += 1;
        let id = state.next;
        state.running.insert(id, entry);
        Ok(Running { ledger: self, id })
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.state.lock().running.len()
    }

    /// Those that run, the oldest first, with what they have read.
    pub fn running_now(&self) -> Vec<RunningNow> {
        let state = self.state.lock();
        let now = |(id, entry): (&u64, &Entry)| RunningNow {
            id: *id,
            remote: entry.remote.clone(),
            query: entry.query.clone(),
            start_ms: entry.start,
            elapsed: entry.begun.elapsed(),
            used: entry.watch.used(),
            stopping: entry.watch.was_stopped_by_hand(),
        };
        let mut all: Vec<RunningNow> = state.running.iter().map(now).collect();
        all.sort_unstable_by_key(|one| one.id);
        all
    }

    /// Those that ended last, the latest first, `most` at most.
    pub fn ended_lately(&self, most: usize) -> Vec<EndedLately> {
        let state = self.state.lock();
        let mut done: Vec<&Done> = state.done.iter().collect();
        done.sort_by_key(|one| std::cmp::Reverse(one.last.1));
        let shown = |one: &&Done| EndedLately {
            query: one.entry.query.clone(),
            status: one.status,
            exception: one.exception.clone(),
            executed: one.executed,
            start_ms: one.last.0,
            end_ms: one.last.1,
        };
        done.iter().take(most).map(shown).collect()
    }

    /// Asks a running query to stop; it does so at its next batch of rows. Who asked it, or `None`: no such query runs.
    pub fn stop(&self, id: u64) -> Option<String> {
        let state = self.state.lock();
        let entry = state.running.get(&id)?;
        entry.watch.stop_by_hand();
        Some(entry.remote.clone())
    }

    /// Both lists, in the shape that OpenTSDB gives them.
    pub fn to_json(&self) -> Value {
        let state = self.state.lock();
        let running: Vec<Value> = state
            .running
            .values()
            .filter(|entry| entry.listed)
            .map(|entry| {
                json!({
                    "query": entry.query, "remote": entry.remote, "user": null, "headers": entry.headers(),
                    "queryStart": entry.start, "elapsed": entry.begun.elapsed().as_secs_f64() * 1e3,
                })
            })
            .collect();
        let completed: Vec<Value> = state
            .done
            .iter()
            .map(|done| {
                json!({
                    "query": done.entry.query, "exception": done.exception.as_deref().unwrap_or("null"), "executed": done.executed,
                    "user": null, "requestHeaders": done.entry.headers(), "numRunningQueries": state.running.len(),
                    "httpResponse": {"code": done.status, "reasonPhrase": reason(done.status)},
                    "queryStartTimestamp": done.entry.start, "queryCompletedTimestamp": done.end,
                    "sentToClient": done.exception.is_none(), "stats": done.stats,
                })
            })
            .collect();
        json!({"completed": completed, "running": running})
    }
}

/// A query that runs.
#[derive(Debug)]
pub struct Running<'a> {
    ledger: &'a Ledger,
    id: u64,
}

impl Running<'_> {
    /// It has ended.
    pub fn done(self, outcome: Outcome) {
        let mut state = self.ledger.state.lock();
        let Some(entry) = state.running.remove(&self.id).filter(|entry| entry.listed) else { return };
        let Outcome { status, exception, stats } = outcome;
        if let Some(known) = state.done.iter_mut().find(|done| done.status == status && done.entry.same(&entry)) {
            known.executed += 1;
            known.last = (entry.start, clock::now_ms());
            return;
        }
        if state.done.len() >= DONE_MAX {
            state.done.pop_front();
        }
        let end = clock::now_ms();
        let last = (entry.start, end);
        state.done.push_back(Done { entry, end, status, exception, executed: 1, stats, last });
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.ledger.state.lock().running.remove(&self.id);
    }
}

/// The phrases of the statuses that queries end with, as OpenTSDB writes them.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(host: &str, query: &str) -> Entry {
        let headers = [("cookie".into(), "secret".into())];
        Entry::new(host.into(), format!("/{host}:1"), json!({ "q": query }), &headers, &Cancel::default())
    }

    #[test]
    fn equal_queries_of_one_host_are_refused_while_they_run() {
        let ledger = Ledger::new(false);
        let first = ledger.begin(entry("a", "x")).unwrap();
        assert_eq!(ledger.begin(entry("a", "x")).unwrap_err(), "Query is already executing for endpoint: /a:1");
        assert!(ledger.begin(entry("b", "x")).is_ok() && ledger.begin(entry("a", "y")).is_ok());
        assert_eq!(ledger.running(), 1); // the others are gone again
        drop(first);
        assert!(ledger.begin(entry("a", "x")).is_ok());
        let open = Ledger::new(true);
        let both = (open.begin(entry("a", "x")).unwrap(), open.begin(entry("a", "x")).unwrap());
        assert_eq!(open.running(), 2);
        drop(both);
    }

    #[test]
    fn a_running_query_is_shown_and_stopped() {
        let ledger = Ledger::new(false);
        let watch = Cancel::default();
        let asked = Entry::new("a".into(), "/a:1".into(), json!("q"), &[], &watch);
        let listed = ledger.begin(asked.clone()).unwrap();
        let unlisted = ledger.begin(asked.clone().unlisted()).unwrap(); // never refused
        let again = ledger.begin(asked.unlisted()).unwrap();
        drop(again);
        watch.read(Used { rows: 2, points: 30, bytes: 400 });
        let now = ledger.running_now();
        assert_eq!((now.len(), now[0].used.points, now[0].stopping), (2, 30, false));
        assert_eq!(ledger.to_json()["running"].as_array().map(Vec::len), Some(1));
        assert_eq!(ledger.stop(now[0].id), Some("/a:1".to_owned()));
        assert_eq!(ledger.stop(99), None);
        assert!(watch.was_stopped_by_hand() && watch.load(std::sync::atomic::Ordering::Relaxed));
        unlisted.done(Outcome { status: 200, exception: None, stats: json!({}) });
        assert_eq!(ledger.to_json()["completed"], json!([]));
        drop(listed);
        assert!(ledger.running_now().is_empty());
    }

    #[test]
    fn ended_queries_are_counted_and_bounded() {
        let ledger = Ledger::new(true);
        let ok = || Outcome { status: 200, exception: None, stats: json!({}) };
        for at in 0..DONE_MAX + 5 {
            ledger.begin(entry("a", &at.to_string())).unwrap().done(ok());
        }
        ledger.begin(entry("a", "9")).unwrap().done(ok());
        let shown = ledger.to_json();
        let done = shown["completed"].as_array().unwrap();
        assert_eq!((done.len(), &done[0]["query"]["q"]), (DONE_MAX, &json!("5")));
        assert_eq!((&done[4]["executed"], &done[4]["requestHeaders"]["cookie"]), (&json!(2), &json!("*******")));
        assert_eq!(shown["running"], json!([]));
    }

    #[test]
    fn what_is_asked_again_has_ended_lately() {
        let ledger = Ledger::new(true);
        let ok = || Outcome { status: 200, exception: None, stats: json!({}) };
        for (query, start) in [("often", 10), ("once", 20), ("often", i64::MAX)] {
            ledger.begin(Entry { start, ..entry("a", query) }).unwrap().done(ok());
            std::thread::sleep(Duration::from_millis(2));
        }
        let ended = ledger.ended_lately(9);
        let seen: Vec<_> = ended.iter().map(|one| (one.query["q"].as_str().unwrap(), one.executed, one.start_ms)).collect();
        assert_eq!(seen, [("often", 2, i64::MAX), ("once", 1, 20)]);
        assert!(ended[0].end_ms > ended[1].end_ms && ledger.ended_lately(1).len() == 1);
        // As OpenTSDB tells it: the first time.
        assert_eq!(ledger.to_json()["completed"][0]["queryStartTimestamp"], 10);
    }
}
