//! `/api/query/last`. Source: recorded cases `last/*`.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::query::{context, error, refused};
use super::{reply, search};
use crate::point::json::push_string;
use crate::point::{write_i64, write_number};
use crate::query::last::{Last, LastPoint};
use crate::query::request::last;
use crate::tsd::{self, Tsd};

/// Answers it. Any method but POST has its question in the query string (`last/delete-method`).
pub fn last(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let asked = if request.method == "POST" { last::of_body(&request.body) } else { last::of_params(&request.params) }.map_err(refused)?;
    let settings = &tsd.settings;
    let overlay = tsd.writer.overlay();
    let last = Last {
        places: search::places(tsd, overlay.as_ref(), &request.cancel),
        decode: tsd::decode_options(settings),
        has_counters: settings.core_meta_enable_tsuid_tracking || settings.core_meta_enable_tsuid_incrementing,
        now: context(tsd)?.clock.now_ms,
    };
    let points = last.answer(&asked).map_err(error)?;
    let mut out = Vec::with_capacity(2 + points.len() * 128);
    for point in &points {
        out.push(if out.is_empty() { b'[' } else { b',' });
        push_point(&mut out, point);
    }
    if out.is_empty() {
        out.push(b'[');
    }
    out.push(b']');
    Ok(ApiResponse::json(out))
}

/// The value is a string (surprise 79).
fn push_point(out: &mut Vec<u8>, point: &LastPoint) {
    out.push(b'{');
    if let Some((metric, _)) = &point.names {
        out.extend_from_slice(b"\"metric\":");
        push_string(out, metric);
        out.push(b',');
    }
    out.extend_from_slice(b"\"timestamp\":");
    write_i64(out, point.time);
    out.extend_from_slice(b",\"value\":\"");
    write_number(out, point.value);
    out.push(b'"');
    if let Some((_, tags)) = &point.names {
        out.extend_from_slice(b",\"tags\":");
        out.extend_from_slice(&reply::strings(tags.iter().map(|(key, value)| (key, value))));
    }
    out.extend_from_slice(b",\"tsuid\":\"");
    out.extend_from_slice(crate::codec::to_hex(&point.tsuid).as_bytes());
    out.extend_from_slice(b"\"}");
}
