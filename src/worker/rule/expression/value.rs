//! Values: numbers, series and texts, each for a group.

use std::collections::BTreeMap;

/// A group: tag keys and values. Empty for what has no group.
pub type Tags = BTreeMap<String, String>;

/// Points of one series: milliseconds since the epoch, rising, and values.
pub type Points = Vec<(i64, f64)>;

/// What an expression gives, known before it is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// A text.
    Text,
    /// One number.
    Scalar,
    /// A number for each group.
    Number,
    /// A series for each group.
    Series,
    /// Rows and columns.
    Table,
    /// `expr(…)` that gives a number for each point.
    NumberExpr,
    /// `expr(…)` that gives something else.
    OtherExpr,
}

impl Type {
    /// As messages and Bosun name it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Text => "string",
            Type::Scalar => "scalar",
            Type::Number => "number",
            Type::Series => "series",
            Type::Table => "table",
            Type::NumberExpr => "numberexpr",
            Type::OtherExpr => "seriesexpr",
        }
    }
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number without a group.
    Scalar(f64),
    /// A group's number.
    Number(f64),
    /// A group's series.
    Series(Points),
    /// A text.
    Text(String),
    /// Columns and rows; a cell without a value is `None`.
    Table(Table),
}

impl Value {
    /// What kind of value it is.
    pub fn kind(&self) -> Type {
        match self {
            Value::Scalar(_) => Type::Scalar,
            Value::Number(_) => Type::Number,
            Value::Series(_) => Type::Series,
            Value::Text(_) => Type::Text,
            Value::Table(_) => Type::Table,
        }
    }

    /// The number, with or without a group.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Scalar(v) | Value::Number(v) => Some(*v),
            _ => None,
        }
    }
}

/// What `leftjoin` makes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names.
    pub columns: Vec<String>,
    /// As many cells a row as there are columns.
    pub rows: Vec<Vec<Option<Cell>>>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A tag's value.
    Text(String),
    /// A group's number.
    Number(f64),
}

/// A value and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The group.
    pub group: Tags,
    /// Its value.
    pub value: Value,
}

/// What an expression gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// One a group. The order means something after `sort` only.
    pub items: Vec<Item>,
    /// Groups of this set that the other side of an operator lacks are left out.
    pub(super) ignore_unjoined: bool,
    /// Groups of the other side that this set lacks are left out.
    pub(super) ignore_other_unjoined: bool,
    /// What stands in for a missing partner, in place of NaN.
    pub(super) missing: Option<f64>,
}

impl Results {
    pub(super) fn of(items: Vec<Item>) -> Results {
        Results { items, ..Results::default() }
    }

    pub(super) fn one(value: Value) -> Results {
        Results::of(vec![Item { group: Tags::new(), value }])
    }
}

/// `{a=b,c=d}`.
pub fn group_text(group: &Tags) -> String {
    let pairs: Vec<String> = group.iter().map(|(k, v)| format!("{k}={v}")).collect();
    format!("{{{}}}", pairs.join(","))
}

/// Whether every pair of `small` is in `large`.
pub(super) fn contains(large: &Tags, small: &Tags) -> bool {
    small.iter().all(|(k, v)| large.get(k) == Some(v))
}

/// At least one pair in common, and no key with two values.
pub(super) fn overlaps(a: &Tags, b: &Tags) -> bool {
    let mut any = false;
    for (key, value) in a {
        match b.get(key) {
            Some(other) if other == value => any = true,
            Some(_) => return false,
            None => {}
        }
    }
    any
}

/// Sorts and keeps the last of equal times.
pub(super) fn ordered(mut points: Points) -> Points {
    points.sort_by_key(|(t, _)| *t);
    // `dedup_by` gives the later of two first and keeps the earlier one.
    points.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 = later.1;
        }
        same
    });
    points
}
