//! `/logs`: the last lines of the log, newest first, as text or as a JSON list; with `level`, how much is logged from now on.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::reply;
use super::ui::writing::{from_own_page, is_local};
use crate::tsd::Tsd;

/// Levels as OpenTSDB's log names them, and ours.
const LEVELS: [(&str, &str); 7] =
    [("ALL", "trace"), ("TRACE", "trace"), ("DEBUG", "debug"), ("INFO", "info"), ("WARN", "warn"), ("ERROR", "error"), ("OFF", "off")];
/// The logger of everything.
const ROOT: &str = "ROOT";
/// What the loggers of parts of the program begin with.
const OURS: &str = "tsdb";

/// Answers it.
pub fn logs(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    if request.has_param("json") {
        return Ok(reply::list(tsd.logs.newest_first().iter().map(String::as_str)));
    }
    if let Some(level) = request.param("level") {
        return turn(tsd, request, level).map(text);
    }
    Ok(text(tsd.logs.newest_first().iter().flat_map(|line| [line.as_str(), "\n"]).collect()))
}

fn text(text: String) -> ApiResponse {
    ApiResponse { content_type: "text/plain", ..ApiResponse::json(text) }
}

/// Sets the level. OpenTSDB does so for anybody and by GET, which a link in a page is enough for; here it takes a POST from
/// this machine.
fn turn(tsd: &Tsd, request: &ApiRequest, level: &str) -> Result<String, ApiError> {
    let known = LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(level.trim()));
    let (name, ours) = known.ok_or_else(|| ApiError::bad(format!("Invalid level: {level}")))?;
    let part = match request.param("logger") {
        None => None,
        Some(root) if root == ROOT => None,
        Some(part) if is_part(part) => Some(part),
        Some(other) => return Err(ApiError::bad(format!("Invalid logger: {other}"))),
    };
    if request.method != "POST" || !is_local(request) {
        return Err(ApiError::bad("The level of the log is set by POST, and from the machine of the TSD"));
    }
    from_own_page(request)?;
    tsd.logs.turn(ours, part).map_err(ApiError::bad)?;
    Ok(format!("Set the log level to {name} on 1 logger.\n"))
}

/// A module of ours, such as `tsdb::write`.
fn is_part(name: &str) -> bool {
    let mut words = name.split("::");
    words.next() == Some(OURS)
        && words.all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        for (name, want) in [
            ("tsdb", true),
            ("tsdb::store::hbase", true),
            ("tsdb::", false),
            ("net.opentsdb", false),
            ("tsdb::x=trace,y", false),
            ("", false),
        ] {
            assert_eq!(is_part(name), want, "{name}");
        }
    }
}
