//! How many of some series a sub query would read.

use super::select::{Selection, SeriesTest};
use super::{Engine, QueryError};
use crate::query::plan::SubQuery;

impl Engine {
    /// Counts those that are wanted, by their tags (ids as in row keys). Their metric is not looked at.
    pub fn count_wanted<'t>(&self, sub: &SubQuery, series: impl Iterator<Item = &'t [u8]>) -> Result<u64, QueryError> {
        let selection = Selection::resolve(sub, &self.uids, &self.options.layout, self.options.skip_unresolved_tagvs)?;
        let mut test = SeriesTest::new(&selection, &self.uids);
        let mut wanted = 0;
        for tags in series {
            wanted += u64::from(test.wanted(tags)?);
        }
        Ok(wanted)
    }
}
