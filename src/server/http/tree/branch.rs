//! `/api/tree/branch`: a branch with its leaves and the branches right below it.

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::super::reply;
use super::{answer, invalid, tree_error, tree_param, unsupported_method};
use crate::codec::to_hex;
use crate::tree::TreeId;
use crate::tree::names::name_leaves;
use crate::tree::table::branch_id;
use crate::tsd::{self, Tsd};

pub fn branch(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    if reply::method(request)? != "GET" {
        return Err(unsupported_method());
    }
    let tree = tree_param(request)?;
    let id = match request.param("branch").unwrap_or_default() {
        "" if tree < 1 => return Err(ApiError::bad("Missing or invalid branch and tree IDs")),
        "" => TreeId::new(tree).ok_or_else(|| invalid("Missing or invalid tree ID"))?.bytes().to_vec(),
        text => branch_id(text).map_err(tree_error)?,
    };
    let Some(mut branch) = tsd.trees.branch(&id).map_err(tree_error)? else {
        let tree = id.first_chunk::<2>().map_or(0, |id| u16::from_be_bytes(*id));
        return Err(ApiError::new(404, format!("Unable to locate branch '{}' for tree '{tree}'", to_hex(&id))));
    };
    name_leaves(&mut branch, &tsd.uids, &tsd::layout(&tsd.settings)).map_err(tree_error)?;
    Ok(answer(|out| branch.push_json(out)))
}
