//! The JSON of `POST /api/histogram`: ranges and counts, or base64 with the id of a decoder.
//!
//! Source: recorded cases `histogram/*`; what they leave open was tried on the real one.

use crate::codec::histogram::{TextError, base64};
use crate::codec::{Decoders, Histogram, HistogramError, Range};
use crate::point::TagBuf;
use crate::point::json::{Json, JsonError};
use serde_json::{Map, Value, json};

/// What is answered without `tsd.core.histograms.config`.
pub const NOT_ENABLED: &str = "Histogram storage has not been enabled. Check the 'tsd.core.histograms.config' configuration.";

/// A histogram as it was sent: nothing is checked yet.
#[derive(Debug, Default)]
pub struct Fields {
    /// `metric`
    pub metric: Option<String>,
    /// `timestamp`; 0 if missing.
    pub timestamp: i64,
    value: Option<String>,
    /// `tags`, names unique.
    pub tags: Option<Members<String>>,
    id: i32,
    buckets: Option<Members<i64>>,
    underflow: i64,
    overflow: i64,
}

impl Fields {
    /// Reads an object; unknown members are passed over, of several with one name the last counts.
    ///
    /// # Errors
    /// A member has another type than it must have.
    pub fn read(value: Json) -> Result<Fields, JsonError> {
        let mut fields = Fields::default();
        for (key, value) in value.object("a histogram")? {
            match key.as_str() {
                "metric" => fields.metric = value.text(&key)?,
                "timestamp" => fields.timestamp = value.integer(&key)?,
                "value" => fields.value = value.text(&key)?,
                "tags" => fields.tags = members(value, &key, Json::text)?,
                "id" => {
                    let id = value.integer(&key)?;
                    fields.id = i32::try_from(id).map_err(|_| JsonError(format!("'id' is beyond 32 bits: {id}")))?;
                }
                "buckets" => fields.buckets = members(value, &key, count)?,
                "underflow" => fields.underflow = value.integer(&key)?,
                "overflow" => fields.overflow = value.integer(&key)?,
                _ => {}
            }
        }
        Ok(fields)
    }

    /// The cell's value, or what the original says of this point.
    pub fn cell(&self, decoders: &Decoders) -> Result<Vec<u8>, String> {
        let fail = |words: &str| Err(words.to_owned());
        if self.metric.as_deref().is_none_or(str::is_empty) {
            return fail("Metric name was empty");
        }
        if self.timestamp <= 0 {
            return fail("Invalid timestamp");
        }
        if self.tags.as_ref().is_none_or(Vec::is_empty) {
            return fail("Missing tags");
        }
        let Some(value) = self.value.as_deref().filter(|value| !value.is_empty()) else {
            let buckets = self.buckets.as_deref().filter(|buckets| !buckets.is_empty());
            let buckets = buckets.ok_or("Histogram buckets cannot be null or empty if 'value' is empty.")?;
            return self.of_buckets(buckets, decoders);
        };
        if !(0..=255).contains(&self.id) {
            return fail("Invalid type. Must be from 0 to 255.");
        }
        let id = decoders.known_id(i64::from(self.id))?;
        let histogram = base64(value).and_then(|bytes| Histogram::decode(&bytes)).map_err(|e| match e {
            HistogramError::Short(_) => e.to_string(),
            HistogramError::Cut | HistogramError::Beyond(_) => "Unexpected exception".to_owned(),
        })?;
        Ok(histogram.encode(id))
    }

    fn of_buckets(&self, buckets: &[(String, Option<i64>)], decoders: &Decoders) -> Result<Vec<u8>, String> {
        let id = decoders.simple_id()?;
        let mut histogram = Histogram::new(self.underflow, self.overflow);
        for (bounds, count) in buckets {
            match Range::parse(bounds) {
                None => return Err(format!("Unable to parse bucket bounds: {bounds}")),
                Some(Err(TextError::Form(words))) => return Err(words),
                Some(Err(TextError::Number(_))) => return Err("Unable to parse value to a number".to_owned()),
                Some(Ok(range)) => histogram.set(range, count.unwrap_or(0)),
            }
        }
        Ok(histogram.encode(id))
    }

    /// The tags for admission, which refuses a `null` among them.
    pub fn tags<'a>(&'a self, into: &mut TagBuf<'a>) {
        for (name, value) in self.tags.iter().flatten() {
            into.set(name, value.as_deref());
        }
    }

    /// What was sent, less what is missing or `null`.
    pub fn echo(&self) -> Value {
        let mut point = Map::new();
        if let Some(metric) = &self.metric {
            point.insert("metric".to_owned(), metric.as_str().into());
        }
        point.insert("timestamp".to_owned(), self.timestamp.into());
        if let Some(value) = &self.value {
            point.insert("value".to_owned(), value.as_str().into());
        }
        if let Some(tags) = &self.tags {
            let tags = tags.iter().map(|(k, v)| (k.clone(), json!(v)));
            point.insert("tags".to_owned(), Value::Object(tags.collect()));
        }
        point.insert("id".to_owned(), self.id.into());
        if let Some(buckets) = &self.buckets {
            let buckets = buckets.iter().map(|(bounds, count)| (bounds.clone(), json!(count)));
            point.insert("buckets".to_owned(), Value::Object(buckets.collect()));
        }
        point.insert("underflow".to_owned(), self.underflow.into());
        point.insert("overflow".to_owned(), self.overflow.into());
        point.into()
    }
}

/// Names and values, in order.
type Members<T> = Vec<(String, Option<T>)>;

/// An object's members, names unique; `None` for `null`.
fn members<T>(value: Json, name: &str, read: impl Fn(Json, &str) -> Result<Option<T>, JsonError>) -> Result<Option<Members<T>>, JsonError> {
    if value == Json::Null {
        return Ok(None);
    }
    let mut out: Members<T> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (key, value) in value.object(name)? {
        let value = read(value, &key)?;
        match places.get(&key).and_then(|at: &usize| out.get_mut(*at)) {
            Some(known) => known.1 = value,
            None => {
                places.insert(key.clone(), out.len());
                out.push((key, value));
            }
        }
    }
    Ok(Some(out))
}

/// A count; empty text is none.
fn count(value: Json, name: &str) -> Result<Option<i64>, JsonError> {
    match &value {
        Json::Null => Ok(None),
        Json::String(text) if matches!(text.trim(), "" | "null") => Ok(None),
        _ => value.integer(name).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::to_hex;
    use crate::point::json;

    #[track_caller]
    fn check(members: &str, want: Result<&str, &str>) {
        let body = format!(r#"{{"metric":"m","timestamp":1400000000,"tags":{{"a":"b"}}{members}}}"#);
        let fields = json::parse(body.as_bytes()).and_then(Fields::read).map_err(|e| e.to_string());
        let got = fields.and_then(|fields| fields.cell(&Decoders { simple: Some(42) })).map(|cell| to_hex(&cell));
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{body}");
    }

    #[test]
    fn values() {
        check(r#","buckets":{"0,1":5}"#, Ok("2A0001000000003F800000050000"));
        check(r#","buckets":{" 0 , 1 ":5.9},"underflow":"1","overflow":2.5"#, Ok("2A0001000000003F800000050102"));
        check(r#","buckets":{"0,1":null,"0.0,1.0":""}"#, Ok("2A0001000000003F800000000000"));
        check(r#","value":"","id":300,"buckets":{"0,1":5}"#, Ok("2A0001000000003F800000050000"));
        check(r#","value":"AAEAAAAAP4AAAAUAAA==","id":42,"buckets":{"5,6":1}"#, Ok("2A0001000000003F800000050000"));
        check(r#","buckets":{}"#, Err("Histogram buckets cannot be null or empty if 'value' is empty."));
        check(r#","buckets":null"#, Err("Histogram buckets cannot be null or empty if 'value' is empty."));
        check(r#","buckets":{"0,1":5,"a":1}"#, Err("Unable to parse bucket bounds: a"));
        check(r#","buckets":{"0,1,2":5}"#, Err("Unable to parse bucket bounds: 0,1,2"));
        check(r#","buckets":{"0,":5}"#, Err("Unable to parse value to a number"));
        check(r#","buckets":{"0,1":true}"#, Err("'0,1' must be a whole number, not a boolean"));
        check(r#","buckets":[1]"#, Err("'buckets' must be an object, not an array"));
        check(r#","value":"AAAA","id":300"#, Err("Invalid type. Must be from 0 to 255."));
        check(r#","value":"AAAA","id":7"#, Err("No codec found mapped to ID 7"));
        check(r#","value":"AAAA","id":42"#, Err("Byte array shorter than 6 bytes detected: [0, 0, 0]"));
        check(r#","value":"AAEAAAAAP4AA","id":42"#, Err("Unexpected exception"));
        check(r#","metric":"","buckets":{"0,1":5}"#, Err("Metric name was empty"));
        check(r#","timestamp":-5,"buckets":{"0,1":5}"#, Err("Invalid timestamp"));
        check(r#","tags":{},"buckets":{"0,1":5}"#, Err("Missing tags"));
    }
}
