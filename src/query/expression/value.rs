//! What operators do with values: JEXL 2.1's arithmetic, quirks included. Tried on it: `recorded.tsv`.

/// A value inside an expression. Variables are always [`Value::Double`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// What comparisons give; 1 or 0 beside a floating point number.
    Bool(bool),
    /// A whole number of any of Java's types.
    Int(i128),
    /// A decimal literal: a double with a `float`'s digits.
    Float(f64),
    /// A floating point number.
    Double(f64),
}

/// An operator with two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    BitAnd,
    BitOr,
    BitXor,
}

/// An operator with one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unary {
    Negate,
    Not,
    Complement,
}

impl Value {
    /// Largest whole number taken, so that sums of two cannot overflow.
    pub const WHOLE_MAX: i128 = i128::MAX >> 2;

    /// Java's name of its type, for messages.
    pub fn type_name(self) -> &'static str {
        match self {
            Value::Bool(_) => "java.lang.Boolean",
            Value::Int(v) if i32::try_from(v).is_ok() => "java.lang.Integer",
            Value::Int(v) if i64::try_from(v).is_ok() => "java.lang.Long",
            Value::Int(_) => "java.math.BigInteger",
            Value::Float(_) => "java.lang.Float",
            Value::Double(_) => "java.lang.Double",
        }
    }

    /// As a condition: neither 0 nor NaN.
    pub fn truth(self) -> bool {
        match self {
            Value::Bool(b) => b,
            Value::Int(v) => v != 0,
            Value::Float(v) | Value::Double(v) => v != 0.0 && !v.is_nan(),
        }
    }

    fn double(self) -> f64 {
        match self {
            Value::Bool(b) => f64::from(u8::from(b)),
            Value::Int(v) => v as f64,
            Value::Float(v) | Value::Double(v) => v,
        }
    }

    /// For operators on bits. JEXL takes every double for 0 there.
    fn bits(self) -> i64 {
        match self {
            Value::Bool(b) => i64::from(b),
            Value::Int(v) => v as i64,
            Value::Float(v) => v as i64,
            Value::Double(_) => 0,
        }
    }

    fn is_floating(self) -> bool {
        matches!(self, Value::Float(_) | Value::Double(_))
    }
}

impl Unary {
    /// What it gives.
    pub fn apply(self, value: Value) -> Value {
        match (self, value) {
            (Unary::Not, value) => Value::Bool(!value.truth()),
            (Unary::Complement, value) => Value::Int(i128::from(!value.bits())),
            (Unary::Negate, Value::Bool(b)) => Value::Bool(!b),
            // Java's smallest `Integer` is its own opposite.
            (Unary::Negate, Value::Int(v)) if v == i128::from(i32::MIN) => value,
            (Unary::Negate, Value::Int(v)) => Value::Int(-v),
            (Unary::Negate, Value::Float(v)) => Value::Float(-v),
            (Unary::Negate, Value::Double(v)) => Value::Double(-v),
        }
    }
}

impl Binary {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
            Binary::Remainder => "%",
            Binary::Equal => "==",
            Binary::Unequal => "!=",
            Binary::Less => "<",
            Binary::LessEqual => "<=",
            Binary::Greater => ">",
            Binary::GreaterEqual => ">=",
            Binary::BitAnd => "&",
            Binary::BitOr => "|",
            Binary::BitXor => "^",
        }
    }

    /// Whether it computes, rather than comparing or joining bits.
    pub fn is_arithmetic(self) -> bool {
        matches!(self, Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder)
    }

    /// What it gives; `None` where JEXL fails: a truth value in arithmetic without a floating point number, or a whole
    /// number beyond [`Value::WHOLE_MAX`].
    pub fn apply(self, left: Value, right: Value) -> Option<Value> {
        Some(match self {
            Binary::BitAnd => Value::Int(i128::from(left.bits() & right.bits())),
            Binary::BitOr => Value::Int(i128::from(left.bits() | right.bits())),
            Binary::BitXor => Value::Int(i128::from(left.bits() ^ right.bits())),
            Binary::Equal => Value::Bool(equal(left, right)),
            Binary::Unequal => Value::Bool(!equal(left, right)),
            Binary::Less => Value::Bool(order(left, right).is_lt()),
            Binary::LessEqual => Value::Bool(order(left, right).is_le()),
            Binary::Greater => Value::Bool(order(left, right).is_gt()),
            Binary::GreaterEqual => Value::Bool(order(left, right).is_ge()),
            _ if left.is_floating() || right.is_floating() => Value::Double(self.doubles(left.double(), right.double())),
            _ => return self.integers(left, right),
        })
    }

    /// Arithmetic of doubles. Dividing by 0 gives 0, and so does the remainder.
    #[inline]
    pub fn doubles(self, left: f64, right: f64) -> f64 {
        match self {
            Binary::Subtract => left - right,
            Binary::Multiply => left * right,
            Binary::Divide | Binary::Remainder if right == 0.0 => 0.0,
            Binary::Divide => left / right,
            Binary::Remainder => left % right,
            _ => left + right,
        }
    }

    fn integers(self, left: Value, right: Value) -> Option<Value> {
        let failed = match self {
            // Whatever goes wrong in a division counts as a division by 0.
            Binary::Divide | Binary::Remainder => Some(Value::Double(0.0)),
            _ => None,
        };
        let (Value::Int(l), Value::Int(r)) = (left, right) else { return failed };
        let result = match self {
            Binary::Subtract => l.checked_sub(r),
            Binary::Multiply => l.checked_mul(r),
            Binary::Divide => l.checked_div(r),
            Binary::Remainder => (r > 0).then(|| l.rem_euclid(r)),
            _ => l.checked_add(r),
        };
        match result {
            Some(value) => (-Value::WHOLE_MAX..=Value::WHOLE_MAX).contains(&value).then_some(Value::Int(value)),
            None => failed,
        }
    }
}

fn equal(left: Value, right: Value) -> bool {
    match (left, right) {
        (Value::Bool(_), _) | (_, Value::Bool(_)) => left.truth() == right.truth(),
        _ => order(left, right).is_eq(),
    }
}

/// NaN is equal to itself and less than everything else.
fn order(left: Value, right: Value) -> std::cmp::Ordering {
    let whole = |value| if let Value::Int(v) = value { v } else { i128::from(value.bits()) };
    if left.is_floating() || right.is_floating() {
        let (l, r) = (left.double(), right.double());
        l.partial_cmp(&r).unwrap_or_else(|| r.is_nan().cmp(&l.is_nan()))
    } else {
        whole(left).cmp(&whole(right))
    }
}
