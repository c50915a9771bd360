//! The JSON of a put, read as a stream: one point at a time, names borrowed from the body, nothing kept.
//!
//! It takes what Jackson takes with OpenTSDB's settings: numbers and booleans where text is wanted, a timestamp as
//! number or text, a last tag of two with one name, anything after the first complete value, bare `NaN`
//! (surprises 53 to 57 of the recorded queries and writes).
//!
//! A point is three levels deep; what is deeper is skipped, down to `tsd.http.json_depth_max`.

use crate::point::{http_timestamp_number, http_timestamp_text};
use serde::de::{self, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A point as it was sent: nothing is checked yet. `None` is a missing field or `null`.
#[derive(Debug, Default, PartialEq)]
pub struct Fields<'de> {
    /// `metric`
    pub metric: Option<Cow<'de, str>>,
    /// `timestamp`; 0 if missing.
    pub timestamp: i64,
    /// `value`, as text.
    pub value: Option<Cow<'de, str>>,
    /// Whether `tags` was there.
    pub has_tags: bool,
    /// `tags`, names unique.
    pub tags: Vec<(Cow<'de, str>, Option<Cow<'de, str>>)>,
    /// `interval`, `aggregator`, `groupByAggregator`; read for rollups only.
    pub rollup: Option<RollupFields<'de>>,
}

/// What a rolled-up value has beside a point's fields.
#[derive(Debug, Default, PartialEq)]
pub struct RollupFields<'de> {
    /// `interval`
    pub interval: Option<Cow<'de, str>>,
    /// `aggregator`
    pub aggregator: Option<Cow<'de, str>>,
    /// `groupByAggregator`
    pub group_by: Option<Cow<'de, str>>,
}

impl Fields<'_> {
    fn clear(&mut self) {
        self.metric = None;
        self.timestamp = 0;
        self.value = None;
        self.has_tags = false;
        self.tags.clear();
        if let Some(rollup) = &mut self.rollup {
            *rollup = RollupFields::default();
        }
    }
}

/// Takes points one by one; `None` is a `null` in the list.
pub trait Taker<'de> {
    /// The next point.
    fn take(&mut self, point: Option<&Fields<'de>>);
    /// Whether the fields of rollups are wanted.
    fn takes_rollups(&self) -> bool {
        false
    }
}

/// Reads an object or a list of them. An error means that the text is no JSON or no point; points before it were taken.
///
/// `depth`: how deep fields that nobody asked for may be nested.
pub fn read<'de>(text: &'de str, depth: usize, taker: &mut dyn Taker<'de>) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut fields = Fields { rollup: taker.takes_rollups().then(RollupFields::default), ..Fields::default() };
    if text.starts_with('{') {
        PointSeed(&mut fields, depth).deserialize(&mut json)?;
        taker.take(Some(&fields));
        return Ok(());
    }
    json.deserialize_seq(List { fields, depth, taker })
}

/// Puts the bare numbers that only Jackson knows (`NaN`, `Infinity`, `-INF`) into quotes. `None` if there are none.
pub fn quote_bare_numbers(text: &str) -> Option<String> {
    const WORDS: [&str; 6] = ["NaN", "-Infinity", "Infinity", "-INF", "INF", "+Infinity"];
    let mut out = String::new();
    let mut rest = text;
    let (mut in_string, mut found) = (false, false);
    while let Some(c) = rest.chars().next() {
        let word = WORDS.iter().find(|w| !in_string && rest.starts_with(**w));
        let (piece, quoted) = match word {
            Some(word) => (*word, true),
            None if in_string && c == '\\' => (rest.get(..2).unwrap_or(rest), false),
            None => (rest.get(..c.len_utf8()).unwrap_or(rest), false),
        };
        in_string ^= c == '"';
        found |= quoted;
        let quote = if quoted { "\"" } else { "" };
        out.extend([quote, piece, quote]);
        rest = rest.get(piece.len()..).unwrap_or_default();
    }
    found.then_some(out)
}

struct List<'t, 'de> {
    fields: Fields<'de>,
    depth: usize,
    taker: &'t mut dyn Taker<'de>,
}

impl<'de> Visitor<'de> for List<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of points")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(there) = list.next_element_seed(PointSeed(&mut self.fields, self.depth))? {
            self.taker.take(there.then_some(&self.fields));
        }
        Ok(())
    }
}

/// Reads one point into fields that are used again. False for `null`.
struct PointSeed<'f, 'de>(&'f mut Fields<'de>, usize);

impl<'de> DeserializeSeed<'de> for PointSeed<'_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PointSeed<'_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a point: an object with metric, timestamp, value and tags")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let fields = self.0;
        fields.clear();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            match name.as_ref() {
                "metric" => fields.metric = map.next_value_seed(TextSeed)?,
                "timestamp" => fields.timestamp = map.next_value_seed(TimeSeed)?,
                "value" => fields.value = raw_text(map.next_value::<&RawValue>()?)?,
                "tags" => fields.has_tags = map.next_value_seed(TagsSeed(&mut fields.tags))?,
                name => match fields.rollup.as_mut().and_then(|rollup| rollup.field(name)) {
                    Some(field) => *field = map.next_value_seed(TextSeed)?,
                    None => map.next_value_seed(Skip(self.1))?,
                },
            }
        }
        Ok(true)
    }
}

impl<'de> RollupFields<'de> {
    fn field(&mut self, name: &str) -> Option<&mut Option<Cow<'de, str>>> {
        match name {
            "interval" => Some(&mut self.interval),
            "aggregator" => Some(&mut self.aggregator),
            "groupByAggregator" => Some(&mut self.group_by),
            _ => None,
        }
    }
}

/// Reads over a value, so many levels deep at most.
struct Skip(usize);

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl Skip {
    fn deeper<E: Error>(&self) -> Result<Skip, E> {
        let left = self.0.checked_sub(1).ok_or_else(|| E::custom("nested deeper than tsd.http.json_depth_max allows"))?;
        Ok(Skip(left))
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.deeper()?)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(NameSeed)?.is_some() {
            map.next_value_seed(self.deeper()?)?;
        }
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A key: borrowed unless it holds escapes.
struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A scalar as text: borrowed if it is a string without escapes.
struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Option<Cow<'de, str>>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Option<Cow<'de, str>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number or a boolean")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(if value { "true" } else { "false" })))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A value as text, digit for digit as it was sent: it is echoed so in error details.
fn raw_text<E: de::Error>(raw: &RawValue) -> Result<Option<Cow<'_, str>>, E> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => {
            let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or_default();
            if !inner.contains('\\') {
                return Ok(Some(Cow::Borrowed(inner)));
            }
            serde_json::from_str::<String>(text).map(|t| Some(Cow::Owned(t))).map_err(E::custom)
        }
        Some(b'{' | b'[') => Err(E::custom("the value of a point is text, a number or a boolean")),
        Some(b'n') => Ok(None),
        _ => Ok(Some(Cow::Borrowed(text))),
    }
}

/// A timestamp: a whole number, a float (cut), or text that is a whole number. `null` and empty text are 0.
struct TimeSeed;

impl<'de> DeserializeSeed<'de> for TimeSeed {
    type Value = i64;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<i64, D::Error> {
        from.deserialize_any(self)
    }
}

impl Visitor<'_> for TimeSeed {
    type Value = i64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a timestamp")
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::custom("a timestamp beyond 64 bits"))
    }
    fn visit_i64<E>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<i64, E> {
        http_timestamp_number(number).ok_or_else(|| E::custom("a timestamp beyond 64 bits"))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
        http_timestamp_text(text).ok_or_else(|| E::custom(format!("a timestamp that is no whole number: {text}")))
    }
    fn visit_unit<E>(self) -> Result<i64, E> {
        Ok(0)
    }
}

/// Tags into a list that is used again. False for `null`.
struct TagsSeed<'t, 'de>(&'t mut Vec<(Cow<'de, str>, Option<Cow<'de, str>>)>);

impl<'de> DeserializeSeed<'de> for TagsSeed<'_, 'de> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TagsSeed<'_, 'de> {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tags")
    }
    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        self.0.clear();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let value = map.next_value_seed(TextSeed)?;
            match self.0.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => self.0.push((name, value)),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    struct Log(Vec<String>);

    impl<'de> Taker<'de> for Log {
        fn take(&mut self, point: Option<&Fields<'de>>) {
            self.0.push(match point {
                None => "null".to_owned(),
                Some(p) => {
                    let tags: Vec<_> = p.tags.iter().map(|(k, v)| format!("{k}={}", v.as_deref().unwrap_or("null"))).collect();
                    let text = |t: &Option<Cow<'_, str>>| t.as_deref().unwrap_or("-").to_owned();
                    format!(
                        "{} {} {} {}",
                        text(&p.metric),
                        p.timestamp,
                        text(&p.value),
                        if p.has_tags { tags.join(",") } else { "-".to_owned() }
                    )
                }
            });
        }
    }

    fn check(json: &str, want: Result<&[&str], ()>) {
        let mut log = Log(Vec::new());
        let got = read(json, 32, &mut log).map(|()| log.0).map_err(|_| ());
        assert_eq!(got, want.map(|w| w.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()), "{json}");
    }

    #[test]
    fn points() {
        check(r#"{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}"#, Ok(&["m 1 2 a=b"]));
        check(r#"[{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}},null]"#, Ok(&["m 1 2 a=b", "null"]));
        check("[]", Ok(&[]));
        check("{}", Ok(&["- 0 - -"]));
        check(r#"{"metric":5,"timestamp":"7","value":"1.50","tags":{"a":5,"b":true,"c":null}}"#, Ok(&["5 7 1.50 a=5,b=true,c=null"]));
        check(r#"{"value":1.50,"timestamp":1356998400.75,"tags":null}"#, Ok(&["- 1356998400 1.50 -"]));
        check(r#"{"value":true,"tags":{}}"#, Ok(&["- 0 true "]));
        check(r#"{"value":123456789012345678901234567890}"#, Ok(&["- 0 123456789012345678901234567890 -"]));
        check(r#"{"metric":"k\u00f6ln","value":"\u0031","x":{"y":[1,{}]}}"#, Ok(&["köln 0 1 -"]));
        check(r#"{"tags":{"a":"1","a":"2"}}"#, Ok(&["- 0 - a=2"])); // put/body-dup-tagk
        check(r#"{"metric":"m"} zzz"#, Ok(&["m 0 - -"])); // put/body-trailing-garbage
        check(r#"[{"metric":"m"}]{"#, Ok(&["m 0 - -"]));
    }

    #[test]
    fn no_points() {
        for bad in [
            r#"[[{"metric":"m"}]]"#,
            r#"[{"metric":"m"}"#,
            r#"[{"metric":"m"},]"#,
            r#"{"timestamp":"abc"}"#,
            r#"{"timestamp":"1356998400.75"}"#, // put/v-dotted-string-ts
            r#"{"timestamp":true}"#,
            r#"{"timestamp":99999999999999999999}"#,
            r#"{"value":{"a":1}}"#,
            r#"{"value":[1]}"#,
            r#"{"metric":{"a":1}}"#,
            r#"{"tags":["a"]}"#,
            r#"{"tags":"a=b"}"#,
            r#"{"tags":{"a":{"b":1}}}"#,
            r#"{"value":NaN}"#,
            "[1]",
            "{",
        ] {
            check(bad, Err(()));
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let nested = |n: usize| format!("{{\"x\":{}{}}}", "[".repeat(n), "]".repeat(n));
        check(&nested(32), Ok(&["- 0 - -"]));
        check(&nested(33), Err(()));
        check(&nested(100_000), Err(()));
        check(&"[".repeat(100_000), Err(()));
        check(&format!("{{\"value\":{}", "{\"a\":".repeat(100_000)), Err(()));
    }

    #[test]
    fn bare_numbers() {
        assert_eq!(quote_bare_numbers(r#"{"value":NaN}"#).as_deref(), Some(r#"{"value":"NaN"}"#)); // put/body-nd-bare-nan
        assert_eq!(quote_bare_numbers(r#"[-Infinity,"NaN\"NaN"]"#).as_deref(), Some(r#"["-Infinity","NaN\"NaN"]"#));
        assert_eq!(quote_bare_numbers(r#"{"value":"NaN"}"#), None);
    }

    #[test]
    fn mutated_bodies() {
        const SOUND: [&str; 3] = [
            r#"[{"metric":"m","timestamp":1400000000,"value":1.5,"tags":{"a":"b","c":"\u00e9"}},null]"#,
            r#"{"metric":5,"timestamp":"14e","value":NaN,"tags":{"a":[1,{"x":null}]},"x":{"y":[true,-0.0e-5]}}"#,
            r#"[{"value":"-1e400","timestamp":-1,"tags":{}},{"tags":null}] trailing"#,
        ];
        const PARTS: [&str; 14] =
            ["\"", "{", "}", "[", "]", ",", ":", "\\", "\u{1F600}", "-", "NaN", "null", "99999999999999999999", "\\ud800"];
        let mut read_whole = 0;
        fuzz::run(|dice| {
            let sound = dice.pick(&SOUND);
            let body = dice.mutate_text(sound, &PARTS);
            read_whole += usize::from(read(&body, 8, &mut Log(Vec::new())).is_ok());
            if let Some(quoted) = quote_bare_numbers(&body) {
                assert!(quoted.len() > body.len(), "{body}");
            }
        });
        assert!(read_whole > 0, "no body could be read: the mutations are too wild to test anything");
    }
}
