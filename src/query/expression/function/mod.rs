//! Functions over whole series: `scale(...)`, `movingAverage(...)`, `sumSeries(...)`, nested as one likes.
//!
//! Source: recorded cases `gexp/*`. Some of OpenTSDB's have habits that its documentation does not tell: they are kept where
//! they decide about numbers, and said where the function is.

mod highest;
mod moving;
mod points;
mod together;

use super::series::Labels;
use super::{ExpressionError, Limits, data};
use crate::codec::Note;
use crate::point::Number;

pub use points::shift_ms;

/// A series on its way through functions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// What it is called.
    pub labels: Labels,
    /// Milliseconds since the epoch and value, in time order, also beyond the question's range: all that was read.
    pub points: Vec<(i64, Number)>,
    /// The series in it.
    pub tsuids: Vec<Vec<u8>>,
    /// Which question it answers, from 0.
    pub index: usize,
    /// Its name if it was given one; it has no tags then.
    pub alias: Option<Alias>,
    /// It was made of several series.
    pub joined: bool,
    /// What people wrote about its series.
    pub notes: Vec<Note>,
    /// After its points comes an error, for whoever wants all of them. Series that a further one of the same tags takes the
    /// place of are read by nobody.
    pub broken: bool,
}

/// The curves, all of whose points are wanted.
fn whole(curves: Vec<Curve>) -> Result<Vec<Curve>, ExpressionError> {
    if curves.iter().any(|curve| curve.broken) { data("No more elements") } else { Ok(curves) }
}

/// A name that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The name.
    pub text: String,
    /// `@host` in it stands for the value of the tag `host`: not where there was an alias before, as that has no tags.
    pub knows_tags: bool,
}

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Function {
    Scale,
    Absolute,
    MovingAverage,
    HighestCurrent,
    HighestMax,
    Shift,
    Alias,
    Sum,
    Difference,
    Multiply,
    Divide,
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Of what.
    pub function: Function,
    /// What stands between the brackets.
    pub arguments: Vec<Argument>,
}

/// One thing between the brackets.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// The answer to a question, by its place, and the question's text.
    Series(usize, String),
    /// What another function gives.
    Call(Call),
    /// A word.
    Word(String),
}

/// What all calls of a request share.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// First and last instant of the question, in milliseconds.
    pub range: (i64, i64),
    /// What may be used.
    pub limits: &'a dyn Limits,
}

/// Answers that functions take, each once. By their place.
pub type Answers = Vec<Option<Vec<Curve>>>;

impl Function {
    /// The function of a name; names are case-sensitive (recorded case `gexp/95-SCALE_ex.a_khost=___2_`).
    pub fn by_name(name: &str) -> Option<Function> {
        Some(match name {
            "scale" => Function::Scale,
            "absolute" => Function::Absolute,
            "movingAverage" => Function::MovingAverage,
            "highestCurrent" => Function::HighestCurrent,
            "highestMax" => Function::HighestMax,
            "shift" | "timeShift" => Function::Shift,
            "alias" => Function::Alias,
            "sum" | "sumSeries" => Function::Sum,
            "difference" | "diffSeries" => Function::Difference,
            "multiply" | "multiplySeries" => Function::Multiply,
            "divide" | "divideSeries" => Function::Divide,
            _ => return None,
        })
    }

    /// The name in messages.
    fn name(self) -> &'static str {
        match self {
            Function::Scale => "scale",
            Function::Absolute => "absolute",
            Function::MovingAverage => "movingAverage",
            Function::HighestCurrent => "highestCurrent",
            Function::HighestMax => "highestMax",
            Function::Shift => "timeshift",
            Function::Alias => "alias",
            Function::Sum => "sumSeries",
            Function::Difference => "diffSeries",
            Function::Multiply => "multiplySeries",
            Function::Divide => "divideSeries",
        }
    }
}

impl Call {
    /// Its words, which say how the function works.
    pub fn words(&self) -> Vec<&str> {
        self.arguments.iter().filter_map(|argument| if let Argument::Word(word) = argument { Some(word.as_str()) } else { None }).collect()
    }

    /// Carries it out. Calls within calls are as deep as whoever read the text allows.
    pub fn evaluate(&self, answers: &mut Answers, scope: Scope<'_>) -> Result<Vec<Curve>, ExpressionError> {
        whole(self.curves(answers, scope)?)
    }

    fn curves(&self, answers: &mut Answers, scope: Scope<'_>) -> Result<Vec<Curve>, ExpressionError> {
        let words = self.words();
        let shift = if self.function == Function::Shift { shift_ms(&words)? } else { 0 };
        let inner = Scope { range: (scope.range.0 - shift, scope.range.1 - shift), ..scope };
        let mut sides = Vec::new();
        // Series come first: a word among them ends the reading (tried on the real one).
        for argument in self.arguments.iter().take(self.arguments.len() - words.len()) {
            sides.push(match argument {
                Argument::Series(place, _) => {
                    let length = answers.len();
                    match answers.get_mut(*place).and_then(Option::take) {
                        Some(curves) => curves,
                        None => return data(format!("Index {place} out of bounds for length {length}")),
                    }
                }
                Argument::Call(call) => call.curves(answers, inner)?,
                Argument::Word(_) => return data(format!("Unknown parameter type: null in tree: {}", self.describe())),
            });
        }
        if sides.is_empty() {
            return Ok(Vec::new());
        }
        if matches!(self.function, Function::Sum | Function::Difference | Function::Multiply | Function::Divide) {
            return together::combine(self.function, &sides, scope.limits);
        }
        let first = if self.function == Function::Shift { sides.swap_remove(0) } else { sides.concat() };
        let curves = whole(first)?;
        match self.function {
            Function::Scale => points::scale(curves, &words),
            Function::Alias => points::alias(curves, &words),
            Function::Shift => Ok(points::shift(curves, shift)),
            Function::MovingAverage => moving::average(curves, &words, scope),
            Function::HighestCurrent => highest::current(curves, &words, scope),
            Function::HighestMax => highest::max(curves, &words, scope),
            _ => Ok(points::absolute(curves)),
        }
    }

    /// As OpenTSDB shows it in messages: without tags and parameters.
    fn describe(&self) -> String {
        let calls = self.arguments.iter().filter_map(|a| if let Argument::Call(call) = a { Some(call.describe()) } else { None });
        let metrics = self.arguments.iter().filter_map(|a| {
            let Argument::Series(_, text) = a else { return None };
            let bare = text.split('{').next().unwrap_or_default();
            bare.rsplit(':').next().map(str::to_string)
        });
        let mut inner: Vec<String> = calls.chain(metrics).collect();
        if self.function == Function::Alias {
            inner.extend(self.words().into_iter().map(str::to_string));
        }
        format!("{}({})", self.function.name(), inner.join(","))
    }
}

/// How many series to give out: the first word.
fn count(words: &[&str]) -> Result<usize, ExpressionError> {
    let Some(word) = words.first() else { return data("Need aggregation window for moving average") };
    if !word.bytes().all(|b| b.is_ascii_digit()) {
        return data(format!("Unparseable top n value: {word}"));
    }
    match word.parse::<i32>() {
        Ok(n) if n < 1 => data(format!("Top n value must be greater than zero: {n}")),
        Ok(n) => Ok(n as usize),
        Err(_) => data("Invalid parameter, must be an integer"),
    }
}

#[cfg(test)]
mod tests;
