//! `/api/ui/config`: every setting with its value, its default, where it was set and what becomes of it. Secrets are masked.

use crate::config::{KEYS, Settings, State};
use crate::server::http::api::{ApiError, ApiRequest, ApiResponse};
use crate::server::http::config::mask;
use crate::server::http::reply;
use crate::tsd::Tsd;
use serde_json::{Value, json};

/// Answers it.
pub fn config(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET"])?;
    Ok(ApiResponse::json(json!({ "origin": tsd.settings.origin(), "settings": settings(&tsd.settings) }).to_string()))
}

fn settings(settings: &Settings) -> Vec<Value> {
    let known = KEYS.iter().filter_map(|key| {
        let value = settings.get(key.name)?;
        let (state, note) = match key.state {
            State::Works => ("works", None),
            State::Ignored(note) => ("ignored", Some(note)),
            State::Refused(note) => ("refused", Some(note)),
        };
        let given = settings.given.texts.get(key.name);
        Some(json!({
            "key": key.name, "value": mask(key.name, value.to_string()), "default": key.default.to_string(), "help": key.help.trim(),
            "place": given.map(|text| text.place.to_string()), "state": state, "note": note,
        }))
    });
    // Keys of plug-ins and of asynchbase mean nothing here and are kept.
    let foreign = settings.given.texts.values().filter(|text| settings.get(&text.key).is_none()).map(|text| {
        json!({
            "key": text.key, "value": mask(&text.key, text.text.clone()), "default": null, "help": null,
            "place": text.place.to_string(), "state": "foreign", "note": null,
        })
    });
    known.chain(foreign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_once_with_its_default() {
        let all = settings(&Settings::default());
        assert_eq!(all.len(), KEYS.len());
        let port = all.iter().find(|one| one["key"] == "tsd.network.port").unwrap();
        assert_eq!((&port["value"], &port["default"], &port["place"]), (&json!("4242"), &json!("4242"), &Value::Null));
    }
}
