//! What the endpoints of the catalog are asked: parts of names, pages, tags.

use super::super::api::{ApiError, ApiRequest};
use super::super::{query, reply};
use crate::catalog::metrics::TagFilter;
use crate::catalog::patterns::{Pattern, Patterns};
use crate::catalog::words::Words;
use crate::point::java_regex::PatternError;

/// Longest text that names are looked for by, in bytes.
const WORDS_BYTES_MAX: usize = 8_000;
/// Longest name that is asked for, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Most tags of a filter, and values of one of them.
const FILTER_MAX: (usize, usize) = (32, 1_000);

/// `q`: parts of names.
pub(super) fn words(request: &ApiRequest) -> Result<Words, ApiError> {
    words_of(text(request, "q")?)
}

/// Parts of names.
pub(super) fn words_of(text: &str) -> Result<Words, ApiError> {
    if text.len() > WORDS_BYTES_MAX {
        return Err(ApiError::bad(format!("'q' is longer than {WORDS_BYTES_MAX} bytes (WORDS_BYTES_MAX)")));
    }
    Ok(Words::parse(text))
}

/// A parameter that may be left out.
pub(super) fn text<'r>(request: &'r ApiRequest, name: &str) -> Result<&'r str, ApiError> {
    let text = request.param(name).unwrap_or_default();
    if text.len() > TEXT_BYTES_MAX {
        return Err(ApiError::bad(format!("'{name}' is longer than {TEXT_BYTES_MAX} bytes (TEXT_BYTES_MAX)")));
    }
    Ok(text)
}

/// A parameter that must be there.
pub(super) fn needed<'r>(request: &'r ApiRequest, name: &str) -> Result<&'r str, ApiError> {
    match text(request, name)? {
        "" => Err(ApiError::bad(format!("Missing parameter '{name}'"))),
        text => Ok(text),
    }
}

/// A regular expression that may be left out. One that is none is told by its parameter.
pub(super) fn pattern(request: &ApiRequest, name: &str) -> Result<Option<Pattern>, ApiError> {
    let text = text(request, name)?;
    let wrong = |e: PatternError| ApiError::bad(format!("'{name}': {e}"));
    Some(text).filter(|text| !text.is_empty()).map(|text| Pattern::parse(text).map_err(wrong)).transpose()
}

/// `regex`, `tagk` and `tagv`: regular expressions of metrics and their tags.
pub(super) fn patterns(request: &ApiRequest) -> Result<Patterns, ApiError> {
    Ok(Patterns { metric: pattern(request, "regex")?, tagk: pattern(request, "tagk")?, tagv: pattern(request, "tagv")? })
}

/// `offset` and `max`: how many to pass over and how many to tell.
pub(super) fn page(request: &ApiRequest, default: usize, most: usize) -> Result<(usize, usize), ApiError> {
    let number = |name: &str, default: usize| match request.param(name).filter(|text| !text.is_empty()) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().map_err(|_| ApiError::bad(format!("'{name}' is not a number: {text}"))),
    };
    let max = number("max", default)?;
    if max == 0 || max > most {
        return Err(ApiError::bad(format!("'max' must be from 1 to {most}")));
    }
    Ok((number("offset", 0)?, max))
}

/// `tags`: `name=value,name=value|value,name=*`.
pub(super) fn tags(text: &str) -> Result<TagFilter, ApiError> {
    let mut out: TagFilter = Vec::new();
    for tag in text.split(',').filter(|tag| !tag.is_empty()) {
        let pair = tag.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, values) = pair.ok_or_else(|| ApiError::bad(format!("'{tag}' is not a tag: name=value, name=value|value or name=*")))?;
        let mut values: Vec<String> = values.split('|').filter(|value| !value.is_empty()).map(str::to_owned).collect();
        if values.iter().any(|value| value == "*") {
            values.clear();
        }
        if values.len() > FILTER_MAX.1 || out.len() >= FILTER_MAX.0 {
            return Err(ApiError::bad(format!("at most {} tags with {} values each (FILTER_MAX)", FILTER_MAX.0, FILTER_MAX.1)));
        }
        out.push((name.to_owned(), values));
    }
    Ok(out)
}

/// `GET` alone.
pub(super) fn get(request: &ApiRequest) -> Result<(), ApiError> {
    reply::allow(request, &["GET"])
}

/// Milliseconds as seconds.
pub(super) fn seconds(ms: Option<i64>) -> Option<i64> {
    ms.map(|ms| ms.div_euclid(1000))
}

/// An error of the catalog. An unknown metric is 404: it is what was asked for, and not there.
pub(super) fn error(e: crate::query::engine::QueryError) -> ApiError {
    let unknown = matches!(&e, crate::query::engine::QueryError::Uid(crate::uid::UidError::NoSuchName { .. }));
    let mut answer = query::error(e);
    if unknown {
        answer.status = 404;
        answer.details = None;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_questions() {
        let check = |text: &str, want: &str| assert_eq!(tags(text).map_or_else(|e| e.message, |t| format!("{t:?}")), want, "{text}");
        check("", "[]");
        check("host=a", r#"[("host", ["a"])]"#);
        check("host=a|b,dc=*", r#"[("host", ["a", "b"]), ("dc", [])]"#);
        check("host=", r#"[("host", [])]"#);
        check("host", "'host' is not a tag: name=value, name=value|value or name=*");
        check("=a", "'=a' is not a tag: name=value, name=value|value or name=*");
    }
}
