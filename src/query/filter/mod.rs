//! Tag filters: parsed once, matched against tag values.

/// One filter on one tag key, as the request gave it and ready to match.
#[derive(Clone, Debug)]
pub struct TagFilter {
    /// Tag name.
    pub tagk: String,
    /// Whether the tag's values split the answer into groups.
    pub group_by: bool,
    /// What it asks of the value.
    pub test: TagTest,
}

/// What a filter asks of a tag's value.
#[derive(Clone, Debug)]
pub enum TagTest {
    /// One of these names. The only test that is resolved to UIDs before the scan: an unknown name fails the query.
    LiteralOr {
        /// The names, in the order given, without duplicates.
        values: Vec<String>,
        /// Compare without case (then it is not resolved to UIDs, and an unknown name fails nothing).
        ignore_case: bool,
    },
    /// None of these names.
    NotLiteralOr {
        /// The names.
        values: Vec<String>,
        /// Compare without case.
        ignore_case: bool,
    },
    /// `*` stands for any run of characters.
    Wildcard {
        /// The pattern as given.
        pattern: String,
        /// Compare without case.
        ignore_case: bool,
    },
    /// A Java regular expression that is found anywhere in the value.
    Regexp {
        /// The pattern as given.
        pattern: String,
        /// Translated and compiled.
        regex: std::sync::Arc<fancy_regex::Regex>,
    },
}
