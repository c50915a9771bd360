//! The recorded cases of `tests/golden` (or of the folder that `TSDB_KIT` names): data sets, requests, comparison.

use super::http::{Client, Response, gzip};
use super::json;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

/// Where the cases are.
pub fn root() -> PathBuf {
    std::env::var_os("TSDB_KIT").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), PathBuf::from)
}

/// `tests/golden/deviations.tsv`: case id to the reason why it is answered differently.
pub fn deviations() -> BTreeMap<String, String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/deviations.tsv");
    let text = std::fs::read_to_string(&path).expect("deviations.tsv");
    let rows = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#'));
    let all: BTreeMap<String, String> = rows
        .map(|row| {
            let (id, why) = row.split_once('\t').unwrap_or_else(|| panic!("a deviation needs an id, a tab and a reason: {row:?}"));
            assert!(!why.trim().is_empty(), "a deviation needs a reason: {row:?}");
            (id.to_string(), why.to_string())
        })
        .collect();
    assert!(all.len() <= 40, "at most 40 deviations, not {}", all.len());
    all
}

/// The JSON documents of one file, one a line.
pub fn read_lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().filter(|l| !l.trim().is_empty()).map(read_case).collect()
}

/// One document; a JSON body of a request is kept as text besides (`body_text`): numbers in it may be larger than any type.
fn read_case(line: &str) -> Value {
    #[derive(serde::Deserialize)]
    struct Case<'a> {
        #[serde(borrow)]
        request: Option<Request<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Request<'a> {
        #[serde(borrow)]
        body: Option<&'a serde_json::value::RawValue>,
    }
    let mut case = json::parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    let raw = serde_json::from_str::<Case>(line).ok().and_then(|c| c.request).and_then(|r| r.body);
    if let Some(raw) = raw.filter(|_| matches!(case["request"]["body"], Value::Object(_) | Value::Array(_))) {
        case["request"]["body_text"] = Value::from(raw.get());
    }
    case
}

/// What placeholders stand for on this server, now.
pub struct Context {
    hour: i64,
    tsuids: HashMap<String, String>,
    names: HashMap<String, String>,
}

impl Default for Context {
    fn default() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
        Context { hour: now / 3600 * 3600, tsuids: HashMap::new(), names: HashMap::new() }
    }
}

impl Context {
    /// `{{hour+5}}`, `{{hourms-3}}`, `{{tsuid:m|k=v}}` to what they mean.
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            let Some(end) = tail.find("}}") else { break };
            match self.meaning(&tail[2..end]) {
                Some(text) => {
                    out.push_str(&text);
                    rest = &tail[end + 2..];
                }
                None => {
                    out.push_str("{{");
                    rest = &tail[2..];
                }
            }
        }
        out.push_str(rest);
        out
    }

    fn meaning(&self, name: &str) -> Option<String> {
        if let Some(tsuid) = self.tsuids.get(name) {
            return Some(tsuid.clone());
        }
        let (ms, offset) = match name.strip_prefix("hourms") {
            Some(rest) => (true, rest),
            None => (false, name.strip_prefix("hour")?),
        };
        let offset: i64 = if offset.is_empty() { 0 } else { offset.parse().ok()? };
        Some(((self.hour + offset) * if ms { 1000 } else { 1 }).to_string())
    }

    /// Puts placeholders back into an answer.
    pub fn unfill(&self, text: &str) -> String {
        self.unfill_hours(&self.unfill_tsuids(text))
    }

    fn unfill_tsuids(&self, text: &str) -> String {
        if self.names.is_empty() {
            return text.to_string();
        }
        replace_words(
            text,
            |b| b.is_ascii_alphanumeric() || b == b'_',
            |word| {
                let hex = (18..=54).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit());
                if hex { self.names.get(&word.to_ascii_uppercase()).cloned() } else { None }
            },
        )
    }

    fn unfill_hours(&self, text: &str) -> String {
        // A number near the current hour, not part of a longer word, number or string.
        replace_words(
            text,
            |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'"' | b'{' | b'+' | b'-'),
            |word| {
                let number: i64 = word.parse().ok()?;
                if !matches!(word.len(), 10 | 13) {
                    return None;
                }
                for (div, name) in [(1, "hour"), (1000, "hourms")] {
                    let away = number as f64 / div as f64 - self.hour as f64;
                    if number % div == 0 && (-259_200.0..=3600.0).contains(&away) {
                        return Some(format!("\"{{{{{name}{:+}}}}}\"", away as i64));
                    }
                }
                None
            },
        )
    }

    fn learn(&mut self, metric: &str, tags: &Value, tsuid: &str) {
        let mut pairs: Vec<(String, String)> = tags
            .as_object()
            .map(|m| m.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_string())).collect())
            .unwrap_or_default();
        pairs.sort();
        let name = format!("tsuid:{metric}{}", pairs.iter().map(|(k, v)| format!("|{k}={v}")).collect::<String>());
        self.tsuids.insert(name.clone(), tsuid.to_string());
        self.names.insert(tsuid.to_ascii_uppercase(), format!("{{{{{name}}}}}"));
    }
}

/// Gives every longest run of `inside` bytes to `swap`.
fn replace_words(text: &str, inside: impl Fn(u8) -> bool, swap: impl Fn(&str) -> Option<String>) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let is = inside(bytes[at]);
        let end = (at..bytes.len()).find(|i| inside(bytes[*i]) != is).unwrap_or(bytes.len());
        let run = &text[at..end];
        match is.then(|| swap(run)).flatten() {
            Some(new) => out.push_str(&new),
            None => out.push_str(run),
        }
        at = end;
    }
    out
}

/// One data set by its name.
pub fn dataset(name: &str) -> Value {
    let path = root().join("query/datasets").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).expect("data set")
}

/// Creates all names of all data sets in one fixed order, so that UIDs order the same everywhere.
pub fn assign_all(client: &mut Client) {
    let mut names: [(&str, BTreeSet<String>); 3] = [("metric", BTreeSet::new()), ("tagk", BTreeSet::new()), ("tagv", BTreeSet::new())];
    for entry in std::fs::read_dir(root().join("query/datasets")).expect("data sets") {
        let name = entry.expect("entry").path().file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_string();
        let set = dataset(&name);
        for part in ["points", "rollup", "histogram"] {
            for p in set[part].as_array().into_iter().flatten() {
                names[0].1.insert(p["metric"].as_str().unwrap_or_default().to_string());
                for (k, v) in p["tags"].as_object().into_iter().flatten() {
                    names[1].1.insert(k.clone());
                    names[2].1.insert(v.as_str().unwrap_or_default().to_string());
                }
            }
        }
    }
    for (kind, names) in names {
        for name in names {
            let _ = client.post("/api/uid/assign", &serde_json::json!({ kind: [name] }).to_string());
        }
    }
}

/// Loads a data set by `/api/put?sync&details`, learns its TSUIDs and sends its further requests. Rollups and histograms too.
pub fn load(client: &mut Client, name: &str, ctx: &mut Context) -> Result<(), String> {
    let set = dataset(name);
    let points = filled(&set["points"], ctx);
    let rounds = if set["sequential"].as_bool() == Some(true) { rounds(&points) } else { vec![points] };
    for round in rounds {
        // Values of one second are told apart by their cells' times, which count milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(50));
        for chunk in round.chunks(50) {
            let r = client.post("/api/put?sync&details", &serde_json::to_string(chunk).expect("points"))?;
            if r.status != 200 {
                return Err(format!("loading {name}: {} {}", r.status, r.text()));
            }
        }
    }
    for kind in ["rollup", "histogram"] {
        for chunk in set[kind].as_array().into_iter().flatten().cloned().collect::<Vec<_>>().chunks(50) {
            let r = client.post(&format!("/api/{kind}?sync&details"), &serde_json::to_string(chunk).expect("a list"))?;
            if r.status != 200 {
                return Err(format!("loading {name}: {} {}", r.status, r.text()));
            }
        }
    }
    learn(client, &set, ctx)?;
    for request in set["setup"].as_array().into_iter().flatten() {
        let r = send(client, request, ctx)?;
        if r.status >= 300 && r.status != 304 {
            return Err(format!("setting up {name}: {} {}", r.status, r.text()));
        }
    }
    Ok(())
}

fn filled(points: &Value, ctx: &Context) -> Vec<Value> {
    let mut out = points.as_array().cloned().unwrap_or_default();
    for p in &mut out {
        if let Some(text) = p["timestamp"].as_str().filter(|t| t.starts_with("{{")) {
            p["timestamp"] = Value::from(ctx.fill(text).parse::<i64>().expect("timestamp"));
        }
    }
    out
}

/// Second values for the same second go in a later request than first values.
fn rounds(points: &[Value]) -> Vec<Vec<Value>> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut rounds: Vec<Vec<Value>> = Vec::new();
    for p in points {
        let stamp: String = p["timestamp"].to_string().chars().take(10).collect();
        let n = seen.entry(format!("{} {} {stamp}", p["metric"], p["tags"])).and_modify(|n| *n += 1).or_insert(0);
        while rounds.len() <= *n {
            rounds.push(Vec::new());
        }
        rounds[*n].push(p.clone());
    }
    rounds
}

fn learn(client: &mut Client, set: &Value, ctx: &mut Context) -> Result<(), String> {
    let named = |kind: &str| set[kind].as_array().into_iter().flatten().filter_map(|p| p["metric"].as_str()).collect::<BTreeSet<_>>();
    let points = named("points").into_iter().map(|metric| (metric, serde_json::json!({"aggregator": "none", "metric": metric})));
    let histograms = named("histogram")
        .into_iter()
        .map(|metric| (metric, serde_json::json!({"aggregator": "none", "metric": metric, "percentiles": [50]})));
    for (metric, sub) in points.chain(histograms) {
        let query = serde_json::json!({"start": 1, "end": 4102444800u32, "showTSUIDs": true, "noAnnotations": true, "queries": [sub]});
        let r = client.post("/api/query", &query.to_string())?;
        let Ok(Value::Array(list)) = serde_json::from_slice::<Value>(&r.body) else { continue };
        for s in list {
            if let Some([tsuid]) = s["tsuids"].as_array().map(Vec::as_slice) {
                ctx.learn(metric, &s["tags"], tsuid.as_str().unwrap_or_default());
            }
        }
    }
    Ok(())
}

/// Sends a case's request.
pub fn send(client: &mut Client, request: &Value, ctx: &Context) -> Result<Response, String> {
    let mut headers: Vec<(String, String)> = request["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_string()))
        .collect();
    let path = quote(&ctx.fill(request["path"].as_str().unwrap_or_default()));
    let method = request["method"].as_str().unwrap_or("GET");
    let body = match (request.get("body"), request.get("body_text")) {
        (None | Some(Value::Null), _) => None,
        (_, Some(Value::String(s))) | (Some(Value::String(s)), _) => Some(ctx.fill(s).into_bytes()),
        (Some(other), _) => Some(ctx.fill(&other.to_string()).into_bytes()),
    };
    let body = body.map(|b| {
        if !headers.iter().any(|(k, _)| k.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".into(), "application/json; charset=UTF-8".into()));
        }
        if request["gzip"].as_bool() == Some(true) {
            headers.push(("Content-Encoding".into(), "gzip".into()));
            gzip(&b)
        } else {
            b
        }
    });
    client.request(method, &path, &headers, body.as_deref())
}

fn quote(path: &str) -> String {
    let mut out = String::new();
    for b in path.bytes() {
        if b.is_ascii_alphanumeric() || b"/?&=%:+,;@!$'~#_.-".contains(&b) {
            out.push(b as char);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// Differences between a case's recorded answer and this one; empty if it conforms.
pub fn compare(case: &Value, got: &Response, ctx: &Context) -> Vec<String> {
    let want = &case["response"];
    let status = want["status"].as_u64().unwrap_or(0) as u16;
    if status == 500 && got.status == 400 && json::says_why(&got.body) {
        return Vec::new();
    }
    if got.status != status {
        return vec![format!("status {}, expected {status}: {}", got.status, clip(&got.text()))];
    }
    let mode = case["compare"].as_str().unwrap_or("json");
    if mode == "status" {
        return Vec::new();
    }
    let mut out = Vec::new();
    let (a, b) = (media(want["content_type"].as_str()), media(got.header("content-type")));
    if a != b {
        out.push(format!("content type {b:?}, expected {a:?}"));
    }
    let text = ctx.unfill(&got.text());
    if mode == "exact" && want.get("text").is_some() {
        let (a, b) = (canon_text(want["text"].as_str().unwrap_or_default()), canon_text(&text));
        if a != b {
            let at = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
            out.push(format!("text differs at {at}: got {:?}, expected {:?}", tail(&b, at), tail(&a, at)));
        }
        return out;
    }
    let body: Value = json::parse(&text).unwrap_or(Value::String(text));
    let ignore: Vec<&str> = case["ignore"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    out.extend(compare_bodies(&want["body"], &body, mode, &ignore));
    out
}

/// Compares two bodies in one of the modes of the recorded cases.
pub fn compare_bodies(want: &Value, got: &Value, mode: &str, ignore: &[&str]) -> Vec<String> {
    let (mut a, mut b) = (json::canon(want, ""), json::canon(got, ""));
    match mode {
        "status-and-message" => {
            a = json::strip_error(&a, &["code", "message"]);
            b = json::strip_error(&b, &["code", "message"]);
        }
        "status-and-shape" => {
            let mut out = json::diff(&json::strip_error(&a, &["code"]), &json::strip_error(&b, &["code"]), &|_| false);
            if json::error_keys(&a) != json::error_keys(&b) {
                out.push(format!("error keys {:?}, expected {:?}", json::error_keys(&b), json::error_keys(&a)));
            }
            return out;
        }
        "series-unordered" => {
            a = json::canon_series(a);
            b = json::canon_series(b);
        }
        "list-unordered" => {
            for v in [&mut a, &mut b] {
                if let Value::Array(list) = v {
                    list.sort_by_cached_key(sorted_text);
                }
            }
        }
        _ => {}
    }
    let patterns: Vec<fancy_regex::Regex> =
        ignore.iter().map(|p| fancy_regex::Regex::new(&format!("^(?:{p})$")).expect("pattern")).collect();
    json::diff(&json::drop_trace(a), &json::drop_trace(b), &|path| patterns.iter().any(|p| p.is_match(path).unwrap_or(false)))
}

fn sorted_text(v: &Value) -> String {
    match v {
        Value::Object(m) => {
            let mut list: Vec<String> = m.iter().map(|(k, x)| format!("{k}:{}", sorted_text(x))).collect();
            list.sort();
            format!("{{{}}}", list.join(","))
        }
        Value::Array(l) => format!("[{}]", l.iter().map(sorted_text).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

fn media(ct: Option<&str>) -> String {
    ct.unwrap_or_default().replace(' ', "").to_lowercase()
}

fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}

fn tail(text: &str, at: usize) -> String {
    String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(30)..text.len().min(at + 60)]).into_owned()
}

/// Tag keys in sorted order, the rest of the text as it is.
fn canon_text(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let marks = [("\"tags\":{", '}'), ("\"aggregateTags\":[", ']'), ("\"tsuids\":[", ']'), ("\"filterTagKs\":[", ']')];
    while let Some((at, mark, close)) = marks.iter().filter_map(|(m, c)| rest.find(m).map(|at| (at, *m, *c))).min() {
        let begin = at + mark.len();
        out.push_str(&rest[..begin]);
        let Some(end) = rest[begin..].find(close).map(|e| begin + e) else { break };
        if mark.contains("filterTagKs") {
            out.push_str("...");
        } else {
            let mut parts: Vec<&str> = rest[begin..end].split(',').collect();
            parts.sort_unstable();
            out.push_str(&parts.join(","));
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}
