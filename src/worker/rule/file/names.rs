//! What expressions of rules may name: the expressions of other rules, and tables. Each is parsed once, whoever asks first.

use super::super::expression::{Expression, ExpressionError, Lookup, Names};
use super::tree::{Table, Text, Value};
use crate::worker::rule::model::Place;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rule and which of its expressions.
type Key = (String, &'static str);
type Parsed = Result<Arc<Expression>, ExpressionError>;

/// The rules that are being read, and their tables.
pub(super) struct RuleNames<'t> {
    tables: &'t BTreeMap<String, (Place, Table)>,
    lookups: &'t BTreeMap<String, Arc<Lookup>>,
    parsed: RefCell<BTreeMap<Key, Parsed>>,
    /// Those that are being parsed: who comes again asks for itself.
    open: RefCell<Vec<Key>>,
}

impl<'t> RuleNames<'t> {
    pub fn new(tables: &'t BTreeMap<String, (Place, Table)>, lookups: &'t BTreeMap<String, Arc<Lookup>>) -> RuleNames<'t> {
        RuleNames { tables, lookups, parsed: RefCell::default(), open: RefCell::default() }
    }

    /// The text of a rule's expression.
    fn written(&self, rule: &str, which: &str) -> Option<&'t Text> {
        let (_, table) = self.tables.get(rule)?;
        let Value::Table(expressions) = &table.get("expression")?.value else { return None };
        let Value::Text(text) = &expressions.get(which)?.value else { return None };
        Some(text)
    }

    /// A rule's expression, `critical` or `warning`. `None` when it has none.
    pub fn expression(&self, rule: &str, which: &'static str) -> Option<Parsed> {
        let key = (rule.to_string(), which);
        if let Some(found) = self.parsed.borrow().get(&key) {
            return Some(found.clone());
        }
        let written = self.written(rule, which)?;
        self.open.borrow_mut().push(key.clone());
        let found = Expression::parse(&written.text, self).map(Arc::new);
        self.open.borrow_mut().pop();
        self.parsed.borrow_mut().insert(key, found.clone());
        Some(found)
    }
}

impl Names for RuleNames<'_> {
    fn alert(&self, rule: &str, which: &str) -> Result<Arc<Expression>, String> {
        let which = match which {
            "crit" | "critical" => "critical",
            "warn" | "warning" => "warning",
            other => return Err(format!("{other:?}: expected \"crit\" or \"warn\"")),
        };
        if self.open.borrow().iter().any(|(name, kind)| name == rule && *kind == which) {
            return Err(format!("the rule {rule:?} asks for itself"));
        }
        // A chain of rules is followed by nested calls.
        if self.open.borrow().len() >= 10 {
            return Err("rules ask for each other more than 10 deep".to_string());
        }
        match self.expression(rule, which) {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => Err(format!("the expression of the rule {rule:?} is wrong: {error}")),
            None if self.tables.contains_key(rule) => Err(format!("the rule {rule:?} has no {which} expression")),
            None => Err(format!("there is no rule {rule:?}{}", super::near(rule, self.tables))),
        }
    }

    fn lookup(&self, table: &str) -> Option<Arc<Lookup>> {
        self.lookups.get(table).cloned()
    }
}
