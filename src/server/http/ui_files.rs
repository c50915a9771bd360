//! The built-in pages: `/` for browsers, and their files below `/s/ui/`.
//!
//! | address | answer |
//! | --- | --- |
//! | `/` | the page for a client that takes `text/html`; any other client gets OpenTSDB's frame (recorded case `misc_routes/home`), and so does everybody when the static root has OpenTSDB's own `queryui.nocache.js` |
//! | `/s/ui/` | the page |
//! | `/s/ui/VERSION/NAME` | a file, to be kept for ever; under another version (a page that another TSD behind the same balancer sent) the same file, not to be kept |
//!
//! With `tsd.ui.path` the files come from that folder, read anew each time, in place of the binary's.

use super::answer;
use super::api::{ApiError, ApiRequest, ApiResponse};
use super::{pages, reply};
use crate::tsd::{self, Tsd};
use crate::ui;
use std::borrow::Cow;
use std::path::Path;

/// The page that everything starts from.
const INDEX: &str = "index.html";
/// The version in addresses of files from `tsd.ui.path`.
const FROM_FOLDER: &str = "folder";

/// `/`.
pub fn home(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let takes_pages = request.header("accept").is_some_and(|types| types.contains("text/html"));
    let root = tsd.settings.http_staticroot.as_str();
    let has_own = !root.is_empty() && Path::new(root).join("queryui.nocache.js").is_file();
    if takes_pages && !has_own && request.path == "/" {
        return Ok(index(tsd, request, "s/ui/"));
    }
    Ok(answer::html(pages::home()))
}

/// A path below `/s/ui`, already known to hold no `..`; `None` if there is no such file.
pub fn file(tsd: &Tsd, request: &ApiRequest) -> Option<ApiResponse> {
    let below = request.path.get("/s/ui".len()..)?;
    if matches!(below, "" | "/" | "/index.html") {
        return Some(index(tsd, request, if below.is_empty() { "ui/" } else { "" }));
    }
    let (version, name) = below.trim_start_matches('/').split_once('/')?;
    let found = find(tsd, name)?;
    let for_ever = version == ui::version() && matches!(found, Found::BuiltIn(_));
    let keep = if for_ever { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tag = ui::tag(found.bytes());
    if reply::has_already(request, &tag) {
        return Some(ApiResponse { status: 304, content_type: "", headers: headers(keep, &tag), body: Vec::new() });
    }
    let mut response = ApiResponse { status: 200, content_type: content_type(name), headers: headers(keep, &tag), body: Vec::new() };
    response.headers.push(("Vary", "Accept-Encoding".to_owned()));
    let packed = match &found {
        Found::BuiltIn(file) if request.takes_gzip() => ui::gzip(file),
        _ => None,
    };
    match packed {
        Some(packed) => {
            response.headers.push(("Content-Encoding", "gzip".to_owned()));
            response.body = packed.to_vec();
        }
        None => response.body = found.bytes().to_vec(),
    }
    Some(response)
}

fn headers(keep: &str, tag: &str) -> Vec<(&'static str, String)> {
    vec![("Cache-Control", keep.to_owned()), ("ETag", tag.to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())]
}

/// A file of the binary or of the folder that stands in for it.
enum Found {
    BuiltIn(&'static ui::File),
    Read(Vec<u8>),
}

impl Found {
    fn bytes(&self) -> &[u8] {
        match self {
            Found::BuiltIn(file) => file.bytes,
            Found::Read(bytes) => bytes,
        }
    }
}

fn find(tsd: &Tsd, name: &str) -> Option<Found> {
    match tsd.settings.ui_path.as_str() {
        "" => ui::file(name).map(Found::BuiltIn),
        folder => super::static_files::read(Path::new(folder), name).map(|(bytes, _)| Found::Read(bytes)),
    }
}

/// The page, told where its files are (relative, so that it works below any prefix) and what it is the page of.
fn index(tsd: &Tsd, request: &ApiRequest, folder: &str) -> ApiResponse {
    let Some(found) = find(tsd, INDEX) else {
        return ApiResponse {
            status: 404,
            content_type: "text/plain",
            headers: Vec::new(),
            body: b"tsd.ui.path has no index.html".to_vec(),
        };
    };
    let from_folder = matches!(found, Found::Read(_));
    let version = if from_folder { FROM_FOLDER } else { ui::version() };
    let zone = tsd::clock(&tsd.settings).ok().and_then(|clock| clock.zone.iana_name().map(str::to_owned)).unwrap_or_default();
    let page = String::from_utf8_lossy(found.bytes())
        .replace("{base}", &format!("{folder}{version}/"))
        .replace("{pages}", &ui::pages(|name| find(tsd, name).is_some()))
        .replace("{mode}", &tsd.settings.mode)
        .replace("{zone}", &zone);
    let mut response = answer::html(page);
    let ancestors = policy_part(&tsd.settings.ui_frame_ancestors);
    let policy = format!(
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
    );
    let tag = ui::tag(&[response.body.as_slice(), policy.as_bytes()].concat());
    if reply::has_already(request, &tag) {
        response.status = 304;
        response.content_type = "";
        response.body = Vec::new();
    }
    response.headers = headers("no-cache", &tag);
    response.headers.extend([
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "same-origin".to_owned()),
        ("Vary", "Accept, Accept-Encoding".to_owned()),
    ]);
    response
}

/// The setting, without what would end its part of the policy.
fn policy_part(ancestors: &str) -> Cow<'_, str> {
    match ancestors.trim() {
        "" => Cow::Borrowed("'self'"),
        plain => Cow::Owned(plain.replace([';', ','], " ")),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js") => "text/javascript; charset=UTF-8",
        Some("css") => "text/css; charset=UTF-8",
        Some("html") => "text/html; charset=UTF-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json; charset=UTF-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_cannot_end_the_policy() {
        assert_eq!(policy_part(""), "'self'");
        assert_eq!(policy_part("https://wiki.example; script-src *"), "https://wiki.example  script-src *");
    }

    #[test]
    fn types() {
        assert_eq!(content_type("lib/chart.js"), "text/javascript; charset=UTF-8");
        assert_eq!(content_type("LICENSE"), "application/octet-stream");
    }
}
