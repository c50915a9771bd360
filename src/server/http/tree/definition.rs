//! `/api/tree`: trees read, made, changed, emptied and deleted.

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::super::reply;
use super::{answer, edited, existing, id, status_only, tree_error, tree_param, unsupported_method};
use crate::clock;
use crate::point::json::push_list;
use crate::tree::definition::{Edit, Tree};
use crate::tsd::Tsd;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

pub fn definition(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let edit = if request.body.is_empty() {
        edit_of_params(request)?
    } else {
        edit_of_body(request).map_err(|e| if reply::is_null(request) { reply::crash(request, e) } else { e })?
    };
    match reply::method(request)?.as_str() {
        "GET" if edit.tree == 0 => {
            let trees = tsd.trees.all().map_err(tree_error)?;
            Ok(answer(|out| push_list(out, &trees, |out, tree| tree.push_json(out))))
        }
        "GET" => existing(tsd, edit.tree).map(|tree| answer(|out| tree.push_json(out))),
        method @ ("POST" | "PUT") if edit.tree > 0 => {
            let tree = existing(tsd, edit.tree)?;
            edited(tsd.trees.change(tree.id, &edit, method == "PUT"), Tree::push_json)
        }
        "POST" | "PUT" => edited(tsd.trees.create(&edit), Tree::push_json),
        "DELETE" => delete(tsd, request, edit.tree),
        _ => Err(unsupported_method()),
    }
}

/// Deletes what was built; with `definition=true` the rules and the tree too.
fn delete(tsd: &Tsd, request: &ApiRequest, number: i64) -> Result<ApiResponse, ApiError> {
    let said = if request.body.is_empty() {
        request.param("definition").map(str::to_owned)
    } else {
        let members = reply::object(request)?.into_iter();
        let said = members.rev().find(|(name, _)| name == "definition");
        said.map(|(name, value)| value.text(&name)).transpose().map_err(reply::unreadable)?.flatten()
    };
    existing(tsd, number)?;
    let definition = said.is_some_and(|said| said.eq_ignore_ascii_case("true"));
    let mut go_on = |_| match request.cancel.load(Ordering::Relaxed) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    tsd.trees.purge(id(number)?, definition, &mut go_on).map_err(tree_error)?;
    Ok(status_only(204))
}

/// Names are taken in any case; `null` counts as not sent. A tree made this way has no time of creation (surprise 28).
fn edit_of_body(request: &ApiRequest) -> Result<Edit, ApiError> {
    let mut edit = Edit::default();
    for (name, value) in reply::object(request)? {
        let Some(text) = value.text(&name).map_err(reply::unreadable)? else { continue };
        let switch = || Some(text.eq_ignore_ascii_case("true"));
        match name.to_lowercase().as_str() {
            "treeid" => edit.tree = text.parse::<i32>().map_err(|_| ApiError::bad("Unable to parse 'tree' value"))?.into(),
            "name" => edit.name = text,
            "description" => edit.description = text,
            "notes" => edit.notes = text,
            "enabled" => edit.enabled = switch(),
            "strictmatch" => edit.strict_match = switch(),
            "storefailures" => edit.store_failures = switch(),
            _ => {}
        }
    }
    Ok(edit)
}

fn edit_of_params(request: &ApiRequest) -> Result<Edit, ApiError> {
    let text = |name| request.param(name).unwrap_or_default().to_owned();
    let switch = |name| request.param(name).map(|value| value.eq_ignore_ascii_case("true"));
    Ok(Edit {
        tree: tree_param(request)?,
        name: text("name"),
        description: text("description"),
        notes: text("notes"),
        strict_match: switch("strict_match"),
        enabled: switch("enabled"),
        store_failures: switch("store_failures"),
        created: clock::now_s(),
    })
}
