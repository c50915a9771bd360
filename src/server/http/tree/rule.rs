//! `/api/tree/rule` and `/api/tree/rules`: rules one by one and all of a tree.

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::super::reply;
use super::{answer, edited, existing, invalid, required, status_only, tree_error, tree_param, unsupported_method};
use crate::codec::java_bytes;
use crate::point::json::{self, Json};
use crate::tree::TreeError;
use crate::tree::definition::Tree;
use crate::tree::rule::{Rule, RuleKind};
use crate::tsd::Tsd;

pub fn rule(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let edit = if request.body.is_empty() {
        rule_of_params(request)?
    } else {
        rule_of_json(body(request)?).map_err(|e| reply::crash(request, e))?
    };
    let tree = existing(tsd, edit.place.tree)?;
    let there = || tree.rule(edit.place.level, edit.place.order);
    let missing = || ApiError::new(404, format!("Unable to locate rule: {edit}"));
    match reply::method(request)?.as_str() {
        "GET" => there().map(|rule| answer(|out| rule.push_json(out))).ok_or_else(missing),
        method @ ("POST" | "PUT") => edited(tsd.trees.change_rule(tree.id, &edit, method == "PUT"), Rule::push_json),
        "DELETE" => {
            there().ok_or_else(missing)?;
            tsd.trees.delete_rule(tree.id, edit.place.level, edit.place.order).map_err(tree_error)?;
            Ok(status_only(204))
        }
        _ => Err(unsupported_method()),
    }
}

pub fn rules(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let missing = || ApiError::bad("Missing tree rules");
    let sent = if request.body.is_empty() {
        None
    } else {
        let items = body(request)?.array("the body").map_err(|e| reply::crash(request, reply::unreadable(e)))?.unwrap_or_default();
        Some(items.into_iter().map(rule_of_json).collect::<Result<Vec<Rule>, _>>()?)
    };
    let number = match &sent {
        None => tree_param(request)?,
        Some(rules) => {
            let number = rules.first().ok_or_else(missing)?.place.tree;
            if rules.iter().any(|rule| rule.place.tree != number) {
                return Err(ApiError::bad("All rules must belong to the same tree"));
            }
            number
        }
    };
    let tree = existing(tsd, number)?;
    match reply::method(request)?.as_str() {
        "POST" => store(tsd, &tree, &sent.ok_or_else(missing)?, false),
        "PUT" => {
            let rules = sent.ok_or_else(missing)?;
            // All are checked before any is deleted: OpenTSDB loses the old ones to a mistake in the new.
            rules.iter().try_for_each(|rule| Rule::edited(None, rule, true).map(drop)).map_err(unstored)?;
            delete_all(tsd, &tree)?;
            store(tsd, &tree, &rules, true)
        }
        "DELETE" => delete_all(tsd, &tree).map(|()| status_only(204)),
        _ => Err(unsupported_method()),
    }
}

/// Deletes all rules of a tree, of which there must be one.
fn delete_all(tsd: &Tsd, tree: &Tree) -> Result<(), ApiError> {
    if tsd.trees.delete_rules(tree.id).map_err(tree_error)? > 0 {
        return Ok(());
    }
    // The words of OpenTSDB's HBase client, which clients read (recorded `tree_rules/bulk_delete_again`).
    let (table, key) = (tsd.trees.table(), java_bytes(&tree.id.bytes()));
    let what = "Don't pass an empty list of qualifiers, this would delete the entire row";
    Err(invalid(format!("{what} of table=\"{table}\" at key {key}")))
}

/// Stores rules in their order; those before one that cannot be stored stay (recorded `tree_rules/view4`).
fn store(tsd: &Tsd, tree: &Tree, rules: &[Rule], overwrite: bool) -> Result<ApiResponse, ApiError> {
    for rule in rules {
        tsd.trees.change_rule(tree.id, rule, overwrite).map_err(unstored)?;
    }
    Ok(status_only(204))
}

fn unstored(e: TreeError) -> ApiError {
    match e {
        TreeError::Unchanged => ApiError::bad("No changes detected in the rule"),
        other => tree_error(other),
    }
}

fn body(request: &ApiRequest) -> Result<Json, ApiError> {
    json::parse(&request.body).map_err(|e| reply::crash(request, reply::unreadable(e)))
}

fn rule_of_json(json: Json) -> Result<Rule, ApiError> {
    Rule::from_json(json).map_err(|e| ApiError::bad(format!("Unable to parse the given JSON: {e}")))
}

fn rule_of_params(request: &ApiRequest) -> Result<Rule, ApiError> {
    required(request, "treeid")?;
    let mut rule = Rule::default();
    rule.place.tree = tree_param(request)?;
    let wrong = |name: &str, why: &str| ApiError::bad(format!("Unable to parse the '{name}' parameter")).details(why);
    let text = |name| request.param(name).unwrap_or_default().to_owned();
    let number = |name: &str, text: &str| text.parse::<i32>().map_err(|_| wrong(name, &format!("For input string: \"{text}\"")));
    if let Some(kind) = request.param("type") {
        rule.kind = Some(RuleKind::parse(kind).map_err(|why| wrong("type", why))?);
    }
    rule.field = text("field");
    rule.custom_field = text("custom_field");
    rule.set_regex(text("regex")).map_err(|e| wrong("regex", &e.as_java()))?;
    rule.separator = text("separator");
    rule.description = text("description");
    rule.notes = text("notes");
    if let Some(index) = request.param("regex_group_idx") {
        rule.regex_group_idx = number("regex_group_idx", index)?;
    }
    rule.display_format = text("display_format");
    rule.set_level(number("level", required(request, "level")?)?).map_err(invalid)?;
    rule.place.order = number("order", required(request, "order")?)?;
    Ok(rule)
}
