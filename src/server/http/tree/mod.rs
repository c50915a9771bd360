//! `/api/tree` and everything below it. Source: recorded scenarios `tree_*`.
//!
//! The order of the checks (body, id, tree, method) decides which of several mistakes is answered, and is the original's.

mod branch;
mod definition;
mod rule;
mod series;

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::query::store_error;
use super::reply;
use crate::tree::definition::Tree;
use crate::tree::{TreeError, TreeId};
use crate::tsd::Tsd;
use crate::uid::UidError;

/// Answers everything below `/api/tree`.
pub fn tree(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    match reply::below(request) {
        "" => definition::definition(tsd, request),
        "branch" => branch::branch(tsd, request),
        "rule" => rule::rule(tsd, request),
        "rules" => rule::rules(tsd, request),
        "test" => series::test(tsd, request),
        "collisions" => series::failed(tsd, request, crate::tree::rows::Failed::Collision),
        "notmatched" => series::failed(tsd, request, crate::tree::rows::Failed::NotMatched),
        _ => Err(ApiError::new(404, "This endpoint is not supported")),
    }
}

/// Trees answer 400 where others answer 405 (surprise 5).
fn unsupported_method() -> ApiError {
    ApiError::bad("Unsupported HTTP request method")
}

/// A refusal whose message is repeated as its details, as the original does with checks of its own.
fn invalid(message: impl Into<String>) -> ApiError {
    let message = message.into();
    ApiError::bad(message.clone()).details(message)
}

fn tree_error(e: TreeError) -> ApiError {
    match e {
        TreeError::Invalid(why) => invalid(why),
        TreeError::Pattern { error, .. } => invalid(error.as_java()), // the original's words, as clients read them
        TreeError::Store(e) | TreeError::Names(UidError::Store(e)) => store_error(&e),
        TreeError::Busy(_) => ApiError::new(503, e.to_string()),
        other => ApiError::new(500, other.to_string()),
    }
}

/// What an edit answers: the thing as it is now, or 304 if there was nothing to change.
fn edited<T>(done: Result<T, TreeError>, push: impl FnOnce(&T, &mut Vec<u8>)) -> Result<ApiResponse, ApiError> {
    match done {
        Ok(now) => Ok(answer(|out| push(&now, out))),
        Err(TreeError::Unchanged) => Ok(status_only(304)),
        Err(e) => Err(tree_error(e)),
    }
}

fn answer(write: impl FnOnce(&mut Vec<u8>)) -> ApiResponse {
    let mut out = Vec::new();
    write(&mut out);
    ApiResponse::json(out)
}

fn status_only(status: u16) -> ApiResponse {
    ApiResponse { status, content_type: "", ..ApiResponse::json("") }
}

fn id(number: i64) -> Result<TreeId, ApiError> {
    TreeId::new(number).ok_or_else(|| invalid("Invalid Tree ID"))
}

/// The tree of an id that must be there.
fn existing(tsd: &Tsd, number: i64) -> Result<Tree, ApiError> {
    let found = tsd.trees.tree(id(number)?).map_err(tree_error)?;
    found.ok_or_else(|| ApiError::new(404, format!("Unable to locate tree: {number}")))
}

/// `treeid` of the query string; 0 without it.
fn tree_param(request: &ApiRequest) -> Result<i64, ApiError> {
    let Some(text) = request.param("treeid") else { return Ok(0) };
    let number: Result<i32, _> = text.parse();
    number.map(i64::from).map_err(|_| ApiError::bad("Unable to parse 'tree' value").details(format!("For input string: \"{text}\"")))
}

/// A parameter that must be there with a value.
fn required<'r>(request: &'r ApiRequest, name: &str) -> Result<&'r str, ApiError> {
    let given = request.param(name).filter(|value| !value.is_empty());
    given.ok_or_else(|| ApiError::bad(format!("Missing parameter <code>{name}</code>")))
}
