//! The functions of the language: what they take, what they give, and which tags their results have.

use super::value::Type;

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Scalar,
    /// A number for each group; a scalar will do.
    Number,
    Series,
    /// Numbers, series or a scalar.
    Any,
    /// `expr(…)`.
    NumberExpr,
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    This(Type),
    /// What its first argument is.
    First,
}

/// Which tags its results have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// None at all, like a scalar.
    None,
    First,
    Query,
    /// Those of `series`' first text.
    Pairs,
    /// `aggr`'s second text.
    List,
    Transpose,
    Rename,
    Remove,
    Alert,
    Lookup,
    LookupSeries,
}

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    pub name: &'static str,
    pub takes: &'static [Takes],
    pub gives: Gives,
    pub keys: Keys,
    /// From this argument on, any number of arguments of its kind.
    pub many_from: Option<usize>,
    /// The last may be left out.
    pub may_omit: bool,
    pub call: Call,
}

/// Which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) enum Call {
    Abs, AddTags, Aggr, Alert, Avg, BandQuery, Band, CCount, Change, Count, Crop, Duration, Des, Dev, Diff, DropBool, DropG,
    DropGe, DropL, DropLe, DropNa, Epoch, Filter, First, Forecast, IsNan, Last, LeftJoin, Len, Limit, Line, Lookup,
    LookupSeries, Map, Max, Median, Merge, Min, Month, Nv, Over, OverQuery, Percentile, Query, Remove, Rename, Series, Shift,
    ShiftBand, Since, Sort, Streak, Sum, Transpose, Tail, TimeDelta, TimeText, Ungroup, V, Window,
}

const fn function(name: &'static str, takes: &'static [Takes], gives: Gives, keys: Keys, call: Call) -> Function {
    Function { name, takes, gives, keys, many_from: None, may_omit: false, call }
}

const TEXT: Takes = Takes::Text;
const SCALAR: Takes = Takes::Scalar;
const NUMBER: Takes = Takes::Number;
const SERIES: Takes = Takes::Series;
const ANY: Takes = Takes::Any;
const TO_NUMBER: Gives = Gives::This(Type::Number);
const TO_SERIES: Gives = Gives::This(Type::Series);
const TO_SCALAR: Gives = Gives::This(Type::Scalar);

#[rustfmt::skip]
pub(super) static FUNCTIONS: [Function; 60] = [
    function("abs", &[ANY], Gives::First, Keys::First, Call::Abs),
    function("addtags", &[ANY, TEXT], Gives::First, Keys::Rename, Call::AddTags),
    function("aggr", &[SERIES, TEXT, TEXT], TO_SERIES, Keys::List, Call::Aggr),
    function("alert", &[TEXT, TEXT], TO_NUMBER, Keys::Alert, Call::Alert),
    function("avg", &[SERIES], TO_NUMBER, Keys::First, Call::Avg),
    function("band", &[TEXT, TEXT, TEXT, SCALAR], TO_SERIES, Keys::Query, Call::Band),
    function("bandQuery", &[TEXT, TEXT, TEXT, TEXT, SCALAR], TO_SERIES, Keys::Query, Call::BandQuery),
    function("cCount", &[SERIES], TO_NUMBER, Keys::First, Call::CCount),
    function("change", &[TEXT, TEXT, TEXT], TO_NUMBER, Keys::Query, Call::Change),
    function("count", &[TEXT, TEXT, TEXT], TO_SCALAR, Keys::None, Call::Count),
    function("crop", &[SERIES, NUMBER, NUMBER], TO_SERIES, Keys::First, Call::Crop),
    function("d", &[TEXT], TO_SCALAR, Keys::None, Call::Duration),
    function("des", &[SERIES, SCALAR, SCALAR], TO_SERIES, Keys::First, Call::Des),
    function("dev", &[SERIES], TO_NUMBER, Keys::First, Call::Dev),
    function("diff", &[SERIES], TO_NUMBER, Keys::First, Call::Diff),
    function("dropbool", &[SERIES, SERIES], TO_SERIES, Keys::First, Call::DropBool),
    function("dropg", &[SERIES, NUMBER], TO_SERIES, Keys::First, Call::DropG),
    function("dropge", &[SERIES, NUMBER], TO_SERIES, Keys::First, Call::DropGe),
    function("dropl", &[SERIES, NUMBER], TO_SERIES, Keys::First, Call::DropL),
    function("drople", &[SERIES, NUMBER], TO_SERIES, Keys::First, Call::DropLe),
    function("dropna", &[SERIES], TO_SERIES, Keys::First, Call::DropNa),
    function("epoch", &[], TO_SCALAR, Keys::None, Call::Epoch),
    function("filter", &[ANY, NUMBER], Gives::First, Keys::First, Call::Filter),
    function("first", &[SERIES], TO_NUMBER, Keys::First, Call::First),
    function("forecastlr", &[SERIES, NUMBER], TO_NUMBER, Keys::First, Call::Forecast),
    function("isnan", &[NUMBER], TO_NUMBER, Keys::First, Call::IsNan),
    function("last", &[SERIES], TO_NUMBER, Keys::First, Call::Last),
    Function { many_from: Some(2), ..function("leftjoin", &[TEXT, TEXT, NUMBER], Gives::This(Type::Table), Keys::None, Call::LeftJoin) },
    function("len", &[SERIES], TO_NUMBER, Keys::First, Call::Len),
    function("limit", &[ANY, SCALAR], Gives::First, Keys::First, Call::Limit),
    function("linelr", &[SERIES, TEXT], TO_SERIES, Keys::First, Call::Line),
    function("lookup", &[TEXT, TEXT], TO_NUMBER, Keys::Lookup, Call::Lookup),
    function("lookupSeries", &[SERIES, TEXT, TEXT], TO_NUMBER, Keys::LookupSeries, Call::LookupSeries),
    function("map", &[SERIES, Takes::NumberExpr], TO_SERIES, Keys::First, Call::Map),
    function("max", &[SERIES], TO_NUMBER, Keys::First, Call::Max),
    function("median", &[SERIES], TO_NUMBER, Keys::First, Call::Median),
    Function { many_from: Some(0), ..function("merge", &[SERIES], TO_SERIES, Keys::First, Call::Merge) },
    function("min", &[SERIES], TO_NUMBER, Keys::First, Call::Min),
    function("month", &[SCALAR, TEXT], TO_SCALAR, Keys::None, Call::Month),
    function("nv", &[NUMBER, SCALAR], TO_NUMBER, Keys::First, Call::Nv),
    function("over", &[TEXT, TEXT, TEXT, SCALAR], TO_SERIES, Keys::Query, Call::Over),
    function("overQuery", &[TEXT, TEXT, TEXT, TEXT, SCALAR], TO_SERIES, Keys::Query, Call::OverQuery),
    function("percentile", &[SERIES, NUMBER], TO_NUMBER, Keys::First, Call::Percentile),
    function("q", &[TEXT, TEXT, TEXT], TO_SERIES, Keys::Query, Call::Query),
    function("remove", &[ANY, TEXT], Gives::First, Keys::Remove, Call::Remove),
    function("rename", &[ANY, TEXT], Gives::First, Keys::Rename, Call::Rename),
    Function { many_from: Some(1), may_omit: true, ..function("series", &[TEXT, SCALAR], TO_SERIES, Keys::Pairs, Call::Series) },
    function("shift", &[SERIES, TEXT], TO_SERIES, Keys::First, Call::Shift),
    function("shiftBand", &[TEXT, TEXT, TEXT, SCALAR], TO_SERIES, Keys::Query, Call::ShiftBand),
    function("since", &[SERIES], TO_NUMBER, Keys::First, Call::Since),
    function("sort", &[NUMBER, TEXT], TO_NUMBER, Keys::First, Call::Sort),
    function("streak", &[SERIES], TO_NUMBER, Keys::First, Call::Streak),
    function("sum", &[SERIES], TO_NUMBER, Keys::First, Call::Sum),
    function("t", &[NUMBER, TEXT], TO_SERIES, Keys::Transpose, Call::Transpose),
    function("tail", &[SERIES, NUMBER], TO_SERIES, Keys::First, Call::Tail),
    function("timedelta", &[SERIES], TO_SERIES, Keys::First, Call::TimeDelta),
    function("tod", &[SCALAR], Gives::This(Type::Text), Keys::None, Call::TimeText),
    function("ungroup", &[NUMBER], TO_SCALAR, Keys::None, Call::Ungroup),
    function("v", &[], TO_SCALAR, Keys::None, Call::V),
    function("window", &[TEXT, TEXT, TEXT, SCALAR, TEXT], TO_SERIES, Keys::Query, Call::Window),
];

/// The function of a name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name)
}

impl Function {
    /// Whether it makes a number of a series, and needs nothing else: what `window` may name.
    pub fn is_reduction(&self) -> bool {
        self.takes == [Takes::Series] && self.gives == Gives::This(Type::Number)
    }
}

impl Takes {
    pub fn name(self) -> &'static str {
        match self {
            Takes::Text => "string",
            Takes::Scalar => "scalar",
            Takes::Number => "number",
            Takes::Series => "series",
            Takes::Any => "number or series",
            Takes::NumberExpr => "expr(…) that gives a number",
        }
    }

    /// Whether a value of this type will do.
    pub fn accepts(self, given: Type) -> bool {
        match self {
            Takes::Text => given == Type::Text,
            Takes::Scalar => given == Type::Scalar,
            Takes::Number => matches!(given, Type::Number | Type::Scalar),
            Takes::Series => given == Type::Series,
            Takes::Any => matches!(given, Type::Number | Type::Series | Type::Scalar),
            Takes::NumberExpr => given == Type::NumberExpr,
        }
    }
}

/// `p.95`: the part below which it lies. `None` when the text is none; an error outside 0 to 1.
pub(super) fn percentile_of(name: &str) -> Option<Result<f64, String>> {
    let part = name.strip_prefix('p')?.parse::<f64>().ok()?;
    let outside = !(0.0..=1.0).contains(&part) && !part.is_nan();
    Some(if outside { Err(format!("{name:?}: expected p0 to p1, like p.95")) } else { Ok(part) })
}
