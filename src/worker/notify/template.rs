//! Messages from templates (the language of Jinja): bounded in steps and size, and without a way to files or other templates.
//!
//! A template sees the fields of the [`Notice`] by name (`id`, `kind`, `level`, `rule`, `title`, `text`, `note`, `since`,
//! `at`, `step`, `max_step`, `link`, `incident`, `labels`, `html`, `events`) and, of the first event, `name`, `tags` and
//! `value`. Filters
//! beside the usual ones: `time` (seconds as `2026-01-31 12:00:00 UTC`), `num` (a number as people write it), `age`
//! (seconds as `3 h 5 min`), `tojson`.

use super::Notice;
use super::known::Names;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

/// Steps that one message may take.
const FUEL: u64 = 200_000;
/// Longest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// A template that does not parse or cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{text}", .line.map(|n| format!("line {n}{}: ", .column.map(|n| format!(", column {n}")).unwrap_or_default())).unwrap_or_default())]
pub struct TemplateError {
    /// Line in the template, from 1, where it is known.
    pub line: Option<usize>,
    /// Column in that line, from 1, in characters, where it is known.
    pub column: Option<usize>,
    /// What is wrong.
    pub text: String,
}

impl TemplateError {
    /// What the engine says of a source.
    fn of(error: &minijinja::Error, source: &str) -> TemplateError {
        let text = match (error.kind(), error.detail()) {
            (ErrorKind::OutOfFuel, _) => format!("takes more than {FUEL} steps"),
            (kind, Some(detail)) => format!("{kind}: {detail}"),
            (kind, None) => kind.to_string(),
        };
        let before = error.range().and_then(|range| source.get(..range.start));
        let column = before.map(|before| before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
        TemplateError { line: error.line(), column, text }
    }

    /// What is wrong at a byte of a source.
    pub(super) fn at(source: &str, at: usize, text: String) -> TemplateError {
        let before = source.get(..at).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        TemplateError { line: Some(before.matches('\n').count() + 1), column: Some(column), text }
    }

    /// What is wrong with the whole of it.
    fn whole(text: impl Into<String>) -> TemplateError {
        TemplateError { line: None, column: None, text: text.into() }
    }
}

/// A template of a rule or a channel that does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {error}")]
pub struct Wrong {
    /// Which, as it is named in rule files.
    pub field: &'static str,
    /// What is wrong with it.
    pub error: TemplateError,
}

impl Wrong {
    /// Names the field of an error.
    pub fn of(field: &'static str) -> impl Fn(TemplateError) -> Wrong {
        move |error| Wrong { field, error }
    }
}

/// Fills templates.
pub struct Templates {
    plain: Environment<'static>,
    html: Environment<'static>,
}

impl Default for Templates {
    fn default() -> Self {
        Templates { plain: environment(AutoEscape::None), html: environment(AutoEscape::Html) }
    }
}

fn environment(escape: AutoEscape) -> Environment<'static> {
    let mut it = Environment::new();
    it.set_undefined_behavior(UndefinedBehavior::Strict);
    it.set_fuel(Some(FUEL));
    it.set_recursion_limit(50);
    it.set_auto_escape_callback(move |_| escape.clone());
    it.add_filter("time", |seconds: i64| time_text(seconds));
    it.add_filter("age", |seconds: i64| age_text(seconds));
    it.add_filter("num", number_text);
    it
}

impl Templates {
    /// Looks whether a template parses and uses only what there is.
    ///
    /// # Errors
    /// Where it does not.
    pub fn check(&self, source: &str, names: &Names) -> Result<(), TemplateError> {
        let template = self.plain.template_from_str(source).map_err(|error| TemplateError::of(&error, source))?;
        names.unknown(&self.plain, &template, source).map_or(Ok(()), Err)
    }

    /// Fills `source`, as text, with the fields of a notice.
    ///
    /// # Errors
    /// A template that does not parse, uses what is not there, or takes too long.
    pub fn text(&self, source: &str, notice: &Notice) -> Result<String, TemplateError> {
        fill(&self.plain, source, context(notice, None))
    }

    /// The same with a channel's secret as `key`, where it has one.
    ///
    /// # Errors
    /// As [`Templates::text`].
    pub fn with_key(&self, source: &str, notice: &Notice, key: Option<&str>) -> Result<String, TemplateError> {
        fill(&self.plain, source, context(notice, key))
    }

    /// The same where every value is escaped for HTML.
    ///
    /// # Errors
    /// As [`Templates::text`].
    pub fn html(&self, source: &str, notice: &Notice) -> Result<String, TemplateError> {
        fill(&self.html, source, context(notice, None))
    }
}

fn fill(environment: &Environment, source: &str, context: Value) -> Result<String, TemplateError> {
    let mut out = Bounded(Vec::new());
    let template = environment.template_from_str(source).map_err(|error| TemplateError::of(&error, source))?;
    template.render_captured_to(context, &mut out).map(|_| ()).map_err(|error| {
        if out.0.len() > MESSAGE_BYTES_MAX {
            return TemplateError::whole(format!("makes more than {MESSAGE_BYTES_MAX} bytes"));
        }
        TemplateError::of(&error, source)
    })?;
    String::from_utf8(out.0).map_err(|_| TemplateError::whole("makes text that is not UTF-8"))
}

/// A buffer that refuses to grow beyond the bound.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        if self.0.len() > MESSAGE_BYTES_MAX {
            return Err(std::io::Error::other("too long"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn context(notice: &Notice, key: Option<&str>) -> Value {
    Value::from(Serde(fields(notice, key)))
}

/// What a template sees: [`super::known::FIELDS`], and the key.
pub(super) fn fields(notice: &Notice, key: Option<&str>) -> serde_json::Value {
    let mut fields = serde_json::to_value(notice).unwrap_or_default();
    if let Some(map) = fields.as_object_mut() {
        let first = notice.first();
        map.insert("name".to_owned(), first.map(|e| e.name.clone()).unwrap_or_default().into());
        map.insert("tags".to_owned(), serde_json::json!(first.map(|e| &e.tags)));
        map.insert("value".to_owned(), serde_json::json!(first.and_then(|e| e.value)));
        map.insert("link".to_owned(), notice.link.clone().unwrap_or_default().into());
        map.insert("html".to_owned(), notice.html.clone().unwrap_or_default().into());
        map.insert("labels".to_owned(), serde_json::json!(notice.labels));
        map.extend(key.map(|key| ("key".to_owned(), key.into())));
    }
    fields
}

/// `2026-01-31 12:00:00 UTC`.
pub(super) fn time_text(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => seconds.to_string(),
    }
}

/// Seconds as people say them, in the two largest units.
pub(super) fn age_text(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds.max(0);
    let mut words = Vec::new();
    for (size, unit) in UNITS {
        if left >= size && words.len() < 2 {
            words.push(format!("{} {unit}", left / size));
            left %= size;
        } else if !words.is_empty() {
            break;
        }
    }
    if words.is_empty() { "0 s".to_owned() } else { words.join(" ") }
}

/// A number to five digits, without an end of zeros; large and tiny ones with an exponent.
pub(super) fn number_text(value: Option<f64>) -> String {
    let Some(x) = value else { return "-".to_owned() };
    let size = x.abs();
    if !x.is_finite() || (size != 0.0 && !(1e-4..1e15).contains(&size)) {
        return format!("{x:e}");
    }
    // Digits behind the point so that five count; whole numbers keep all of theirs.
    let digits = if size >= 1e4 { 0 } else { 4 - size.max(1.0).log10().floor().min(4.0) as usize };
    let text = format!("{x:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
