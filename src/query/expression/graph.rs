//! Expressions that use the results of others: in which order they can be computed, and whether they run in circles.

use super::{ExpressionError, data};
use crate::point::java_map;
use std::collections::HashMap;

/// The places of the expressions, each after those that it uses. `expressions`: id and variables.
pub fn order(expressions: &[(&str, Vec<&str>)]) -> Result<Vec<usize>, ExpressionError> {
    let ids: Vec<&str> = expressions.iter().map(|(id, _)| *id).collect();
    let place: HashMap<&str, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let mut uses: Vec<Vec<usize>> = vec![Vec::new(); ids.len()];
    // One edge after the other in OpenTSDB's order: the one that closes a circle is named.
    for at in java_map::order(&ids, ids.len()) {
        let Some((id, names)) = expressions.get(at) else { continue };
        for variable in java_map::default_order(names).into_iter().filter_map(|name| place.get(*names.get(name)?).copied()) {
            if variable == at {
                return data(format!("Self referencing expression found: {id}"));
            }
            if reaches(&uses, variable, at) {
                return data(format!("Circular reference found: {id}"));
            }
            if let Some(uses) = uses.get_mut(at) {
                uses.push(variable);
            }
        }
    }
    Ok(sorted(&uses))
}

/// Whether one expression uses another, over however many steps.
fn reaches(uses: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut seen = vec![false; uses.len()];
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if let Some(seen) = seen.get_mut(at).filter(|seen| !**seen) {
            *seen = true;
            open.extend(uses.get(at).into_iter().flatten());
        }
    }
    false
}

/// Without recursion: a chain of expressions may be long.
fn sorted(uses: &[Vec<usize>]) -> Vec<usize> {
    let mut missing: Vec<usize> = uses.iter().map(Vec::len).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); uses.len()];
    for (user, used) in uses.iter().enumerate() {
        for &at in used {
            if let Some(users) = users.get_mut(at) {
                users.push(user);
            }
        }
    }
    let mut out: Vec<usize> = missing.iter().enumerate().filter(|(_, count)| **count == 0).map(|(at, _)| at).collect();
    let mut next = 0;
    while let Some(&done) = out.get(next) {
        next += 1;
        for &user in users.get(done).into_iter().flatten() {
            if let Some(count) = missing.get_mut(user) {
                *count -= 1;
                if *count == 0 {
                    out.push(user);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let parsed =
            text.split(", ").map(|one| one.split_once(": ").map(|(id, names)| (id, names.split(' ').collect::<Vec<_>>())).unwrap());
        let expressions: Vec<_> = parsed.collect();
        let got = order(&expressions).map(|order| order.into_iter().map(|at| expressions[at].0).collect::<Vec<_>>().join(" "));
        assert_eq!(got.as_deref().map_err(ToString::to_string), want.map_err(str::to_string), "{text}");
    }

    #[test]
    fn orders() {
        check("e: a b", Ok("e"));
        check("g: e a, e: a b", Ok("e g"));
        check("h: g e a, e: a b, g: e", Ok("e g h"));
        check("e: g a, g: e a", Err("Circular reference found: g")); // exp/circular
        check("e: e a", Err("Self referencing expression found: e"));
        check("a: b, b: c, c: a", Err("Circular reference found: c"));
    }
}
