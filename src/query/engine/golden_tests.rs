//! The recorded answers of the real OpenTSDB, through the parser and the engine over a store in a map.

use super::tests::{options, put};
use super::*;
use crate::codec::to_hex;
use crate::point::{Number, PointTime, Value as PointValue};
use crate::query::request::date::Clock;
use crate::query::request::{Context, compile, post, uri};
use crate::store::memory::MemoryStore;
use crate::uid::{UidKind, UidOptions};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const AREAS: [&str; 10] = ["agg", "downsample", "fill", "calendar", "rate", "filter", "tsuid", "time", "options", "error"];
/// Data sets that need more than points, or the present hour.
const OTHER_SETS: [&str; 5] = ["ann", "hist", "last", "rollup", "expr"];

fn golden(path: &str) -> String {
    let file = format!("{}/tests/golden/query/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The stored form of a recorded point: as `/api/put` reads it.
fn point_value(value: &Value) -> PointValue {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
    match text.parse::<i64>() {
        Ok(v) => PointValue::Int(v),
        Err(_) => {
            let v: f64 = text.parse().unwrap();
            if f64::from(v as f32) == v { PointValue::Single(v as f32) } else { PointValue::Double(v) }
        }
    }
}

struct World {
    store: Arc<MemoryStore>,
    uids: Arc<Uids>,
    layout: Layout,
    overlay: Option<Arc<MemoryStore>>,
    threads: usize,
}

impl World {
    fn new(layout: Layout, with_overlay: bool, threads: usize) -> World {
        let store = Arc::new(MemoryStore::default());
        let widths = UidOptions {
            metric_width: layout.metric_width,
            tagk_width: layout.tagk_width,
            tagv_width: layout.tagv_width,
            ..UidOptions::default()
        };
        let uids = Arc::new(Uids::new(store.clone(), widths));
        let overlay = with_overlay.then(Arc::<MemoryStore>::default);
        let world = World { store, uids, layout, overlay, threads };
        let sets: Vec<(String, Value)> = std::fs::read_dir(format!("{}/tests/golden/query/datasets", env!("CARGO_MANIFEST_DIR")))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .map(|name| (name.clone(), serde_json::from_str(&golden(&format!("datasets/{name}"))).unwrap()))
            .filter(|(name, _): &(String, Value)| !OTHER_SETS.iter().any(|other| name.starts_with(other)))
            .collect();
        world.names(&sets);
        sets.iter().for_each(|(_, set)| world.load(set));
        world
    }

    /// Names in the order in which the recording assigned them.
    fn names(&self, sets: &[(String, Value)]) {
        let mut names: [BTreeSet<String>; 3] = Default::default();
        for point in sets.iter().flat_map(|(_, set)| set["points"].as_array().unwrap()) {
            names[0].insert(point["metric"].as_str().unwrap().to_string());
            for (key, value) in point["tags"].as_object().unwrap() {
                names[1].insert(key.clone());
                names[2].insert(value.as_str().unwrap().to_string());
            }
        }
        for (kind, names) in [UidKind::Metric, UidKind::Tagk, UidKind::Tagv].into_iter().zip(names) {
            names.iter().for_each(|name| assert!(self.uids.id_or_create(kind, name).is_ok()));
        }
    }

    fn load(&self, set: &Value) {
        for (at, point) in set["points"].as_array().unwrap().iter().enumerate() {
            let time = point["timestamp"].as_str().map_or_else(|| point["timestamp"].as_i64().unwrap(), |text| text.parse().unwrap());
            let time = if time > i64::from(u32::MAX) { PointTime::Millis(time) } else { PointTime::Seconds(time as u32) };
            let tags: Vec<_> = point["tags"].as_object().unwrap().iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())).collect();
            // Every other point waits in memory, if there is such a place; data sets with duplicates keep their order.
            let store = match &self.overlay {
                Some(overlay) if at % 2 == 0 && set["sequential"] != Value::Bool(true) => overlay,
                _ => &self.store,
            };
            put(store, &self.uids, &self.layout, point["metric"].as_str().unwrap(), time, point_value(&point["value"]), &tags);
        }
    }

    fn engine(&self, skip_unresolved_tagvs: bool) -> Engine {
        let options = EngineOptions {
            layout: self.layout,
            skip_unresolved_tagvs,
            threads: self.threads,
            timeout_ms: 60_000,
            memory_bytes: 1 << 30,
            ..options()
        };
        let overlay = self.overlay.clone().map(|overlay| overlay as Arc<dyn Overlay>);
        Engine::new(self.store.clone(), overlay, self.uids.clone(), options)
    }

    /// Puts the ids of series in the place of `{{tsuid:metric|key=value|...}}`.
    fn with_tsuids(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{tsuid:") {
            let (name, after) = after.split_once("}}").unwrap();
            let mut parts = name.split('|');
            let id = |kind, name: &str| to_hex(self.uids.id(kind, name).unwrap().as_bytes());
            let mut tsuid = id(UidKind::Metric, parts.next().unwrap());
            let mut pairs: Vec<_> = parts.map(|part| part.split_once('=').unwrap()).collect();
            pairs.sort_by_key(|(key, _)| id(UidKind::Tagk, key));
            pairs.iter().for_each(|(key, value)| tsuid += &(id(UidKind::Tagk, key) + &id(UidKind::Tagv, value)));
            out.push_str(before);
            out.push_str(&tsuid.to_uppercase());
            rest = after;
        }
        out + rest
    }

    /// The answer, or the error's message; `None`: not a request of this engine.
    fn ask(&self, case: &Value) -> Option<Result<Value, String>> {
        let request = &case["request"];
        let path = self.with_tsuids(request["path"].as_str()?);
        let endpoint = path.split('?').next()?.to_lowercase();
        if !(endpoint == "/api/query" || endpoint == "/api/v1/query") || !["GET", "POST"].contains(&request["method"].as_str()?) {
            return None;
        }
        let parsed = if request["method"] == "POST" {
            let body = request["body"].as_str().map_or_else(|| request["body"].to_string(), str::to_string);
            post::parse(self.with_tsuids(&body).as_bytes())
        } else {
            uri::parse(&params(&path))
        };
        let context =
            Context { clock: Clock { now_ms: 1_795_000_000_000, zone: jiff::tz::TimeZone::UTC }, metric_width: self.layout.metric_width };
        let (query, output) = match parsed.and_then(|request| compile(request, &context)) {
            Ok(compiled) => compiled,
            Err(error) => return Some(Err(error.message)),
        };
        let engine = self.engine(case["profile"] == "strict");
        let arrays = path.contains("arrays");
        let answer = engine.run(&query, &Cancel::default()).map_err(|error| error.to_string());
        Some(answer.map(|groups| groups.iter().map(|group| group_json(group, output.flags.ms_resolution, arrays)).collect()))
    }
}

fn params(path: &str) -> Vec<(String, String)> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let decode = |text: &str| {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            out.push(match byte {
                b'+' => b' ',
                b'%' => u8::from_str_radix(&[bytes.next().unwrap() as char, bytes.next().unwrap() as char].iter().collect::<String>(), 16)
                    .unwrap(),
                other => other,
            });
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decode(k), decode(v))).collect()
}

fn group_json(group: &Group, ms: bool, arrays: bool) -> Value {
    let number = |value: Number| match value {
        Number::Int(v) => Value::from(v),
        Number::Float(v) if v.is_nan() && group.nan_is_null => Value::Null,
        Number::Float(v) if v.is_nan() => Value::from("NaN"),
        Number::Float(v) => Value::from(v),
    };
    let time = |at: i64| if ms { at } else { at / 1000 };
    let points: Value = if arrays {
        group.points.iter().map(|&(at, value)| Value::from(vec![Value::from(time(at)), number(value)])).collect()
    } else {
        Value::Object(group.points.iter().map(|&(at, value)| (time(at).to_string(), number(value))).collect())
    };
    let tags: Value = group.tags.iter().map(|(k, v)| (k.clone(), Value::from(v.clone()))).collect();
    serde_json::json!({"metric": group.metric, "tags": tags, "aggregateTags": group.aggregate_tags, "dps": points})
}

/// Series as the comparison of the recordings orders them: the engine's own order is tested where it can be seen.
fn canonical(answer: &Value) -> BTreeMap<String, Vec<Value>> {
    let mut out: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for series in answer.as_array().unwrap() {
        let mut tags: Vec<_> = series["tags"].as_object().unwrap().iter().map(|(k, v)| format!("{k}={v}")).collect();
        tags.sort();
        let mut aggregated: Vec<_> = series["aggregateTags"].as_array().unwrap().iter().map(Value::to_string).collect();
        aggregated.sort();
        let key = format!("{} {tags:?} {aggregated:?}", series["metric"]);
        out.entry(key).or_default().push(series["dps"].clone());
    }
    out
}

fn difference(case: &Value, got: Result<Value, String>) -> Option<String> {
    let response = &case["response"];
    let status = response["status"].as_u64().unwrap();
    let message = response["body"]["error"]["message"].as_str().unwrap_or_default();
    match got {
        Err(error) if status == 200 => Some(format!("refused: {error}")),
        Err(error) if message.starts_with("No such name") && error != message => Some(format!("{error}, recorded {message}")),
        Err(_) => None,
        Ok(_) if status != 200 => Some(format!("answered, recorded {status} {message}")),
        Ok(got) => {
            let want = canonical(&response["body"]);
            let got = canonical(&got);
            let same = got.len() == want.len()
                && got.iter().zip(&want).all(|(a, b)| a.0 == b.0 && same(&Value::from(a.1.clone()), &Value::from(b.1.clone())));
            (!same).then(|| format!("\n  got  {}\n  want {}", short(&got), short(&want)))
        }
    }
}

/// Kinds must agree, floats to the recordings' 1e-9 (the JSON reader here is not exact to the last bit).
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) if x.is_f64() && y.is_f64() => {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            x == y || (x - y).abs() <= 1e-9 * x.abs().max(y.abs())
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w))),
        _ => a == b,
    }
}

fn short(answer: &BTreeMap<String, Vec<Value>>) -> String {
    format!("{answer:?}").replace("Number", "").chars().take(1_500).collect()
}

/// `skip`: words in a request that this world answers otherwise.
fn replay(world: &World, skip: &[&str], at_least: usize) {
    let (mut seen, mut wrong) = (0, Vec::new());
    for area in AREAS {
        for line in golden(&format!("cases/{area}.jsonl")).lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let sets = case["datasets"].as_array().unwrap();
            let later = sets.iter().any(|set| OTHER_SETS.contains(&set.as_str().unwrap())) || line.contains("{{hour");
            let asks_for_json =
                case["response"]["kind"] == "json" && case["response"]["body"].is_array() || case["response"]["status"] != 200;
            let text = case["request"].to_string();
            let skipped =
                ["show_summary", "showSummary", "serializer", "/query/", "jsonp"].iter().chain(skip).any(|word| text.contains(word));
            if later || !asks_for_json || skipped {
                continue;
            }
            let Some(got) = world.ask(&case) else { continue };
            seen += 1;
            if let Some(difference) = difference(&case, got) {
                wrong.push(format!("{}: {difference}", case["id"].as_str().unwrap()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen >= at_least, "only {seen} requests were found");
}

#[test]
fn recorded_answers() {
    replay(&World::new(Layout::default(), false, 1), &[], 750);
}

#[test]
fn recorded_answers_in_slices_with_waiting_rows() {
    replay(&World::new(Layout::default(), true, 3), &[], 750);
}

/// Other widths and salt: the same answers, but for functions that tell the order of series, which then follows the salt.
#[test]
fn recorded_answers_with_salt_and_other_widths() {
    let layout = Layout { salt_width: 1, salt_buckets: 5, metric_width: 4, tagk_width: 2, tagv_width: 5 };
    replay(&World::new(layout, true, 2), &["diff", "first", "last", "tsuid"], 600);
}
