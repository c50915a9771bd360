//! `/api/tree/test`, `/api/tree/collisions`, `/api/tree/notmatched`: what rules make of series, and which have no leaf.

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::super::query::store_error;
use super::super::reply;
use super::{answer, existing, invalid, required, tree_error, tree_param, unsupported_method};
use crate::codec::to_hex;
use crate::meta::{MetaError, TsMeta};
use crate::point::json::{Json, Members, push_list, push_string};
use crate::tree::branch::{Branch, Leaf};
use crate::tree::builder::{Builder, Built};
use crate::tree::rows::Failed;
use crate::tree::table::hex;
use crate::tsd::Tsd;

/// What a request asks: tree, series. Whether the tree is there is told before what is wrong with the list.
struct Asked {
    tree: i64,
    tsuids: Result<Option<Vec<String>>, ApiError>,
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
            return Ok(Asked { tree: tree_param(request)?, tsuids: Ok(tsuids) });
        }
        let (mut tree, mut tsuids) = (Json::Null, Json::Null);
        for (name, value) in reply::object(request).map_err(|e| reply::crash(request, e))? {
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
        let no_number = || reply::crash(request, ApiError::bad("Missing or invalid Tree ID: 'treeId' must be a whole number"));
        let tree = tree.ok_or_else(no_number)?;
        let no_list = |why: &str| ApiError::bad("Unable to convert the given data to a list").details(why.to_owned());
        let text = |item| match item {
            Json::String(text) => Ok(text),
            other => Err(no_list(&format!("'tsuids' must hold strings, not {}", other.kind()))),
        };
        let list = |items: Option<Vec<Json>>| items.map(|items| items.into_iter().map(text).collect()).transpose();
        Ok(Asked { tree, tsuids: tsuids.array("tsuids").map_err(|e| no_list(&e.0)).and_then(list) })
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

/// What the rules of a tree make of series, without storing anything.
pub fn test(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let asked = Asked::read(request)?;
    let tree = existing(tsd, asked.tree)?;
    let tsuids = asked.tsuids?.filter(|list| !list.is_empty()).ok_or_else(|| ApiError::bad("Missing or empty TSUID list"))?;
    reads(request)?;
    let builder = Builder::new(&tree);
    let mut root = Branch::root(tree.id);
    let mut results: Vec<(String, Tested)> = Vec::with_capacity(tsuids.len());
    for text in tsuids {
        let tested = match tsd.meta.ts_meta(&tsuid(&text)?) {
            Ok(Some(_)) if !builder.has_rules() => return Err(invalid(format!("Tree {} has no rules", tree.id))),
            Ok(Some(meta)) => {
                let built = builder.build(&(&meta).into()).map_err(tree_error)?;
                hang(&mut root, &builder, &built, &meta);
                Tested { meta: Some(meta), messages: built.messages }
            }
            Ok(None) => Tested::failed("Unable to locate TSUID meta data".to_owned()),
            Err(MetaError::Unknown(e)) => Tested::failed(format!("TSUID was missing a UID name: {e}")),
            Err(MetaError::Store(e)) => return Err(store_error(&e)),
            Err(e) => return Err(invalid(e.to_string())),
        };
        results.retain(|(known, _)| *known != text);
        results.push((text, tested));
    }
    Ok(answer(|out| {
        let mut members = Members::open(out);
        for (tsuid, tested) in &results {
            members.value(tsuid, |out| tested.push_json(out, &root));
        }
        members.close();
    }))
}

/// One series' result.
struct Tested {
    meta: Option<TsMeta>,
    messages: Vec<String>,
}

impl Tested {
    fn failed(message: String) -> Tested {
        Tested { meta: None, messages: vec![message] }
    }

    fn push_json(&self, out: &mut Vec<u8>, root: &Branch) {
        let mut members = Members::open(out);
        match &self.meta {
            Some(meta) => members.value("meta", |out| meta.write_answer(out)),
            None => members.plain("meta", "null"),
        };
        members.value("messages", |out| push_list(out, &self.messages, |out, message| push_string(out, message)));
        match &self.meta {
            Some(_) => members.value("branch", |out| root.push_json(out)),
            None => members.plain("branch", "null"),
        };
        members.close();
    }
}

/// Shows a series on the root, which all results of a request share: its leaves stay, its branches are those of the last
/// series alone (surprise 30, recorded `tree_build/test_all`).
fn hang(root: &mut Branch, builder: &Builder, built: &Built, meta: &TsMeta) {
    root.branches.iter_mut().for_each(Vec::clear);
    let Some(leaf) = built.leaf.as_deref().map(|name| Leaf::new(name, &to_hex(&meta.tsuid))) else { return };
    let mut chain = built.chain(builder.tree);
    let Some(mut lowest) = chain.pop() else { return root.add_leaf(leaf) };
    if builder.refuses(built) {
        return;
    }
    lowest.add_leaf(leaf);
    let top = chain.into_iter().rev().fold(lowest, |child, mut parent| {
        parent.add_branch(child);
        parent
    });
    root.add_branch(top);
}

/// Collisions and series not matched: TSUIDs and why.
pub fn failed(tsd: &Tsd, request: &ApiRequest, kind: Failed) -> Result<ApiResponse, ApiError> {
    let asked = Asked::read(request)?;
    let tree = existing(tsd, asked.tree)?;
    reads(request)?;
    let whole = |text: &String| match text.len() % 2 {
        0 => tsuid(text),
        _ => Err(invalid(format!("TSUIDs must have two digits a byte: {text}"))), // the original crashes
    };
    let tsuids: Vec<Vec<u8>> = asked.tsuids?.iter().flatten().map(whole).collect::<Result<_, _>>()?;
    let found = tsd.trees.failed(kind, tree.id, &tsuids).map_err(tree_error)?;
    Ok(ApiResponse::json(reply::strings(found)))
}
