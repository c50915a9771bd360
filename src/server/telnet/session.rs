//! Lines of one connection, taken from its buffer in place: points into a batch, complaints into the replies.
//!
//! Nothing here waits for a client or a disk; what must is given back to the caller as [`Next`].
//! Lines end with `\n` or `\r\n`. Bytes are ISO-8859-1, answers UTF-8 (surprise 38 of the recorded dialogues).

use super::super::limits::Limits;
use super::command::{Command, Commands, Word};
use super::histogram::{self, Refused};
use crate::codec::Decoders;
use crate::point::{Point, PointError, Rules, TagBuf, Value, line_text, parse_put, split_words};
use crate::stats::Stats;
use crate::uid::UidError;
use crate::write::{HistogramPoint, RolledUp, RollupError, WriteError};

/// Words of a `rollup` line behind the command.
const ROLLUP_WORDS: usize = 5;

/// Calls what it is given for each of some points.
pub type EachPoint<'e> = dyn FnMut(&mut dyn FnMut(&Point<'_>)) + 'e;

/// Where points go: a batch of the writer, or a list in tests.
pub trait Sink {
    /// Takes a point of a known series without any waiting, or says `None`.
    fn known(&mut self, point: &Point<'_>) -> Option<Result<(), WriteError>>;
    /// Is told the points that are about to come, so that their new names get ids together; may block on the store.
    fn foresee(&mut self, _points: &mut EachPoint<'_>) {}
    /// Takes any point; may block on the store.
    fn unknown(&mut self, point: &Point<'_>) -> Result<(), WriteError>;
    /// Takes a rolled-up or pre-aggregated value; may block on the store.
    fn rollup(&mut self, point: &RolledUp<'_>, rules: &Rules) -> Result<(), RollupError>;
    /// Takes a histogram; may block on the store.
    fn histogram(&mut self, point: &HistogramPoint<'_>, rules: &Rules) -> Result<(), WriteError>;
}

/// Why [`Session::run`] stopped.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// No complete line is left.
    More,
    /// A command that needs more than this module; its line is consumed.
    Do(Command),
    /// The replies must be sent first.
    Flush,
    /// Nothing more can be taken now; the line is not consumed. The text names the limit.
    Overloaded(String),
    /// A line that has not ended is over the limit: the connection is closed without a word, as recorded.
    TooLong,
}

/// Counts of one connection that the process does not know yet.
#[derive(Debug, Default)]
struct Tally {
    lines: u64,
    puts: u64,
    points: u64,
    invalid: u64,
    illegal: u64,
    unknown: u64,
    failed: u64,
}

/// One connection's state between reads.
pub struct Session {
    commands: Commands,
    rules: Rules,
    /// `tsd.rpc.telnet.return_errors`: failures of the store are told; mistakes in a line always are.
    return_errors: bool,
    line_bytes: usize,
    reply_bytes: usize,
    /// `tsd.core.histograms.config`; `None`: histograms are not taken.
    decoders: Option<Decoders>,
    /// Points are refused at once, not waited for: see [`Session::refuse_overload`].
    refusing: bool,
    /// Text to send, UTF-8.
    pub replies: Vec<u8>,
    tally: Tally,
    scratch: String,
    /// The names behind in this input have been looked through.
    foreseen: bool,
}

impl Session {
    /// A new connection.
    pub fn new(commands: Commands, rules: Rules, return_errors: bool, limits: &Limits) -> Session {
        let (line_bytes, reply_bytes) = (limits.line_bytes, limits.reply_bytes);
        Session {
            commands,
            rules,
            return_errors,
            line_bytes,
            reply_bytes,
            decoders: None,
            refusing: false,
            replies: Vec::new(),
            tally: Tally::default(),
            scratch: String::new(),
            foreseen: false,
        }
    }

    /// The same with histograms taken.
    pub fn with_histograms(self, decoders: Option<Decoders>) -> Session {
        Session { decoders, ..self }
    }

    /// Takes complete lines from the front of `input`. Returns how many bytes are done with.
    pub fn run(&mut self, input: &[u8], sink: &mut impl Sink) -> (usize, Next) {
        let mut done = 0;
        self.foreseen = false;
        loop {
            let rest = input.get(done..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', rest) else {
                let next = if rest.len() > self.line_bytes { Next::TooLong } else { Next::More };
                return (done, next);
            };
            let line = rest.get(..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let behind = rest.get(end + 1..).unwrap_or_default();
            if let Some(next) = self.line(line, behind, sink) {
                let overloaded = matches!(next, Next::Overloaded(_));
                return (if overloaded { done } else { done + end + 1 }, next);
            }
            done += end + 1;
            if self.replies.len() > self.reply_bytes {
                return (done, Next::Flush);
            }
        }
    }

    /// From now on points that cannot be taken are refused with the name of the limit, until one is taken again.
    pub fn refuse_overload(&mut self) {
        self.refusing = true;
    }

    /// The answer to `help`.
    pub fn help(&self) -> String {
        self.commands.help()
    }

    /// Adds what was counted since the last call.
    pub fn count(&mut self, stats: &Stats) {
        let tally = std::mem::take(&mut self.tally);
        stats.server.telnet_lines.add(tally.lines);
        stats.put.received.add(tally.puts);
        for (counter, n) in [
            (&stats.put.points_telnet, tally.points),
            (&stats.put.invalid_values, tally.invalid),
            (&stats.put.illegal_arguments, tally.illegal),
            (&stats.put.unknown_metrics, tally.unknown),
            (&stats.put.store_errors, tally.failed),
        ] {
            if n > 0 {
                counter.add(n);
            }
        }
    }

    /// Adds text to the replies.
    pub fn reply(&mut self, text: &str) {
        self.replies.extend_from_slice(text.as_bytes());
    }

    fn line(&mut self, line: &[u8], behind: &[u8], sink: &mut impl Sink) -> Option<Next> {
        let (mut scratch, puts) = (std::mem::take(&mut self.scratch), self.tally.puts);
        let next = self.text(line_text(line, &mut scratch), behind, sink);
        self.scratch = scratch;
        // One that is not consumed comes again, every few milliseconds for a while: it counts when it is done with.
        match next {
            Some(Next::Overloaded(_)) => self.tally.puts = puts,
            _ => self.tally.lines += 1,
        }
        next
    }

    fn text(&mut self, line: &str, behind: &[u8], sink: &mut impl Sink) -> Option<Next> {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        match self.commands.find(name) {
            Word::Put => return self.put(line, behind, sink),
            Word::Command(command) => return Some(Next::Do(command)),
            Word::Rollup => return self.rollup(rest, line.len() > name.len(), sink),
            Word::Histogram => return self.histogram((line.len() > name.len()).then_some(rest), sink),
            Word::Unknown => self.replies.extend_from_slice(format!("unknown command: {name}.  Try `help'.\n").as_bytes()),
        }
        None
    }

    /// The puts behind a new series, up to the first other line, are looked through for names that are new too.
    #[cold]
    fn foresee(&mut self, first: &Point<'_>, behind: &[u8], sink: &mut impl Sink) {
        self.foreseen = true;
        let Some(end) = memchr::memrchr(b'\n', behind) else { return };
        let whole = behind.get(..end).unwrap_or_default();
        sink.foresee(&mut |note| {
            note(first);
            let mut scratch = String::new();
            for line in whole.split(|&byte| byte == b'\n') {
                let line = line_text(line.strip_suffix(b"\r").unwrap_or(line), &mut scratch);
                if !matches!(self.commands.find(line.split(' ').next().unwrap_or(line)), Word::Put) {
                    return;
                }
                if let Ok(point) = parse_put(line, &mut TagBuf::new(), &self.rules) {
                    note(&point);
                }
            }
        });
    }

    fn put(&mut self, line: &str, behind: &[u8], sink: &mut impl Sink) -> Option<Next> {
        self.tally.puts += 1;
        let mut tags = TagBuf::new();
        let point = match parse_put(line, &mut tags, &self.rules) {
            Ok(point) => point,
            Err(e) => {
                self.complain("put", &e);
                return None;
            }
        };
        let taken = match sink.known(&point) {
            Some(taken) => taken,
            None => {
                if !self.foreseen {
                    self.foresee(&point, behind, sink);
                }
                sink.unknown(&point)
            }
        };
        match taken {
            Ok(()) => {
                self.tally.points += 1;
                self.refusing = false;
                None
            }
            Err(WriteError::Overloaded(limit)) if !self.refusing => Some(Next::Overloaded(limit)),
            Err(e) => {
                self.failed("put", &e);
                None
            }
        }
    }

    #[cold]
    fn complain(&mut self, command: &str, e: &PointError) {
        match e {
            PointError::InvalidValue(_) => self.tally.invalid += 1,
            PointError::Illegal(_) => self.tally.illegal += 1,
        }
        self.reply(&format!("{command}: {}{e}\n", e.telnet_class()));
    }

    /// A point that was understood and not taken.
    #[cold]
    fn failed(&mut self, command: &str, e: &WriteError) {
        match e {
            WriteError::Uid(UidError::NoSuchName { .. }) => self.tally.unknown += 1,
            WriteError::Illegal(_) => self.tally.illegal += 1,
            _ => self.tally.failed += 1,
        }
        match e {
            WriteError::Uid(UidError::NoSuchName { .. }) => self.reply(&format!("{command}: unknown metric: {e}\n")),
            WriteError::Illegal(_) => self.reply(&format!("{command}: illegal argument: {e}\n")),
            WriteError::Overloaded(_) if self.return_errors => self.reply(&format!("{command}: Please throttle writes: {e}\n")),
            _ if self.return_errors => self.reply(&format!("{command}: HBase error: {e}\n")),
            _ => {}
        }
    }

    /// A whole batch that was not taken.
    pub fn batch_failed(&mut self, points: usize, e: &WriteError) {
        self.tally.failed += points as u64;
        tracing::warn!("{points} telnet points were not taken: {e}");
        if self.return_errors {
            let kind = if matches!(e, WriteError::Overloaded(_)) { "Please throttle writes" } else { "HBase error" };
            self.reply(&format!("put: {kind}: {points} points were not stored: {e}\n"));
        }
    }

    /// `rollup INTERVAL-FUNCTION:GROUPBY metric time value tag...`; either side of the colon may be missing.
    fn rollup(&mut self, words: &str, any: bool, sink: &mut impl Sink) -> Option<Next> {
        self.tally.puts += 1;
        let got = if any { words.split(' ').count() } else { 0 };
        if got < ROLLUP_WORDS {
            let words = format!("not enough arguments (need least 7, got {got})");
            self.complain("rollup", &PointError::Illegal(words));
            return None;
        }
        let (what, words) = words.split_once(' ').unwrap_or((words, ""));
        let mut tags = TagBuf::new();
        let (metric, time, value) = match self.rollup_words(what, words, &mut tags) {
            Ok(read) => read,
            Err(e) => {
                self.complain("rollup", &e);
                return None;
            }
        };
        let (interval, function, group_by) = rollup_kind(what);
        let point = RolledUp { metric, time, value, tags: tags.as_slice(), interval, function: function.or(group_by), group_by };
        let Err(refused) = sink.rollup(&point, &self.rules) else {
            self.tally.points += 1;
            self.refusing = false;
            return None;
        };
        match refused {
            RollupError::Write(WriteError::Overloaded(limit)) if !self.refusing => return Some(Next::Overloaded(limit)),
            RollupError::Write(e) => self.failed("rollup", &e),
            RollupError::Point(e) | RollupError::NotConfigured(e) => self.complain("rollup", &e),
            e @ RollupError::NoInterval(_) => {
                self.tally.illegal += 1;
                self.reply(&format!("rollup: No such rollup: {e}\n"));
            }
            e @ RollupError::NoTable => {
                self.tally.illegal += 1;
                self.reply(&format!("rollup: HBase error: {e}\n"));
            }
        }
        None
    }

    /// A wrong name or a bad value is "HBase error" here: the original finds it when it stores.
    fn histogram(&mut self, words: Option<&str>, sink: &mut impl Sink) -> Option<Next> {
        self.tally.puts += 1;
        let mut tags = TagBuf::new();
        let line = match histogram::parse(words, self.decoders.as_ref(), &mut tags) {
            Ok(line) => line,
            Err(Refused::Line(e)) => {
                self.complain("histogram", &e);
                return None;
            }
            Err(Refused::Stored(words)) => {
                self.refused_when_stored(&words);
                return None;
            }
            Err(Refused::Silent(words)) => {
                self.tally.illegal += 1;
                tracing::debug!("a histogram was not taken: {words}");
                return None;
            }
        };
        let point = HistogramPoint { metric: line.metric, time: line.time, value: &line.value, tags: tags.as_slice() };
        match sink.histogram(&point, &self.rules) {
            Ok(()) => {
                self.tally.points += 1;
                self.refusing = false;
            }
            Err(WriteError::Overloaded(limit)) if !self.refusing => return Some(Next::Overloaded(limit)),
            Err(e @ (WriteError::Illegal(_) | WriteError::Uid(UidError::NoSuchName { .. }))) => self.refused_when_stored(&e.to_string()),
            Err(e) => self.failed("histogram", &e),
        }
        None
    }

    #[cold]
    fn refused_when_stored(&mut self, words: &str) {
        self.tally.illegal += 1;
        if self.return_errors {
            self.reply(&format!("histogram: HBase error: {words}\n"));
        }
    }

    fn rollup_words<'a>(&self, what: &str, words: &'a str, tags: &mut TagBuf<'a>) -> Result<(&'a str, i64, Value), PointError> {
        // Of nothing but colons nothing is left.
        if what.trim_matches(':').is_empty() {
            return Err(PointError::Illegal("Missing interval or aggregator".to_owned()));
        }
        split_words(words, tags)
    }
}

/// Interval, function over time, function over tags. What has neither dash nor colon is a function over tags (`rollup_on/t03`).
fn rollup_kind(what: &str) -> (Option<&str>, Option<&str>, Option<&str>) {
    let mut parts = what.trim_end_matches(':').split(':');
    let first = parts.next().unwrap_or_default();
    let second = parts.next();
    match first.split_once('-') {
        Some((interval, function)) => (Some(interval), Some(function), second),
        None => (None, None, second.or(Some(first))),
    }
}
