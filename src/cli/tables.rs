//! `create-tables`: OpenTSDB's four tables, those of rollups and our own, with the schema of OpenTSDB's `create_table.sh`.

use super::{Call, Failure, USAGE};
use crate::config::Settings;
use crate::store::{Store, TableSpec};
use crate::tsd::{self, Schema};

pub fn run(call: &Call) -> Result<(), Failure> {
    if let [word, ..] = call.words().as_slice() {
        return Err(call.misused(USAGE, &format!("Unexpected argument: {word}")));
    }
    let settings = call.settings()?;
    let schema = schema(call)?;
    let splits = splits(call, &settings)?;
    let store = tsd::open_store(&settings).map_err(Failure::new)?;
    if store.is_private() {
        tracing::warn!("these are tables of the {}, which makes its own; --thrift=HOST:PORT makes them in HBase", store.describe());
    }
    let there = store.tables().map_err(Failure::new)?;
    for table in tsd::tables(&settings, &schema).map_err(Failure::new)? {
        let others = [settings.storage_hbase_tree_table.clone(), tsd::worker_table(&settings)];
        let of_points = table.families.iter().any(|family| family.name == "t") && !others.contains(&table.name);
        let splits = if of_points { splits.as_slice() } else { &[] };
        super::extra::print(&create(store.as_ref(), &there, &table, splits)?)?;
    }
    store.sync().map_err(Failure::new)
}

/// Creates a table unless it is there; a line about it.
fn create(store: &dyn Store, there: &[String], table: &TableSpec, splits: &[Vec<u8>]) -> Result<String, Failure> {
    if there.contains(&table.name) {
        return Ok(format!("{}: exists\n", table.name));
    }
    if let Err(error) = store.create_table(table, splits) {
        // Two that run at the same time may both have seen that it is not there.
        if store.tables().is_ok_and(|there| there.contains(&table.name)) {
            return Ok(format!("{}: exists\n", table.name));
        }
        return Err(Failure::new(format!("table {} could not be created: {error}", table.name)));
    }
    let families: Vec<&str> = table.families.iter().map(|family| family.name).collect();
    Ok(format!("{}: created ({})\n", table.name, families.join(", ")))
}

/// A flag, else the environment variable that `create_table.sh` reads; empty counts as unset.
fn option(call: &Call, flag: &str, variable: &str) -> Option<(String, String)> {
    let flagged = call.parsed.value(flag).map(|text| (flag.to_string(), text.to_string()));
    flagged.or_else(|| Some((variable.to_string(), std::env::var(variable).ok()?))).filter(|(_, text)| !text.is_empty())
}

fn choice(call: &Call, flag: &str, variable: &str, allowed: &[&str], default: &str) -> Result<String, Failure> {
    let Some((name, text)) = option(call, flag, variable) else { return Ok(default.to_string()) };
    let upper = if text.eq_ignore_ascii_case("gzip") { "GZ".to_string() } else { text.to_uppercase() };
    if allowed.contains(&upper.as_str()) {
        return Ok(upper);
    }
    Err(Failure::code(USAGE, format!("{name} = {text:?} is not valid; allowed: {}", allowed.join(", "))))
}

fn schema(call: &Call) -> Result<Schema, Failure> {
    let codecs = ["NONE", "GZ", "SNAPPY", "LZO", "LZ4", "ZSTD", "BZIP2"];
    let compression = choice(call, "--compression", "COMPRESSION", &codecs, "GZ")?;
    let bloom = choice(call, "--bloomfilter", "BLOOMFILTER", &["ROW", "ROWCOL", "NONE"], "ROW")?;
    let ttl = match option(call, "--ttl", "TSDB_TTL") {
        None => None,
        Some((_, text)) if text.eq_ignore_ascii_case("forever") => None,
        Some((name, text)) => match text.parse::<u32>() {
            Ok(seconds) if (1..=i32::MAX as u32).contains(&seconds) => Some(seconds),
            _ => {
                return Err(Failure::code(
                    USAGE,
                    format!("{name} = {text:?} is not valid; allowed: FOREVER, or seconds from 1 to {}", i32::MAX),
                ));
            }
        },
    };
    Ok(Schema { compression, bloom, ttl })
}

/// Most regions that a table is split into at its creation.
const REGIONS_MAX: u32 = 4096;

/// Where the table of points is split: before each salt but the first.
fn splits(call: &Call, settings: &Settings) -> Result<Vec<Vec<u8>>, Failure> {
    let layout = tsd::layout(settings);
    let asked = option(call, "--salt", "SALT");
    if asked.is_some() && layout.salt_width == 0 {
        return Err(Failure::code(USAGE, "salts need tsd.storage.salt.width above 0, here and in all TSDs"));
    }
    let buckets = match asked {
        _ if layout.salt_width == 0 => return Ok(Vec::new()),
        None => layout.salt_buckets.min(REGIONS_MAX),
        Some((name, text)) => match text.parse::<u32>() {
            Ok(buckets) if (1..=REGIONS_MAX).contains(&buckets) => buckets,
            _ => return Err(Failure::code(USAGE, format!("{name} = {text:?} is not valid; allowed: 1 to {REGIONS_MAX}"))),
        },
    };
    Ok(salt_prefixes(layout.salt_width, buckets))
}

/// The prefixes of all salts but the first, in order; those that do not fit the width are left out.
fn salt_prefixes(width: u8, buckets: u32) -> Vec<Vec<u8>> {
    let fits = |salt: &u64| width >= 8 || *salt < 1 << (8 * u32::from(width));
    let prefix = |salt: u64| salt.to_be_bytes().iter().skip(8_usize.saturating_sub(usize::from(width))).copied().collect();
    (1..u64::from(buckets)).take_while(fits).map(prefix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_before_each_salt() {
        assert_eq!(salt_prefixes(1, 3), [[1], [2]]);
        assert_eq!(salt_prefixes(1, 1), Vec::<Vec<u8>>::new());
        assert_eq!(salt_prefixes(2, 3), [[0, 1], [0, 2]]);
        assert_eq!(salt_prefixes(1, 1000).len(), 255);
        assert_eq!(salt_prefixes(8, 2), [[0, 0, 0, 0, 0, 0, 0, 1]]);
    }
}
