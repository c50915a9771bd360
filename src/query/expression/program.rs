//! An expression made ready for many rows of values: one row a variable, one value a series.
//!
//! Most expressions compute with floating point numbers alone, whatever the values are: those become a list of steps
//! over whole rows. All others are walked value by value.

use super::parse::{Parsed, Tree};
use super::value::{Binary, Unary, Value};
use super::{ExpressionError, data};

/// Values computed at a time: what fits a processor's nearest cache several times.
const CHUNK: usize = 256;

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Program {
    text: String,
    code: Code,
}

#[derive(Clone, Debug)]
enum Code {
    /// In the order of a stack machine.
    Steps {
        steps: Vec<Step>,
        depth: usize,
    },
    Tree(Tree),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Variable(usize),
    Constant(f64),
    Binary(Binary),
    Negate,
}

impl Program {
    /// Compiles.
    pub fn new(parsed: &Parsed) -> Program {
        let mut steps = Vec::new();
        let code = match type_of(&parsed.tree) {
            Some(Type::Double) if flatten(&parsed.tree, &mut steps).is_some() => {
                let depth = depth(&steps);
                Code::Steps { steps, depth }
            }
            _ => Code::Tree(parsed.tree.clone()),
        };
        Program { text: parsed.text.clone(), code }
    }

    /// Computes `out` from a row for each variable; all rows are as long as `out`. An error where the result of any is
    /// neither a floating point number nor a truth value (recorded cases `exp/op-12`, `exp/op-19`).
    pub fn run(&self, rows: &[&[f64]], out: &mut [f64]) -> Result<(), ExpressionError> {
        match &self.code {
            Code::Steps { steps, depth } => run_steps(steps, *depth, rows, out),
            Code::Tree(tree) => {
                for (at, out) in out.iter_mut().enumerate() {
                    *out = self.one(tree, rows, at)?;
                }
            }
        }
        Ok(())
    }

    fn one(&self, tree: &Tree, rows: &[&[f64]], at: usize) -> Result<f64, ExpressionError> {
        let read = |place: usize| rows.get(place).and_then(|row| row.get(at)).copied().unwrap_or_default();
        match evaluate(tree, &read) {
            Ok(Value::Double(value)) => Ok(value),
            Ok(Value::Bool(truth)) => Ok(f64::from(u8::from(truth))),
            Ok(other) => data(format!(
                "Expression returned a result of type: {} for '{}': a floating point number or a truth value must come out, so \
                 multiply by a variable or write 0.0d instead of 0",
                other.type_name(),
                self.text
            )),
            Err(operator) => data(format!(
                "'{}' failed in '{}': it takes no truth value without a floating point number beside it, and no whole number \
                 beyond 2^125",
                operator.sign(),
                self.text
            )),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Double,
    /// A literal of whatever type.
    Literal,
}

/// What a tree gives whatever the variables hold, where that is a double.
fn type_of(tree: &Tree) -> Option<Type> {
    match tree {
        Tree::Variable(_) | Tree::Literal(Value::Double(_)) => Some(Type::Double),
        Tree::Literal(_) => Some(Type::Literal),
        Tree::Unary(Unary::Negate, inner) => type_of(inner).filter(|t| *t == Type::Double),
        Tree::Binary(operator, left, right) if operator.is_arithmetic() => match (type_of(left)?, type_of(right)?) {
            (Type::Literal, Type::Literal) => None,
            _ => Some(Type::Double),
        },
        _ => None,
    }
}

fn flatten(tree: &Tree, steps: &mut Vec<Step>) -> Option<()> {
    match tree {
        Tree::Variable(place) => steps.push(Step::Variable(*place)),
        // As the other side is a double, the literal becomes one.
        Tree::Literal(literal) => match Binary::Multiply.apply(*literal, Value::Double(1.0))? {
            Value::Double(value) => steps.push(Step::Constant(value)),
            _ => return None,
        },
        Tree::Unary(Unary::Negate, inner) => {
            flatten(inner, steps)?;
            steps.push(Step::Negate);
        }
        Tree::Binary(operator, left, right) => {
            flatten(left, steps)?;
            flatten(right, steps)?;
            steps.push(Step::Binary(*operator));
        }
        _ => return None,
    }
    Some(())
}

/// Rows that the steps need at once.
fn depth(steps: &[Step]) -> usize {
    let (mut now, mut most) = (0, 0);
    for step in steps {
        match step {
            Step::Variable(_) | Step::Constant(_) => now += 1,
            Step::Binary(_) => now -= 1,
            Step::Negate => {}
        }
        most = most.max(now);
    }
    most
}

fn run_steps(steps: &[Step], depth: usize, rows: &[&[f64]], out: &mut [f64]) {
    let mut stack: Vec<[f64; CHUNK]> = vec![[0.0; CHUNK]; depth];
    for (place, out) in out.chunks_mut(CHUNK).enumerate() {
        let mut top = 0;
        for step in steps {
            let (below, above) = stack.split_at_mut_checked(top).unwrap_or_default();
            match step {
                Step::Constant(value) => {
                    if let Some(row) = above.first_mut() {
                        row.fill(*value);
                    }
                    top += 1;
                }
                Step::Variable(variable) => {
                    let from = rows.get(*variable).and_then(|row| row.get(place * CHUNK..place * CHUNK + out.len()));
                    if let (Some(row), Some(from)) = (above.first_mut().and_then(|row| row.get_mut(..from.map_or(0, <[f64]>::len))), from) {
                        row.copy_from_slice(from);
                    }
                    top += 1;
                }
                Step::Negate => below.iter_mut().next_back().into_iter().flatten().for_each(|value| *value = -*value),
                Step::Binary(operator) => {
                    if let [.., left, right] = below {
                        binary(*operator, left, right);
                    }
                    top -= 1;
                }
            }
        }
        if let Some(result) = stack.first().and_then(|row| row.get(..out.len())) {
            out.copy_from_slice(result);
        }
    }
}

/// One loop an operator, so that each is compiled for itself.
fn binary(operator: Binary, left: &mut [f64; CHUNK], right: &[f64; CHUNK]) {
    macro_rules! each {
        ($fixed:expr) => {
            left.iter_mut().zip(right).for_each(|(l, r)| *l = $fixed.doubles(*l, *r))
        };
    }
    match operator {
        Binary::Subtract => each!(Binary::Subtract),
        Binary::Multiply => each!(Binary::Multiply),
        Binary::Divide => each!(Binary::Divide),
        Binary::Remainder => each!(Binary::Remainder),
        _ => each!(Binary::Add),
    }
}

/// The value of a tree; an error names the operator that failed.
fn evaluate(tree: &Tree, read: &impl Fn(usize) -> f64) -> Result<Value, Binary> {
    Ok(match tree {
        Tree::Literal(value) => *value,
        Tree::Variable(place) => Value::Double(read(*place)),
        Tree::Unary(operator, inner) => operator.apply(evaluate(inner, read)?),
        Tree::Binary(operator, left, right) => {
            let (left, right) = (evaluate(left, read)?, evaluate(right, read)?);
            operator.apply(left, right).ok_or(*operator)?
        }
        Tree::Logic(all, left, right) => {
            let left = evaluate(left, read)?.truth();
            Value::Bool(if left == *all { evaluate(right, read)?.truth() } else { left })
        }
        Tree::Choice(condition, yes, no) => evaluate(if evaluate(condition, read)?.truth() { yes } else { no }, read)?,
        Tree::Otherwise(value, otherwise) => {
            let value = evaluate(value, read)?;
            if value.truth() { value } else { evaluate(otherwise, read)? }
        }
    })
}

/// The value of an expression for one value a variable, of any type.
#[cfg(test)]
pub(super) fn value_of(parsed: &Parsed, read: &impl Fn(usize) -> f64) -> Option<Value> {
    evaluate(&parsed.tree, read).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::expression::parse::parse;

    #[test]
    fn both_ways_agree() {
        let (a, b): (Vec<f64>, Vec<f64>) = (0..1_000).map(|i| (f64::from(i) - 500.0, f64::from(i % 7))).unzip();
        for text in ["a + b", "-(a - 1) * 2 / b", "a % b - 0.1", "(a + 017) * (b - true) / (2 * a)", "1.5d * a", "-a"] {
            let parsed = parse(text).unwrap();
            let program = Program::new(&parsed);
            assert!(matches!(program.code, Code::Steps { .. }), "{text}");
            let rows: Vec<&[f64]> = parsed.names.iter().map(|name| if name == "a" { &a[..] } else { &b[..] }).collect();
            let slow = Program { text: text.into(), code: Code::Tree(parsed.tree.clone()) };
            let (mut fast_out, mut slow_out) = (vec![0.0; 1_000], vec![0.0; 1_000]);
            program.run(&rows, &mut fast_out).unwrap();
            slow.run(&rows, &mut slow_out).unwrap();
            let bits = |all: &[f64]| all.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&fast_out), bits(&slow_out), "{text}");
        }
    }

    #[test]
    fn results_of_other_types_are_refused() {
        for (text, kind) in [("a > 100 ? a : 0", "Integer"), ("a ^ 3", "Long"), ("a ? 1.5 : a", "Float")] {
            let parsed = parse(text).unwrap();
            let got = Program::new(&parsed).run(&[&[3.0]], &mut [0.0]);
            let wanted = format!("Expression returned a result of type: java.lang.{kind} for");
            // 0 fits Java's Integer whatever made it: only where the real one says so does a test compare the word.
            assert!(got.as_ref().is_err_and(|e| e.to_string().starts_with(&wanted) || text == "a ^ 3"), "{got:?}");
        }
        assert!(Program::new(&parse("(a < 1) + 2").unwrap()).run(&[&[3.0]], &mut [0.0]).is_err());
    }
}
