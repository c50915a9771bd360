//! `worker`: looks at stored series and tells people. Words: none (works until it is told to stop), `check`, `test RULE`,
//! `backfill`, and those of `notices.rs`.

use super::{Call, Failure, notices};
use crate::clock;
use crate::config::Settings;
use crate::query::request::date::parse_date;
use crate::tsd;
use crate::worker::anomalies::Watch;
use crate::worker::loader;
use crate::worker::messages::series_name;
use crate::worker::open::{self, Opened};
use crate::worker::options::Options;
use crate::worker::replay::replay;
use crate::worker::rule::file;
use crate::worker::rule::model::RuleSet;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Seconds before `--at` that a test replays, if nothing is said.
const TEST_S: i64 = 3_600;
/// Seconds of a backfill, if nothing is said.
const BACKFILL_S: i64 = 86_400;

pub fn run(call: &Call) -> Result<(), Failure> {
    match call.words().as_slice() {
        [] => work(&call.settings()?),
        ["check", paths @ ..] => check(&call.settings()?, paths),
        ["test", rule] => test(call, rule),
        ["backfill"] => backfill(call),
        ["resend", channels @ ..] => notices::send_again(call, channels),
        ["test-channel", first, more @ ..] => notices::test_channel(call, &[&[*first], more].concat()),
        _ => Err(call.misused(
            super::USAGE,
            "Words: none, check [PATH ...], test RULE, backfill, resend [CHANNEL ...], or test-channel CHANNEL ...",
        )),
    }
}

fn work(settings: &Settings) -> Result<(), Failure> {
    let opened = open::open(settings).map_err(Failure::new)?;
    let stop = Arc::new(AtomicBool::new(false));
    let Opened { house, desk, tsd } = opened;
    let worker = open::worker(house, desk, settings, stop.clone());
    let thread = std::thread::Builder::new().name("worker".into()).spawn(move || worker.run())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let asked = super::tsd::stop_signal()?;
        tokio::pin!(asked);
        // The worker may end by itself, with an error.
        while !thread.is_finished() {
            tokio::select! {
                () = &mut asked => return Ok::<_, std::io::Error>(()),
                () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {}
            }
        }
        Ok(())
    })?;
    stop.store(true, Ordering::Relaxed);
    let worked = thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the worker ended in a panic")));
    if let Some(tsd) = tsd {
        tsd.writer.shutdown().map_err(Failure::new)?;
    }
    worked.map_err(Failure::new)
}

/// Files of rules are read and what is wrong is printed; nothing is opened.
fn check(settings: &Settings, paths: &[&str]) -> Result<(), Failure> {
    let paths = if paths.is_empty() { vec![settings.worker_rules.as_str()] } else { paths.to_vec() };
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_empty() {
            return Err(Failure::new("no rules: name files or folders, or set tsd.worker.rules (--rules)"));
        }
        let (more, wrong) = loader::read(Path::new(path));
        files.extend(more);
        faults.extend(wrong);
    }
    let set = file::load(&files);
    faults.extend(set.faults.iter().map(ToString::to_string));
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} rules, {} channels in {} files", set.rules.len(), set.channels.len(), files.len())?;
    match faults.len() {
        0 => Ok(()),
        _ => Err(Failure::new(faults.join("\n"))),
    }
}

/// The time a flag names, seconds.
fn time(call: &Call, settings: &Settings, flag: &str, default: i64) -> Result<i64, Failure> {
    let Some(text) = call.parsed.value(flag) else { return Ok(default) };
    let clock = tsd::clock(settings).map_err(Failure::new)?;
    Ok(parse_date(text, None, &clock).map_err(|e| Failure::new(format!("{flag}: {}", e.message)))? / 1_000)
}

/// From `--start`, by default so many seconds before the end, to the end.
fn range(call: &Call, settings: &Settings, end: i64, seconds: i64) -> Result<(i64, i64), Failure> {
    let start = time(call, settings, "--start", end - seconds)?;
    if start > end {
        return Err(Failure::new(format!("the start, {}, is after the end, {}", stamp(start), stamp(end))));
    }
    Ok((start, end))
}

fn rules(settings: &Settings, opened: &Opened) -> Arc<RuleSet> {
    let mut loader = loader::Loader::new(Path::new(&settings.worker_rules));
    let loaded = loader.load(Some(&opened.desk)).unwrap_or_default();
    loaded.faults.iter().for_each(|fault| tracing::warn!("{fault}"));
    loaded.set
}

fn stamp(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// Of what looks at stored points: where a store is to be read, it must be there.
fn settings_of_points(call: &Call) -> Result<Settings, Failure> {
    let settings = call.settings()?;
    if settings.worker_url.is_empty() {
        super::store_is_there(&settings)?;
    }
    Ok(settings)
}

fn test(call: &Call, name: &str) -> Result<(), Failure> {
    let settings = settings_of_points(call)?;
    let now = clock::now_s();
    let end = time(call, &settings, "--at", time(call, &settings, "--end", now)?)?;
    let (start, end) = range(call, &settings, end, TEST_S)?;
    let opened = open::open(&settings).map_err(Failure::new)?;
    let set = rules(&settings, &opened);
    let rule = set.rules.get(name).ok_or_else(|| {
        let known: Vec<&str> = set.rules.keys().map(String::as_str).take(20).collect();
        if known.is_empty() {
            return Failure::new(format!("no rule is called {name:?}: there are none; name their files (tsd.worker.rules, --rules)"));
        }
        Failure::new(format!("no rule is called {name:?}; there are {}", known.join(", ")))
    })?;
    let bar = bar("checks");
    let skyline = Options::of(&settings).detect.skyline;
    let mut progress = |done: i64, all: i64| {
        bar.set_length(all.unsigned_abs());
        bar.set_position(done.unsigned_abs());
        ControlFlow::Continue(())
    };
    let done = replay(opened.house.as_ref(), &set, &skyline, rule, (start, end), &mut progress);
    bar.finish_and_clear();
    let done = done.map_err(Failure::new)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    writeln!(out, "{name}: {} checks from {} to {}", done.checks, stamp(start), stamp(end))?;
    for line in &done.lines {
        let kind = line.kind.map(|kind| format!(" {}", kind.name())).unwrap_or_default();
        writeln!(out, "{} {}{kind} {} {}: {}", stamp(line.at), line.what, line.level.name(), line.name, line.text)?;
    }
    if done.cut {
        writeln!(out, "... and more")?;
    }
    writeln!(out, "at the end:")?;
    for group in &done.groups {
        writeln!(out, "  {} {}: {}", group.level.map_or("undecided", |level| level.name()), group.name, group.text)?;
    }
    out.flush()?;
    drop(out);
    close(opened)?;
    match done.why {
        Some(why) => Err(Failure::new(format!("{} of {} checks could not be made: {why}", done.failed, done.checks))),
        None => Ok(()),
    }
}

/// The detectors over a past range: what would have been anomalous, a line each.
fn backfill(call: &Call) -> Result<(), Failure> {
    let settings = settings_of_points(call)?;
    let now = clock::now_s();
    let (start, end) = range(call, &settings, time(call, &settings, "--end", now)?, BACKFILL_S)?;
    let options = Options::of(&settings);
    if options.detect.metrics.is_empty() {
        return Err(Failure::new("no metrics: set tsd.worker.detect.metrics (--metrics), such as 'sys.*'"));
    }
    let every = i64::try_from(options.detect.interval.as_secs()).unwrap_or(60).max(1);
    let opened = open::open(&settings).map_err(Failure::new)?;
    let mut watch = Watch::new(options.detect.clone()).map_err(Failure::new)?;
    let looks = ((end - start) / every).max(0) + 1;
    let bar = bar("looks");
    bar.set_length(looks.unsigned_abs());
    let stop = AtomicBool::new(false);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut looked = 0;
    for at in (0..looks).map(|n| start + n * every) {
        let found = watch.look(opened.house.as_ref(), at, options.threads, &|_, _| true, &stop, &mut |_, _, series| {
            bar.set_message(format!("{series} series at {}", stamp(at)));
        });
        bar.inc(1);
        if let Some(why) = found.away {
            bar.finish_and_clear();
            return Err(Failure::new(why));
        }
        looked += found.list.looked_at;
        for anomaly in found.list.series.iter().filter(|anomaly| anomaly.since == at) {
            let name = series_name(&anomaly.metric, &anomaly.tags);
            bar.suspend(|| writeln!(out, "{} anomalous {name} {} {}", stamp(at), anomaly.value, anomaly.votes.join(",")))?;
        }
        for over in found.judged.iter().filter(|one| is_over(one)) {
            writeln!(out, "{} normal {}", stamp(at), series_name(&over.metric, &over.tags))?;
        }
    }
    bar.finish_and_clear();
    writeln!(out, "{looks} looks, {looked} series judged")?;
    out.flush()?;
    drop(out);
    close(opened)
}

fn is_over(judged: &crate::worker::evaluate::Judged) -> bool {
    use crate::worker::alert::{Level, Verdict};
    matches!(judged.verdict, Verdict::Decided { level: Level::Normal, .. })
}

pub(super) fn close(opened: Opened) -> Result<(), Failure> {
    match opened.tsd {
        Some(tsd) => tsd.writer.shutdown().map_err(Failure::new),
        None => Ok(()),
    }
}

pub(super) fn bar(what: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {what} {{msg}} {{eta}}"));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
