//! Meta data of an id: `name:metric_meta`, `name:tagk_meta` and `name:tagv_meta` of the table of names, in the row of the id.
//!
//! The value is JSON with its keys in this order (recorded in `storage/meta_realtime`, `storage/meta_edit`):
//! `type`, `displayName`, `description`, `notes`, `created`, `custom`. The name stands in the column beside it.

use super::text::{Custom, Text, custom, custom_member, members, text_member};
use crate::codec::to_hex;
use crate::point::json::{Json, JsonError, Members};
use crate::uid::UidKind;

/// What is known about an id.
#[derive(Clone, Debug, PartialEq)]
pub struct UidMeta {
    /// Kind of name.
    pub kind: UidKind,
    /// The id.
    pub uid: Vec<u8>,
    /// Its name now.
    pub name: String,
    /// A name to show instead.
    pub display_name: Text,
    /// One line.
    pub description: Text,
    /// More.
    pub notes: Text,
    /// When the id was given out, in seconds; 0: nobody noted it.
    pub created: i64,
    /// Own keys and values.
    pub custom: Option<Custom>,
}

impl UidMeta {
    /// With nothing known but its name.
    pub fn new(kind: UidKind, uid: &[u8], name: &str) -> UidMeta {
        let empty = || Some(String::new());
        UidMeta {
            kind,
            uid: uid.to_vec(),
            name: name.to_owned(),
            display_name: empty(),
            description: empty(),
            notes: empty(),
            created: 0,
            custom: None,
        }
    }

    /// From the stored JSON. What it does not say is as in [`UidMeta::new`].
    pub fn read(kind: UidKind, uid: &[u8], name: &str, json: &[u8]) -> Result<UidMeta, JsonError> {
        let mut meta = UidMeta::new(kind, uid, name);
        let mut change = UidChange::default();
        for (key, value) in members(json)? {
            change.read(key, value)?;
        }
        meta.set(&change);
        Ok(meta)
    }

    /// The JSON to store.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        let mut object = Members::open(&mut out);
        object.text("type", type_name(self.kind));
        text_member(&mut object, "displayName", &self.display_name);
        text_member(&mut object, "description", &self.description);
        text_member(&mut object, "notes", &self.notes);
        object.plain("created", self.created);
        custom_member(&mut object, "custom", self.custom.as_ref());
        object.close();
        out
    }

    /// Appends the JSON of an answer.
    pub fn write_answer(&self, out: &mut Vec<u8>) {
        let mut object = Members::open(out);
        object.text("uid", &to_hex(&self.uid));
        object.text("type", type_name(self.kind));
        object.text("name", &self.name);
        text_member(&mut object, "description", &self.description);
        text_member(&mut object, "notes", &self.notes);
        object.plain("created", self.created);
        custom_member(&mut object, "custom", self.custom.as_ref());
        text_member(&mut object, "displayName", &self.display_name);
        object.close();
    }

    /// What becomes of it by a change. `replaced`: what the change does not name goes back to nothing (PUT); when the id
    /// was given out stays, unless an earlier time is given.
    pub fn changed(&self, change: &UidChange, replaced: bool) -> UidMeta {
        let mut meta = if replaced { UidMeta::new(self.kind, &self.uid, &self.name) } else { self.clone() };
        meta.created = 0;
        meta.set(change);
        meta.created = earlier(meta.created, self.created);
        meta
    }

    fn set(&mut self, change: &UidChange) {
        put(&mut self.display_name, &change.display_name);
        put(&mut self.description, &change.description);
        put(&mut self.notes, &change.notes);
        put(&mut self.created, &change.created);
        if let Some(custom) = &change.custom {
            self.custom = Some(custom.clone());
        }
    }
}

/// A new value where one is given.
pub(super) fn put<T: Clone>(to: &mut T, from: &Option<T>) {
    if let Some(value) = from {
        *to = value.clone();
    }
}

/// Which time of creation counts: the stored one, unless it is unknown or the new one is earlier.
pub(super) fn earlier(new: i64, stored: i64) -> i64 {
    if stored > 0 && (stored < new || new == 0) { stored } else { new }
}

/// The kind as JSON has it.
pub fn type_name(kind: UidKind) -> &'static str {
    match kind {
        UidKind::Metric => "METRIC",
        UidKind::Tagk => "TAGK",
        UidKind::Tagv => "TAGV",
    }
}

/// What a client wants to change. A field that is given as it is in an empty object counts as not given, as in OpenTSDB.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UidChange {
    /// The kind, if given.
    pub kind: Option<UidKind>,
    /// The id in hex, if given.
    pub uid: Option<String>,
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
}

impl UidChange {
    /// Takes a member of a JSON object; others than those of meta data are left out.
    pub fn read(&mut self, key: String, value: Json) -> Result<(), JsonError> {
        match key.as_str() {
            "type" => {
                if let Some(text) = value.text(&key)? {
                    self.kind = Some(UidKind::parse(&text).ok_or_else(|| JsonError(format!("Invalid type requested: {text}")))?);
                }
            }
            "uid" => self.uid = value.text(&key)?,
            "name" => drop(value.text(&key)?), // is the table's to say, but must be text
            "displayName" => self.display_name = given(value.text(&key)?),
            "description" => self.description = given(value.text(&key)?),
            "notes" => self.notes = given(value.text(&key)?),
            "created" => self.created = Some(value.integer(&key)?).filter(|created| *created != 0),
            "custom" => self.custom = custom(value, &key)?,
            _ => {}
        }
        Ok(())
    }

    /// False if there is nothing to do.
    pub fn is_any(&self) -> bool {
        let texts = [&self.display_name, &self.description, &self.notes].into_iter().any(Option::is_some);
        texts || self.created.is_some() || self.custom.is_some()
    }
}

/// A text counts as given if it is not empty.
pub fn given(text: Text) -> Option<Text> {
    (text.as_deref() != Some("")).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::from_hex;

    #[test]
    fn stored_as_java_stores_it() {
        // storage/meta_edit
        let recorded = "7b2274797065223a224d4554524943222c22646973706c61794e616d65223a2244222c226465736372697074696f6e223a22222c226e6f746573223a226e222c2263726561746564223a313739353331333335362c22637573746f6d223a7b226b223a2276227d7d";
        let recorded = from_hex(recorded).unwrap();
        let meta = UidMeta::read(UidKind::Metric, &[0, 0, 1], "m.meta", &recorded).unwrap();
        assert_eq!((meta.display_name.as_deref(), meta.created), (Some("D"), 1_795_313_356));
        assert_eq!(meta.to_json(), recorded);
        let mut out = Vec::new();
        meta.write_answer(&mut out);
        let want = r#"{"uid":"000001","type":"METRIC","name":"m.meta","description":"","notes":"n","created":1795313356,"custom":{"k":"v"},"displayName":"D"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn changes_as_opentsdb_merges_them() {
        let mut stored = UidMeta::new(UidKind::Tagk, &[1], "host");
        (stored.notes, stored.created) = (Some("old".into()), 100);
        stored.custom = Some(vec![("a".into(), None)]);
        let change = |json: &str| {
            let mut change = UidChange::default();
            members(json.as_bytes()).unwrap().into_iter().for_each(|(k, v)| change.read(k, v).unwrap());
            change
        };
        let posted = stored.changed(&change(r#"{"displayName":"d","created":200,"name":"x"}"#), false);
        assert_eq!((posted.notes.as_deref(), posted.created, posted.name.as_str()), (Some("old"), 100, "host"));
        let put = stored.changed(&change(r#"{"displayName":"d","created":50}"#), true);
        assert_eq!((put.notes.as_deref(), put.created, put.custom), (Some(""), 50, None));
        assert!(!change(r#"{"notes":"","created":0,"custom":null,"name":"n","foo":1}"#).is_any());
        assert!(change(r#"{"notes":null}"#).is_any());
        let mut bad = UidChange::default();
        assert_eq!(bad.read("type".into(), Json::String("foo".into())).unwrap_err().0, "Invalid type requested: foo");
    }
}
