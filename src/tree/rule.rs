//! Rules: how one level of a tree gets a name from a series. Read from requests and from the table, changed, checked.
//!
//! A rule in the table and in answers is the same JSON object. An edit (a request) names the rule's place and holds what is
//! to change; a field that equals its default counts as not sent. Source: recorded scenarios `tree_rules`,
//! `storage/tree_rules_only`.

use super::TreeError;
use crate::point::java_regex;
use crate::point::json::{Json, JsonError, Members};
use std::collections::BTreeMap;

/// What a rule takes the name of its level from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// The metric's name.
    Metric,
    /// A custom field of the metric's meta data.
    MetricCustom,
    /// The value of a tag.
    Tagk,
    /// A custom field of the meta data of a tag's name.
    TagkCustom,
    /// A custom field of the meta data of a tag's value.
    TagvCustom,
}

impl RuleKind {
    const ALL: [(RuleKind, &'static str); 5] = [
        (RuleKind::Metric, "METRIC"),
        (RuleKind::MetricCustom, "METRIC_CUSTOM"),
        (RuleKind::Tagk, "TAGK"),
        (RuleKind::TagkCustom, "TAGK_CUSTOM"),
        (RuleKind::TagvCustom, "TAGV_CUSTOM"),
    ];

    /// As it is written: `TAGK_CUSTOM`.
    pub fn name(self) -> &'static str {
        RuleKind::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// From text in any case. The error is what clients read.
    pub fn parse(text: &str) -> Result<RuleKind, &'static str> {
        if text.is_empty() {
            return Err("Rule type was empty");
        }
        let found = RuleKind::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        found.map(|(kind, _)| *kind).ok_or("Unrecognized rule type")
    }
}

/// Where a rule stands. Levels count from the root down; of the rules of a level the lowest order is tried first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Id of the tree as the client gave it; 0 if it gave none.
    pub tree: i64,
    /// Level, from 0.
    pub level: i32,
    /// Order within the level, from 0.
    pub order: i32,
}

/// A rule, or an edit of one: fields that hold their default then count as not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands.
    pub place: Place,
    /// What it looks at. Never `None` in the table.
    pub kind: Option<RuleKind>,
    /// The tag's name (`TAGK`, `TAGK_CUSTOM`) or value (`TAGV_CUSTOM`).
    pub field: String,
    /// The custom field of the `..._CUSTOM` kinds.
    pub custom_field: String,
    /// A Java pattern; empty: none. It goes before the separator.
    pub regex: String,
    /// A Java pattern at which the text is split into several levels; empty: none.
    pub separator: String,
    /// For people.
    pub description: String,
    /// For people.
    pub notes: String,
    /// Which group of the pattern is the name, the first being 0.
    pub regex_group_idx: i32,
    /// The name with `{ovalue}`, `{value}`, `{tsuid}` and `{tag_name}` in it; empty: `{value}`.
    pub display_format: String,
}

/// The rules of a tree by level and order.
pub type Rules = BTreeMap<i32, BTreeMap<i32, Rule>>;

impl std::fmt::Display for Rule {
    /// As messages name it: `[1:0:0:TAGK]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place { tree, level, order } = self.place;
        write!(f, "[{tree}:{level}:{order}:{}]", self.kind.map_or("null", RuleKind::name))
    }
}

/// A field of a rule's JSON that cannot be read: which, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field '{field}' of the rule: {why}")]
pub struct FieldError {
    /// As it stands in the JSON.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

impl Rule {
    /// From a JSON object. Unknown fields are ignored, `null` is the default, patterns are checked (separators are not, as
    /// in OpenTSDB: a bad one shows when the rule is tried).
    pub fn from_json(json: Json) -> Result<Rule, FieldError> {
        Rule::read(json, true)
    }

    /// From the table: as [`Rule::from_json`], but patterns are taken as they are.
    pub fn stored(json: Json) -> Result<Rule, FieldError> {
        Rule::read(json, false)
    }

    fn read(json: Json, check_patterns: bool) -> Result<Rule, FieldError> {
        let wrong = |field: &str, why: String| FieldError { field: field.to_owned(), why };
        let mut rule = Rule::default();
        if matches!(json, Json::Number(_)) {
            // A bare number is the tree's: the original's rules can be made of one.
            rule.take("treeId", json, check_patterns).map_err(|why| wrong("treeId", why))?;
            return Ok(rule);
        }
        let members = json.object("the rule").map_err(|e| wrong("", e.0))?;
        for (name, value) in members {
            rule.take(&name, value, check_patterns).map_err(|why| wrong(&name, why))?;
        }
        Ok(rule)
    }

    fn take(&mut self, name: &str, value: Json, check_patterns: bool) -> Result<(), String> {
        let text = |value: Json| value.text(name).map(Option::unwrap_or_default).map_err(|e| e.0);
        let number = |value: Json| -> Result<i32, String> {
            let number = value.integer(name).map_err(|e: JsonError| e.0)?;
            i32::try_from(number).map_err(|_| format!("{number} is out of range"))
        };
        match name {
            "type" if value != Json::Null => self.kind = Some(RuleKind::parse(&text(value)?)?),
            "treeId" => self.place.tree = value.integer(name).map_err(|e| e.0)?,
            "level" => self.set_level(number(value)?)?,
            "order" => self.place.order = number(value)?,
            "field" => self.field = text(value)?,
            "customField" => self.custom_field = text(value)?,
            "regex" if !check_patterns => self.regex = text(value)?,
            "regex" => self.set_regex(text(value)?).map_err(|e| e.as_java())?,
            "separator" => self.separator = text(value)?,
            "description" => self.description = text(value)?,
            "notes" => self.notes = text(value)?,
            "regexGroupIdx" => self.regex_group_idx = number(value)?,
            "displayFormat" => self.display_format = text(value)?,
            _ => {}
        }
        Ok(())
    }

    /// Sets the level, which must not be negative.
    pub fn set_level(&mut self, level: i32) -> Result<(), String> {
        if level < 0 {
            return Err("Negative levels are not allowed".to_owned());
        }
        self.place.level = level;
        Ok(())
    }

    /// Sets the pattern, which must compile.
    pub fn set_regex(&mut self, regex: String) -> Result<(), java_regex::PatternError> {
        if !regex.is_empty() {
            java_regex::compile(&regex)?;
        }
        self.regex = regex;
        Ok(())
    }

    /// As JSON: what the table and answers hold.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.push_json(&mut out);
        out
    }

    /// Appends its JSON.
    pub fn push_json(&self, out: &mut Vec<u8>) {
        let mut members = Members::open(out);
        match self.kind {
            Some(kind) => members.text("type", kind.name()),
            None => members.plain("type", "null"),
        };
        members.text("field", &self.field).text("regex", &self.regex).text("separator", &self.separator);
        members.text("description", &self.description).text("notes", &self.notes);
        members.plain("level", self.place.level).plain("order", self.place.order).plain("treeId", self.place.tree);
        members.text("customField", &self.custom_field).plain("regexGroupIdx", self.regex_group_idx);
        members.text("displayFormat", &self.display_format).close();
    }

    /// The rule that an edit makes: of what is stored (`None`: nothing yet), all of it if `overwrite`.
    ///
    /// [`TreeError::Unchanged`] if the edit holds nothing (a level or an order counts as something) or nothing new.
    pub fn edited(stored: Option<&Rule>, edit: &Rule, overwrite: bool) -> Result<Rule, TreeError> {
        let empty = Rule { place: Place { tree: edit.place.tree, ..Place::default() }, ..Rule::default() };
        if *edit == empty {
            return Err(TreeError::Unchanged);
        }
        let rule = match stored {
            Some(stored) if !overwrite => stored.merged(edit),
            _ => edit.clone(),
        };
        if !overwrite && stored == Some(&rule) {
            return Err(TreeError::Unchanged);
        }
        rule.check()?;
        Ok(rule)
    }

    fn merged(&self, edit: &Rule) -> Rule {
        let text = |old: &String, new: &String| if new.is_empty() { old.clone() } else { new.clone() };
        Rule {
            place: edit.place,
            kind: edit.kind.or(self.kind),
            field: text(&self.field, &edit.field),
            custom_field: text(&self.custom_field, &edit.custom_field),
            regex: text(&self.regex, &edit.regex),
            separator: text(&self.separator, &edit.separator),
            description: text(&self.description, &edit.description),
            notes: text(&self.notes, &edit.notes),
            regex_group_idx: if edit.regex_group_idx == 0 { self.regex_group_idx } else { edit.regex_group_idx },
            display_format: text(&self.display_format, &edit.display_format),
        }
    }

    fn check(&self) -> Result<(), TreeError> {
        let invalid = |why: String| Err(TreeError::Invalid(why));
        let Some(kind) = self.kind else { return invalid("Missing rule type".to_owned()) };
        if kind != RuleKind::Metric && self.field.is_empty() {
            return invalid(format!("Missing field name required for {} rule", kind.name()));
        }
        let custom = matches!(kind, RuleKind::MetricCustom | RuleKind::TagkCustom | RuleKind::TagvCustom);
        if custom && self.custom_field.is_empty() {
            return invalid(format!("Missing custom field name required for {} rule", kind.name()));
        }
        if self.regex_group_idx < 0 {
            return invalid("Invalid regex group index. Cannot be less than 0".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::json;

    fn rule(text: &str) -> Result<Rule, String> {
        Rule::from_json(json::parse(text.as_bytes()).unwrap()).map_err(|e| e.to_string())
    }

    #[test]
    fn kinds() {
        for (text, want) in [
            ("metric", Ok(RuleKind::Metric)),
            ("TAGV_custom", Ok(RuleKind::TagvCustom)),
            ("", Err("Rule type was empty")),
            ("tagv", Err("Unrecognized rule type")),
        ] {
            assert_eq!(RuleKind::parse(text), want, "{text}");
        }
    }

    #[test]
    fn json_there_and_back() {
        let stored = concat!(
            r#"{"type":"TAGK","field":"host","regex":"(.*)","separator":"","description":"","notes":"","level":12,"order":3,"#,
            r#""treeId":1,"customField":"","regexGroupIdx":0,"displayFormat":"{value}"}"#
        ); // storage/tree_rules_only
        let read = rule(stored).unwrap();
        assert_eq!(String::from_utf8(read.to_json()).unwrap(), stored);
        assert_eq!(read.to_string(), "[1:12:3:TAGK]");
        assert_eq!(Rule::default().to_string(), "[0:0:0:null]");
    }

    #[test]
    fn fields() {
        #[track_caller]
        fn refuse(text: &str, want: &str) {
            assert_eq!(rule(text).unwrap_err(), want, "{text}");
        }
        assert_eq!(
            rule(r#"{"level":"1","order":1.9,"field":5,"foo":[1],"type":null}"#).unwrap().place,
            Place { tree: 0, level: 1, order: 1 }
        );
        refuse(r#"{"type":"FOO"}"#, "field 'type' of the rule: Unrecognized rule type");
        refuse(r#"{"level":-1}"#, "field 'level' of the rule: Negative levels are not allowed");
        refuse(r#"{"level":2147483648}"#, "field 'level' of the rule: 2147483648 is out of range");
        refuse(r#"{"regex":"(abc"}"#, "field 'regex' of the rule: Unclosed group near index 4\n(abc");
        refuse("[]", "field '' of the rule: 'the rule' must be an object, not an array");
    }

    #[test]
    fn edits() {
        #[track_caller]
        fn check(stored: Option<&str>, edit: &str, overwrite: bool, want: Result<&str, &str>) {
            let stored = stored.map(|s| rule(s).unwrap());
            let got = Rule::edited(stored.as_ref(), &rule(edit).unwrap(), overwrite);
            let want = want.map(|w| rule(w).unwrap()).map_err(str::to_owned);
            assert_eq!(got.map_err(|e| e.to_string()), want, "{edit}");
        }
        let unchanged = Err("nothing to change");
        check(None, r#"{"treeId":1}"#, true, unchanged);
        check(None, r#"{"treeId":1,"order":1}"#, false, Err("Missing rule type"));
        check(None, r#"{"type":"TAGK"}"#, false, Err("Missing field name required for TAGK rule"));
        check(None, r#"{"type":"TAGV_CUSTOM","field":"x"}"#, false, Err("Missing custom field name required for TAGV_CUSTOM rule"));
        check(None, r#"{"type":"METRIC","regexGroupIdx":-1}"#, false, Err("Invalid regex group index. Cannot be less than 0"));
        check(Some(r#"{"type":"METRIC"}"#), r#"{"type":"METRIC"}"#, false, unchanged);
        check(Some(r#"{"type":"METRIC"}"#), r#"{"type":"METRIC"}"#, true, Ok(r#"{"type":"METRIC"}"#));
        check(Some(r#"{"type":"TAGK","field":"a"}"#), r#"{"notes":"n"}"#, false, Ok(r#"{"type":"TAGK","field":"a","notes":"n"}"#));
        check(Some(r#"{"type":"TAGK","field":"a"}"#), r#"{"notes":"n"}"#, true, Err("Missing rule type"));
    }
}
