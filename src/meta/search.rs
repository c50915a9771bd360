//! Search in what the tables know beside points: meta data of series and of ids, annotations. (OpenTSDB asks a plug-in,
//! Elasticsearch's as a rule.)
//!
//! A query is a list of terms that must all hold: `word`, `field:word`, `field:"several words"`; `*` and `?` stand for
//! anything and for one character, a term behind `-` must not hold, `*` alone finds everything. Case does not count. A
//! word is found where it is the whole of a field or a word in it. Fields: those of the JSON of the answer; of series also
//! `metric`, `tagk`, `tagv`, `tags.NAME` and `name` (any of those names); own keys are `custom.KEY`.

use super::lookup::{LookupError, NamedSeries, Places};
use super::tables::{MetaTables, ts_columns};
use super::text::Custom;
use super::{MetaError, TsMeta, UidMeta};
use crate::codec::{Note, RowKey, from_hex, note_time, scan_key, to_hex};
use crate::point::glob::glob;
use crate::store::{Columns, RowBatch, Scan, after_prefix};
use crate::uid::{UidError, UidKind, from_latin_1};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Most results of one answer.
pub const RESULTS_MAX: usize = 100_000;
/// Longest time of a search: annotations lie among the points.
const SEARCH_MAX: Duration = Duration::from_secs(60);
/// Most terms of a query.
const TERMS_MAX: usize = 64;

/// A query, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Option<String>,
    pattern: Vec<char>,
    negated: bool,
}

/// The fields of one thing that may be found: names and texts.
type Fields = Vec<(String, String)>;

impl Terms {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Terms, String> {
        let mut terms = Vec::new();
        for word in words(text)? {
            if word == "AND" {
                continue;
            }
            if word == "OR" || word == "NOT" || word.starts_with('(') {
                return Err(format!("'{word}' is not part of the query language: terms are joined by AND, -term excludes"));
            }
            let (negated, word) = word.strip_prefix('-').map_or((false, word.as_str()), |rest| (true, rest));
            let (field, pattern) = match word.split_once(':') {
                Some((field, pattern)) if !field.is_empty() && field != "*" => (Some(field.to_lowercase()), pattern),
                Some((_, pattern)) => (None, pattern),
                None => (None, word),
            };
            let pattern = pattern.trim_matches('"').to_lowercase().chars().collect();
            terms.push(Term { field, pattern, negated });
        }
        match terms.len() {
            0 => Err("the query is empty; * finds everything".to_string()),
            1..=TERMS_MAX => Ok(Terms(terms)),
            more => Err(format!("{more} terms are too many: at most {TERMS_MAX} (TERMS_MAX)")),
        }
    }

    fn matches(&self, fields: &Fields) -> bool {
        self.0.iter().all(|term| term.negated != fields.iter().any(|(name, text)| term.finds(name, text)))
    }

    /// The one series that is asked for by its whole id.
    fn series(&self) -> Option<Vec<u8>> {
        let of = |term: &&Term| !term.negated && term.field.as_deref() == Some("tsuid");
        from_hex(&self.0.iter().find(of)?.pattern.iter().collect::<String>())
    }
}

impl Term {
    fn finds(&self, name: &str, text: &str) -> bool {
        if self.field.as_ref().is_some_and(|field| !field.eq_ignore_ascii_case(name)) {
            return false;
        }
        let text = text.to_lowercase();
        let fits = |text: &str| glob(&self.pattern, &text.chars().collect::<Vec<_>>());
        fits(&text) || text.split_whitespace().any(fits)
    }
}

/// Words between blanks; blanks inside double quotes belong to a word.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut all, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        quoted ^= c == '"';
        if c.is_whitespace() && !quoted {
            all.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        } else {
            word.push(c);
        }
    }
    if quoted {
        return Err("a double quote is not closed".to_string());
    }
    all.extend((!word.is_empty()).then_some(word));
    Ok(all)
}

/// A part of the results as JSON, and how many there are in all.
#[derive(Debug)]
pub struct Page {
    /// The inside of the list.
    pub results: Vec<u8>,
    /// All that match.
    pub total: usize,
    first: usize,
    limit: usize,
    until: Instant,
}

impl Page {
    /// From which result, and how many at most.
    pub fn new(first: usize, limit: usize) -> Page {
        Page { results: Vec::new(), total: 0, first, limit: limit.min(RESULTS_MAX), until: Instant::now() + SEARCH_MAX }
    }

    fn offer(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), MetaError>) -> Result<(), MetaError> {
        let shown = (self.first..self.first.saturating_add(self.limit)).contains(&self.total);
        self.total += 1;
        if !shown {
            return Ok(());
        }
        if !self.results.is_empty() {
            self.results.push(b',');
        }
        write(&mut self.results)
    }
}

/// How a series is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// All that is known.
    Meta,
    /// Its id and names.
    Summary,
    /// Its id.
    Id,
}

/// Why a search has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The tables.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// What is stored in them.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// It takes too long.
    #[error("the search takes longer than {SEARCH_MAX:?} (SEARCH_MAX): ask for one series (tsuid:...)")]
    Slow,
}

impl Places<'_> {
    /// Series by their meta data and names. [`Told::Meta`]: only those that have meta data.
    pub fn search_series(&self, tables: &MetaTables, terms: &Terms, told: Told, page: &mut Page) -> Result<(), SearchError> {
        let mut scan = Scan::range(Vec::new(), Vec::new());
        scan.columns = ts_columns();
        self.rows(self.meta_table, scan, page, |batch, page| {
            let keys: Vec<Vec<u8>> = batch.rows().map(|row| row.key().to_vec()).filter(|key| self.is_series(key)).collect();
            self.warm(&keys)?;
            for row in batch.rows().filter(|row| self.is_series(row.key())) {
                let meta = tables.read_ts_meta(&row)?;
                let named = match self.name(row.key().to_vec()) {
                    Ok(named) => named,
                    // An id without a name: found by the id alone.
                    Err(LookupError::Uid(UidError::NoSuchId { .. })) => {
                        NamedSeries { tsuid: row.key().to_vec(), metric: String::new(), tags: Vec::new() }
                    }
                    Err(e) => return Err(e.into()),
                };
                if (meta.is_none() && told == Told::Meta) || !terms.matches(&series_fields(&named, meta.as_ref())) {
                    continue;
                }
                page.offer(|out| {
                    match (told, meta) {
                        (Told::Meta, Some(meta)) => tables.load_ids(meta)?.write_answer(out),
                        (Told::Id, _) => out.extend_from_slice(format!("\"{}\"", to_hex(&named.tsuid)).as_bytes()),
                        _ => named.push_json(out),
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    /// Ids by their names and meta data; those without meta data have it with defaults.
    pub fn search_ids(&self, terms: &Terms, page: &mut Page) -> Result<(), SearchError> {
        let mut scan = Scan::range(Vec::new(), Vec::new());
        scan.columns = Columns::Family("name");
        self.rows(self.uids.table(), scan, page, |batch, page| {
            for (row, kind) in batch.rows().flat_map(|row| UidKind::ALL.map(|kind| (row, kind))) {
                let Some(name) = row.value("name", kind.qualifier().as_bytes()).map(from_latin_1) else { continue };
                let json = row.value("name", kind.meta_qualifier().as_bytes());
                let read = json.map(|json| UidMeta::read(kind, row.key(), &name, json));
                let meta = match read.unwrap_or_else(|| Ok(UidMeta::new(kind, row.key(), &name))) {
                    Ok(meta) => meta,
                    Err(why) => {
                        tracing::warn!(row = to_hex(row.key()), "meta data of {} {name} cannot be read: {}", kind.qualifier(), why.0);
                        UidMeta::new(kind, row.key(), &name)
                    }
                };
                if terms.matches(&id_fields(&meta)) {
                    page.offer(|out| {
                        meta.write_answer(out);
                        Ok(())
                    })?;
                }
            }
            Ok(())
        })
    }

    /// Annotations, local and global. They lie among the points, so the table of points is read: of one metric if the
    /// query has a whole `tsuid:`.
    pub fn search_notes(&self, terms: &Terms, page: &mut Page) -> Result<(), SearchError> {
        let metric = terms.series().and_then(|tsuid| tsuid.get(..usize::from(self.layout.metric_width)).map(<[u8]>::to_vec));
        let ranges: Vec<(Vec<u8>, Vec<u8>)> = match metric {
            None => vec![(Vec::new(), Vec::new())],
            Some(metric) => (0..self.layout.buckets())
                .map(|bucket| {
                    let mut start = scan_key(&self.layout, bucket, &metric, 0);
                    start.truncate(self.layout.time_at());
                    let stop = after_prefix(&start);
                    (start, stop)
                })
                .collect(),
        };
        for (start, stop) in ranges {
            let mut scan = Scan::range(start, stop);
            scan.columns = Columns::Family("t");
            self.rows(self.data_table, scan, page, |batch, page| {
                for (row, cell) in batch.rows().flat_map(|row| row.cells().map(move |cell| (row, cell))) {
                    if note_time(cell.qualifier, 0).is_none() || RowKey::parse(&self.layout, row.key()).is_err() {
                        continue;
                    }
                    match Note::parse(cell.value) {
                        Ok(note) if terms.matches(&note_fields(&note)) => page.offer(|out| {
                            note.push_json(out);
                            Ok(())
                        })?,
                        Ok(_) => {}
                        Err(why) => tracing::warn!(row = to_hex(row.key()), "an annotation cannot be read: {why}"),
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn rows(
        &self,
        table: &str,
        scan: Scan,
        page: &mut Page,
        mut each: impl FnMut(&RowBatch, &mut Page) -> Result<(), SearchError>,
    ) -> Result<(), SearchError> {
        let mut scanner = self.store.scan(table, scan).map_err(LookupError::from)?;
        let mut batch = RowBatch::default();
        while scanner.next(&mut batch).map_err(LookupError::from)? {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(LookupError::Cancelled.into());
            }
            if Instant::now() > page.until {
                return Err(SearchError::Slow);
            }
            each(&batch, page)?;
        }
        Ok(())
    }
}

fn add(fields: &mut Fields, name: &str, text: &str) {
    fields.push((name.to_string(), text.to_string()));
}

fn add_custom(fields: &mut Fields, custom: Option<&Custom>) {
    for (key, text) in custom.into_iter().flatten() {
        add(fields, &format!("custom.{key}"), text.as_deref().unwrap_or_default());
    }
}

fn series_fields(named: &NamedSeries, meta: Option<&TsMeta>) -> Fields {
    let mut fields = vec![("tsuid".to_string(), to_hex(&named.tsuid))];
    for name in ["metric", "name"] {
        add(&mut fields, name, &named.metric);
    }
    for (key, value) in &named.tags {
        add(&mut fields, &format!("tags.{key}"), value);
        for (field, text) in [("tagk", key), ("tagv", value), ("name", key), ("name", value)] {
            add(&mut fields, field, text);
        }
    }
    if let Some(meta) = meta {
        let texts = [
            ("displayName", &meta.display_name),
            ("description", &meta.description),
            ("notes", &meta.notes),
            ("units", &meta.units),
            ("dataType", &meta.data_type),
        ];
        texts.iter().for_each(|(name, text)| add(&mut fields, name, text.as_deref().unwrap_or_default()));
        add(&mut fields, "created", &meta.created.to_string());
        add_custom(&mut fields, meta.custom.as_ref());
    }
    fields
}

fn id_fields(meta: &UidMeta) -> Fields {
    let mut fields = vec![("uid".to_string(), to_hex(&meta.uid)), ("name".to_string(), meta.name.clone())];
    add(&mut fields, "type", super::uid_meta::type_name(meta.kind));
    for (name, text) in [("displayName", &meta.display_name), ("description", &meta.description), ("notes", &meta.notes)] {
        add(&mut fields, name, text.as_deref().unwrap_or_default());
    }
    add(&mut fields, "created", &meta.created.to_string());
    add_custom(&mut fields, meta.custom.as_ref());
    fields
}

fn note_fields(note: &Note) -> Fields {
    let mut fields = vec![("tsuid".to_string(), note.tsuid.clone())];
    add(&mut fields, "description", note.description.as_deref().unwrap_or_default());
    add(&mut fields, "notes", note.notes.as_deref().unwrap_or_default());
    add(&mut fields, "startTime", &note.start.to_string());
    add(&mut fields, "endTime", &note.end.to_string());
    for (key, text) in note.custom.iter().flatten() {
        add(&mut fields, &format!("custom.{key}"), text.as_deref().unwrap_or_default());
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, want: bool) {
        let named = NamedSeries { tsuid: vec![0, 0, 1], metric: "sys.cpu.user".into(), tags: vec![("host".into(), "Web01".into())] };
        let mut meta = TsMeta::new(&[0, 0, 1], 7);
        meta.description = Some("Time in user mode".into());
        meta.custom = Some(vec![("owner".into(), Some("ops".into()))]);
        assert_eq!(Terms::parse(query).map(|terms| terms.matches(&series_fields(&named, Some(&meta)))), Ok(want), "{query}");
    }

    #[test]
    fn queries() {
        for found in ["*", "*:*", "sys.cpu.user", "sys.cpu*", "metric:sys.*", "web01", "tagv:WEB0?", "name:host", "tags.host:web*", "USER"]
        {
            check(found, true);
        }
        for found in
            [r#"description:"time in user mode""#, "custom.owner:ops mode", "-nothing *", "metric:*.user AND tagk:host", "tsuid:000001"]
        {
            check(found, true);
        }
        for not in ["sys", "metric:web01", "tagv:web", "-user", "web01 nothing", "tags.dc:*", "custom.owner:dev", "use"] {
            check(not, false);
        }
    }

    #[test]
    fn no_queries() {
        let why = |text: &str| Terms::parse(text).unwrap_err();
        assert!(why("  ").contains("empty"));
        assert!(why("a OR b").contains("'OR'"));
        assert!(why("a:\"b").contains("not closed"));
        assert!(why(&"a ".repeat(65)).contains("TERMS_MAX"));
    }

    #[test]
    fn globs() {
        let check = |pattern: &str, text: &str, want: bool| {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(glob(&chars(pattern), &chars(text)), want, "{pattern} {text}");
        };
        check("", "", true);
        check("*", "", true);
        check("a*b*c", "axxbyyc", true);
        check("a*b*c", "axxbyy", false);
        check("*ab", "aab", true);
        check("?", "", false);
        check("a**", "a", true);
        check(&"*a".repeat(30), &"a".repeat(25), false);
    }
}
