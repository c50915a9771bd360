//! What the small handlers share: methods, JSON bodies, JSON texts.

use super::api::{ApiError, ApiRequest, ApiResponse};
use crate::point::json::{self, Json, JsonError, push_string};
use crate::point::name::surrogate_half;

/// Refuses other methods than these.
pub(super) fn allow(request: &ApiRequest, methods: &[&str]) -> Result<(), ApiError> {
    if methods.contains(&request.method.as_str()) { Ok(()) } else { Err(ApiError::method_not_allowed(&request.method)) }
}

/// A GET may say that it means another method (recorded cases `delete/override-2del`, `misc_routes/override_bad`).
pub(super) fn method(request: &ApiRequest) -> Result<String, ApiError> {
    let Some(wanted) = request.param("method_override").filter(|_| request.method == "GET") else {
        return Ok(request.method.clone());
    };
    match wanted.to_uppercase() {
        known if ["GET", "POST", "PUT", "DELETE"].contains(&known.as_str()) => Ok(known),
        empty if empty.is_empty() => Err(ApiError::new(405, "Missing method override value")),
        _ => Err(ApiError::new(405, "Unknown or unsupported method override value")),
    }
}

/// A client's mistake that the original answers with 500 and ours with 400 and the reason. The answer to a HEAD has no
/// place for a reason: there it is 500 too.
pub(super) fn crash(request: &ApiRequest, error: ApiError) -> ApiError {
    let told = request.method != "HEAD" || error.status != 400;
    if told { error } else { ApiError { status: 500, ..error } }
}

/// Whether the body is JSON's `null`.
pub(super) fn is_null(request: &ApiRequest) -> bool {
    request.body.trim_ascii() == b"null"
}

/// Whether the client has the answer of this tag already: `If-None-Match` names it.
pub(super) fn has_already(request: &ApiRequest, tag: &str) -> bool {
    request.header("if-none-match").is_some_and(|tags| names(tags, tag))
}

fn names(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// The part of the path behind the endpoint's name: `filters` of `config/filters`.
pub(super) fn below(request: &ApiRequest) -> &str {
    request.endpoint.split('/').nth(1).unwrap_or_default()
}

/// The body as a JSON object.
pub(super) fn object(request: &ApiRequest) -> Result<Vec<(String, Json)>, ApiError> {
    if request.body.is_empty() {
        return Err(ApiError::bad("Missing message content").details("Supply valid JSON formatted data in the body of your request"));
    }
    json::parse(&request.body).and_then(|value| value.object("the body")).map_err(unreadable)
}

pub(super) fn unreadable(e: JsonError) -> ApiError {
    ApiError::bad("Unable to parse the given JSON").details(e.0)
}

/// A status alone: without a body there is no content type.
pub(super) fn empty(status: u16) -> ApiResponse {
    ApiResponse { status, content_type: "", ..ApiResponse::json("") }
}

/// An array of strings.
pub(super) fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> ApiResponse {
    let mut out = vec![b'['];
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_string(&mut out, item);
    }
    out.push(b']');
    ApiResponse::json(out)
}

/// An object of strings.
pub(super) fn strings<K: AsRef<str>, V: AsRef<str>>(members: impl IntoIterator<Item = (K, V)>) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (place, (key, value)) in members.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_string(&mut out, key.as_ref());
        out.push(b':');
        push_message(&mut out, value.as_ref());
    }
    out.push(b'}');
    out
}

/// A string that may hold stand-ins for half characters, which JSON writes as escapes.
fn push_message(out: &mut Vec<u8>, text: &str) {
    if !text.chars().any(|c| surrogate_half(c).is_some()) {
        return push_string(out, text);
    }
    out.push(b'"');
    for c in text.chars() {
        match surrogate_half(c) {
            Some(half) => out.extend_from_slice(format!("\\u{half:04X}").as_bytes()),
            None => {
                let mut quoted = Vec::new();
                push_string(&mut quoted, c.encode_utf8(&mut [0; 4]));
                out.extend_from_slice(quoted.get(1..quoted.len() - 1).unwrap_or_default());
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn tags_of_answers() {
        assert!(names("\"a\"", "\"a\"") && names("\"x\", W/\"a\"", "\"a\"") && names("*", "\"a\""));
        assert!(!names("\"b\"", "\"a\"") && !names("a", "\"a\""));
    }
}
