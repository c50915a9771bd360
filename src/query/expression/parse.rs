//! An expression's text to a tree, with a bound on its length and depth.
//!
//! From loose to tight: `;` (only the last part counts), `? :` and `?:`, `||`, `&&`, `|`, `^`, `&`, `== !=`, `< <= > >=`, `+ -`,
//! `* / %`, `- ! ~`. Comparisons do not chain. The words of [`super::token`] stand for signs.

use super::ExpressionError;
use super::token::{Kind, Token, tokens};
use super::value::{Binary, Unary, Value};
use std::collections::BTreeSet;

/// Longest expression, in bytes. It bounds the depth of a chain such as `a+a+a...` as well.
pub const EXPRESSION_BYTES_MAX: usize = 4 * 1024;
/// Deepest nesting, in brackets, signs before a value, and conditions within conditions.
pub const EXPRESSION_DEPTH_MAX: usize = 100;

/// A tree of operators.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// A literal.
    Literal(Value),
    /// A variable, by its place in [`Parsed::names`].
    Variable(usize),
    /// An operator before its side.
    Unary(Unary, Box<Tree>),
    /// An operator between its sides.
    Binary(Binary, Box<Tree>, Box<Tree>),
    /// `&&` (true) or `||` (false): the right side counts only where the left one does not decide.
    Logic(bool, Box<Tree>, Box<Tree>),
    /// `condition ? yes : no`.
    Choice(Box<Tree>, Box<Tree>, Box<Tree>),
    /// `value ?: otherwise`.
    Otherwise(Box<Tree>, Box<Tree>),
}

/// An expression that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The text.
    pub text: String,
    /// Its variables in the order in which they first appear.
    pub names: Vec<String>,
    /// What it says.
    pub tree: Tree,
}

/// Reads an expression.
pub fn parse(text: &str) -> Result<Parsed, ExpressionError> {
    if text.len() > EXPRESSION_BYTES_MAX {
        let message = format!("an expression of {} bytes is longer than {EXPRESSION_BYTES_MAX} (EXPRESSION_BYTES_MAX)", text.len());
        return Err(ExpressionError::Syntax(message));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens: &tokens, at: 0, depth: 0, names: Vec::new() };
    let tree = parser.statements()?;
    Ok(Parsed { text: text.to_string(), names: parser.names, tree })
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    names: Vec<String>,
}

/// Operators that bind alike, from loose to tight; the bits' operators stand alone. The second: they do not chain.
const LEVELS: [(&[(&str, Binary)], bool); 7] = [
    (&[("|", Binary::BitOr)], false),
    (&[("^", Binary::BitXor)], false),
    (&[("&", Binary::BitAnd)], false),
    (&[("==", Binary::Equal), ("!=", Binary::Unequal)], true),
    (&[("<=", Binary::LessEqual), (">=", Binary::GreaterEqual), ("<", Binary::Less), (">", Binary::Greater)], true),
    (&[("+", Binary::Add), ("-", Binary::Subtract)], false),
    (&[("*", Binary::Multiply), ("/", Binary::Divide), ("%", Binary::Remainder)], false),
];

impl Parser<'_> {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Kind::Sign(s)) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn fail<T>(&self, what: &str) -> Result<T, ExpressionError> {
        let place = match self.tokens.get(self.at) {
            Some(token) => format!("at character {}", token.at + 1),
            None => "at the end".to_string(),
        };
        Err(ExpressionError::Syntax(format!("{what} {place} of '{}'", self.text)))
    }

    /// One level deeper for as long as `inner` reads.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, ExpressionError>) -> Result<T, ExpressionError> {
        if self.depth >= EXPRESSION_DEPTH_MAX {
            return Err(ExpressionError::Syntax(format!(
                "an expression is nested deeper than {EXPRESSION_DEPTH_MAX} levels (EXPRESSION_DEPTH_MAX)"
            )));
        }
        self.depth += 1;
        let read = inner(self);
        self.depth -= 1;
        read
    }

    fn statements(&mut self) -> Result<Tree, ExpressionError> {
        let mut last = None;
        while self.at < self.tokens.len() {
            if self.take(";") {
                continue;
            }
            last = Some(self.condition()?);
            if self.at < self.tokens.len() && !self.take(";") {
                return self.fail("an operator is missing");
            }
        }
        last.map_or_else(|| self.fail("there is nothing to compute"), Ok)
    }

    fn condition(&mut self) -> Result<Tree, ExpressionError> {
        self.deeper(|parser| {
            let first = parser.or()?;
            if parser.take("?:") {
                let otherwise = parser.condition()?;
                return Ok(Tree::Otherwise(Box::new(first), Box::new(otherwise)));
            }
            if !parser.take("?") {
                return Ok(first);
            }
            let yes = parser.condition()?;
            if !parser.take(":") {
                return parser.fail("a ':' must be");
            }
            let no = parser.condition()?;
            Ok(Tree::Choice(Box::new(first), Box::new(yes), Box::new(no)))
        })
    }

    fn or(&mut self) -> Result<Tree, ExpressionError> {
        let mut left = self.and()?;
        while self.take("||") {
            left = Tree::Logic(false, Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Tree, ExpressionError> {
        let mut left = self.level(0)?;
        while self.take("&&") {
            left = Tree::Logic(true, Box::new(left), Box::new(self.level(0)?));
        }
        Ok(left)
    }

    fn level(&mut self, level: usize) -> Result<Tree, ExpressionError> {
        let Some((operators, once)) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        let mut chained = 0;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.take(sign)) {
            if *once && chained > 0 {
                return self.fail("comparisons do not chain: put brackets before what is");
            }
            let right = self.level(level + 1)?;
            left = Tree::Binary(*operator, Box::new(left), Box::new(right));
            chained += 1;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Tree, ExpressionError> {
        let operators = [("-", Unary::Negate), ("!", Unary::Not), ("~", Unary::Complement)];
        match operators.iter().find(|(sign, _)| self.take(sign)) {
            Some((_, operator)) => self.deeper(|parser| Ok(Tree::Unary(*operator, Box::new(parser.unary()?)))),
            None => self.primary(),
        }
    }

    fn primary(&mut self) -> Result<Tree, ExpressionError> {
        let Some(kind) = self.peek().cloned() else { return self.fail("a value is missing") };
        match kind {
            Kind::Number(value) => {
                self.at += 1;
                Ok(Tree::Literal(value))
            }
            Kind::Name(name) => {
                self.at += 1;
                if matches!(self.peek(), Some(Kind::Sign("("))) {
                    return Err(ExpressionError::Syntax(format!("there is no function '{name}' in '{}': only operators are", self.text)));
                }
                Ok(Tree::Variable(self.variable(name)))
            }
            Kind::Sign(_) if self.take("(") => {
                let inner = self.condition()?;
                if self.take(")") { Ok(inner) } else { self.fail("a ')' must be") }
            }
            Kind::Sign(sign) => self.fail(&format!("'{sign}' has nothing to work on")),
        }
    }

    fn variable(&mut self, name: String) -> usize {
        self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        })
    }
}

impl Parsed {
    /// Its variables as a set.
    pub fn variables(&self) -> BTreeSet<&str> {
        self.names.iter().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = parse(text).map(|p| p.names.join(" ")).map_err(|e| e.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
    }

    #[test]
    fn texts() {
        check("a + b * a", Ok("a b"));
        check("b; a // that", Ok("b a"));
        check("((a)) /* all */ + b", Ok("a b"));
        check("a +", Err("a value is missing at the end of 'a +'"));
        check("a b", Err("an operator is missing at character 3 of 'a b'"));
        check("(a", Err("a ')' must be at the end of '(a'"));
        check("+a", Err("'+' has nothing to work on at character 1 of '+a'"));
        check("a < b < 3", Err("comparisons do not chain: put brackets before what is at character 9 of 'a < b < 3'"));
        check("sqrt(a)", Err("there is no function 'sqrt' in 'sqrt(a)': only operators are"));
        check("a.class", Err("'.' means nothing in an expression, at character 2 of 'a.class'"));
        check("'x' + a", Err("text is not supported in expressions, at character 1 of ''x' + a'"));
        check("new", Err("'new' is not supported in expressions, at character 1 of 'new'"));
        check("1e3", Err("'1e3' is no number, at character 1 of '1e3'"));
        check("08", Err("'08' is no number, at character 1 of '08'"));
        check("é", Err("'é' means nothing in an expression, at character 1 of 'é'"));
        check(";", Err("there is nothing to compute at the end of ';'"));
    }

    #[test]
    fn silly_expressions_are_refused() {
        let deep = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
        assert!(parse(&deep(EXPRESSION_DEPTH_MAX - 1)).is_ok());
        check(&deep(2_000), Err("an expression is nested deeper than 100 levels (EXPRESSION_DEPTH_MAX)"));
        check(&"-".repeat(4_000), Err("an expression is nested deeper than 100 levels (EXPRESSION_DEPTH_MAX)"));
        check(&"a?a:".repeat(1_000), Err("an expression is nested deeper than 100 levels (EXPRESSION_DEPTH_MAX)"));
        let long = "a+".repeat(9_000);
        check(&long, Err("an expression of 18000 bytes is longer than 4096 (EXPRESSION_BYTES_MAX)"));
        assert!(parse(&format!("{}a", "a+".repeat(2_047))).is_ok());
    }

    #[test]
    fn mutated_expressions() {
        let parts = ["a", "b", "(", ")", "?", ":", "?:", "1.5", "0x", "e3", ";", "&&", "~", "--", "/*", "//", "'", "é"];
        crate::fuzz::run(|dice| {
            let text = dice.mutate_text("a > 1.5d ? (b + 0x1F) / -a : !b && (a | 3) == 017 ?: 2", &parts);
            if let Ok(parsed) = parse(&text) {
                let program = super::super::program::Program::new(&parsed);
                let values = [[1.5, f64::NAN], [0.0, -3.0]];
                let rows: Vec<&[f64]> = parsed.names.iter().enumerate().map(|(i, _)| &values[i % 2][..]).collect();
                let mut out = [0.0; 2];
                let _ = program.run(&rows, &mut out);
            }
        });
    }
}
