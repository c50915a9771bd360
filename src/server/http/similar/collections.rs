//! `/api/similar/collections`: saved series with notes, one record each on the desk. Documented in docs/API.md.
//!
//! The values are kept with the series, so that a collection outlives its data. A change names the `updated` that was
//! read, and is refused if somebody else was faster.

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::super::query::desk_error;
use super::super::ui::may_write;
use super::window::{self, Span};
use crate::clock;
use crate::codec::from_hex;
use crate::desk::Record;
use crate::tsd::Tsd;
use crate::worker::similar::{Collection, Index};
use serde_json::json;

/// The kind of these records.
const KIND: &str = "collection";
/// Collections at most: all are read by each search.
const COLLECTIONS_MAX: usize = 200;

/// Answers all of it; `id` as it stands in the path.
pub fn collections(tsd: &Tsd, request: &ApiRequest, id: Option<&str>) -> Result<ApiResponse, ApiError> {
    // The method as it was sent: a link to another method's work could be put into a page of another site.
    if request.method != "GET" {
        may_write(tsd, request)?;
    }
    match (request.method.as_str(), id) {
        ("GET", None) => list(tsd),
        ("GET", Some(id)) => Ok(ApiResponse::json(existing(tsd, id)?.value)),
        ("PUT", Some(id)) => put(tsd, request, id),
        ("DELETE", Some(id)) => {
            existing(tsd, id)?;
            tsd.desk.delete(KIND, id).map_err(desk_error)?;
            Ok(ApiResponse::no_content())
        }
        ("POST" | "PUT" | "DELETE", _) => Err(ApiError::new(404, "There is no such endpoint")),
        (other, _) => Err(ApiError::method_not_allowed(other)),
    }
}

fn all(tsd: &Tsd) -> Result<Vec<(String, Collection)>, ApiError> {
    let records = match tsd.desk.list(KIND, "", None, COLLECTIONS_MAX) {
        Ok(page) => page.records,
        // Without the table there are none; saving one says so.
        Err(crate::desk::DeskError::NoTable { .. }) => Vec::new(),
        Err(e) => return Err(desk_error(e)),
    };
    // One that cannot be read must not hide the others.
    Ok(records.into_iter().filter_map(|r| Some((r.id, serde_json::from_slice(&r.value).ok()?))).collect())
}

/// The series of all collections. A hit's collection is its id.
pub fn index(tsd: &Tsd) -> Result<Index, ApiError> {
    let all: Vec<Collection> = all(tsd)?.into_iter().map(|(id, collection)| Collection { name: id, ..collection }).collect();
    Ok(Collection::index(&all))
}

fn list(tsd: &Tsd) -> Result<ApiResponse, ApiError> {
    let one = |(id, c): &(String, Collection)| json!({"id": id, "name": c.name, "description": c.description, "series": c.items.len(), "updated": c.updated});
    Ok(ApiResponse::json(json!(all(tsd)?.iter().map(one).collect::<Vec<_>>()).to_string()))
}

fn existing(tsd: &Tsd, id: &str) -> Result<Record, ApiError> {
    let record = tsd.desk.get(KIND, id).map_err(desk_error)?;
    record.ok_or_else(|| ApiError::new(404, format!("There is no collection {id:?}")))
}

/// Makes a collection (`updated` is 0), or replaces the one that was read.
fn put(tsd: &Tsd, request: &ApiRequest, id: &str) -> Result<ApiResponse, ApiError> {
    let fine = id.len() <= 64 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fine {
        return Err(ApiError::bad("An id of a collection has 1 to 64 lower-case letters, digits and hyphens"));
    }
    let mut new: Collection =
        serde_json::from_slice(&request.body).map_err(|e| ApiError::bad("This is no collection").details(e.to_string()))?;
    fill(tsd, request, &mut new)?;
    new.check().map_err(|e| ApiError::bad(e.to_string()))?;
    let old = tsd.desk.get(KIND, id).map_err(desk_error)?;
    let then = old.as_ref().and_then(|r| serde_json::from_slice::<Collection>(&r.value).ok()).map_or(0, |c| c.updated);
    let changed = |now: i64| ApiError::new(409, "Somebody else changed this collection meanwhile").details(format!("updated is {now}"));
    if then != new.updated {
        return Err(changed(then));
    }
    if old.is_none() && all(tsd)?.len() >= COLLECTIONS_MAX {
        return Err(ApiError::new(403, format!("There are too many collections (COLLECTIONS_MAX: {COLLECTIONS_MAX})")));
    }
    new.updated = clock::now_ms().max(then + 1);
    let value = serde_json::to_vec(&new).map_err(|e| ApiError::new(500, e.to_string()))?;
    let read = old.as_ref().map(|r| r.value.as_slice());
    if !tsd.desk.check_and_put(KIND, id, read, &value).map_err(desk_error)? {
        return Err(changed(then));
    }
    Ok(ApiResponse::json(json!({"id": id, "updated": new.updated}).to_string()))
}

/// Reads the values of series that came without them, from `start` to `end` (seconds).
fn fill(tsd: &Tsd, request: &ApiRequest, collection: &mut Collection) -> Result<(), ApiError> {
    for item in collection.items.iter_mut().filter(|item| item.values.is_empty() && !item.tsuid.is_empty()) {
        let wrong = || ApiError::bad(format!("{:?} is no TSUID", item.tsuid));
        let tsuid = from_hex(&item.tsuid).filter(|id| window::is_tsuid(tsd, id)).ok_or_else(wrong)?;
        let span = Span::new(item.start.saturating_mul(1000), item.end.saturating_mul(1000), i64::MAX, 1)?;
        item.values = window::values_of(tsd, &tsuid, &span, &request.cancel)?;
        if item.name.is_empty() {
            item.name = window::describe(tsd, &tsuid).map_err(super::error)?.name();
        }
    }
    Ok(())
}
