//! `POST /api/put`, `POST /api/rollup` and `POST /api/histogram`: points, values rolled up over time or over tags, and
//! histograms, in JSON.
//!
//! A 2xx answer means that every point is on disk, in the journal or in the store; with `sync`, that the store has it.
//! Good points beside bad ones are stored although the answer is a 400 (recorded case `put/partial-put`); a body that is
//! no JSON stores nothing.

use super::super::limits::{OVERLOAD_PAUSE, OVERLOAD_WAIT_MAX, PUT_DETAILS_MAX, PUT_SYNC_MAX};
use super::super::{Shared, on_disk};
use super::api::{ApiError, ApiRequest, ApiResponse};
use super::body::Sent;
use super::put_json::{self, Fields, RollupFields, Taker};
use super::{histogram, reply};
use crate::codec::Decoders;
use crate::point::json::{self, Json};
use crate::point::name::surrogate_half;
use crate::point::{PointError, Rules, TagBuf, Value, admit_http, present_http};
use crate::stats::{Counter, Stats};
use crate::uid::UidError;
use crate::write::{Batch, HistogramPoint, NewNames, RolledUp, RollupError, Ticket, WriteError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is answered to a body without a point.
const NO_POINTS: &str = "No datapoints found in content";

/// What a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Kind {
    /// Plain points.
    Points,
    /// Rolled-up and pre-aggregated values.
    Rollups,
    /// Histograms.
    Histograms,
}

/// What the query string asks for.
#[derive(Clone, Copy, Debug, Default)]
struct Wishes {
    summary: bool,
    details: bool,
    sync: bool,
    /// Milliseconds; 0: as long as it takes. Both within [`PUT_SYNC_MAX`].
    sync_timeout: u64,
}

impl Wishes {
    fn of(request: &ApiRequest) -> Result<Wishes, ApiError> {
        let sync_timeout = match request.param("sync_timeout") {
            None => 0,
            Some(text) => text.parse::<i32>().map_err(|_| ApiError::bad(format!("For input string: \"{text}\"")))?,
        };
        Ok(Wishes {
            summary: request.has_param("summary"),
            details: request.has_param("details"),
            sync: request.has_param("sync"),
            sync_timeout: u64::try_from(sync_timeout).unwrap_or(0),
        })
    }
}

/// What became of the points of a request.
#[derive(Debug, Default)]
struct Tally {
    taken: u64,
    failed: u64,
    timeouts: u64,
    /// JSON objects, one a rejected point.
    errors: Vec<String>,
    /// Nothing more can be taken: the whole request is refused.
    unavailable: Option<ApiError>,
}

/// Takes the points, waits until they are on disk, answers.
pub(in crate::server) async fn put(shared: &Arc<Shared>, kind: Kind, request: ApiRequest, sent: Sent) -> Result<ApiResponse, ApiError> {
    let decoders = shared.tsd.histograms;
    if kind == Kind::Histograms && decoders.is_none() {
        // For any method: histogram/not-enabled-get.
        return Err(ApiError::new(if request.version == 0 { 400 } else { 503 }, histogram::NOT_ENABLED));
    }
    if request.method != "POST" {
        return Err(ApiError::method_not_allowed(&request.method));
    }
    shared.tsd.stats.put.received.inc();
    let owner = shared.clone();
    let work = move || {
        let body = sent.into_text()?;
        let text = body.text.trim_matches(|c| c <= ' ');
        // Of a parameter and a body that are both wrong, the body is told.
        let wishes = Wishes::of(&request).map_err(|e| look(&owner, kind, text).err().unwrap_or(e))?;
        let tag = header_tag(&owner.tsd.settings.http_header_tag, &request)?;
        take(&owner, kind, text, wishes, tag).map(|(tally, ticket)| (tally, ticket, wishes))
    };
    let (mut tally, ticket, wishes) = shared.pools.writes.run(work).await.and_then(|done| done)?;
    if let Some(ticket) = ticket {
        on_disk(&shared.tsd.writer, ticket).await.map_err(|e| failed(&e))?;
        if wishes.sync {
            sync(shared, wishes, &mut tally).await?;
        }
    }
    shared.tsd.stats.put.points_http.add(tally.taken);
    answer(&tally, wishes)
}

/// The tag that `tsd.http.header_tag` takes from a header of this name, as `name=value`; empty without one.
fn header_tag<'r>(name: &str, request: &'r ApiRequest) -> Result<&'r str, ApiError> {
    let word = if name.is_empty() { "" } else { request.header(&name.to_ascii_lowercase()).unwrap_or_default().trim() };
    if !word.is_empty() {
        TagBuf::new().parse_word(word).map_err(|e| ApiError::bad(e.to_string()).details(format!("in the header {name}")))?;
    }
    Ok(word)
}

/// That there is a body, and that it begins as one does.
fn begins(body: &str) -> Result<(), ApiError> {
    match body.as_bytes().first() {
        None => Err(ApiError::bad("Missing request content")),
        Some(b'{' | b'[') => Ok(()),
        Some(_) => Err(ApiError::bad("The JSON must start as an object or an array")),
    }
}

/// Counts points, and takes none.
struct Counted {
    kind: Kind,
    points: u64,
}

impl Taker<'_> for Counted {
    fn take(&mut self, _: Option<&Fields<'_>>) {
        self.points += 1;
    }

    fn takes_rollups(&self) -> bool {
        self.kind == Kind::Rollups
    }
}

/// What is wrong with a body as a whole, if anything. Nothing of it is stored.
fn look(shared: &Shared, kind: Kind, body: &str) -> Result<(), ApiError> {
    begins(body)?;
    let points = if kind == Kind::Histograms {
        histograms(body)?.len() as u64
    } else {
        let quoted = put_json::quote_bare_numbers(body);
        let mut counted = Counted { kind, points: 0 };
        parse(shared, quoted.as_deref().unwrap_or(body), &mut counted)?;
        counted.points
    };
    if points > 0 { Ok(()) } else { Err(ApiError::bad(NO_POINTS)) }
}

/// Reads the body into a batch and hands it over.
fn take(shared: &Shared, kind: Kind, body: &str, wishes: Wishes, tag: &str) -> Result<(Tally, Option<Ticket>), ApiError> {
    begins(body)?;
    if kind == Kind::Histograms {
        return read_histograms(shared, body, Intake::new(shared, kind, wishes, (tag, body))).and_then(Intake::finish);
    }
    match read(shared, body, Intake::new(shared, kind, wishes, (tag, body))) {
        Err(e) => match put_json::quote_bare_numbers(body) {
            Some(quoted) => read(shared, &quoted, Intake::new(shared, kind, wishes, (tag, &quoted)))?.finish(),
            None => Err(e),
        },
        Ok(intake) => intake.finish(),
    }
}

/// On an error the batch is dropped with all that was in it.
fn read<'s>(shared: &Shared, body: &str, mut intake: Intake<'s>) -> Result<Intake<'s>, ApiError> {
    parse(shared, body, &mut intake)?;
    Ok(intake)
}

fn parse<'b>(shared: &Shared, body: &'b str, taker: &mut dyn Taker<'b>) -> Result<(), ApiError> {
    let read = put_json::read(body, shared.limits.body.json_depth, taker);
    read.map_err(|e| ApiError::bad("Unable to parse the given JSON").details(e.to_string()))
}

/// The same for histograms, which are few and large.
fn read_histograms<'s>(shared: &Shared, body: &str, mut intake: Intake<'s>) -> Result<Intake<'s>, ApiError> {
    for point in &histograms(body)? {
        intake.take_histogram(point.as_ref(), &shared.tsd.histograms.unwrap_or_default());
    }
    Ok(intake)
}

fn histograms(body: &str) -> Result<Vec<Option<histogram::Fields>>, ApiError> {
    let items = match json::parse(body.as_bytes()).map_err(reply::unreadable)? {
        Json::Array(items) => items,
        one => vec![one],
    };
    let read = |item| if item == Json::Null { Ok(None) } else { histogram::Fields::read(item).map(Some) };
    items.into_iter().map(read).collect::<Result<_, _>>().map_err(reply::unreadable)
}

/// Tries again for a while as long as nothing more can be taken: the sender waits, which is what slows it down.
/// A batch that was emptied by the error was refused for good.
fn hand_over(batch: &mut Batch) -> Result<Ticket, WriteError> {
    let (points, until) = (batch.len(), Instant::now() + OVERLOAD_WAIT_MAX);
    loop {
        match batch.commit() {
            Err(WriteError::Overloaded(_)) if batch.len() == points && Instant::now() < until => std::thread::sleep(OVERLOAD_PAUSE),
            done => return done,
        }
    }
}

fn failed(e: &WriteError) -> ApiError {
    match e {
        WriteError::Overloaded(limit) => ApiError::new(503, "Please throttle writes").details(limit),
        WriteError::Uid(e) => {
            ApiError::new(503, format!("Storage exception: {e}")).details("Names cannot be looked up now; send the points again later")
        }
        other => ApiError::new(500, format!("The points may not be on disk: {other}")),
    }
}

/// Waits for the store.
async fn sync(shared: &Arc<Shared>, wishes: Wishes, tally: &mut Tally) -> Result<(), ApiError> {
    let writer = shared.tsd.writer.clone();
    let deadline = match wishes.sync_timeout {
        0 => PUT_SYNC_MAX,
        wished => Duration::from_millis(wished).min(PUT_SYNC_MAX),
    };
    let begun = Instant::now();
    let flushed = shared.pools.syncs.run(move || writer.flush(deadline)).await?;
    match flushed {
        Ok(()) => Ok(()),
        Err(_) if wishes.sync_timeout > 0 && begun.elapsed() >= deadline => {
            tally.timeouts = std::mem::take(&mut tally.taken);
            Ok(())
        }
        Err(e) => {
            Err(ApiError::new(500, format!("Storage exception: {e}")).details("The points are in the journal and will be stored later"))
        }
    }
}

fn answer(tally: &Tally, wishes: Wishes) -> Result<ApiResponse, ApiError> {
    const HINT: &str = "Please see the TSD logs or append \"details\" to the put request";
    if !wishes.summary && !wishes.details {
        return match tally {
            Tally { taken, failed, timeouts: timeouts @ 1.., .. } => Err(ApiError::bad(format!(
                "The put call has timedout with {taken} successful writes, {failed} failed writes and {timeouts} timed out writes."
            ))
            .details(HINT)
            .in_json()),
            Tally { failed: 0, .. } => Ok(ApiResponse::no_content()),
            _ => Err(ApiError::bad("One or more data points had errors").details(HINT).in_json()),
        };
    }
    let mut body = format!("{{\"success\":{}", tally.taken);
    if wishes.sync_timeout > 0 {
        body.push_str(&format!(",\"timeouts\":{}", tally.timeouts));
    }
    body.push_str(&format!(",\"failed\":{}", tally.failed));
    if wishes.details {
        body.push_str(&format!(",\"errors\":[{}]", tally.errors.join(",")));
    }
    body.push('}');
    let mut answer = ApiResponse::json(body);
    answer.status = if tally.failed + tally.timeouts > 0 { 400 } else { 200 };
    Ok(answer)
}

/// Takes points into a batch.
struct Intake<'s> {
    kind: Kind,
    batch: Batch,
    rules: &'s Rules,
    stats: &'s Stats,
    details: bool,
    /// A tag for every point, `name=value`, or nothing.
    tag: &'s str,
    tally: Tally,
    /// Of what was handed over already: a batch has an end, a body may hold more.
    ticket: Option<Ticket>,
    text: &'s str,
    json_depth: usize,
    /// The new names of the body have their ids.
    foreseen: bool,
}

/// Notes the names of a body's points.
struct Foresight<'f> {
    names: NewNames<'f>,
    rules: &'f Rules,
}

impl<'de> Taker<'de> for Foresight<'_> {
    fn take(&mut self, point: Option<&Fields<'de>>) {
        let Some(fields) = point else { return };
        let mut tags = TagBuf::new();
        for (name, value) in &fields.tags {
            let Some(value) = value else { return };
            tags.set(name, Some(value));
        }
        if let Ok(point) = admit_http(fields.metric.as_deref(), fields.timestamp, fields.value.as_deref(), &tags, self.rules) {
            self.names.note(&point);
        }
    }
}

impl<'de> Taker<'de> for Intake<'_> {
    fn take(&mut self, point: Option<&Fields<'de>>) {
        if self.tally.unavailable.is_some() {
            return;
        }
        let Some(fields) = point else {
            return self.refuse(None, "Unexpected null datapoint encountered in set.");
        };
        match self.add(fields) {
            Ok(()) => self.tally.taken += 1,
            Err(Refused::Point(words, why)) => {
                why(self.stats).inc();
                self.refuse(Some(echo(fields, None)), &words);
            }
            Err(Refused::Tagged(words, why, tag)) => {
                why(self.stats).inc();
                self.refuse(Some(echo(fields, tag)), &words);
            }
            Err(Refused::Request(e)) => self.tally.unavailable = Some(e),
        }
    }

    fn takes_rollups(&self) -> bool {
        self.kind == Kind::Rollups
    }
}

impl<'s> Intake<'s> {
    /// `sent`: a tag for every point, and the body.
    fn new(shared: &'s Shared, kind: Kind, wishes: Wishes, sent: (&'s str, &'s str)) -> Intake<'s> {
        Intake {
            kind,
            stats: &shared.tsd.stats,
            batch: shared.tsd.writer.batch(),
            rules: &shared.rules,
            details: wishes.details,
            tag: sent.0,
            tally: Tally::default(),
            ticket: None,
            text: sent.1,
            json_depth: shared.limits.body.json_depth,
            foreseen: false,
        }
    }

    fn take_histogram(&mut self, point: Option<&histogram::Fields>, decoders: &Decoders) {
        if self.tally.unavailable.is_some() {
            return;
        }
        let Some(fields) = point else {
            return self.refuse(None, "Unexpected null datapoint encountered in set.");
        };
        match self.add_histogram(fields, decoders) {
            Ok(()) => self.tally.taken += 1,
            Err(Refused::Point(words, why) | Refused::Tagged(words, why, _)) => {
                why(self.stats).inc();
                self.refuse(Some(fields.echo()), &words);
            }
            Err(Refused::Request(e)) => self.tally.unavailable = Some(e),
        }
    }

    fn add_histogram(&mut self, fields: &histogram::Fields, decoders: &Decoders) -> Result<(), Refused> {
        let illegal = |words: String| Refused::Point(words, |s| &s.put.illegal_arguments);
        let value = fields.cell(decoders).map_err(illegal)?;
        let mut tags = TagBuf::new();
        fields.tags(&mut tags);
        if !self.tag.is_empty() {
            tags.parse_word(self.tag).map_err(|e| refuse_point(&e))?;
        }
        let metric = fields.metric.as_deref().unwrap_or_default();
        let point = HistogramPoint { metric, time: fields.timestamp, value: &value, tags: tags.as_slice() };
        let mut done = self.batch.add_histogram(&point, self.rules);
        if matches!(done, Err(WriteError::Overloaded(_))) && !self.batch.is_empty() {
            self.ticket = Some(hand_over(&mut self.batch).map_err(|e| Refused::Request(failed(&e)))?);
            done = self.batch.add_histogram(&point, self.rules);
        }
        done.map_err(refuse_write)
    }
}

impl Intake<'_> {
    /// Hands over what is left.
    fn finish(mut self) -> Result<(Tally, Option<Ticket>), ApiError> {
        if let Some(e) = self.tally.unavailable {
            return Err(e);
        }
        if self.tally.taken + self.tally.failed == 0 {
            return Err(ApiError::bad(NO_POINTS));
        }
        if !self.batch.is_empty() {
            self.ticket = Some(hand_over(&mut self.batch).map_err(|e| failed(&e))?);
        }
        Ok((self.tally, self.ticket))
    }

    fn add(&mut self, fields: &Fields<'_>) -> Result<(), Refused> {
        let mut tags = TagBuf::new();
        for (name, value) in &fields.tags {
            tags.set(name, value.as_deref());
        }
        if !self.tag.is_empty() {
            tags.parse_word(self.tag).map_err(|e| refuse_point(&e))?;
        }
        if let Some(rollup) = &fields.rollup {
            return self.add_rollup(fields, rollup, &tags);
        }
        let point = admit_http(fields.metric.as_deref(), fields.timestamp, fields.value.as_deref(), &tags, self.rules);
        let point = point.map_err(|e| refuse_point(&e))?;
        let batch = &mut self.batch;
        let mut done = match batch.add_known(&point) {
            Some(done) => done,
            None => {
                if !std::mem::replace(&mut self.foreseen, true) {
                    foresee(batch, self.text, self.json_depth, self.rules);
                }
                batch.add(&point)
            }
        };
        if matches!(done, Err(WriteError::Overloaded(_))) && !batch.is_empty() {
            self.ticket = Some(hand_over(batch).map_err(|e| Refused::Request(failed(&e)))?);
            done = batch.add(&point);
        }
        done.map_err(refuse_write)
    }

    /// The same for a rolled-up or pre-aggregated value.
    fn add_rollup(&mut self, fields: &Fields<'_>, rollup: &RollupFields<'_>, tags: &TagBuf<'_>) -> Result<(), Refused> {
        let (metric, value) =
            present_http(fields.metric.as_deref(), fields.timestamp, fields.value.as_deref(), tags).map_err(|e| refuse_point(&e))?;
        let (interval, function, group_by) = (rollup.interval.as_deref(), rollup.aggregator.as_deref(), rollup.group_by.as_deref());
        let missing = |text: Option<&str>| text.is_none_or(str::is_empty);
        if missing(group_by) && (missing(interval) || missing(function)) {
            let what = if missing(interval) { "interval" } else { "aggregator" };
            return Err(Refused::Point(format!("Missing {what}"), |s| &s.put.illegal_arguments));
        }
        let value = Value::parse_http(value).map_err(|e| refuse_point(&e))?;
        let point = RolledUp { metric, time: fields.timestamp, value, tags: tags.as_slice(), interval, function, group_by };
        let mut done = self.batch.add_rollup(&point, self.rules);
        let full = |refused: &crate::write::RollupRefused| matches!(refused.why, RollupError::Write(WriteError::Overloaded(_)));
        if done.as_ref().is_err_and(full) && !self.batch.is_empty() {
            self.ticket = Some(hand_over(&mut self.batch).map_err(|e| Refused::Request(failed(&e)))?);
            done = self.batch.add_rollup(&point, self.rules);
        }
        done.map_err(|refused| {
            let why = match refused.why {
                RollupError::Point(e) => refuse_point(&e),
                RollupError::NoInterval(_) => Refused::Point("Unexpected exception".to_owned(), |s| &s.put.illegal_arguments),
                RollupError::NotConfigured(_) => refuse_point(&PointError::Illegal("No rollup or aggregations were configured".to_owned())),
                e @ RollupError::NoTable => Refused::Point(format!("Storage exception: {e}"), |s| &s.put.illegal_arguments),
                RollupError::Write(e) => refuse_write(e),
            };
            match why {
                Refused::Point(words, counter) => Refused::Tagged(words, counter, refused.tag),
                other => other,
            }
        })
    }

    #[cold]
    fn refuse(&mut self, datapoint: Option<serde_json::Value>, words: &str) {
        self.tally.failed += 1;
        if self.details && self.tally.errors.len() < PUT_DETAILS_MAX {
            self.tally.errors.push(with_halves(&serde_json::json!({ "datapoint": datapoint, "error": words }).to_string()));
        }
    }
}

/// Gives ids to the new names of a body, all together and not one after the other.
#[cold]
fn foresee(batch: &Batch, text: &str, json_depth: usize, rules: &Rules) {
    let mut foresight = Foresight { names: batch.new_names(), rules };
    // What is wrong with the text is told by whoever takes its points.
    let _ = put_json::read(text, json_depth, &mut foresight);
    foresight.names.assign();
}

fn refuse_point(e: &PointError) -> Refused {
    let counter: fn(&Stats) -> &Counter = match e {
        PointError::InvalidValue(_) => |s| &s.put.invalid_values,
        PointError::Illegal(_) => |s| &s.put.illegal_arguments,
    };
    Refused::Point(e.http_text().to_owned(), counter)
}

fn refuse_write(e: WriteError) -> Refused {
    match e {
        WriteError::Uid(UidError::NoSuchName { .. }) => Refused::Point("Unknown metric".to_owned(), |s| &s.put.unknown_metrics),
        WriteError::Uid(e @ (UidError::Exhausted(_) | UidError::Refused(_))) => Refused::Point(e.to_string(), |s| &s.put.store_errors),
        WriteError::Illegal(words) => Refused::Point(words, |s| &s.put.illegal_arguments),
        other => Refused::Request(failed(&other)),
    }
}

/// Why a point was not taken.
enum Refused {
    Point(String, fn(&Stats) -> &Counter),
    /// The same for a point that had got a tag by then, which the echo shows.
    Tagged(String, fn(&Stats) -> &Counter, Option<(String, String)>),
    /// Nobody can take points now: the whole request is refused, and can be sent again as it is.
    Request(ApiError),
}

/// Writes the half characters that stand-ins mean (recorded case `put/v-emoji-metric`).
fn with_halves(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        match surrogate_half(c) {
            Some(half) => out.push_str(&format!("\\u{half:04x}")),
            None => out.push(c),
        }
        out
    })
}

/// A rejected point as it was sent (`tag`: with one that it got here), less what is missing or `null`; the value always as text.
fn echo(fields: &Fields<'_>, tag: Option<(String, String)>) -> serde_json::Value {
    let mut point = serde_json::Map::new();
    if let Some(metric) = &fields.metric {
        point.insert("metric".to_owned(), metric.as_ref().into());
    }
    point.insert("timestamp".to_owned(), fields.timestamp.into());
    if let Some(value) = &fields.value {
        point.insert("value".to_owned(), value.as_ref().into());
    }
    if fields.has_tags {
        let tags = fields.tags.iter().map(|(k, v)| (k.to_string(), v.as_deref().map_or(serde_json::Value::Null, Into::into)));
        let mut tags: serde_json::Map<_, _> = tags.collect();
        if let Some((key, value)) = tag {
            tags.insert(key, value.into());
        }
        point.insert("tags".to_owned(), serde_json::Value::Object(tags));
    }
    if let Some(rollup) = &fields.rollup {
        for (name, text) in [("interval", &rollup.interval), ("aggregator", &rollup.aggregator), ("groupByAggregator", &rollup.group_by)] {
            if let Some(text) = text {
                point.insert(name.to_owned(), text.as_ref().into());
            }
        }
    }
    point.into()
}
