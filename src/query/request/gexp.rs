//! `exp=scale(sum:5m-avg:metric{host=*},2)`: functions over `m=` queries.
//!
//! Words are what OpenTSDB's grammar takes for one, so a query within a function knows fewer forms than `m=` itself: no
//! `rate{counter}`, no `literal_or(...)`, no second pair of braces (recorded case
//! `gexp/93-scale_sum_1m-avg_rate_counter__kit.counter_khost=k`). What follows the last bracket is not looked at.

use super::RequestError;
use crate::query::expression::function::{Argument, Call, Function, shift_ms};

/// Longest `exp=`, in bytes.
pub const GEXP_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of functions.
pub const GEXP_DEPTH_MAX: usize = 64;

/// A question that an expression asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The text, as `m=` takes it.
    pub text: String,
    /// How much earlier it is asked for than the request says, in milliseconds.
    pub shift_ms: i64,
}

/// Reads one expression. Its questions are added to `asked`, where the places of its arguments point to.
pub fn parse(text: &str, asked: &mut Vec<Asked>) -> Result<Call, RequestError> {
    if text.len() > GEXP_BYTES_MAX {
        let message = format!("an expression of {} bytes is longer than {GEXP_BYTES_MAX} (GEXP_BYTES_MAX)", text.len());
        return Err(RequestError::new(message));
    }
    let mut parser = Parser { text, at: 0, asked };
    let name = parser.name()?;
    parser.call(&name, 0)
}

struct Parser<'a, 'q> {
    text: &'a str,
    at: usize,
    asked: &'q mut Vec<Asked>,
}

impl Parser<'_, '_> {
    fn fail<T>(&self) -> Result<T, RequestError> {
        Err(RequestError::new(format!("Failed to parse {}", self.text)))
    }

    fn rest(&mut self) -> &str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let bare = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.at += rest.len() - bare.len();
        bare
    }

    fn take(&mut self, sign: char) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, sign: char) -> Result<(), RequestError> {
        if self.take(sign) { Ok(()) } else { self.fail() }
    }

    /// A word: a star alone, or letters, digits and some signs.
    fn word(&mut self) -> Option<String> {
        let rest = self.rest();
        let length = match rest.strip_prefix('*') {
            Some(_) => 1,
            None => rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_#/$@|.'][".contains(c))).unwrap_or(rest.len()),
        };
        let word = rest.get(..length).filter(|word| !word.is_empty())?.to_string();
        self.at += length;
        Some(word)
    }

    fn name(&mut self) -> Result<String, RequestError> {
        match self.word() {
            Some(word) => Ok(word),
            None => self.fail(),
        }
    }

    /// What follows a function's name.
    fn call(&mut self, name: &str, depth: usize) -> Result<Call, RequestError> {
        let Some(function) = Function::by_name(name) else {
            return Err(RequestError::new(format!("Function {name} has not been implemented")));
        };
        if depth >= GEXP_DEPTH_MAX {
            return Err(RequestError::new(format!("functions are nested deeper than {GEXP_DEPTH_MAX} levels (GEXP_DEPTH_MAX)")));
        }
        self.need('(')?;
        let first = self.asked.len();
        let mut call = Call { function, arguments: Vec::new() };
        loop {
            let argument = self.argument(depth)?;
            call.arguments.push(argument);
            if self.take(')') {
                break;
            }
            self.need(',')?;
        }
        // How far a shift goes is known at its end: so much earlier is all asked that stands in it. One that makes no sense
        // is an error when the function is carried out, which `/api/query` does not do.
        if let (Function::Shift, Ok(ms)) = (function, shift_ms(&call.words())) {
            self.asked.iter_mut().skip(first).for_each(|asked| asked.shift_ms = asked.shift_ms.saturating_add(ms));
        }
        Ok(call)
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, RequestError> {
        let word = self.name()?;
        if self.rest().starts_with('(') {
            return Ok(Argument::Call(self.call(&word, depth + 1)?));
        }
        if !self.rest().starts_with(':') {
            return Ok(Argument::Word(word));
        }
        let text = self.metric(word)?;
        self.asked.push(Asked { text: text.clone(), shift_ms: 0 });
        Ok(Argument::Series(self.asked.len() - 1, text))
    }

    /// `sum:5m-avg:rate:metric{host=a,dc=*}` without blanks.
    fn metric(&mut self, function: String) -> Result<String, RequestError> {
        let mut out = function;
        let mut parts = 1;
        while parts < 4 && self.take(':') {
            out.push(':');
            out.push_str(&self.name()?);
            parts += 1;
        }
        if !self.take('{') {
            return Ok(out);
        }
        out.push('{');
        loop {
            let (key, (), value) = (self.name()?, self.need('=')?, self.name()?);
            out.push_str(&format!("{key}={value}"));
            if self.take('}') {
                out.push('}');
                return Ok(out);
            }
            self.need(',')?;
            out.push(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let mut asked = Vec::new();
        let got = parse(text, &mut asked).map(|_| asked.iter().map(|a| format!("{}@{}", a.text, a.shift_ms)).collect::<Vec<_>>().join(" "));
        assert_eq!(got.as_deref().map_err(|e| e.message.as_str()), want, "{text}");
    }

    #[test]
    fn expressions() {
        check("scale(sum:m,2)", Ok("sum:m@0"));
        check(" scale ( sum : 5m-avg : rate : m { a = b , c = * } , 2 ) x#y", Ok("sum:5m-avg:rate:m{a=b,c=*}@0"));
        check("sum(scale(sum:a,2),sum:b)", Ok("sum:a@0 sum:b@0"));
        check("shift(sum(avg:m,timeShift(avg:m,'1min')),'1sec')", Ok("avg:m@1000 avg:m@61000"));
        check("scale(2)", Ok(""));
        check("scale", Err("Failed to parse scale"));
        check("scale()", Err("Failed to parse scale()"));
        check("", Err("Failed to parse "));
        check("sum:m", Err("Failed to parse sum:m"));
        check("scale(sum:m,2", Err("Failed to parse scale(sum:m,2"));
        check("scale(sum:m{},2)", Err("Failed to parse scale(sum:m{},2)"));
        check("scale(sum:rate{counter}:m,2)", Err("Failed to parse scale(sum:rate{counter}:m,2)"));
        check("scale(sum:a:b:c:d,2)", Err("Failed to parse scale(sum:a:b:c:d,2)"));
        check("scale(sum:m{h=w*},2)", Err("Failed to parse scale(sum:m{h=w*},2)"));
        check("foo(sum:m)", Err("Function foo has not been implemented"));
        check("scale(foo(sum:m),2)", Err("Function foo has not been implemented"));
        check("shift(sum:m,10)", Ok("sum:m@0"));
        check(&"scale(".repeat(5_000), Err("functions are nested deeper than 64 levels (GEXP_DEPTH_MAX)"));
        check(&"x".repeat(70_000), Err("an expression of 70000 bytes is longer than 65536 (GEXP_BYTES_MAX)"));
    }

    #[test]
    fn mutated_expressions() {
        let text = "sum(scale(sum:5m-avg:rate:m{a=b,c=*},0.5),alias(movingAverage(timeShift(avg:x,'3days'),'5min'),@a.b,c))";
        let parts = ["(", ")", ",", ":", "{", "}", "=", "*", "'", "shift(", "sum:m", "99999999999", "é", " "];
        crate::fuzz::run(|dice| {
            let mut asked = Vec::new();
            if let Ok(call) = parse(&dice.mutate_text(text, &parts), &mut asked) {
                for asked in &asked {
                    let _ = super::super::uri::metric_query(&asked.text);
                }
                let mut answers = asked.iter().map(|_| Some(Vec::new())).collect();
                let scope = crate::query::expression::function::Scope { range: (0, 1_000), limits: &crate::query::expression::Unlimited };
                let _ = call.evaluate(&mut answers, scope);
            }
        });
    }
}
