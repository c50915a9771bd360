//! `/api/ui/metric`, `/api/ui/tagvalues`, `/api/ui/series`: what one metric has.

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::asked::{error, get, needed, page, seconds, tags, text, words};
use crate::catalog::metrics::SeriesRow;
use crate::codec::to_hex;
use crate::point::{Number, write_number};
use crate::tsd::Tsd;
use serde_json::{Map, Value, json};

/// Values of a tag's card.
const CARD_VALUES: usize = 50;
/// Values of a tag when nobody says how many, and at most.
const VALUES: (usize, usize) = (100, 10_000);
/// Series of a page when nobody says how many, and at most.
const SERIES: (usize, usize) = (50, 1_000);

/// How many series a metric has and a card for each of its tags.
pub fn metric(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    get(request)?;
    let name = needed(request, "metric")?;
    let chosen = tsd.catalog.choose(name, &tags(text(request, "tags")?)?, &request.cancel).map_err(error)?;
    let last = tsd.catalog.last_of(&chosen, &request.cancel).map_err(error)?;
    let cards = tsd.catalog.cards(&chosen, CARD_VALUES).map_err(error)?;
    let card = |card: &crate::catalog::metrics::TagCard| {
        let values: Vec<_> = card.values.iter().map(|(value, series)| json!({"value": value, "series": series})).collect();
        json!({"name": card.name, "uid": card.uid.to_hex(), "series": card.series, "count": card.count, "values": values})
    };
    let out = json!({
        "metric": name,
        "uid": chosen.metric.to_hex(),
        "series": chosen.series.len(),
        "limited": chosen.limited,
        "back_to": chosen.oldest.filter(|_| chosen.limited),
        "last": seconds(last.map(|(time, _)| time)),
        "value": last.map(|(_, value)| number(value)),
        "tags": cards.iter().map(card).collect::<Vec<_>>(),
    });
    Ok(ApiResponse::json(out.to_string()))
}

/// The values of one tag of a metric.
pub fn tag_values(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    get(request)?;
    let (name, tagk) = (needed(request, "metric")?, needed(request, "tagk")?);
    let (words, page) = (words(request)?, page(request, VALUES.0, VALUES.1)?);
    let chosen = tsd.catalog.choose(name, &tags(text(request, "tags")?)?, &request.cancel).map_err(error)?;
    let (total, values) = tsd.catalog.values(&chosen, tagk, &words, page).map_err(error)?;
    let hits: Vec<_> = values.iter().map(|(name, series)| json!({"name": name, "series": series})).collect();
    Ok(ApiResponse::json(json!({"total": total, "limited": chosen.limited, "hits": hits}).to_string()))
}

/// The series of a metric, by page.
pub fn series(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    get(request)?;
    let name = needed(request, "metric")?;
    let (words, page) = (words(request)?, page(request, SERIES.0, SERIES.1)?);
    let chosen = tsd.catalog.choose(name, &tags(text(request, "tags")?)?, &request.cancel).map_err(error)?;
    let (total, rows) = tsd.catalog.series(&chosen, &words, page, &request.cancel).map_err(error)?;
    let row = |row: &SeriesRow| {
        let tags: Map<String, Value> = row.tags.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        let last = row.last.map(|(time, _)| time.div_euclid(1000));
        json!({"tsuid": to_hex(&row.tsuid), "metric": name, "tags": tags, "last": last, "value": row.last.map(|(_, value)| number(value))})
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    Ok(ApiResponse::json(json!({"total": total, "limited": chosen.limited, "series": rows}).to_string()))
}

/// A value as the API writes it; what JSON has no number for is a text.
fn number(value: Number) -> Value {
    let mut out = Vec::new();
    write_number(&mut out, value);
    let text = String::from_utf8_lossy(&out).into_owned();
    serde_json::from_str::<serde_json::Number>(&text).map_or(Value::String(text), Value::Number)
}
