//! Which tag keys the results of an expression will have, seen before it is evaluated.

use super::library::Keys;
use super::parse::{Node, What};
use super::query::Query;
use super::{Names, value::Type};
use std::collections::BTreeSet;

/// Keys, or what is wrong, and where; `None` where the node itself is.
type Keyed = Result<BTreeSet<String>, (Option<usize>, String)>;
/// Keys, or what is wrong, and where.
type Found = Result<BTreeSet<String>, (usize, String)>;

impl Node {
    /// The tag keys; `None` for what has no groups.
    pub(super) fn keys(&self, names: &dyn Names) -> Option<Found> {
        match &self.what {
            What::Number(_) | What::Text(_) | What::Expr(_) => None,
            What::Not(of) | What::Negative(of) => of.keys(names),
            What::Binary(_, left, right) => left.keys(names).or_else(|| right.keys(names)),
            What::Call(function, arguments) => {
                let found = keys_of(function.keys, arguments, names)?;
                Some(found.map_err(|(at, message)| (at.unwrap_or(self.at), message)))
            }
        }
    }
}

fn keys_of(rule: Keys, arguments: &[Node], names: &dyn Names) -> Option<Keyed> {
    let first = || arguments.first().and_then(|a| a.keys(names));
    let first_or_none = || first().unwrap_or_else(|| Ok(BTreeSet::new())).map_err(|(at, m)| (Some(at), m));
    let text = |n: usize| -> Result<(&str, usize), (Option<usize>, String)> {
        let argument = arguments.get(n).ok_or((None, format!("argument {} is missing", n + 1)))?;
        let literal = argument.literal().ok_or((Some(argument.at), "this must be a text, so that the tags are known".to_string()))?;
        Ok((literal, argument.at))
    };
    Some(match rule {
        Keys::None => return None,
        Keys::First => return first().map(|found| found.map_err(|(at, m)| (Some(at), m))),
        Keys::Query => text(0).and_then(|(query, at)| {
            let query = Query::parse(query).map_err(|m| (Some(at), m))?;
            Ok(query.keys().map(str::to_string).collect())
        }),
        Keys::Pairs => {
            text(0).and_then(|(pairs, at)| Ok(super::group::parse_tags(pairs).map_err(|m| (Some(at), m))?.into_keys().collect()))
        }
        Keys::List => text(1).and_then(|(list, at)| {
            let pairs: Vec<String> = split(list).map(|key| format!("{key}=*")).collect();
            Ok(super::group::parse_tags(&pairs.join(",")).map_err(|m| (Some(at), m))?.into_keys().collect())
        }),
        Keys::Transpose => text(1).and_then(|(list, at)| {
            let wanted: BTreeSet<String> = split(list).map(str::to_string).collect();
            let all = first_or_none()?;
            if wanted.is_subset(&all) { Ok(wanted) } else { Err((Some(at), format!("{list:?}: expected tags of the first argument"))) }
        }),
        Keys::Rename => text(1).and_then(|(list, at)| renamed(first_or_none()?, list).map_err(|m| (Some(at), m))),
        Keys::Remove => text(1).and_then(|(key, _)| {
            let mut keys = first_or_none()?;
            keys.remove(key);
            Ok(keys)
        }),
        Keys::Alert => text(0).and_then(|(name, at)| {
            let (key, _) = text(1)?;
            let of = names.alert(name, key).map_err(|m| (Some(at), m))?;
            if of.gives() != Type::Number {
                return Err((
                    Some(at),
                    format!("alert needs an expression that gives a number for each group, not a {}", of.gives().name()),
                ));
            }
            of.keys().clone().map(Option::unwrap_or_default).map_err(|e| (Some(at), e.message))
        }),
        Keys::Lookup => text(0).and_then(|(name, at)| lookup_keys(names, name, at)),
        Keys::LookupSeries => text(1).and_then(|(name, at)| lookup_keys(names, name, at)),
    })
}

fn lookup_keys(names: &dyn Names, name: &str, at: usize) -> Keyed {
    let table = names.lookup(name).ok_or((Some(at), format!("there is no lookup table {name:?}")))?;
    Ok(table.keys.iter().cloned().collect())
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(move |_| !list.is_empty())
}

/// As the original: a key that is not there is passed over, for `addtags` too.
fn renamed(mut keys: BTreeSet<String>, list: &str) -> Result<BTreeSet<String>, String> {
    for pair in list.split(',') {
        let parts: Vec<&str> = pair.split('=').collect();
        let [from, to] = parts.as_slice() else { return Err(format!("{list:?}: expected tag=tag")) };
        if keys.contains(*from) {
            if keys.contains(*to) {
                return Err(format!("{to} is a tag already"));
            }
            keys.remove(*from);
            keys.insert((*to).to_string());
        }
    }
    Ok(keys)
}
