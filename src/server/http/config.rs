//! `/api/config`: the settings in force; `/api/config/filters`: the tag filters there are. Source: recorded scenario `config`.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::reply;
use crate::point::json::push_string;
use crate::query::filter::catalog::FILTERS;
use crate::tsd::Tsd;

/// Answers both. An unknown second part gives the settings.
pub fn config(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "POST"])?;
    if reply::below(request) == "filters" {
        return Ok(ApiResponse::json(filters()));
    }
    let masked = tsd.settings.all().into_iter().map(|(key, value)| {
        let value = mask(&key, value);
        (key, value)
    });
    Ok(ApiResponse::json(reply::strings(masked)))
}

/// Passwords are not shown, neither those of keys nor those in addresses (`smtp://user:password@host`).
pub(super) fn mask(key: &str, value: String) -> String {
    const HIDDEN: &str = "********";
    let key = key.to_lowercase();
    if ["pass", "secret", "token", "credential"].iter().any(|word| key.contains(word)) {
        return HIDDEN.to_string();
    }
    let Some((scheme, rest)) = value.split_once("://") else { return value };
    match rest.rsplit_once('@') {
        Some((user, place)) if !user.contains('/') => {
            let user = user.split_once(':').map_or(user.to_owned(), |(user, _)| format!("{user}:{HIDDEN}"));
            format!("{scheme}://{user}@{place}")
        }
        _ => value,
    }
}

fn filters() -> Vec<u8> {
    let mut out = vec![b'{'];
    for (place, entry) in FILTERS.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_string(&mut out, entry.name);
        out.push(b':');
        out.extend_from_slice(&reply::strings([("examples", entry.examples), ("description", entry.description)]));
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn filters_as_recorded() {
        let file = format!("{}/tests/golden/api/config.jsonl", env!("CARGO_MANIFEST_DIR"));
        let cases = std::fs::read_to_string(file).unwrap();
        let case = cases.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).find(|c| c["id"] == "filters").unwrap();
        let recorded: Value = serde_json::from_str(case["response"]["body"].as_str().unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&filters()).unwrap(), recorded);
    }

    #[test]
    fn passwords_are_masked() {
        assert_eq!(mask("tsd.network.auth.PassWord", "x".into()), "********");
        assert_eq!(mask("tsd.network.port", "1".into()), "1");
        assert_eq!(mask("tsd.worker.mail", "smtp://me:secret@mail:25".into()), "smtp://me:********@mail:25");
        assert_eq!(mask("tsd.worker.mail", "smtp://mail:25/a@b".into()), "smtp://mail:25/a@b");
    }
}
