//! What the stored JSON of UIDs and of series has in common: texts that may be null, maps in Java's order, numbers.

use crate::point::java_map;
use crate::point::json::{self, Json, JsonError, Members, push_string};
use crate::point::write_f64;

/// A text of meta data. `None` is a stored `null`: OpenTSDB keeps what a client sends.
pub type Text = Option<String>;

/// Own keys and values, in the order in which a Java map lists them.
pub type Custom = Vec<(String, Text)>;

/// The members of a JSON object, the last one of equal keys.
pub fn members(bytes: &[u8]) -> Result<Vec<(String, Json)>, JsonError> {
    json::parse(bytes).and_then(|value| value.object("meta data"))
}

/// A map of texts; `null` is none.
pub fn custom(value: Json, name: &str) -> Result<Option<Custom>, JsonError> {
    if value == Json::Null {
        return Ok(None);
    }
    let mut all: Custom = Vec::new();
    for (key, value) in value.object(name)? {
        let value = value.text(name)?;
        // Of equal keys the last value counts, at the first one's place.
        match all.iter_mut().find(|(known, _)| *known == key) {
            Some(known) => known.1 = value,
            None => all.push((key, value)),
        }
    }
    // In the order of Java's copy of the map: OpenTSDB compares stored bytes with what it would write, so a map in another
    // order could never be changed by it.
    let order = {
        let keys: Vec<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
        java_map::copy_order(&keys)
    };
    Ok(Some(order.into_iter().filter_map(|place| all.get(place).cloned()).collect()))
}

/// A double: digits in a string are taken, and the words for numbers that are none.
pub fn double(value: Json, name: &str) -> Result<f64, JsonError> {
    let text = value.text(name)?.unwrap_or_default();
    match text.trim() {
        "" | "null" => Ok(0.0),
        "INF" | "+INF" | "Infinity" | "+Infinity" => Ok(f64::INFINITY),
        "-INF" | "-Infinity" => Ok(f64::NEG_INFINITY),
        "NaN" => Ok(f64::NAN),
        digits => digits.parse().map_err(|_| JsonError(format!("'{name}' must be a number, not '{digits}'"))),
    }
}

/// A 32-bit integer.
pub fn int(value: Json, name: &str) -> Result<i32, JsonError> {
    let number = value.integer(name)?;
    i32::try_from(number).map_err(|_| JsonError(format!("'{name}' must fit 32 bits, not {number}")))
}

/// A text or null.
pub fn text_member(object: &mut Members<'_>, key: &str, value: &Text) {
    object.value(key, |out| push_text(out, value));
}

/// A double as Jackson writes it: what is no number stands in quotes.
pub fn double_member(object: &mut Members<'_>, key: &str, value: f64) {
    object.value(key, |out| {
        let quote = (!value.is_finite()).then_some(b'"');
        out.extend(quote);
        write_f64(out, value);
        out.extend(quote);
    });
}

/// A map or null.
pub fn custom_member(object: &mut Members<'_>, key: &str, value: Option<&Custom>) {
    object.value(key, |out| match value {
        None => out.extend_from_slice(b"null"),
        Some(all) => {
            let mut map = Members::open(out);
            all.iter().for_each(|(key, value)| text_member(&mut map, key, value));
            map.close();
        }
    });
}

fn push_text(out: &mut Vec<u8>, value: &Text) {
    match value {
        Some(text) => push_string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_in_the_order_of_java() {
        // Asked of OpenTSDB 2.4.1 on Java 17.
        let sent = br#"{"k":"v","a":"b","zeta":null,"n":5}"#;
        let all = custom(json::parse(sent).unwrap(), "custom").unwrap().unwrap();
        let mut out = Vec::new();
        custom_member(&mut Members::open(&mut out), "custom", Some(&all));
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"custom":{"zeta":null,"a":"b","k":"v","n":"5"}"#);
        assert_eq!(custom(Json::Null, "custom"), Ok(None));
        assert!(custom(Json::Bool(true), "custom").is_err());
    }

    #[test]
    fn numbers() {
        let mut out = Vec::new();
        let mut object = Members::open(&mut out);
        for value in [1.5, f64::NAN, f64::INFINITY, 1e10, double(Json::String("NaN".into()), "max").unwrap()] {
            double_member(&mut object, "d", value);
        }
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"d":1.5,"d":"NaN","d":"Infinity","d":1.0E10,"d":"NaN""#);
        assert!(int(Json::Number("99999999999".into()), "retention").is_err());
        assert_eq!(double(Json::String("abc".into()), "max").unwrap_err().0, "'max' must be a number, not 'abc'");
    }
}
