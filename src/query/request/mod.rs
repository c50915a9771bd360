//! Dialects of questions: JSON, URI; each compiles to a [`super::plan::Query`].
