//! The functions: what they read, what they compute, when they trigger.
//!
//! Points are given newest first. With a point too few there is no verdict, neither problem nor normal.

/// Why a function's text was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FunctionError(String);

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    All,
    Max,
    Min,
    Sum,
    Avg,
    Diff,
    PDiff,
    Lookup,
    StdDev,
    KDiff,
    KPDiff,
}

const KINDS: [(&str, Kind); 11] = [
    ("all", Kind::All),
    ("max", Kind::Max),
    ("min", Kind::Min),
    ("sum", Kind::Sum),
    ("avg", Kind::Avg),
    ("diff", Kind::Diff),
    ("pdiff", Kind::PDiff),
    ("lookup", Kind::Lookup),
    ("stddev", Kind::StdDev),
    ("kdiff", Kind::KDiff),
    ("kpdiff", Kind::KPDiff),
];

/// `all(#3)`: a function with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    kind: Kind,
    /// The first of two numbers; 0 when there is one.
    first: i64,
    /// The last number: length of the window, for most.
    limit: i64,
}

impl std::fmt::Display for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        match self.kind {
            Kind::Lookup | Kind::KDiff | Kind::KPDiff => write!(f, "{name}(#{},{})", self.first, self.limit),
            _ => write!(f, "{name}(#{})", self.limit),
        }
    }
}

impl Function {
    /// Reads a function as the original does: what stands before the letter before `#` is the name, what stands between
    /// `#` and the last letter are whole numbers. Where the original would end itself, the text is refused.
    pub fn parse(text: &str) -> Result<Function, FunctionError> {
        let wrong = || {
            let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
            FunctionError(format!(
                "{text:?} is no function: expected NAME(#n) or NAME(#k,n) without blanks, NAME one of {}",
                names.join(", ")
            ))
        };
        let (head, tail) = text.split_once('#').ok_or_else(wrong)?;
        let name = without_last(head).ok_or_else(wrong)?;
        let arguments = without_last(tail).ok_or_else(wrong)?;
        let kind = KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind).ok_or_else(wrong)?;
        let mut numbers: Vec<i64> = Vec::new();
        for part in arguments.split(',') {
            numbers.push(part.parse().map_err(|_| wrong())?);
        }
        let (first, limit) = match (kind, numbers.as_slice()) {
            (Kind::Lookup | Kind::KDiff | Kind::KPDiff, [first, limit, ..]) => (*first, *limit),
            (Kind::Lookup | Kind::KDiff | Kind::KPDiff, _) => {
                return Err(FunctionError(format!("{text:?} needs two numbers: {name}(#k,n)")));
            }
            (_, [limit, ..]) => (0, *limit),
            (_, []) => return Err(wrong()),
        };
        Ok(Function { kind, first, limit })
    }

    /// How many values it reads. For rates, one more point is needed.
    pub fn points(&self) -> usize {
        let points = match self.kind {
            Kind::Diff | Kind::PDiff => self.limit.saturating_add(1),
            Kind::KDiff | Kind::KPDiff => self.limit.saturating_add(self.first),
            _ => self.limit,
        };
        usize::try_from(points).unwrap_or(0)
    }

    /// Whether it can ever trigger: some numbers leave nothing to look at.
    pub fn can_trigger(&self) -> bool {
        match self.kind {
            Kind::Lookup => self.first >= 1 && self.first <= self.limit,
            Kind::KDiff | Kind::KPDiff => self.first >= 1 && self.limit >= 1,
            _ => self.limit >= 1,
        }
    }
}

fn without_last(text: &str) -> Option<&str> {
    let (at, _) = text.char_indices().next_back()?;
    text.get(..at)
}

/// How the left value is compared with the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=` and `==`: nearer than 0.0001.
    Equal,
    /// `!=`: farther than 0.0001.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// Any other text: never triggers.
    Never,
}

/// What counts as equal.
const NEAR: f64 = 0.0001;

impl Operator {
    /// Unknown texts give [`Operator::Never`], as in the original; rule files refuse them.
    pub fn of(text: &str) -> Operator {
        match text {
            "=" | "==" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterEqual,
            _ => Operator::Never,
        }
    }

    /// As people write it.
    pub fn text(self) -> &'static str {
        match self {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterEqual => ">=",
            Operator::Never => "",
        }
    }

    /// Whether `left OPERATOR right`. NaN on a side never does.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Operator::Equal => (left - right).abs() < NEAR,
            Operator::NotEqual => (left - right).abs() > NEAR,
            Operator::Less => left < right,
            Operator::LessEqual => left <= right,
            Operator::Greater => left > right,
            Operator::GreaterEqual => left >= right,
            Operator::Never => false,
        }
    }
}

/// What a test said about a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The number that was compared.
    pub left: f64,
    /// Whether the comparison holds.
    pub triggered: bool,
}

/// `all(#3) > 90`: a function, an operator and the right value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// What is computed.
    pub function: Function,
    /// How it is compared. `stddev` does not look at it.
    pub operator: Operator,
    /// With what.
    pub right: f64,
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.function, self.operator.text(), self.right)
    }
}

impl Test {
    fn holds(&self, left: f64) -> bool {
        self.operator.holds(left, self.right)
    }

    /// The verdict over values, newest first. `None` when they are too few; more than needed do not count.
    pub fn verdict(&self, newest_first: &[f64]) -> Option<Verdict> {
        let need = self.function.points();
        let values = newest_first.get(..need).filter(|_| need > 0)?;
        let newest = values.first().copied()?;
        let compared = |left: f64| Verdict { left, triggered: self.holds(left) };
        Some(match self.function.kind {
            Kind::All => Verdict { left: newest, triggered: values.iter().all(|v| self.holds(*v)) },
            Kind::Lookup => Verdict { left: newest, triggered: self.at_least(values) },
            // A NaN is kept when it comes first and passed over later: the order of the comparison is the original's.
            Kind::Max => compared(values.iter().fold(newest, |max, v| if max < *v { *v } else { max })),
            Kind::Min => compared(values.iter().fold(newest, |min, v| if min > *v { *v } else { min })),
            Kind::Sum => compared(values.iter().fold(0.0, |sum, v| sum + v)),
            Kind::Avg => compared(values.iter().fold(0.0, |sum, v| sum + v) / values.len() as f64),
            Kind::Diff => self.first_that_holds(values.iter().skip(1).map(|old| newest - old)),
            Kind::PDiff => {
                let bases = values.iter().skip(1).filter(|old| **old != 0.0);
                self.first_that_holds(bases.map(|old| (newest - old) / old * 100.0))
            }
            Kind::StdDev => self.outside(values, newest),
            Kind::KDiff => self.each_pair(values, |new, old| new - old),
            Kind::KPDiff => self.each_pair(values, |new, old| (new - old) / new * 100.0),
        })
    }

    fn at_least(&self, values: &[f64]) -> bool {
        let hits = values.iter().filter(|v| self.holds(**v)).count();
        self.function.first >= 1 && usize::try_from(self.function.first).is_ok_and(|least| hits >= least)
    }

    /// The first difference that holds, or else the last that was computed; 0 when there was none.
    fn first_that_holds(&self, differences: impl Iterator<Item = f64>) -> Verdict {
        let mut left = 0.0;
        for difference in differences {
            left = difference;
            if self.holds(left) {
                return Verdict { left, triggered: true };
            }
        }
        Verdict { left, triggered: false }
    }

    /// Whether the newest lies outside mean ± right · deviation, the newest being one of those that make both.
    fn outside(&self, values: &[f64], newest: f64) -> Verdict {
        let mean_of = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |sum, v| sum + v);
        let count = values.len() as f64;
        let mean = mean_of(&mut values.iter().copied()) / count;
        let deviation = (mean_of(&mut values.iter().map(|v| (v - mean) * (v - mean))) / count).sqrt();
        let outside = newest < mean - self.right * deviation || newest > mean + self.right * deviation;
        Verdict { left: newest, triggered: outside }
    }

    /// Each of the newest `limit` against each of the oldest `first`, oldest first; all must hold. A zero among the newest
    /// ends it without a verdict of its own: not triggered.
    fn each_pair(&self, values: &[f64], change: impl Fn(f64, f64) -> f64) -> Verdict {
        let news = values.get(..usize::try_from(self.function.limit).unwrap_or(0)).unwrap_or_default();
        let mut verdict = Verdict { left: 0.0, triggered: false };
        for (i, old) in values.iter().rev().take(usize::try_from(self.function.first).unwrap_or(0)).enumerate() {
            verdict.triggered = false;
            if values.get(i).is_none_or(|v| *v == 0.0) {
                break;
            }
            for new in news {
                verdict.left = change(*new, *old);
                verdict.triggered = self.holds(verdict.left);
                if !verdict.triggered {
                    return verdict;
                }
            }
            if !verdict.triggered {
                return verdict;
            }
        }
        verdict
    }

    /// The verdict over points of one series, oldest first, as a query gives them: (seconds, value). `rate` judges the
    /// changes per second between neighbours. With the verdict comes the time of the oldest point that counted.
    pub fn judge(&self, oldest_first: &[(i64, f64)], rate: bool) -> Option<(Verdict, i64)> {
        let need = self.function.points();
        let points = oldest_first.iter().rev();
        let window: Vec<(i64, f64)> = if rate { rates(points).take(need).collect() } else { points.copied().take(need).collect() };
        let values: Vec<f64> = window.iter().map(|(_, v)| *v).collect();
        Some((self.verdict(&values)?, window.last()?.0))
    }
}

/// Change per second at each point that has an older neighbour; `newest_first` in and out.
pub(super) fn rates<'a>(newest_first: impl Iterator<Item = &'a (i64, f64)> + Clone) -> impl Iterator<Item = (i64, f64)> {
    let older = newest_first.clone().skip(1);
    newest_first.zip(older).map(|((t, v), (before, old))| (*t, (v - old) / (t - before) as f64))
}
