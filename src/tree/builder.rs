//! From a series and the rules of a tree to the place of its leaf. Pure: no table, no clock.
//!
//! Level by level, the rules of a level are tried in their order until one gives a name; a rule with a separator gives a
//! name for each part of the text, one level each. Levels without a name are left out. The last name is the leaf, those
//! before it are its branches. A series whose leaf would hang on the root gets no place: OpenTSDB shows such a leaf in
//! tests of rules and does not store it (recorded `tree_custom/root_before`, `tree_disabled/test`).
//!
//! The messages are those that `/api/tree/test` answers, word by word (recorded `tree_build/test_all`). "Depth" counts from
//! 2 at the first level.

use super::branch::{Branch, ROOT};
use super::definition::Tree;
use super::rule::{Rule, RuleKind};
use super::{TreeError, TreeId};
use crate::point::java_regex::{self, PatternError};
use fancy_regex::Regex;
use std::collections::BTreeMap;

/// Names that one series may get in one tree. A row of the table has room for more, but not much.
const NAMES_MAX: usize = 1_000;

/// A series as the rules see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// In hex.
    pub tsuid: String,
    /// Its metric.
    pub metric: Named,
    /// Names and values of its tags, in the order of its TSUID.
    pub tags: Vec<(Named, Named)>,
}

/// A name with the custom fields of its meta data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Its custom fields; a value may be `null`.
    pub custom: BTreeMap<String, Option<String>>,
}

/// What the rules made of a series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// How it went.
    pub messages: Vec<String>,
    /// The rules (the last of their level) that left a level without a name, as they are recorded.
    pub not_matched: Option<String>,
    /// Names of the branches below the root.
    pub branches: Vec<String>,
    /// The leaf's name, if any level got a name.
    pub leaf: Option<String>,
}

/// The rules of one tree, ready to use.
pub struct Builder {
    /// The tree's id.
    pub tree: TreeId,
    strict: bool,
    /// Levels from the top; each with its rules in order.
    levels: Vec<Vec<Ready>>,
}

/// A rule with its patterns compiled. A bad pattern is told when the rule is tried.
struct Ready {
    rule: Rule,
    regex: Option<Result<Regex, PatternError>>,
    separator: Option<Result<Regex, PatternError>>,
}

/// A level's text on its way through a separator.
struct Parts {
    parts: Vec<String>,
    next: usize,
}

/// The state of one series' way down.
struct Walk<'a> {
    series: &'a Series,
    parts: Option<Parts>,
    messages: Vec<String>,
}

impl Builder {
    /// Of a tree as it is in the table.
    pub fn new(tree: &Tree) -> Builder {
        let compile = |text: &str| (!text.is_empty()).then(|| java_regex::compile(text));
        let ready = |rule: &Rule| Ready { rule: rule.clone(), regex: compile(&rule.regex), separator: compile(&rule.separator) };
        let levels = tree.rules.values().map(|orders| orders.values().map(ready).collect()).collect();
        Builder { tree: tree.id, strict: tree.definition.strict_match, levels }
    }

    /// Whether there is any rule.
    pub fn has_rules(&self) -> bool {
        !self.levels.is_empty()
    }

    /// Finds a series' place. Fails if a rule cannot be carried out on it: bad pattern, nothing to split.
    pub fn build(&self, series: &Series) -> Result<Built, TreeError> {
        let mut walk = Walk { series, parts: None, messages: Vec::new() };
        let (mut names, mut not_matched) = (Vec::new(), Vec::new());
        let mut levels = self.levels.iter();
        let mut level = levels.next();
        while let Some(rules) = level {
            let name = walk.name(rules)?;
            if name.is_empty() {
                not_matched.extend(rules.last().map(|ready| ready.rule.to_string()));
            }
            names.push(name);
            if names.len() > NAMES_MAX {
                let why = format!("the rules of tree {} give series {} more than {NAMES_MAX} levels (NAMES_MAX)", self.tree, series.tsuid);
                return Err(TreeError::Invalid(why));
            }
            if walk.parts.as_ref().is_none_or(|split| split.next >= split.parts.len()) {
                walk.parts = None;
                level = levels.next();
            }
        }
        let (branches, leaf) = hang(self.tree, &names, &series.tsuid, &mut walk.messages);
        let mut messages = walk.messages;
        let not_matched = (!not_matched.is_empty()).then(|| not_matched.join(" "));
        if self.strict && not_matched.is_some() {
            messages.push(format!("TSUID failed to match one or more rule levels, will not add: {}", series.tsuid));
        }
        Ok(Built { messages, not_matched, branches, leaf })
    }

    /// Whether a series with this outcome is kept out because the tree is strict.
    pub fn refuses(&self, built: &Built) -> bool {
        self.strict && built.not_matched.is_some()
    }
}

/// Branches and leaf out of the names of all levels, empty ones among them; tells how on the way back up.
fn hang(tree: TreeId, names: &[String], tsuid: &str, messages: &mut Vec<String>) -> (Vec<String>, Option<String>) {
    // The last name is the leaf; levels below it got none.
    let Some(last) = names.iter().rposition(|name| !name.is_empty()) else { return (Vec::new(), None) };
    let leaf = names.get(last).cloned();
    let shown = leaf.as_deref().unwrap_or_default();
    let above = names.get(..last).unwrap_or_default();
    // `at` counts names from 0; OpenTSDB's depth is 2 there.
    let mut at = last;
    while let Some((parent, rest)) = above.get(..at).and_then(<[String]>::split_last)
        && parent.is_empty()
    {
        messages.push(format!("Depth [{}] Parent branch was empty, rolling back", at + 2));
        at = rest.len();
    }
    let parent = match above.get(..at).and_then(<[String]>::last) {
        Some(parent) => format!("Name: [{parent}]"),
        None => format!("ID: [{:04X}] Name: [{ROOT}]", tree.get()),
    };
    messages.push(format!("Depth [{}] Adding leaf [name: {shown} tsuid: {tsuid}] to parent branch [{parent}]", at + 2));
    let above = above.get(..at).unwrap_or_default();
    (join(above, messages), leaf)
}

/// The branches above a leaf, from the top: empty names drop out, a name equal to the one above is that one.
fn join(names: &[String], messages: &mut Vec<String>) -> Vec<String> {
    let Some((lowest, above)) = names.split_last() else { return Vec::new() };
    let mut upwards = vec![lowest.clone()];
    let mut current = lowest;
    for (at, previous) in above.iter().enumerate().rev() {
        let depth = at + 3;
        if previous.is_empty() {
            messages.push(format!("Depth [{depth}] Skipping a non-matched branch, returning: Name: [{current}]"));
        } else if previous == current {
            messages.push(format!("Depth [{depth}] Current was the same as previous"));
        } else {
            messages.push(format!("Depth [{depth}] Adding branch: Name: [{current}] to parent: Name: [{previous}]"));
            upwards.push(previous.clone());
            current = previous;
        }
    }
    upwards.reverse();
    upwards
}

impl Walk<'_> {
    /// The name that a level's rules give; empty if none does.
    fn name(&mut self, rules: &[Ready]) -> Result<String, TreeError> {
        for ready in rules {
            self.say(format!("Processing rule: {}", ready.rule));
            let name = self.try_rule(ready)?;
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                return Ok(name);
            }
        }
        Ok(String::new())
    }

    fn say(&mut self, message: String) {
        self.messages.push(message);
    }

    fn try_rule(&mut self, ready: &Ready) -> Result<Option<String>, TreeError> {
        let rule = &ready.rule;
        let tags = &self.series.tags;
        match rule.kind {
            None => Err(TreeError::Invalid(format!("rule {rule} has no type"))),
            Some(RuleKind::Metric) => self.carry_out(ready, &self.series.metric.name),
            Some(RuleKind::Tagk) => {
                let value = tags.iter().find(|(name, _)| name.name == rule.field).map(|(_, value)| value.name.as_str());
                let Some(value) = value.filter(|value| !value.is_empty()) else {
                    self.say(format!("No match on tagk [{}] for rule: {rule}", rule.field));
                    return Ok(None);
                };
                self.say(format!("Matched tagk [{}] for rule: {rule}", rule.field));
                self.carry_out(ready, value)
            }
            Some(RuleKind::MetricCustom) => self.custom(ready, Some(&self.series.metric), None),
            Some(RuleKind::TagkCustom) => {
                let found = tags.iter().map(|(name, _)| name).find(|name| name.name == rule.field);
                self.custom(ready, found, Some("tagk"))
            }
            Some(RuleKind::TagvCustom) => {
                let found = tags.iter().map(|(_, value)| value).find(|value| value.name == rule.field);
                self.custom(ready, found, Some("tagv"))
            }
        }
    }

    /// A custom field of what was found; `what`: how messages call it, if it had to be looked for.
    fn custom(&mut self, ready: &Ready, found: Option<&Named>, what: Option<&str>) -> Result<Option<String>, TreeError> {
        let rule = &ready.rule;
        if let Some(what) = what {
            let verb = if found.is_some() { "Matched" } else { "No match on" };
            self.say(format!("{verb} {what} [{}] for rule: {rule}", rule.field));
        }
        let Some(found) = found else { return Ok(None) };
        let Some(value) = found.custom.get(&rule.custom_field) else {
            self.say(format!("No match on custom tag [{}] for rule: {rule}", rule.custom_field));
            return Ok(None);
        };
        let Some(value) = value else {
            let what = what.unwrap_or("metric");
            return Err(TreeError::Invalid(format!("Value for custom {what} field [{}] was null", rule.custom_field)));
        };
        let name = self.carry_out(ready, value)?;
        self.say(format!("Matched custom tag [{}] for rule: {rule}", rule.custom_field));
        Ok(name)
    }

    /// Pattern or separator or neither on the text that a rule found.
    fn carry_out(&mut self, ready: &Ready, text: &str) -> Result<Option<String>, TreeError> {
        let part = match (&ready.regex, &ready.separator) {
            (Some(regex), _) => self.group(ready, usable(&ready.rule, "pattern", regex)?, text)?,
            (None, Some(separator)) => self.part(ready, usable(&ready.rule, "separator", separator)?, text)?,
            (None, None) => Some(text.to_owned()),
        };
        Ok(part.map(|part| self.show(&ready.rule, text, &part)))
    }

    fn group(&mut self, ready: &Ready, regex: &Regex, text: &str) -> Result<Option<String>, TreeError> {
        let rule = &ready.rule;
        let found = regex
            .captures(text)
            .map_err(|_| TreeError::Invalid(format!("the pattern of rule {rule} on '{text}': {}", java_regex::TooManySteps)))?;
        let Some(found) = found else { return Ok(None) };
        let groups = found.len() - 1;
        let index = usize::try_from(rule.regex_group_idx).unwrap_or(usize::MAX);
        if index >= groups {
            self.say(format!("Regex group index [{}] for rule {rule} was out of bounds [{groups}]", rule.regex_group_idx));
            return Ok(None);
        }
        let name = found.get(index + 1).map(|group| group.as_str()).filter(|group| !group.is_empty());
        if name.is_none() {
            self.say(format!("Extracted value for rule {rule} was null or empty"));
        }
        Ok(name.map(str::to_owned))
    }

    /// The next part of the text: the first time it is split, then its parts come one by one.
    fn part(&mut self, ready: &Ready, separator: &Regex, text: &str) -> Result<Option<String>, TreeError> {
        let rule = &ready.rule;
        let invalid = |why: String| Err(TreeError::Invalid(why));
        if self.parts.is_none() {
            if text.is_empty() {
                return invalid(format!("Value was empty for rule: {rule}"));
            }
            let parts = java_regex::split(separator, text)
                .map_err(|e| TreeError::Invalid(format!("the separator of rule {rule} on '{text}': {e}")))?;
            let none = parts.is_empty();
            self.parts = Some(Parts { parts: parts.into_iter().map(str::to_owned).collect(), next: 0 });
            if none {
                self.say(format!("Separator did not match, created an empty list on rule: {rule}"));
                return Ok(None);
            }
        }
        let Some(split) = self.parts.as_mut() else { return Ok(None) };
        let Some(part) = split.parts.get(split.next) else {
            return invalid(format!("rule {rule} has nothing to split: another rule of its level has used up the parts"));
        };
        split.next += 1;
        Ok(Some(part.clone()))
    }

    /// The name as the rule's format shows it. Text put in is looked at by the later steps, as in OpenTSDB.
    fn show(&mut self, rule: &Rule, original: &str, part: &str) -> String {
        if rule.display_format.is_empty() {
            return part.to_owned();
        }
        let shown = rule.display_format.replace("{ovalue}", original).replace("{value}", part).replace("{tsuid}", &self.series.tsuid);
        if !shown.contains("{tag_name}") {
            return shown;
        }
        let name = match rule.kind {
            Some(RuleKind::Tagk) => rule.field.as_str(),
            Some(RuleKind::MetricCustom | RuleKind::TagkCustom | RuleKind::TagvCustom) => rule.custom_field.as_str(),
            Some(RuleKind::Metric) | None => {
                self.say(format!("Display rule {rule} was of the wrong type to match on {{tag_name}}"));
                ""
            }
        };
        shown.replace("{tag_name}", name)
    }
}

fn usable<'r>(rule: &Rule, what: &'static str, compiled: &'r Result<Regex, PatternError>) -> Result<&'r Regex, TreeError> {
    compiled.as_ref().map_err(|error| TreeError::Pattern { rule: rule.to_string(), what, error: error.clone() })
}

impl Built {
    /// The branches from the top one down to that of the leaf; none if the leaf hangs on the root.
    pub fn chain(&self, tree: TreeId) -> Vec<Branch> {
        let mut chain: Vec<Branch> = Vec::with_capacity(self.branches.len());
        let root = Branch::root(tree);
        for name in &self.branches {
            chain.push(chain.last().unwrap_or(&root).child(name));
        }
        chain
    }
}

#[cfg(test)]
mod tests;
