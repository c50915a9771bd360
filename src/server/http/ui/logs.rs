//! `/api/ui/logs`: the last lines of the log, newest first, at least as grave as `level` and with the words of `q`.

use crate::server::http::api::{ApiError, ApiRequest, ApiResponse};
use crate::server::http::reply;
use crate::tsd::Tsd;
use serde_json::{Value, json};

/// From the gravest.
const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
/// Lines given when `max` says nothing.
const LINES_DEFAULT: usize = 200;

/// Answers it.
pub fn logs(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET"])?;
    let max = match request.param("max").filter(|max| !max.is_empty()) {
        None => LINES_DEFAULT,
        Some(max) => max.parse().map_err(|_| ApiError::bad(format!("max is no number: {max}")))?,
    };
    let level = request.param("level").unwrap_or_default();
    let gravest = match LEVELS.iter().position(|known| known.eq_ignore_ascii_case(level)) {
        Some(place) => place,
        None if level.is_empty() => LEVELS.len(),
        None => return Err(ApiError::bad(format!("level is none of {}: {level}", LEVELS.join(", ")))),
    };
    let words: Vec<String> = request.param("q").unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
    let lines = tsd.logs.newest_first();
    let found: Vec<Value> = lines
        .iter()
        .map(|line| Line::read(line))
        .filter(|line| line.is_wanted(gravest, &words))
        .take(max)
        .map(|line| line.json())
        .collect();
    Ok(ApiResponse::json(json!({ "kept": lines.len(), "lines": found }).to_string()))
}

/// A line as the logbook keeps it: seconds, level, thread, module and message, separated by tabs.
struct Line<'a> {
    whole: &'a str,
    parts: [&'a str; 5],
}

impl Line<'_> {
    fn read(whole: &str) -> Line<'_> {
        let mut parts = whole.splitn(5, '\t');
        Line { whole, parts: std::array::from_fn(|_| parts.next().unwrap_or_default()) }
    }

    fn is_wanted(&self, gravest: usize, words: &[String]) -> bool {
        let [_, level, ..] = self.parts;
        let place = LEVELS.iter().position(|known| *known == level).unwrap_or(0);
        let text = if words.is_empty() { String::new() } else { self.whole.to_lowercase() };
        place <= gravest && words.iter().all(|word| text.contains(word))
    }

    fn json(&self) -> Value {
        let [time, level, thread, target, message] = self.parts;
        json!({ "time": time.trim().parse::<i64>().ok(), "level": level, "thread": thread, "target": target, "message": message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_by_level_and_words() {
        let line = Line::read("1400000000\tWARN\tmain\ttsdb::store\tthe disk\tis FULL");
        assert_eq!(line.json()["message"], "the disk\tis FULL");
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(line.is_wanted(1, &[]) && !line.is_wanted(0, &[]) && line.is_wanted(4, &[]));
        assert!(line.is_wanted(4, &words("full store")) && !line.is_wanted(4, &words("full empty")));
        assert!(Line::read("no tabs at all").is_wanted(0, &[])); // what cannot be read is not hidden
    }
}
