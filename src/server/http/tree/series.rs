//! `/api/tree/test`, `/api/tree/collisions`, `/api/tree/notmatched`: what rules make of series, and which have no leaf.

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::super::reply;
use super::{existing, invalid, required, tree_error, tree_param, unsupported_method};
use crate::point::json::Json;
use crate::tree::rows::Failed;
use crate::tree::table::hex;
use crate::tsd::Tsd;

/// What a request asks: tree, series; `None`: no list was given.
struct Asked {
    tree: i64,
    tsuids: Option<Vec<String>>,
}

impl Asked {
    fn read(request: &ApiRequest) -> Result<Asked, ApiError> {
        if request.body.is_empty() {
            required(request, "treeid")?;
            let tsuids = request.param("tsuids").map(|text| match text.trim_end_matches(',') {
                "" if text.is_empty() => vec![String::new()],
                "" => Vec::new(),
                list => list.split(',').map(str::to_owned).collect(),
            });
            return Ok(Asked { tree: tree_param(request)?, tsuids });
        }
        let (mut tree, mut tsuids) = (Json::Null, Json::Null);
        for (name, value) in reply::object(request)? {
            match name.as_str() {
                "treeId" => tree = value,
                "tsuids" => tsuids = value,
                _ => {}
            }
        }
        let tree = match &tree {
            Json::Null => return Err(ApiError::bad("Missing or invalid Tree ID")),
            Json::Number(text) => text.parse().ok(),
            _ => None,
        };
        let tree = tree.ok_or_else(|| ApiError::bad("Missing or invalid Tree ID: 'treeId' must be a whole number"))?;
        let no_list = |why: &str| ApiError::bad("Unable to convert the given data to a list").details(why.to_owned());
        let items = tsuids.array("tsuids").map_err(|e| no_list(&e.0))?;
        let text = |item| match item {
            Json::String(text) => Ok(text),
            other => Err(no_list(&format!("'tsuids' must hold strings, not {}", other.kind()))),
        };
        Ok(Asked { tree, tsuids: items.map(|items| items.into_iter().map(text).collect()).transpose()? })
    }
}

fn reads(request: &ApiRequest) -> Result<(), ApiError> {
    let allowed = ["GET", "POST", "PUT"].contains(&reply::method(request)?.as_str());
    if allowed { Ok(()) } else { Err(unsupported_method()) }
}

fn tsuid(text: &str) -> Result<Vec<u8>, ApiError> {
    if text.is_empty() {
        return Err(invalid("UID was empty"));
    }
    hex(text).map_err(tree_error)
}

/// Collisions and series not matched: TSUIDs and why.
pub fn failed(tsd: &Tsd, request: &ApiRequest, kind: Failed) -> Result<ApiResponse, ApiError> {
    let asked = Asked::read(request)?;
    let tree = existing(tsd, asked.tree)?;
    reads(request)?;
    let tsuids: Vec<Vec<u8>> = asked.tsuids.iter().flatten().map(|text| tsuid(text)).collect::<Result<_, _>>()?;
    let found = tsd.trees.failed(kind, tree.id, &tsuids).map_err(tree_error)?;
    Ok(ApiResponse::json(reply::strings(found)))
}
