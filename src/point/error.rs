//! Why a point was refused, in OpenTSDB's words.

/// Why a point was refused. Displays the words; what stands before them differs by protocol and is the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// A number cannot be read. Telnet says `invalid value: ` and the words, HTTP says
    /// [`PointError::HTTP_INVALID_VALUE`] whatever the words are.
    #[error("{0}")]
    InvalidValue(String),
    /// Another rule is broken (names, tags, range of the time). Telnet says `illegal argument: ` and the words.
    ///
    /// A half of a character above U+FFFF, which Java shows as half a character, stands in the words as
    /// [`super::name::surrogate_stand_in`] describes.
    #[error("{0}")]
    Illegal(String),
}

impl PointError {
    /// HTTP's words for every value that is no number (recorded case `put/v-word`).
    pub const HTTP_INVALID_VALUE: &'static str = "Unable to parse value to a number";

    /// What a telnet answer has between the command and the words (`put: ` + this + the words).
    pub fn telnet_class(&self) -> &'static str {
        match self {
            PointError::InvalidValue(_) => "invalid value: ",
            PointError::Illegal(_) => "illegal argument: ",
        }
    }

    /// The `error` text of `/api/put?details`.
    pub fn http_text(&self) -> &str {
        match self {
            PointError::InvalidValue(_) => Self::HTTP_INVALID_VALUE,
            PointError::Illegal(words) => words,
        }
    }
}
