//! `/s/...` and `/favicon.ico`: files below `tsd.http.staticroot`, else the built-in ones, with any method. What begins
//! with `/s/ui` belongs to the built-in pages (`ui_files.rs`).
//!
//! Source: recorded scenario `old_static`. A name never leads out of the folder: `..` is refused, and so is a link that
//! points elsewhere.

use super::answer::{guess_type, type_of_path, wrapped};
use super::api::{ApiError, ApiRequest, ApiResponse};
use crate::tsd::Tsd;
use crate::ui;
use std::path::{Path, PathBuf};

/// Seconds that a file may be kept: names change with contents.
const MAX_AGE: u32 = 31_536_000;
/// What OpenTSDB's frame loads; ours leads on to the built-in pages.
const SCRIPT: &str = "queryui.nocache.js";
/// Largest file served, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A file below `/s`.
pub fn file(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let path = &request.path;
    if request.target.get("/s/".len()..).is_some_and(|rest| rest.contains("..")) {
        return Err(ApiError::bad(format!("Malformed URI <code>{}</code>", request.target)));
    }
    let Some(name) = path.get("/s".len()..).filter(|_| request.target.len() > "/s".len()) else {
        return Err(ApiError::bad(format!("URI too short <code>{path}</code>")));
    };
    if name == "/ui" || name.starts_with("/ui/") {
        return Ok(super::ui_files::file(tsd, request).unwrap_or_else(|| missing(request)));
    }
    Ok(send(tsd, name.trim_matches('/'), request))
}

/// The icon, under its bare name only.
pub fn favicon(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    if request.target != "/favicon.ico" {
        return Ok(missing(request));
    }
    Ok(send(tsd, "favicon.ico", request))
}

fn send(tsd: &Tsd, name: &str, request: &ApiRequest) -> ApiResponse {
    let root = tsd.settings.http_staticroot.as_str();
    let in_root = if root.is_empty() { None } else { read(Path::new(root), name) };
    let found = in_root.or_else(|| Some((ui::file(name).filter(|file| file.name == SCRIPT)?.bytes.to_vec(), 0)));
    let Some((body, age)) = found else { return missing(request) };
    let max_age = if request.target.contains("nocache") { 0 } else { MAX_AGE };
    ApiResponse {
        status: 200,
        // By the ending alone: what a file begins with tells nothing here.
        content_type: type_of_path(&request.path).unwrap_or("text/plain"),
        headers: vec![("Age", age.to_string()), ("Cache-Control", format!("max-age={max_age}"))],
        body,
    }
}

/// Bytes of a regular file inside `root`, and the seconds since it was written.
pub(super) fn read(root: &Path, name: &str) -> Option<(Vec<u8>, u64)> {
    let inside: PathBuf = root.join(name).canonicalize().ok()?;
    if name.is_empty() || !inside.starts_with(root.canonicalize().ok()?) {
        return None;
    }
    let about = std::fs::metadata(&inside).ok().filter(|about| about.is_file() && about.len() <= FILE_BYTES_MAX)?;
    let age = about.modified().ok().and_then(|written| written.elapsed().ok()).unwrap_or_default();
    Some((std::fs::read(&inside).ok()?, age.as_secs()))
}

/// 404 in JSON, whatever the ending of the path says; only an icon keeps its type.
fn missing(request: &ApiRequest) -> ApiResponse {
    let body = &br#"{"error":{"code":404,"message":"Page not found"}}"#[..];
    // Alone outside `/api` it is wrapped.
    let body = request.param("jsonp").map_or_else(|| body.to_vec(), |function| wrapped(function, body));
    let content_type = guess_type(&request.path, &body);
    ApiResponse { status: 404, content_type, headers: Vec::new(), body }
}
