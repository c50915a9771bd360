//! `check`: the Nagios check of OpenTSDB's `check_tsd`, without Python: asks a TSD, Java or Rust, for the last points of a
//! metric and compares them with thresholds.
//!
//! Exit codes are Nagios': 0 fine, 1 warning, 2 critical (the TSD cannot be asked: 2 as well), 3 used wrongly.
//! Options, words and order of the answer are the script's; times are this machine's. With `--ssl` the TSD's certificate is
//! checked against those that programs of this machine trust, as Python does it.

use super::{Call, Failure};
use crate::clock;
use crate::worker::notify::trusted;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};

/// Nagios' exit codes.
const WARNING: u8 = 1;
const CRITICAL: u8 = 2;
pub(super) const UNKNOWN: u8 = 3;

/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// Where systems keep the certificates they trust: Debian, Red Hat, SUSE, Alpine.
const SYSTEM_ROOTS: [&str; 4] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// Functions that the script takes.
const AGGREGATORS: [&str; 29] = [
    "avg", "count", "dev", "diff", "ep50r3", "ep50r7", "ep75r3", "ep75r7", "ep90r3", "ep90r7", "ep95r3", "ep95r7", "ep99r3", "ep99r7",
    "ep999r3", "ep999r7", "mimmin", "mimmax", "min", "max", "none", "p50", "p75", "p90", "p95", "p99", "p999", "sum", "zimsum",
];
const FILLS: [&str; 4] = ["none", "nan", "null", "zero"];

/// How a value is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Gt,
    Ge,
    Lt,
    Le,
    Eq,
    Ne,
}

impl Method {
    const ALL: [(&'static str, Method); 6] =
        [("gt", Method::Gt), ("ge", Method::Ge), ("lt", Method::Lt), ("le", Method::Le), ("eq", Method::Eq), ("ne", Method::Ne)];

    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Method::Gt => value > threshold,
            Method::Ge => value >= threshold,
            Method::Lt => value < threshold,
            Method::Le => value <= threshold,
            Method::Eq => value == threshold,
            Method::Ne => value != threshold,
        }
    }

    fn name(self) -> &'static str {
        Method::ALL.iter().find(|(_, method)| *method == self).map_or("", |(name, _)| name)
    }
}

/// What is asked.
#[derive(Clone, Debug)]
struct Args {
    host: String,
    port: u16,
    metric: String,
    tags: Vec<String>,
    duration: i64,
    downsample: String,
    window: i64,
    fill: String,
    aggregator: String,
    method: Method,
    rate: bool,
    warning: f64,
    critical: f64,
    verbose: bool,
    timeout: u64,
    no_result_ok: bool,
    ignore_recent: i64,
    percent_over: f64,
    now: Option<i64>,
    ssl: bool,
    ca_file: Option<PathBuf>,
}

pub fn run(call: &Call) -> Result<(), Failure> {
    let args = read(call).map_err(|complaint| call.misused(UNKNOWN, &format!("check: error: {complaint}")))?;
    let now = args.now.unwrap_or_else(clock::now_s);
    let points = match ask(&args) {
        Ok(points) => points,
        Err(why) => return end(CRITICAL, &why),
    };
    let (code, text) = judge(&args, &points, now);
    end(code, &text)
}

/// The line, and the exit code.
fn end(code: u8, text: &str) -> Result<(), Failure> {
    super::extra::print(&format!("{text}\n"))?;
    if code == 0 { Ok(()) } else { Err(Failure::code(code, "")) }
}

fn read(call: &Call) -> Result<Args, String> {
    let parsed = &call.parsed;
    if let [word, ..] = call.words().as_slice() {
        return Err(format!("unexpected argument {word}"));
    }
    // Of a flag's two spellings the one given last counts.
    let text = |short: &str, long: &str| {
        let given = parsed.flags.iter().rev().find(|(name, _)| name == short || name == long);
        given.and_then(|(_, value)| value.as_deref())
    };
    let has = |short: &str, long: &str| parsed.has(short) || parsed.has(long);
    let whole = |short: &str, long: &str, default: i64| match text(short, long) {
        None => Ok(default),
        Some(text) => text.parse::<i64>().map_err(|_| format!("option {long}: invalid integer value: '{text}'")),
    };
    let number = |short: &str, long: &str| match text(short, long).map(|text| (text, text.parse::<f64>())) {
        None => Ok(None),
        Some((_, Ok(number))) => Ok(Some(number)),
        Some((text, Err(_))) => Err(format!("option {long}: invalid floating-point value: '{text}'")),
    };
    let name = |short: &str, long: &str, default: &str| text(short, long).unwrap_or(default).to_string();
    let method = name("-x", "--method", "gt");
    let (warning, critical) = (number("-w", "--warning")?, number("-c", "--critical")?);
    let args = Args {
        host: name("-H", "--host", "localhost"),
        port: u16::try_from(whole("-p", "--port", 4242)?).map_err(|_| "--port must be in the range 0..65535.")?,
        metric: name("-m", "--metric", ""),
        tags: parsed.flags.iter().filter(|(flag, _)| flag == "-t" || flag == "--tag").filter_map(|(_, value)| value.clone()).collect(),
        duration: whole("-d", "--duration", 600)?,
        downsample: name("-D", "--downsample", "none"),
        window: whole("-W", "--downsample-window", 60)?,
        fill: name("-F", "--downsample-fill-policy", "none"),
        aggregator: name("-a", "--aggregator", "sum"),
        method: Method::ALL.iter().find(|(name, _)| *name == method).map(|(_, m)| *m).ok_or(format!("Comparator '{method}' not valid."))?,
        rate: has("-r", "--rate"),
        warning: warning.or(critical).ok_or("You must specify at least a warning threshold (-w) or a critical threshold (-c).")?,
        critical: critical.or(warning).unwrap_or_default(),
        verbose: has("-v", "--verbose"),
        timeout: u64::try_from(whole("-T", "--timeout", 10)?).unwrap_or(0).max(1),
        no_result_ok: has("-E", "--no-result-ok"),
        ignore_recent: whole("-I", "--ignore-recent", 0)?,
        percent_over: number("-P", "--percent-over")?.unwrap_or(0.0),
        now: text("-N", "--now").map(|_| whole("-N", "--now", 0)).transpose()?,
        ssl: has("-S", "--ssl"),
        ca_file: parsed.value("--ca-file").map(PathBuf::from),
    };
    valid(args)
}

fn valid(args: Args) -> Result<Args, String> {
    if !AGGREGATORS.contains(&args.downsample.as_str()) {
        return Err(format!("Downsample '{}' not valid.", args.downsample));
    }
    if !FILLS.contains(&args.fill.as_str()) {
        return Err(format!("Downsample Fill policy '{}' not valid.", args.fill));
    }
    if !AGGREGATORS.contains(&args.aggregator.as_str()) {
        return Err(format!("Aggregator '{}' not valid.", args.aggregator));
    }
    for (wrong, why) in [
        (args.metric.is_empty(), "You must specify a metric (option -m)."),
        (args.duration <= 0, "Duration must be strictly positive."),
        (args.window <= 0, "Downsample window must be strictly positive."),
        (args.ignore_recent < 0, "--ignore-recent must be positive."),
        (!(0.0..=100.0).contains(&args.percent_over), "--percent-over must be in the range 0..100."),
    ] {
        if wrong {
            return Err(why.into());
        }
    }
    Ok(args)
}

/// `{host=a,dc=b}`, or nothing.
fn tags(args: &Args) -> String {
    if args.tags.is_empty() { String::new() } else { format!("{{{}}}", args.tags.join(",")) }
}

fn path(args: &Args) -> String {
    let start = args.now.map_or_else(|| format!("{}s-ago", args.duration), |now| (now - args.duration).to_string());
    let downsample = match args.downsample.as_str() {
        "none" => String::new(),
        function => format!("{}s-{function}-{}:", args.window, args.fill),
    };
    let rate = if args.rate { "rate:" } else { "" };
    let m = format!("{}:{downsample}{rate}{}{}", args.aggregator, args.metric, tags(args));
    let escape = |b: u8| if b.is_ascii_alphanumeric() || b"-_.~:,".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    format!("/api/query?start={start}&m={}", m.bytes().map(escape).collect::<String>())
}

/// A point of the answer, as it is compared and as it is shown.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    time: i64,
    value: f64,
    text: String,
}

/// Asks the TSD. The error is the line of a critical answer.
fn ask(args: &Args) -> Result<Vec<Vec<Point>>, String> {
    let tsd = format!("{}:{}", args.host, args.port);
    let path = path(args);
    let failed = |error: String| format!("ERROR: couldn't GET {path} from {tsd}: {error}");
    let answer = agent(args).map_err(&failed)?.get(url(args, &path)).call();
    let mut answer = answer.map_err(|error| match error {
        ureq::Error::Io(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::Rustls(_) | ureq::Error::Tls(_) => {
            format!("ERROR: couldn't connect to {tsd}: {error}")
        }
        other => failed(other.to_string()),
    })?;
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(|e| failed(e.to_string()))?;
    let text = String::from_utf8_lossy(&body);
    let status = answer.status().as_u16();
    if status != 200 && status != 202 {
        let said = if args.verbose { format!("\nTSD said:\n{text}") } else { String::new() };
        return Err(format!("CRITICAL: status = {status} when talking to {tsd}{said}"));
    }
    // A Java TSD writes NaN as it is, which is no JSON.
    let answer: Value = serde_json::from_str(&text.replace(":NaN", ":\"NaN\"")).map_err(|e| failed(e.to_string()))?;
    Ok(answer.as_array().into_iter().flatten().map(series).collect())
}

fn url(args: &Args, path: &str) -> String {
    let scheme = if args.ssl { "https" } else { "http" };
    let host = if args.host.contains(':') { format!("[{}]", args.host) } else { args.host.clone() };
    format!("{scheme}://{host}:{}{path}", args.port)
}

/// Asks the TSD itself, whatever the environment says of proxies.
fn agent(args: &Args) -> Result<ureq::Agent, String> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(args.timeout)))
        .user_agent("tsdb check");
    let config = if args.ssl { config.tls_config(TlsConfig::builder().root_certs(roots(args)?).build()) } else { config };
    Ok(config.build().into())
}

/// Whose certificates are trusted: `--ca-file`, else `SSL_CERT_FILE`, else the system's, else Mozilla's, which are built in.
fn roots(args: &Args) -> Result<RootCerts, String> {
    let named = args.ca_file.clone().or_else(|| std::env::var_os("SSL_CERT_FILE").map(PathBuf::from));
    let system = || SYSTEM_ROOTS.iter().map(PathBuf::from).find(|path| path.exists());
    named.or_else(system).map_or(Ok(RootCerts::WebPki), |path| trusted(&path))
}

fn series(one: &Value) -> Vec<Point> {
    let points = one["dps"].as_object().into_iter().flatten();
    let mut points: Vec<Point> = points
        .filter_map(|(time, value)| {
            let time: i64 = time.parse().ok()?;
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
            let text = value.as_i64().map_or_else(|| python(number), |whole| whole.to_string());
            Some(Point { time, value: number, text })
        })
        .collect();
    points.sort_by_key(|point| point.time);
    points
}

/// A float as Python prints it.
fn python(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        return format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    let text = value.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

/// The code and the line.
fn judge(args: &Args, answer: &[Vec<Point>], now: i64) -> (u8, String) {
    let nothing = || match args.no_result_ok {
        true => (0, "OK: query did not return any data point (--no-result-ok)".to_string()),
        false => (CRITICAL, "CRITICAL: query did not return any data point".to_string()),
    };
    let mut lines = String::new();
    let mut seen: Vec<&Point> = Vec::new();
    for point in answer.iter().flatten() {
        let age = now - point.time;
        let counts = age <= args.duration && age > args.ignore_recent;
        if counts {
            seen.push(point);
        }
        if args.verbose {
            let note = if counts { String::new() } else { format!(" (ignored, delta {age}s)") };
            lines.push_str(&format!("{} {} {}{note}\n", args.metric, point.time, point.text));
        }
    }
    let Some(last) = seen.last() else {
        let (code, text) = nothing();
        return (code, format!("{lines}{text}"));
    };
    let holds = |threshold: f64| seen.iter().filter(|p| args.method.holds(p.value, threshold)).count();
    let critical = holds(args.critical);
    let either = seen.iter().filter(|p| args.method.holds(p.value, args.critical) || args.method.holds(p.value, args.warning)).count();
    let over = |bad: usize| bad > 0 && bad as f64 / seen.len() as f64 > args.percent_over / 100.0;
    let (code, bad) = match (over(critical), over(either)) {
        (true, _) => (CRITICAL, critical),
        (false, true) => (WARNING, either),
        _ => (0, 0),
    };
    let shown = tags(args).replace('|', ":"); // what stands behind a bar is Nagios' own
    let label = args.metric.rsplit('.').next().unwrap_or_default();
    let (warning_text, critical_text) = (python(args.warning), python(args.critical));
    let perf = format!("{label}={};{warning_text};{critical_text};0;{critical_text}", seen.len());
    let text = match code {
        0 => format!("OK: {}{shown}: {} values OK, last={} | {perf}", args.metric, seen.len(), last.text),
        _ => {
            let (level, threshold) = if code == CRITICAL { ("CRITICAL", critical_text) } else { ("WARNING", warning_text) };
            let (worst, when) = worst(args, &seen);
            let percent = bad as f64 * 100.0 / seen.len() as f64;
            let (metric, method, of) = (&args.metric, args.method.name(), seen.len());
            format!("{level}: {metric}{shown} {method} {threshold}: {bad}/{of} bad values ({percent:.1}%) worst: {worst} @ {when} | {perf}")
        }
    };
    (code, format!("{lines}{text}"))
}

/// The worst value, and when it was.
fn worst(args: &Args, seen: &[&Point]) -> (String, String) {
    let mut worst: Option<&Point> = None;
    for point in seen {
        let bad = args.method.holds(point.value, args.critical) || args.method.holds(point.value, args.warning);
        if bad && worst.is_none_or(|worst| args.method.holds(point.value, worst.value)) {
            worst = Some(point);
        }
    }
    let Some(worst) = worst else { return Default::default() };
    let when = Timestamp::from_second(worst.time).map(|t| t.to_zoned(TimeZone::system()).strftime("%a %b %e %H:%M:%S %Y").to_string());
    (worst.text.clone(), when.unwrap_or_default())
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
