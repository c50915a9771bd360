//! Names to ids and back. Series are joined by ids, because the order of ids is the order of OpenTSDB's answers.

use crate::query::engine::QueryError;
use crate::query::expression::series::{Id, Labels};
use crate::query::plan::Group;
use crate::uid::{UidKind, Uids};

/// The names of the tables. What was just read is in the cache.
#[derive(Clone, Copy)]
pub struct Names<'a>(pub &'a Uids);

impl Names<'_> {
    /// A name's id.
    pub fn id(&self, kind: UidKind, name: &str) -> Result<Id, QueryError> {
        Ok(self.0.id(kind, name)?.as_bytes().to_vec())
    }

    /// An id's name.
    pub fn name(&self, kind: UidKind, id: &Id) -> Result<String, QueryError> {
        Ok(self.0.name(kind, id)?.to_string())
    }

    /// What a series of an answer is called.
    pub fn labels(&self, group: &Group) -> Result<Labels, QueryError> {
        let tag = |(key, value): &(String, String)| Ok((self.id(UidKind::Tagk, key)?, self.id(UidKind::Tagv, value)?));
        Ok(Labels {
            metrics: [self.id(UidKind::Metric, &group.metric)?].into(),
            tags: group.tags.iter().map(tag).collect::<Result<_, QueryError>>()?,
            aggregated: group.aggregate_tags.iter().map(|key| self.id(UidKind::Tagk, key)).collect::<Result<_, _>>()?,
        })
    }

    /// Tags by name, in the order of their keys' ids.
    pub fn tags(&self, labels: &Labels) -> Result<Vec<(String, String)>, QueryError> {
        labels.tags.iter().map(|(key, value)| Ok((self.name(UidKind::Tagk, key)?, self.name(UidKind::Tagv, value)?))).collect()
    }

    /// Lost tag keys by name.
    pub fn aggregated(&self, labels: &Labels) -> Result<Vec<String>, QueryError> {
        labels.aggregated.iter().map(|key| self.name(UidKind::Tagk, key)).collect()
    }
}
