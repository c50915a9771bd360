//! Which members a template may ask of what is known: of an event, of `loop`, and of fields that have none.
//!
//! What is found here fails in every message, wherever it stands; what only may fail is left to the message: names that a
//! template gives several meanings, members that it asks for first (`is defined`, `default`, `in`), and calls.

use super::known::{FIELDS, Word};
use crate::config::did_you_mean;
use std::collections::BTreeSet;

/// What each of `events` has.
const EVENT: [&str; 7] = ["at", "level", "name", "tags", "text", "tsuid", "value"];
/// What `loop` has, beside what is called.
const LOOP: [&str; 9] = ["depth", "depth0", "first", "index", "index0", "last", "length", "revindex", "revindex0"];
/// Fields that are no texts and no numbers.
const WITH_MEMBERS: [&str; 3] = ["events", "labels", "tags"];
/// Filters that take the place of what is not there.
const DEFAULTS: [&str; 2] = ["default", "d"];

/// Members that nothing has, and where they stand. `own`: names that the template sets.
pub(super) fn wrong(source: &str, words: &[Word], own: &BTreeSet<&str>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, pair) in words.windows(2).enumerate() {
        let [root, member] = pair else { continue };
        if !root.is_root() || member.before != "." || member.after == "(" {
            continue;
        }
        let near = |all: &[&'static str]| did_you_mean(member.text, all.iter().copied());
        let said = |what: &str, all: &[&'static str]| format!("{what} has no {:?}{}; it has {}", member.text, near(all), all.join(", "));
        let text = match root.text {
            "events" if is_item(source, root, member) && !own.contains("events") && !EVENT.contains(&member.text) => {
                said("an event", &EVENT)
            }
            _ if root.after != "." => continue,
            "loop" if !LOOP.contains(&member.text) => said("loop", &LOOP),
            name if FIELDS.contains(&name) && !WITH_MEMBERS.contains(&name) && !own.contains(name) => {
                format!("{name} has no members, and so no {:?}", member.text)
            }
            name if is_event(source, words, name) && !EVENT.contains(&member.text) => said("an event", &EVENT),
            _ => continue,
        };
        let defaulted = member.after == "|" && is_default(words, at + 1);
        if !defaulted && !is_asked(words, root.text, member.text) {
            found.push((member.at, text));
        }
    }
    found
}

/// Whether a member is that of one item: `events[0].name`.
fn is_item(source: &str, root: &Word, member: &Word) -> bool {
    let between = source.get(root.at + root.text.len()..member.at).unwrap_or_default();
    let place = between.trim().strip_prefix('[').and_then(|rest| rest.trim_end_matches(['.', ' ']).strip_suffix(']'));
    place.is_some_and(|place| place.trim().parse::<i64>().is_ok())
}

/// Whether a name means an event wherever the template gives it a meaning.
fn is_event(source: &str, words: &[Word], name: &str) -> bool {
    let gives = |word: &&Word| {
        let listed = matches!(word.before, "," | "(") && matches!(word.after, "in" | "," | ")" | "=");
        word.text == name && (word.is_set() || listed)
    };
    let mut meanings = words.iter().enumerate().filter(|(_, word)| gives(word)).peekable();
    meanings.peek().is_some() && meanings.all(|(at, _)| one_of_events(source, words, at))
}

/// Whether what gives a name its meaning is `for NAME in events`, or `set NAME = events[0]`.
fn one_of_events(source: &str, words: &[Word], at: usize) -> bool {
    let Some(name) = words.get(at) else { return false };
    let events = words.get(if name.before == "for" { at + 2 } else { at + 1 });
    let Some(events) = events.filter(|word| word.text == "events" && word.is_root()) else { return false };
    let behind = source.get(events.at + events.text.len()..).unwrap_or_default();
    let behind = behind.split("%}").next().unwrap_or_default().trim_end_matches(['-', '+']).trim();
    let inside = behind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|inside| !inside.contains(['[', ']']));
    match (name.before, name.after, events.before) {
        ("for", "in", "in") => behind.is_empty() || behind.starts_with("if ") || inside.is_some_and(|inside| inside.contains(':')),
        ("set", "=", "=") => inside.is_some_and(|place| place.trim().parse::<i64>().is_ok()),
        _ => false,
    }
}

/// Whether the template asks somewhere whether a member is there.
fn is_asked(words: &[Word], root: &str, member: &str) -> bool {
    let asked = |pair: &[Word]| matches!(pair, [of, it] if of.text == root && it.text == member && it.before == "." && it.after == "is");
    root != "events" && words.iter().any(|word| word.text == root && word.before == "in") || words.windows(2).any(asked)
}

/// Whether the word behind one is a filter that stands in for what is not there.
fn is_default(words: &[Word], at: usize) -> bool {
    words.get(at + 1).is_some_and(|filter| DEFAULTS.contains(&filter.text))
}

#[cfg(test)]
mod tests {
    use super::super::known::Names;
    use super::super::{Notice, Templates};
    use super::*;

    #[track_caller]
    fn check(source: &str, want: &str) {
        let got = Templates::default().check(source, &Names::default()).map_or_else(|error| error.to_string(), |()| String::new());
        assert!(if want.is_empty() { got.is_empty() } else { got.starts_with(want) }, "{source}: {got:?}");
    }

    #[test]
    fn members_that_nothing_has_are_found_where_they_stand() {
        let name = "an event has no \"nme\" (did you mean name?); it has at, level, name, tags, text, tsuid, value";
        check("{% for e in events %}{{ e.nme }}{% endfor %}", &format!("line 1, column 27: {name}"));
        check(
            "{%- for e in events -%}\n{% if level == 'x' %}{{ e.value }}{{ e.nme | num }}{% endif %}{% endfor %}",
            &format!("line 2, column 40: {name}"),
        );
        check("{% for e in events if e.value %}{{ e.nme }}{% endfor %}", &format!("line 1, column 38: {name}"));
        check("{% for e in events[:5] %}{{ e.nme.host }}{% endfor %}", &format!("line 1, column 31: {name}"));
        check("{{ events[0].nme }}", &format!("line 1, column 14: {name}"));
        check("{% set e = events[-1] %}{{ 'e.nm' ~ e.nme }}", &format!("line 1, column 39: {name}"));
        check(
            "{% for e in events %}{{ loop.indx }}{% endfor %}",
            "line 1, column 30: loop has no \"indx\" (did you mean index?); it has depth, ",
        );
        check("{{ incident.id }}", "line 1, column 13: incident has no members, and so no \"id\"");
        check("{{ title ~ level.name }}", "line 1, column 18: level has no members, and so no \"name\"");
    }

    #[test]
    fn what_may_be_there_is_not_refused() {
        for source in [
            "{% for e in events %}{{ e.name }}{{ e.tags.any }}{{ e.tags['x'] }}{{ e.value | num }}{{ e.tsuid | default('-') }}{% endfor %}",
            "{% for e in events %}{{ e.nme | default('-') }}{{ e.no | d }}{% if e.other is defined %}{{ e.other }}{% endif %}{% endfor %}",
            "{% for e in events %}{% if 'nme' in e %}{{ e.nme }}{% endif %}{% endfor %}",
            "{% for e in events | map(attribute='tags') %}{{ e.host }}{% endfor %}{{ (events | first).name }}{{ events | length }}",
            "{% for e in events %}{{ e.name }}{% for e in [tags] %}{{ e.host }}{% endfor %}{% endfor %}",
            "{% for k, e in {'a': {'b': 1}} | items %}{{ e.b }}{% endfor %}{% for e in events %}{{ e.name }}{% endfor %}",
            "{% macro line(e) %}{{ e.host }}{% endmacro %}{% for e in events %}{{ line(e.tags) }}{% endfor %}",
            "{% set ns = namespace(n=0) %}{{ ns.n }}{% set title = {'a': 1} %}{{ title.a }}",
            "{% for e in events %}{{ loop.index }}/{{ loop.length }}{{ loop.cycle('a', 'b') }}{{ loop.changed(e.level) }}{% endfor %}",
            "{{ events[0].name }}{{ events[0].tags.host }}{{ tags.host }}{{ labels.any }}{{ value }}.{{ level }}",
            "{# e.nme #}{% raw %}{{ incident.id }}{% endraw %} e.nme {{ 'incident.id' }}",
        ] {
            check(source, "");
        }
    }

    #[test]
    fn an_event_has_these_members_and_no_other() {
        let mut notice = Notice::test("c", 0);
        notice.events[0].tsuid = Some("00".to_owned());
        let event = serde_json::to_value(&notice.events[0]).unwrap();
        let names: BTreeSet<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(EVENT));
    }
}
