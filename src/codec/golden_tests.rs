//! Every recorded storage scenario with data rows: what we encode is what OpenTSDB wrote, and what it wrote reads back.

use super::*;
use crate::point::{Number, Point, PointTime, Rules, TagBuf, Value, admit_http, http_timestamp_text, line_text, parse_put};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A point put, with names resolved.
struct Put {
    row: Vec<u8>,
    time: PointTime,
    value: Value,
}

/// (row, qualifier) -> value
type Table = BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>>;
/// The same with the time of writing.
type WrittenTable = BTreeMap<(Vec<u8>, Vec<u8>), (Vec<u8>, i64)>;

struct Scenario {
    name: String,
    layout: Layout,
    json: Json,
    ids: BTreeMap<(String, Vec<u8>), Vec<u8>>,
}

impl Scenario {
    fn load(path: &std::path::Path) -> Option<Scenario> {
        let json: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        json["tables"].get("kit-data")?;
        let number = |key: &str, default: u32| json["config"][key].as_str().map_or(default, |v| v.parse().unwrap());
        let layout = Layout {
            salt_width: number("tsd.storage.salt.width", 0) as u8,
            salt_buckets: number("tsd.storage.salt.buckets", 20),
            metric_width: number("tsd.storage.uid.width.metric", 3) as u8,
            tagk_width: number("tsd.storage.uid.width.tagk", 3) as u8,
            tagv_width: number("tsd.storage.uid.width.tagv", 3) as u8,
        };
        let mut ids = BTreeMap::new();
        for cell in json["tables"]["kit-uid"].as_array().unwrap() {
            let (family, qualifier) = cell["column"].as_str().unwrap().split_once(':').unwrap();
            if family == "id" {
                let kind = String::from_utf8(from_hex(qualifier).unwrap()).unwrap();
                let name = from_hex(cell["row"].as_str().unwrap()).unwrap();
                ids.insert((kind, name), from_hex(cell["value"].as_str().unwrap()).unwrap());
            }
        }
        let name = json["scenario"].as_str().unwrap().to_string();
        Some(Scenario { name, layout, json, ids })
    }

    fn id(&self, kind: &str, name: &str) -> &[u8] {
        let name: Vec<u8> = name.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
        &self.ids[&(kind.to_string(), name)]
    }

    fn resolve(&self, point: &Point) -> Put {
        let tags = point.tags.iter().map(|(k, v)| (self.id("tagk", k), self.id("tagv", v)));
        let key = SeriesKey::new(&self.layout, self.id("metrics", point.metric), tags);
        Put { row: key.row(base_time(point.time)), time: point.time, value: point.value }
    }

    /// Points of all accepted `put` lines and `/api/put` bodies, in order.
    fn puts(&self) -> Vec<Put> {
        let mut puts = Vec::new();
        let steps = [&self.json["puts"], &self.json["then"]].into_iter().filter_map(Json::as_array).flatten();
        for step in steps {
            for line in step["telnet"].as_str().unwrap_or_default().lines().filter(|l| l.starts_with("put ")) {
                let (mut scratch, mut tags) = (String::new(), TagBuf::new());
                let text = line_text(line.as_bytes(), &mut scratch);
                match parse_put(text, &mut tags, &Rules::default()) {
                    Ok(point) => puts.push(self.resolve(&point)),
                    Err(e) => {
                        let (reply, want) = (step["reply"].as_str().unwrap_or_default(), format!("put: {}{e}\n", e.telnet_class()));
                        assert!(reply.contains(&want), "{}: {want:?} not in {reply:?}", self.name);
                    }
                }
            }
            let http = &step["http"];
            if http["path"].as_str().is_some_and(|p| p.split('?').next() == Some("/api/put")) {
                let body: Json = serde_json::from_str(http["body"].as_str().unwrap()).unwrap();
                let points = body.as_array().cloned().unwrap_or_else(|| vec![body.clone()]);
                puts.extend(points.iter().filter_map(|point| self.http_put(point)));
            }
        }
        puts
    }

    /// A point of a JSON body; `None` if it is refused.
    fn http_put(&self, point: &Json) -> Option<Put> {
        let text = |v: &Json| v.as_str().map_or_else(|| v.to_string(), str::to_string);
        let tags: Vec<(String, String)> = point["tags"].as_object()?.iter().map(|(k, v)| (k.clone(), text(v))).collect();
        let mut buffer = TagBuf::new();
        for (key, value) in &tags {
            buffer.set(key, Some(value));
        }
        let time = http_timestamp_text(&text(&point["timestamp"]))?;
        let value = text(&point["value"]);
        admit_http(point["metric"].as_str(), time, Some(&value), &buffer, &Rules::default()).ok().map(|p| self.resolve(&p))
    }

    /// The recorded data cells that hold points.
    fn recorded(&self) -> Table {
        let cells = self.json["tables"]["kit-data"].as_array().unwrap().iter().map(|cell| {
            let qualifier = cell["column"].as_str().unwrap().strip_prefix("t:").unwrap();
            let [row, qualifier, value] = [cell["row"].as_str().unwrap(), qualifier, cell["value"].as_str().unwrap()].map(from_hex);
            ((row.unwrap(), qualifier.unwrap()), value.unwrap())
        });
        cells.filter(|((_, q), _)| !matches!(cell_kind(q), CellKind::Annotation | CellKind::Histogram)).collect()
    }

    fn is_on(&self, key: &str) -> bool {
        self.json["config"][key] == "true"
    }
}

fn scenarios() -> Vec<Scenario> {
    let root = std::env::var("TSDB_KIT").unwrap_or_else(|_| "tests/golden".into());
    let mut paths: Vec<_> = std::fs::read_dir(format!("{root}/storage")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().filter(|p| p.extension().is_some_and(|e| e == "json")).filter_map(|p| Scenario::load(p)).collect()
}

/// What the puts become: cells of their own, appends, or compacted rows. The order of writing is the cells' time.
fn encode(scenario: &Scenario) -> Table {
    let mut table: WrittenTable = BTreeMap::new();
    for (time, put) in scenario.puts().into_iter().enumerate() {
        if scenario.is_on("tsd.storage.enable_appends") {
            append_point(put.time, put.value, &mut table.entry((put.row, APPEND_QUALIFIER.to_vec())).or_default().0);
        } else {
            let (qualifier, value) = encode_point(put.time, put.value);
            table.insert((put.row, qualifier.encode().as_bytes().to_vec()), (value.as_bytes().to_vec(), time as i64));
        }
    }
    // A row with an annotation was never compacted in a recording.
    if scenario.is_on("tsd.storage.enable_compaction") && scenario.name != "annotations_compaction" {
        let rows: std::collections::BTreeSet<Vec<u8>> = table.keys().map(|(row, _)| row.clone()).collect();
        for row in rows {
            let of_row = table.iter().filter(|((r, _), _)| *r == row);
            let cells: Vec<Cell> = of_row.map(|((_, q), (v, t))| Cell { qualifier: q, value: v, time: *t }).collect();
            if let Some(merged) = merge_cells(&cells, &DecodeOptions::default()) {
                assert!(scenario.is_on("tsd.storage.fix_duplicates") || merged.duplicate.is_none());
                table.retain(|(r, q), _| *r != row || !merged.delete.contains(q));
                table.insert((row, merged.cell.qualifier), (merged.cell.value, merged.newest));
            }
        }
    }
    table.into_iter().map(|(key, (value, _))| (key, value)).collect()
}

#[test]
fn encodes_what_opentsdb_stored() {
    let mut cells = 0;
    for scenario in scenarios().iter().filter(|s| !s.is_on("tsd.rollups.enable")) {
        if scenario.name == "compaction_dup_nofix" || scenario.name == "appends_repair" {
            continue; // what stays in the table there depends on reads between the writes
        }
        let (got, want) = (encode(scenario), scenario.recorded());
        let show = |t: &Table| t.iter().map(|((r, q), v)| [r, q, v].map(|b| to_hex(b)).join(" ")).collect::<Vec<_>>();
        assert_eq!(show(&got), show(&want), "{}", scenario.name);
        cells += want.len();
    }
    assert!(cells > 80, "only {cells} cells");
}

#[test]
fn reads_what_opentsdb_stored() {
    for scenario in scenarios().iter().filter(|s| !s.is_on("tsd.rollups.enable")) {
        // Per row, the last value put for an instant.
        let mut want: BTreeMap<Vec<u8>, BTreeMap<i64, Number>> = BTreeMap::new();
        for put in scenario.puts() {
            want.entry(put.row).or_default().insert(put.time.millis(), put.value.number());
        }
        let recorded = scenario.recorded();
        for (row, points) in want {
            let key = RowKey::parse(&scenario.layout, &row).unwrap();
            let cells: Vec<Cell> = recorded.iter().filter(|((r, _), _)| *r == row).map(|((_, q), v)| cell_at(scenario, q, v)).collect();
            let mut got = Points::default();
            let report = decode_row(&row, key.base_time(), || cells.iter().copied(), &DecodeOptions::default(), &mut got);
            assert_eq!(report.errors, [], "{}", scenario.name);
            let got: BTreeMap<i64, Number> = got.times.into_iter().zip(got.values).collect();
            // Milliseconds from 2106 on do not fit the key: only the rest of the hour comes back.
            assert_eq!(got, points, "{}", scenario.name);
        }
    }
}

/// A recorded cell with the time of its put, which the recording leaves out: the last put of that column.
fn cell_at<'a>(scenario: &Scenario, qualifier: &'a [u8], value: &'a [u8]) -> Cell<'a> {
    let puts = scenario.puts();
    let places = puts.iter().enumerate();
    let mut of_column = places.filter(|(_, p)| encode_point(p.time, p.value).0.encode().as_bytes() == qualifier);
    Cell { qualifier, value, time: of_column.next_back().map_or(i64::MAX, |(at, _)| at as i64) }
}
