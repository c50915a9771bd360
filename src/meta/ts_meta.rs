//! Meta data of a series: `name:ts_meta` and `name:ts_ctr` of the table of meta data, in the row of the TSUID.
//!
//! `ts_meta` is JSON with its keys in this order (recorded in `storage/meta_realtime`, `storage/meta_edit`): `tsuid`,
//! `displayName`, `description`, `notes`, `created`, `custom`, `units`, `dataType`, `retention`, `max`, `min`.
//! `ts_ctr` is a count of points, 8 bytes, big-endian; its cell's time is when the last of them came.

use super::text::{Custom, Text, custom, custom_member, double, double_member, int, members, text_member};
use super::uid_meta::{UidMeta, earlier, given, put};
use crate::codec::to_hex;
use crate::point::json::{Json, JsonError, Members, push_list};

/// Column of the JSON.
pub const META_QUALIFIER: &[u8] = b"ts_meta";
/// Column of the counter.
pub const COUNTER_QUALIFIER: &[u8] = b"ts_ctr";

/// What is known about a series.
#[derive(Clone, Debug, PartialEq)]
pub struct TsMeta {
    /// The series.
    pub tsuid: Vec<u8>,
    /// A name to show instead.
    pub display_name: Text,
    /// One line.
    pub description: Text,
    /// More.
    pub notes: Text,
    /// When the series was first seen, in seconds; 0: nobody noted it.
    pub created: i64,
    /// Own keys and values.
    pub custom: Option<Custom>,
    /// Of the values.
    pub units: Text,
    /// Of the values: counter, gauge, ...
    pub data_type: Text,
    /// Days to keep points; 0: for ever. Nothing acts on it.
    pub retention: i32,
    /// Highest value expected, or NaN.
    pub max: f64,
    /// Lowest value expected, or NaN.
    pub min: f64,
    /// Meta data of the metric, where it was loaded.
    pub metric: Option<UidMeta>,
    /// Meta data of the tags, name and value in turn, where it was loaded.
    pub tags: Vec<UidMeta>,
    /// When the last point came, in seconds; 0: not counted.
    pub last_received: i64,
    /// Points counted.
    pub total_points: i64,
}

impl TsMeta {
    /// With nothing known.
    pub fn new(tsuid: &[u8], created: i64) -> TsMeta {
        let empty = || Some(String::new());
        TsMeta {
            tsuid: tsuid.to_vec(),
            display_name: empty(),
            description: empty(),
            notes: empty(),
            created,
            custom: None,
            units: empty(),
            data_type: empty(),
            retention: 0,
            max: f64::NAN,
            min: f64::NAN,
            metric: None,
            tags: Vec::new(),
            last_received: 0,
            total_points: 0,
        }
    }

    /// From the stored JSON. The row says which series it is, whatever the JSON says.
    pub fn read(tsuid: &[u8], json: &[u8]) -> Result<TsMeta, JsonError> {
        let mut change = TsChange::default();
        for (key, value) in members(json)? {
            change.read(key, value)?;
        }
        let mut meta = TsMeta::new(tsuid, 0);
        meta.set(&change);
        Ok(meta)
    }

    /// The JSON to store.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let mut object = Members::open(&mut out);
        object.text("tsuid", &to_hex(&self.tsuid));
        text_member(&mut object, "displayName", &self.display_name);
        text_member(&mut object, "description", &self.description);
        text_member(&mut object, "notes", &self.notes);
        object.plain("created", self.created);
        custom_member(&mut object, "custom", self.custom.as_ref());
        text_member(&mut object, "units", &self.units);
        text_member(&mut object, "dataType", &self.data_type);
        object.plain("retention", self.retention);
        double_member(&mut object, "max", self.max);
        double_member(&mut object, "min", self.min);
        object.close();
        out
    }

    /// Appends the JSON of an answer. What is null is left out.
    pub fn write_answer(&self, out: &mut Vec<u8>) {
        let mut object = Members::open(out);
        object.text("tsuid", &to_hex(&self.tsuid));
        if let Some(metric) = &self.metric {
            object.value("metric", |out| metric.write_answer(out));
            object.value("tags", |out| push_list(out, &self.tags, |out, tag| tag.write_answer(out)));
        }
        let present = |object: &mut Members<'_>, key, value: &Text| {
            if value.is_some() {
                text_member(object, key, value);
            }
        };
        present(&mut object, "description", &self.description);
        present(&mut object, "notes", &self.notes);
        object.plain("created", self.created);
        if self.custom.is_some() {
            custom_member(&mut object, "custom", self.custom.as_ref());
        }
        present(&mut object, "units", &self.units);
        object.plain("retention", self.retention);
        double_member(&mut object, "max", self.max);
        double_member(&mut object, "min", self.min);
        present(&mut object, "displayName", &self.display_name);
        present(&mut object, "dataType", &self.data_type);
        object.plain("lastReceived", self.last_received);
        object.plain("totalDatapoints", self.total_points);
        object.close();
    }

    /// What becomes of it by a change. `replaced`: what the change does not name goes back to nothing (PUT); when the
    /// series was first seen stays, unless an earlier time is given.
    pub fn changed(&self, change: &TsChange, replaced: bool) -> TsMeta {
        let mut meta = if replaced { TsMeta::new(&self.tsuid, 0) } else { self.clone() };
        (meta.last_received, meta.total_points) = (self.last_received, self.total_points);
        meta.created = 0;
        meta.set(change);
        meta.created = earlier(meta.created, self.created);
        meta
    }

    pub(super) fn set(&mut self, change: &TsChange) {
        put(&mut self.display_name, &change.display_name);
        put(&mut self.description, &change.description);
        put(&mut self.notes, &change.notes);
        put(&mut self.created, &change.created);
        put(&mut self.units, &change.units);
        put(&mut self.data_type, &change.data_type);
        put(&mut self.retention, &change.retention);
        put(&mut self.max, &change.max);
        put(&mut self.min, &change.min);
        if let Some(custom) = &change.custom {
            self.custom = Some(custom.clone());
        }
    }
}

/// What a client wants to change. A field that is given as it is in an empty object counts as not given, as in OpenTSDB.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TsChange {
    /// The series in hex, if given.
    pub tsuid: Option<String>,
    /// New value.
    pub display_name: Option<Text>,
    /// New value.
    pub description: Option<Text>,
    /// New value.
    pub notes: Option<Text>,
    /// New value.
    pub created: Option<i64>,
    /// New value, whole.
    pub custom: Option<Custom>,
    /// New value.
    pub units: Option<Text>,
    /// New value.
    pub data_type: Option<Text>,
    /// New value.
    pub retention: Option<i32>,
    /// New value. NaN counts as given: nothing equals it.
    pub max: Option<f64>,
    /// New value.
    pub min: Option<f64>,
}

impl TsChange {
    /// Takes a member of a JSON object; others than those of meta data are left out.
    pub fn read(&mut self, key: String, value: Json) -> Result<(), JsonError> {
        match key.as_str() {
            "tsuid" => self.tsuid = value.text(&key)?,
            "displayName" => self.display_name = given(value.text(&key)?),
            "description" => self.description = given(value.text(&key)?),
            "notes" => self.notes = given(value.text(&key)?),
            "created" => self.created = Some(value.integer(&key)?).filter(|created| *created != 0),
            "custom" => self.custom = custom(value, &key)?,
            "units" => self.units = given(value.text(&key)?),
            "dataType" => self.data_type = given(value.text(&key)?),
            "retention" => self.retention = Some(int(value, &key)?).filter(|days| *days != 0),
            "max" => self.max = Some(double(value, &key)?),
            "min" => self.min = Some(double(value, &key)?),
            _ => {}
        }
        Ok(())
    }

    /// False if there is nothing to do.
    pub fn is_any(&self) -> bool {
        let texts = [&self.display_name, &self.description, &self.notes, &self.units, &self.data_type];
        let numbers = self.max.is_some() || self.min.is_some() || self.retention.is_some() || self.created.is_some();
        texts.into_iter().any(Option::is_some) || numbers || self.custom.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::from_hex;
    use crate::uid::UidKind;

    #[test]
    fn stored_as_java_stores_it() {
        // storage/meta_edit
        let recorded = "7b227473756964223a22303030303031303030303031303030303031222c22646973706c61794e616d65223a225453222c226465736372697074696f6e223a22222c226e6f746573223a22222c2263726561746564223a313739353331333335372c22637573746f6d223a6e756c6c2c22756e697473223a226d73222c226461746154797065223a22222c22726574656e74696f6e223a332c226d6178223a312e352c226d696e223a224e614e227d";
        let recorded = from_hex(recorded).unwrap();
        let tsuid = [0, 0, 1, 0, 0, 1, 0, 0, 1];
        let meta = TsMeta::read(&tsuid, &recorded).unwrap();
        assert_eq!((meta.retention, meta.max, meta.min.is_nan()), (3, 1.5, true));
        assert_eq!(String::from_utf8_lossy(&meta.to_json()), String::from_utf8_lossy(&recorded));
        let fresh = TsMeta::new(&tsuid, 1_795_313_332);
        let want = r#"{"tsuid":"000001000001000001","displayName":"","description":"","notes":"","created":1795313332,"custom":null,"units":"","dataType":"","retention":0,"max":"NaN","min":"NaN"}"#;
        assert_eq!(String::from_utf8(fresh.to_json()).unwrap(), want);
    }

    #[test]
    fn answered_as_java_answers() {
        let mut meta = TsMeta::new(&[0, 0, 1, 0, 0, 1, 0, 0, 3], 5);
        meta.metric = Some(UidMeta::new(UidKind::Metric, &[0, 0, 1], "m"));
        meta.tags = vec![UidMeta::new(UidKind::Tagk, &[0, 0, 1], "k"), UidMeta::new(UidKind::Tagv, &[0, 0, 3], "v")];
        (meta.display_name, meta.total_points, meta.last_received) = (None, 2, 7);
        let mut out = Vec::new();
        meta.write_answer(&mut out);
        let uid = |uid: &str, kind: &str, name: &str| {
            format!(
                r#"{{"uid":"{uid}","type":"{kind}","name":"{name}","description":"","notes":"","created":0,"custom":null,"displayName":""}}"#
            )
        };
        let want = format!(
            r#"{{"tsuid":"000001000001000003","metric":{},"tags":[{},{}],"description":"","notes":"","created":5,"units":"","retention":0,"max":"NaN","min":"NaN","dataType":"","lastReceived":7,"totalDatapoints":2}}"#,
            uid("000001", "METRIC", "m"),
            uid("000001", "TAGK", "k"),
            uid("000003", "TAGV", "v")
        );
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn changes_as_opentsdb_merges_them() {
        let change = |json: &str| {
            let mut change = TsChange::default();
            members(json.as_bytes()).unwrap().into_iter().for_each(|(k, v)| change.read(k, v).unwrap());
            change
        };
        assert!(!change(r#"{"tsuid":"00","lastReceived":5,"totalDatapoints":9,"retention":0}"#).is_any());
        assert!(change(r#"{"max":"NaN"}"#).is_any());
        let mut stored = TsMeta::new(&[1], 100);
        (stored.units, stored.total_points) = (Some("ms".into()), 3);
        let put = stored.changed(&change(r#"{"notes":"n"}"#), true);
        assert_eq!((put.units.as_deref(), put.created, put.total_points), (Some(""), 100, 3));
        let posted = stored.changed(&change(r#"{"created":50,"custom":{}}"#), false);
        assert_eq!((posted.units.as_deref(), posted.created, posted.custom), (Some("ms"), 50, Some(vec![])));
    }
}
