//! Tokens to a tree whose types are right.
//!
//! Binding, loosest first: `||`, `&&`, comparisons, `+ -`, `* / %`, `**`, then `!` and `-` before a value. All bind to the
//! left, comparisons too. Texts and `expr(…)` stand only as arguments.

use super::lex::{self, Kind, Token};
use super::library::{self, Call, Function, Gives};
use super::value::Type;
use super::{ExpressionError, Names};

/// Longest text of an expression, in bytes.
pub const TEXT_MOST: usize = 64 * 1024;
/// How deep an expression may be: brackets, functions and operators inside each other, and operators in a row.
pub const DEPTH_MOST: usize = 100;

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) enum Operator { Or, And, Equal, NotEqual, Greater, GreaterEqual, Less, LessEqual, Plus, Minus, Times, Divide, Modulo, Power }

/// The levels of binding, loosest first.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        (">", Operator::Greater),
        (">=", Operator::GreaterEqual),
        ("<", Operator::Less),
        ("<=", Operator::LessEqual),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::Divide), ("%", Operator::Modulo)],
    &[("**", Operator::Power)],
];

impl Operator {
    pub fn text(self) -> &'static str {
        LEVELS.iter().flat_map(|level| level.iter()).find(|(_, op)| *op == self).map_or("", |(text, _)| text)
    }
}

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it begins, in bytes.
    pub at: usize,
    /// What it gives.
    pub gives: Type,
    /// How many nodes lie below it, one inside the other: evaluation follows by nested calls.
    pub depth: usize,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Number(f64),
    Text(String),
    Not(Box<Node>),
    Negative(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(&'static Function, Vec<Node>),
    /// `expr(…)`: evaluated for each point.
    Expr(Box<Node>),
}

impl What {
    fn depth(&self) -> usize {
        match self {
            What::Number(_) | What::Text(_) => 0,
            What::Not(of) | What::Negative(of) | What::Expr(of) => of.depth + 1,
            What::Binary(_, left, right) => left.depth.max(right.depth) + 1,
            What::Call(_, arguments) => arguments.iter().map(|a| a.depth).max().unwrap_or(0) + 1,
        }
    }
}

impl Node {
    fn new(at: usize, gives: Type, what: What) -> Node {
        Node { at, gives, depth: what.depth(), what }
    }

    /// The text of an argument that is written out.
    pub fn literal(&self) -> Option<&str> {
        match &self.what {
            What::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Parses and checks a text.
pub(super) fn parse(text: &str, names: &dyn Names) -> Result<Node, ExpressionError> {
    if text.len() > TEXT_MOST {
        return Err(ExpressionError::at(text, 0, format!("an expression has at most {TEXT_MOST} bytes")));
    }
    let tokens = lex::tokens(text)?;
    let mut parser = Parser { text, tokens: &tokens, at: 0, depth: 0, inside_map: false, names };
    let root = parser.level(0)?;
    match parser.peek().kind {
        Kind::End => Ok(root),
        _ => Err(parser.expected("an operator or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
    depth: usize,
    inside_map: bool,
    names: &'a dyn Names,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.at).copied().unwrap_or(Token { kind: Kind::End, text: "", at: self.text.len() })
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn wrong(&self, at: usize, message: impl Into<String>) -> ExpressionError {
        ExpressionError::at(self.text, at, message.into())
    }

    fn expected(&self, what: &str) -> ExpressionError {
        let token = self.peek();
        let found = if token.kind == Kind::End { "the end".to_string() } else { format!("{:?}", token.text) };
        self.wrong(token.at, format!("expected {what}, found {found}"))
    }

    fn take(&mut self, kind: Kind, what: &str) -> Result<Token<'a>, ExpressionError> {
        if self.peek().kind == kind { Ok(self.next()) } else { Err(self.expected(what)) }
    }

    /// Operators of one level and everything that binds tighter.
    fn level(&mut self, level: usize) -> Result<Node, ExpressionError> {
        let Some(operators) = LEVELS.get(level) else { return self.value() };
        let mut left = self.level(level + 1)?;
        loop {
            let token = self.peek();
            let operator = operators.iter().find(|(text, _)| token.kind == Kind::Sign && *text == token.text);
            let Some((_, operator)) = operator else { return Ok(left) };
            self.next();
            let right = self.level(level + 1)?;
            left = self.binary(token.at, *operator, left, right)?;
            if left.depth > DEPTH_MOST {
                return Err(self.too_deep(token.at));
            }
        }
    }

    fn too_deep(&self, at: usize) -> ExpressionError {
        self.wrong(at, format!("expected at most {DEPTH_MOST} functions, brackets and operators inside each other or in a row"))
    }

    fn binary(&self, at: usize, operator: Operator, left: Node, right: Node) -> Result<Node, ExpressionError> {
        for side in [&left, &right] {
            if !matches!(side.gives, Type::Scalar | Type::Number | Type::Series) {
                let message = format!("{} needs numbers or series on both sides, found a {}", operator.text(), side.gives.name());
                return Err(self.wrong(side.at, message));
            }
        }
        let keys = |side: &Node| side.keys(self.names).transpose().map_err(|(at, message)| self.wrong(at, message));
        if let (Some(a), Some(b)) = (keys(&left)?, keys(&right)?)
            && !a.is_subset(&b)
            && !b.is_subset(&a)
        {
            let list = |keys: &std::collections::BTreeSet<String>| keys.iter().cloned().collect::<Vec<_>>().join(",");
            let (a, b) = (list(&a), list(&b));
            let message = format!("expected the same tags on both sides, or all of one among those of the other; found {a} and {b}");
            return Err(self.wrong(at, message));
        }
        let gives = left.gives.max(right.gives);
        Ok(Node::new(at, gives, What::Binary(operator, Box::new(left), Box::new(right))))
    }

    fn value(&mut self) -> Result<Node, ExpressionError> {
        self.depth += 1;
        if self.depth > DEPTH_MOST {
            return Err(self.too_deep(self.peek().at));
        }
        let token = self.peek();
        let node = match (token.kind, token.text) {
            (Kind::Number, text) => {
                self.next();
                let number = lex::number_value(text).ok_or_else(|| self.wrong(token.at, format!("{text:?} is no number")))?;
                Node::new(token.at, Type::Scalar, What::Number(number))
            }
            (Kind::Name, "expr") => return Err(self.wrong(token.at, "expr(…) stands only as an argument of map")),
            (Kind::Name, _) => self.call()?,
            (Kind::Sign, sign @ ("!" | "-")) => {
                self.next();
                let of = self.value()?;
                if !matches!(of.gives, Type::Scalar | Type::Number | Type::Series) {
                    return Err(self.wrong(of.at, format!("{sign} needs a number or series, found a {}", of.gives.name())));
                }
                let gives = of.gives;
                let what = if sign == "!" { What::Not(Box::new(of)) } else { What::Negative(Box::new(of)) };
                Node::new(token.at, gives, what)
            }
            (Kind::Open, _) => {
                self.next();
                let inner = self.level(0)?;
                self.take(Kind::Close, "an operator or )")?;
                inner
            }
            (Kind::Prefix, _) => return Err(self.wrong(token.at, "no function here takes a prefix")),
            (Kind::Text, _) => return Err(self.wrong(token.at, "expected a number, a function or (; a text stands only as an argument")),
            _ => return Err(self.expected("a number, a function or (")),
        };
        self.depth -= 1;
        // A chain to the left is as deep as it is long.
        if node.depth > DEPTH_MOST { Err(self.too_deep(node.at)) } else { Ok(node) }
    }

    fn call(&mut self) -> Result<Node, ExpressionError> {
        let name = self.next();
        let function = library::find(name.text).ok_or_else(|| {
            let near = crate::config::did_you_mean(name.text, library::FUNCTIONS.iter().map(|f| f.name));
            self.wrong(name.at, format!("there is no function {}{near}", name.text))
        })?;
        self.take(Kind::Open, "( after the function's name")?;
        let mut arguments = Vec::new();
        while self.peek().kind != Kind::Close {
            arguments.push(self.argument()?);
            match self.peek().kind {
                Kind::Comma => drop(self.next()),
                Kind::Close => {}
                _ => return Err(self.expected("an operator, a comma or )")),
            }
        }
        self.next();
        let gives = match (function.gives, arguments.first()) {
            (Gives::This(kind), _) => kind,
            (Gives::First, Some(first)) => first.gives,
            (Gives::First, None) => Type::Scalar,
        };
        self.check(name.at, function, &arguments)?;
        Ok(Node::new(name.at, gives, What::Call(function, arguments)))
    }

    fn argument(&mut self) -> Result<Node, ExpressionError> {
        let token = self.peek();
        match (token.kind, token.text) {
            (Kind::Text, quoted) => {
                self.next();
                let text = lex::text_value(quoted)
                    .ok_or_else(|| self.wrong(token.at, "a backslash in this text means nothing, or a line ends in it"))?;
                Ok(Node::new(token.at, Type::Text, What::Text(text)))
            }
            (Kind::Name, "expr") => self.sub_expression(),
            _ => self.level(0),
        }
    }

    /// `expr(…)`, the last argument of its function.
    fn sub_expression(&mut self) -> Result<Node, ExpressionError> {
        let name = self.next();
        self.take(Kind::Open, "( after expr")?;
        let outside = std::mem::replace(&mut self.inside_map, true);
        let inner = self.level(0)?;
        self.inside_map = outside;
        self.take(Kind::Close, "an operator or )")?;
        if self.peek().kind != Kind::Close {
            return Err(self.expected(") after expr(…), which is the last argument"));
        }
        let gives = if matches!(inner.gives, Type::Scalar | Type::Number) { Type::NumberExpr } else { Type::OtherExpr };
        Ok(Node::new(name.at, gives, What::Expr(Box::new(inner))))
    }

    fn check(&self, at: usize, function: &'static Function, arguments: &[Node]) -> Result<(), ExpressionError> {
        let name = function.name;
        if function.call == Call::V && !self.inside_map {
            return Err(self.wrong(at, "v() stands only inside expr(…) of map"));
        }
        let least = function.takes.len() - usize::from(function.may_omit);
        let bounded = function.many_from.is_none();
        if arguments.len() < least || (bounded && arguments.len() > least) {
            let more = if bounded { "" } else { " or more" };
            return Err(self.wrong(at, format!("{name} takes {least}{more} arguments, found {}", arguments.len())));
        }
        for (i, argument) in arguments.iter().enumerate() {
            let position = function.many_from.map_or(i, |from| i.min(from));
            let Some(takes) = function.takes.get(position) else { continue };
            if !takes.accepts(argument.gives) {
                let message = format!("argument {} of {name}: expected {}, found {}", i + 1, takes.name(), argument.gives.name());
                return Err(self.wrong(argument.at, message));
            }
        }
        self.check_named(at, function.call, arguments)
    }

    /// Functions that name a function.
    fn check_named(&self, at: usize, call: Call, arguments: &[Node]) -> Result<(), ExpressionError> {
        let position = match call {
            Call::Window => 4,
            Call::Aggr => 2,
            _ => return Ok(()),
        };
        let Some(argument) = arguments.get(position) else { return Ok(()) };
        let Some(word) = argument.literal() else {
            return Err(self.wrong(at, "the name of the function must be a text"));
        };
        match library::percentile_of(word) {
            Some(Ok(_)) => return Ok(()),
            Some(Err(message)) => return Err(self.wrong(argument.at, message)),
            None => {}
        }
        let ok = match call {
            Call::Window => library::find(word).is_some_and(Function::is_reduction),
            _ => ["avg", "min", "max", "sum"].contains(&word),
        };
        let expected =
            if call == Call::Window { "a function from series to number, or p0 to p1" } else { "avg, min, max, sum or p0 to p1" };
        if ok { Ok(()) } else { Err(self.wrong(argument.at, format!("{word:?}: expected {expected}"))) }
    }
}

/// Something outside the expression that it names.
#[derive(Debug)]
pub(super) enum Named {
    Alert(String, String),
    Lookup(String),
}

impl Node {
    /// Each node, outer ones first.
    pub fn visit(&self, each: &mut dyn FnMut(&Node)) {
        each(self);
        match &self.what {
            What::Number(_) | What::Text(_) => {}
            What::Not(of) | What::Negative(of) | What::Expr(of) => of.visit(each),
            What::Binary(_, left, right) => {
                left.visit(each);
                right.visit(each);
            }
            What::Call(_, arguments) => arguments.iter().for_each(|a| a.visit(each)),
        }
    }

    /// What it names outside, and where. Names that are not written out are found by nobody.
    pub fn named(&self) -> Option<(usize, Named)> {
        let What::Call(function, arguments) = &self.what else { return None };
        let text = |n: usize| arguments.get(n).and_then(|a| a.literal().map(str::to_string));
        let named = match function.call {
            Call::Alert => Named::Alert(text(0)?, text(1)?),
            Call::Lookup => Named::Lookup(text(0)?),
            Call::LookupSeries => Named::Lookup(text(1)?),
            _ => return None,
        };
        Some((arguments.first().map_or(self.at, |a| a.at), named))
    }

    /// Texts that fail whenever they are evaluated, and where.
    pub fn faults(&self) -> Vec<(usize, String)> {
        let What::Call(function, arguments) = &self.what else { return Vec::new() };
        let mut out = Vec::new();
        let mut check = |n: usize, test: &dyn Fn(&str) -> Result<(), String>| {
            if let Some((at, text)) = arguments.get(n).and_then(|a| a.literal().map(|text| (a.at, text)))
                && let Err(message) = test(text)
            {
                out.push((at, message));
            }
        };
        let query = |text: &str| super::query::Query::parse(text).map(drop);
        let duration = |text: &str| super::duration::parse(text).map(drop);
        let or_now = |text: &str| if text.is_empty() { Ok(()) } else { duration(text) };
        match function.call {
            Call::Query | Call::Change | Call::Count => {
                check(0, &query);
                check(1, &duration);
                check(2, &or_now);
            }
            Call::Band | Call::Over | Call::ShiftBand | Call::Window => {
                check(0, &query);
                check(1, &duration);
                check(2, &duration);
            }
            Call::BandQuery | Call::OverQuery => {
                check(0, &query);
                check(1, &duration);
                check(2, &duration);
                check(3, &or_now);
            }
            Call::Duration => check(0, &duration),
            Call::Shift | Call::Line => check(1, &duration),
            Call::Sort => check(1, &|text| match text {
                "asc" | "desc" => Ok(()),
                other => Err(format!("{other:?}: expected asc or desc")),
            }),
            Call::Month => check(1, &|text| match text {
                "start" | "end" => Ok(()),
                other => Err(format!("{other:?}: expected start or end")),
            }),
            _ => {}
        }
        out
    }
}
