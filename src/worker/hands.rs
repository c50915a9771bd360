//! What channels do inside the house: notes on series, and data points.

use super::house::{House, OwnNote, OwnPoint};
use super::notify::{Inside, Notice, SendError};
use super::rule::expression::SourceError;
use std::sync::Arc;

/// Notes and points of channels.
pub struct Hands(pub Arc<dyn House>);

impl Inside for Hands {
    fn annotate(&self, notice: &Notice) -> Result<(), SendError> {
        for event in &notice.events {
            let Some(tsuid) = &event.tsuid else { continue };
            let note =
                OwnNote { tsuid: tsuid.clone(), start: event.at, end: 0, description: notice.title.clone(), incident: notice.id.clone() };
            self.0.note(&note).map_err(sent)?;
        }
        Ok(())
    }

    fn point(&self, notice: &Notice) -> Result<(), SendError> {
        let word = |text: &str| if text.is_empty() { "several".to_owned() } else { plain_word(text) };
        let tags = [("rule".to_owned(), word(&notice.rule)), ("level".to_owned(), word(&notice.level))].into();
        let value = notice.events.len() as f64;
        self.0.put(&[OwnPoint { metric: "tsdb.worker.notice".to_owned(), at: notice.at, value, tags }]).map_err(sent)
    }
}

/// A text as the value of a tag.
pub fn plain_word(text: &str) -> String {
    text.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_./".contains(c), "_")
}

fn sent(error: SourceError) -> SendError {
    match error {
        SourceError::Away(why) => SendError::Later(why),
        SourceError::Refused(why) => SendError::Never(why),
    }
}
