//! Which names a template may use: a slip is said when a rule file is read, not in the first message.
//!
//! What cannot be known stays open: tags (a series has what it has), and the labels of channels' templates, which messages
//! of any rule go through. A name that the template sets itself is its own. Members of names are `member.rs`.

use super::member;
use super::template::TemplateError;
use crate::config::did_you_mean;
use minijinja::{Environment, ErrorKind, Template};
use std::collections::{BTreeMap, BTreeSet};

/// What every message has.
pub(super) const FIELDS: [&str; 19] = [
    "at", "events", "html", "id", "incident", "kind", "labels", "level", "link", "max_step", "name", "note", "rule", "since", "step",
    "tags", "text", "title", "value",
];
/// Words before a name that the template gives a meaning.
const SETS: [&str; 6] = ["set", "for", "with", "macro", "import", "as"];
/// Filters that are ours, and those of Jinja's that messages want most: for what was meant.
const FILTERS: [&str; 16] = [
    "age",
    "num",
    "time",
    "tojson",
    "urlencode",
    "safe",
    "default",
    "join",
    "length",
    "lower",
    "upper",
    "replace",
    "round",
    "trim",
    "first",
    "last",
];

/// Names that some templates have and others lack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// There is a `key`: a channel's secret.
    pub key: bool,
    /// The labels of the rule; `None`: those of any rule.
    pub labels: Option<&'a BTreeMap<String, String>>,
}

impl Names<'_> {
    /// The first name of a template that means nothing.
    pub(super) fn unknown(&self, engine: &Environment, template: &Template, source: &str) -> Option<TemplateError> {
        let words = words(source);
        let mut found: Vec<(usize, String)> = Vec::new();
        let own: BTreeSet<&str> = words.iter().filter(|word| word.is_set()).map(|word| word.text).collect();
        let globals: BTreeSet<&str> = engine.globals().map(|(name, _)| name).collect();
        for path in template.undeclared_variables(true) {
            let (root, member) = path.split_once('.').unwrap_or((&path, ""));
            let known = FIELDS.contains(&root) || own.contains(root) || globals.contains(root) || (self.key && root == "key");
            if !known {
                let at = words.iter().find(|word| word.text == root && word.is_root()).map_or(0, |word| word.at);
                found.push((at, self.no_name(root)));
            } else if root == "labels" && !own.contains(root) {
                found.extend(self.no_label(member.split('.').next().unwrap_or_default(), &words));
            }
        }
        found.extend(member::wrong(source, &words, &own));
        for word in &words {
            let (operator, missing) = match word.before {
                "|" => ("|", ErrorKind::UnknownFilter),
                "is" | "is not" => ("is", ErrorKind::UnknownTest),
                _ => continue,
            };
            if lacks(engine, &format!("'' {operator} {}", word.text), missing) {
                found.push((word.at, no_filter(word.text, missing)));
            }
        }
        found.sort();
        found.into_iter().next().map(|(at, text)| TemplateError::at(source, at, text))
    }

    fn no_name(&self, root: &str) -> String {
        let all: Vec<&str> = FIELDS.into_iter().chain(self.key.then_some("key")).collect();
        let near = did_you_mean(root, all.iter().copied());
        format!("there is no {root:?}{near}; expected {}; a tag is tags.NAME", all.join(", "))
    }

    /// A label that the rule lacks, unless the template asks whether it is there.
    fn no_label(&self, name: &str, words: &[Word]) -> Option<(usize, String)> {
        let labels = self.labels.filter(|labels| !name.is_empty() && !labels.contains_key(name))?;
        let places: Vec<&Word> = words.iter().filter(|word| word.text == name && word.before == ".").collect();
        let asked = |word: &&Word| ["is", "|"].contains(&word.after) || word.before == "in";
        if places.iter().any(asked) || words.iter().any(|word| word.text == "labels" && word.before == "in") {
            return None;
        }
        let near = did_you_mean(name, labels.keys().map(String::as_str));
        let there: Vec<&str> = labels.keys().map(String::as_str).collect();
        let there = if there.is_empty() { "the rule has none".to_owned() } else { format!("the rule has {}", there.join(", ")) };
        Some((places.first().map_or(0, |word| word.at), format!("there is no label {name:?}{near}; {there}")))
    }
}

fn no_filter(name: &str, missing: ErrorKind) -> String {
    if missing == ErrorKind::UnknownTest {
        return format!("there is no test {name:?}; expected one of Jinja's, such as defined, none, even, divisibleby");
    }
    let near = did_you_mean(name, FILTERS.into_iter());
    format!("there is no filter {name:?}{near}; expected age, num, time, or one of Jinja's, such as tojson, urlencode, default, round")
}

/// Whether the engine fails on a little expression because it lacks something.
fn lacks(engine: &Environment, expression: &str, what: ErrorKind) -> bool {
    engine.compile_expression(expression).and_then(|it| it.eval(()).map(drop)).is_err_and(|error| error.kind() == what)
}

/// A name in the code of a template, and the words or signs around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'s> {
    /// Where it begins, in bytes.
    pub at: usize,
    /// It.
    pub text: &'s str,
    /// The word or sign before it in its block, and behind it; empty at the ends.
    pub before: &'s str,
    /// See `before`.
    pub after: &'s str,
}

impl Word<'_> {
    /// No member of another name, no filter.
    pub fn is_root(&self) -> bool {
        ![".", "|", "is", "is not"].contains(&self.before) && self.after != "="
    }

    /// The template gives it a meaning.
    pub fn is_set(&self) -> bool {
        self.after == "=" || (self.after == "," && self.before == "set") || SETS.contains(&self.before)
    }
}

/// The names in `{{ … }}` and `{% … %}`, in order; texts in quotes, comments and what is `raw` are none.
fn words(source: &str) -> Vec<Word<'_>> {
    let mut out: Vec<Word> = Vec::new();
    let mut at = 0;
    while let Some(open) = source.get(at..).and_then(|rest| rest.find('{')).map(|found| at + found) {
        let rest = source.get(open..).unwrap_or_default();
        at = match rest.get(..2) {
            Some("{#") => rest.find("#}").map_or(source.len(), |end| open + end + 2),
            Some("{{") => block(source, open + 2, "}}", &mut out),
            Some("{%") => {
                let first = out.len();
                let end = block(source, open + 2, "%}", &mut out);
                let raw = out.get(first).is_some_and(|word| word.text == "raw");
                let ends = || source.get(end..)?.find("endraw").map(|found| end + found);
                if raw { ends().unwrap_or(source.len()) } else { end }
            }
            _ => open + 1,
        };
    }
    out
}

/// Takes the names of one block apart; gives where it ends.
fn block<'s>(source: &'s str, from: usize, close: &str, out: &mut Vec<Word<'s>>) -> usize {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let (mut at, mut depth, mut before) = (from, 0_usize, "");
    let mut open: Option<usize> = None; // the name that waits for what is behind it
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        if depth == 0 && rest.starts_with(close) {
            return at + close.len();
        }
        let Some(first) = rest.chars().next() else { break };
        let length = match first {
            c if is_name(c) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            '"' | '\'' => quoted(rest, first),
            '=' if rest.starts_with("==") => 2,
            c => c.len_utf8(),
        };
        let token = rest.get(..length).unwrap_or_default();
        at += length;
        if first.is_whitespace() {
            continue;
        }
        match first {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(word) = open.take().and_then(|word| out.get_mut(word)) {
            word.after = token;
        }
        if is_name(first) && !first.is_numeric() {
            open = Some(out.len());
            out.push(Word { at: at - length, text: token, before, after: "" });
        }
        before = if before == "is" && token == "not" { "is not" } else { token };
    }
    source.len()
}

/// Bytes of a text in quotes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::super::{Notice, Templates};
    use super::*;

    #[track_caller]
    fn check(source: &str, names: &Names, want: &str) {
        let got = Templates::default().check(source, names).map_or_else(|error| error.to_string(), |()| String::new());
        assert!(if want.is_empty() { got.is_empty() } else { got.starts_with(want) }, "{source}: {got:?}");
    }

    #[test]
    fn a_name_that_nothing_has_is_found_where_it_stands() {
        let any = Names::default();
        check("{{ nme }} is busy", &any, "line 1, column 4: there is no \"nme\" (did you mean name?); expected at, events, html, ");
        check("a\n  {% if x > 1 %}{% endif %}", &any, "line 2, column 9: there is no \"x\"; expected at, ");
        check("{{ host }}", &any, "line 1, column 4: there is no \"host\"; expected ");
        check("{{ 'nme' ~ tags.nme ~ nme }}", &any, "line 1, column 23: there is no \"nme\"");
        check("{{ key }}", &any, "line 1, column 4: there is no \"key\"");
        check("{% if level == 'x' %}{% else %}{{ never.run }}{% endif %}", &any, "line 1, column 35: there is no \"never\"");
        check("{{ loop.index }}", &any, "line 1, column 4: there is no \"loop\"");
        check("{{ at | tiem }}", &any, "line 1, column 9: there is no filter \"tiem\" (did you mean time?)");
        check("{{ 1 if value is odder }}", &any, "line 1, column 18: there is no test \"odder\"");
        check("{{ nosuch(1) }}", &any, "line 1, column 4: there is no \"nosuch\"");
        check("{{ nme", &any, "line 1, column"); // one that does not parse is said as before
    }

    #[test]
    fn what_a_template_may_know_is_not_refused() {
        let any = Names::default();
        for source in [
            "{{ tags.host }} {{ tags['any thing'] }} {{ labels.any }} {{ events[0].name }} {{ note }} {{ html | safe }}",
            "{% for k, v in tags | items %}{{ k }}={{ v }}{{ loop.index }}{% endfor %}{% for e in events %}{{ e.value | num }}{% endfor %}",
            "{% set x = 1 %}{{ x }}{% if level == 'critical' %}{% set y = 2 %}{% else %}{% set y = 3 %}{% endif %}{{ y }}",
            "{% set a, b = 1, 2 %}{{ a + b }}{% with c = 3 %}{{ c }}{% endwith %}{% macro m(d) %}{{ d }}{% endmacro %}{{ m(d=1) }}",
            "{% set ns = namespace(n=0) %}{{ ns.n }}{{ range(3) | join(',') }}{{ dict(a=1) | tojson }}",
            "{# nme #}{% raw %}{{ nme }}{% endraw %}{{ {'a': {'b': 'nme'}} | tojson }} {{ \"a \\\" | nme\" }} { nme }",
            "{{ link is defined and value is not none and level is in ['critical'] }}{{ value | default('-') | num }}",
            "{{ (at - since) | age }}{{ at | time }}{{ title | urlencode | upper }}{{- id -}}{%- if step %}{{ max_step }}{% endif -%}",
        ] {
            check(source, &any, "");
        }
        check("{{ key }}", &Names { key: true, ..any }, "");
    }

    #[test]
    fn labels_of_a_rule_are_known() {
        let labels = BTreeMap::from([("team".to_owned(), "db".to_owned())]);
        let of_rule = Names { labels: Some(&labels), ..Names::default() };
        check("{{ labels.team }}", &of_rule, "");
        check("{{ labels.taem }}", &of_rule, "line 1, column 11: there is no label \"taem\" (did you mean team?); the rule has team");
        check(
            "{{ labels.x }}",
            &Names { labels: Some(&BTreeMap::new()), ..of_rule },
            "line 1, column 11: there is no label \"x\"; the rule has none",
        );
        check("{{ labels.x | default('nobody') }}{% if labels.y is defined %}{{ labels.y }}{% endif %}", &of_rule, "");
        check("{% if 'x' in labels %}{{ labels.x }}{% endif %}", &of_rule, "");
    }

    #[test]
    fn every_message_has_these_fields_and_no_other() {
        let fields = super::super::template::fields(&Notice::test("c", 0), None);
        let names: BTreeSet<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(FIELDS));
    }
}
