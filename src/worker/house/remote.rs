//! Series of a TSD over HTTP: ours or an OpenTSDB.

use super::{Ask, Found, House, NOTE_SHIFT_MAX, OwnNote, OwnPoint, Seen, Series};
use crate::codec::Note;
use crate::worker::records::Tags;
use crate::worker::rule::expression::{self, Answer, SourceError};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Longest answer that is read: OpenTSDB writes about 25 bytes a point.
const ANSWER_BYTES_MAX: u64 = 1 << 30;
/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Names asked for at once.
const NAMES_MAX: usize = 1_000_000;

/// A TSD somewhere.
pub struct Remote {
    base: String,
    agent: ureq::Agent,
}

impl Remote {
    /// `url`: `http://host:4242`, with or without a slash at the end.
    pub fn new(url: &str) -> Remote {
        let config = ureq::Agent::config_builder().timeout_global(Some(ANSWER_MAX)).http_status_as_error(false).build();
        Remote { base: url.trim_end_matches('/').to_owned(), agent: config.into() }
    }

    /// Waits for an answer, and reads it as JSON.
    fn read(&self, sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<(u16, Json), SourceError> {
        let away = |why: ureq::Error| SourceError::Away(format!("{}: {why}", self.base));
        let mut response = sent.map_err(away)?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(away)?;
        if status == 204 || body.is_empty() {
            return Ok((status, Json::Null));
        }
        let json = serde_json::from_slice(&body);
        if status >= 500 {
            let text = json.as_ref().ok().and_then(message).unwrap_or_else(|| format!("status {status}"));
            // OpenTSDB answers 500 to many a client's mistake too; whoever cannot tell waits.
            return Err(SourceError::Away(format!("{}: {text}", self.base)));
        }
        let json = json.map_err(|why| SourceError::Refused(format!("{}: status {status}, and no JSON: {why}", self.base)))?;
        Ok((status, json))
    }

    fn get(&self, path: &str, params: &[(&str, &str)]) -> Result<(u16, Json), SourceError> {
        let query: Vec<String> = params.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
        self.read(self.agent.get(format!("{}{path}?{}", self.base, query.join("&"))).call())
    }

    fn post(&self, path: &str, body: &Json) -> Result<(u16, Json), SourceError> {
        let body = body.to_string();
        self.read(self.agent.post(format!("{}{path}", self.base)).header("content-type", "application/json").send(body.as_bytes()))
    }

    /// The list of an answer, or what was refused.
    fn list((status, json): (u16, Json)) -> Result<Vec<Json>, SourceError> {
        match json {
            Json::Array(items) if status < 300 => Ok(items),
            Json::Null if status < 300 => Ok(Vec::new()),
            other => Err(SourceError::Refused(message(&other).unwrap_or_else(|| format!("status {status}")))),
        }
    }
}

/// What an error of OpenTSDB's says.
fn message(json: &Json) -> Option<String> {
    json.get("error")?.get("message")?.as_str().map(str::to_owned)
}

/// Percent-encodes everything but letters, digits and `-._~`: OpenTSDB refuses a bare brace.
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn found(item: &Json) -> Found {
    let tags = item.get("tags").and_then(Json::as_object);
    let tags = tags.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    let tsuids = item.get("tsuids").and_then(Json::as_array);
    let tsuids = tsuids.into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    let number = |value: &Json| value.as_f64().or_else(|| if value.is_null() { None } else { Some(f64::NAN) });
    let dps = item.get("dps").and_then(Json::as_object);
    let point = |(time, value): (&String, &Json)| {
        let time: i64 = time.parse().ok()?;
        Some((if time > i64::from(u32::MAX) { time / 1_000 } else { time }, number(value)?))
    };
    let mut points: Vec<(i64, f64)> = dps.into_iter().flatten().filter_map(point).collect();
    points.sort_by_key(|(time, _)| *time);
    Found { metric: item.get("metric").and_then(Json::as_str).unwrap_or_default().to_owned(), tags, tsuids, points }
}

impl expression::Source for Remote {
    fn query(&self, request: &expression::Request) -> Result<Vec<Answer>, SourceError> {
        let body = serde_json::to_value(request).map_err(|e| SourceError::Refused(e.to_string()))?;
        let items = Remote::list(self.post("/api/query", &body)?)?;
        Ok(items.iter().map(found).map(|found| Answer { tags: found.tags, points: found.points }).collect())
    }
}

impl House for Remote {
    fn answer(&self, ask: &Ask<'_>) -> Result<Vec<Found>, SourceError> {
        let (start, end) = (ask.range.0.max(1).to_string(), ask.range.1.max(2).to_string());
        let params =
            [("start", start.as_str()), ("end", end.as_str()), ("m", ask.text), ("show_tsuids", "true"), ("no_annotations", "true")];
        Ok(Remote::list(self.get("/api/query", &params)?)?.iter().map(found).collect())
    }

    fn metrics(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, SourceError> {
        let max = NAMES_MAX.to_string();
        let items = Remote::list(self.get("/api/suggest", &[("type", "metrics"), ("q", ""), ("max", &max)])?)?;
        Ok(items.iter().filter_map(Json::as_str).filter(|name| wanted(name)).map(str::to_owned).collect())
    }

    fn windows(
        &self,
        metric: &str,
        _parts: &[u32],
        range: (i64, i64),
        visit: &mut dyn FnMut(&Seen<'_>) -> bool,
    ) -> Result<(), SourceError> {
        let text = format!("none:{metric}");
        let (start, end) = (range.0.max(1).to_string(), range.1.max(2).to_string());
        let params = [("start", start.as_str()), ("end", end.as_str()), ("m", text.as_str()), ("show_tsuids", "true")];
        // The answer holds all series: item by item it becomes points, and goes.
        for item in Remote::list(self.get("/api/query", &params)?)? {
            let found = found(&item);
            let times: Vec<f64> = found.points.iter().map(|(time, _)| *time as f64).collect();
            let values: Vec<f64> = found.points.iter().map(|(_, value)| *value).collect();
            let tsuid = found.tsuids.first().map(String::as_str).unwrap_or_default();
            if !visit(&Seen { series: Series::Named { tsuid, tags: &found.tags }, times: &times, values: &values, part: 0 }) {
                break;
            }
        }
        Ok(())
    }

    fn name(&self, series: Series<'_>) -> Result<(String, Tags), SourceError> {
        match series {
            Series::Named { tsuid, tags } => Ok((tsuid.to_owned(), tags.clone())),
            Series::Ids(_) => Err(SourceError::Refused("a TSD over HTTP gives no ids".to_owned())),
        }
    }

    fn note(&self, note: &OwnNote) -> Result<i64, SourceError> {
        for start in note.start..=note.start.saturating_add(NOTE_SHIFT_MAX) {
            let time = start.to_string();
            let (status, there) = self.get("/api/annotation", &[("tsuid", &note.tsuid), ("start_time", &time)])?;
            if status == 200 && !Note::parse(there.to_string().as_bytes()).is_ok_and(|there| note.wrote(&there)) {
                continue;
            }
            let stored = note.stored(start);
            let body = json!({
                "tsuid": stored.tsuid, "startTime": start, "endTime": stored.end, "description": stored.description,
                "custom": stored.custom
            });
            let (status, answer) = self.post("/api/annotation", &body)?;
            return match status {
                200..=204 | 304 => Ok(start),
                _ => Err(SourceError::Refused(message(&answer).unwrap_or_else(|| format!("status {status}")))),
            };
        }
        Err(SourceError::Refused(format!("notes of others stand at {} and the {NOTE_SHIFT_MAX} seconds after it", note.start)))
    }

    fn put(&self, points: &[OwnPoint]) -> Result<(), SourceError> {
        let point = |p: &OwnPoint| json!({"metric": p.metric, "timestamp": p.at, "value": p.value, "tags": p.tags});
        let (status, answer) = self.post("/api/put", &Json::Array(points.iter().map(point).collect()))?;
        match status {
            200..=204 => Ok(()),
            _ => Err(SourceError::Refused(message(&answer).unwrap_or_else(|| format!("status {status}")))),
        }
    }

    fn describe(&self) -> String {
        self.base.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_tsd() {
        let item = json!({"metric":"m","tags":{"host":"a"},"aggregateTags":[],"tsuids":["000001000001000001"],
            "dps":{"1500000060":2,"1500000000":1.5,"1500000120":"NaN","1500000180":null}});
        let got = found(&item);
        assert_eq!(got.tags, Tags::from([("host".to_string(), "a".to_string())]));
        assert_eq!(got.points.len(), 3);
        assert_eq!(got.points[0], (1_500_000_000, 1.5));
        assert!(got.points[2].1.is_nan());
        let refused = json!({"error":{"code":400,"message":"No such name for 'metrics': 'm'","details":"..."}});
        assert_eq!(Remote::list((400, refused)), Err(SourceError::Refused("No such name for 'metrics': 'm'".into())));
        assert_eq!(encode("sum:m{host=*}"), "sum%3Am%7Bhost%3D%2A%7D");
    }
}
