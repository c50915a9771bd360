//! What a tree is called and how it is built: its definition, with its rules. Source: recorded scenarios `tree_crud`,
//! `storage/tree_rules_only`.

use super::rule::{Rule, Rules};
use super::{TreeError, TreeId};
use crate::point::json::{Json, JsonError, Members};

/// What the table holds of a tree beside its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// For people; two trees may share one.
    pub name: String,
    /// For people.
    pub description: String,
    /// For people.
    pub notes: String,
    /// Series that leave a level without a name are kept out of the tree.
    pub strict_match: bool,
    /// Seconds since the epoch; 0 for a tree made from a JSON body, as OpenTSDB writes it.
    pub created: i64,
    /// New series are put into the tree.
    pub enabled: bool,
    /// Collisions and series that did not match are recorded.
    pub store_failures: bool,
}

impl Definition {
    /// As the table holds it.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        let mut members = Members::open(&mut out);
        members.text("name", &self.name).text("description", &self.description).text("notes", &self.notes);
        members.plain("strictMatch", self.strict_match).plain("created", self.created).plain("enabled", self.enabled);
        members.plain("storeFailures", self.store_failures).close();
        out
    }

    /// From the table. Unknown fields are ignored.
    pub fn from_json(json: Json) -> Result<Definition, JsonError> {
        let mut tree = Definition::default();
        for (name, value) in json.object("the tree")? {
            let text = |value: Json| value.text(&name).map(Option::unwrap_or_default);
            match name.as_str() {
                "name" => tree.name = text(value)?,
                "description" => tree.description = text(value)?,
                "notes" => tree.notes = text(value)?,
                "strictMatch" => tree.strict_match = value.switch(&name)?,
                "created" => tree.created = value.integer(&name)?,
                "enabled" => tree.enabled = value.switch(&name)?,
                "storeFailures" => tree.store_failures = value.switch(&name)?,
                _ => {}
            }
        }
        Ok(tree)
    }

    /// The definition that an edit makes of this one, all of it if `overwrite`. The time of creation stays.
    pub fn edited(&self, edit: &Edit, overwrite: bool) -> Definition {
        let text = |old: &String, new: &String| if overwrite || !new.is_empty() { new.clone() } else { old.clone() };
        let switch = |old: bool, new: Option<bool>| if overwrite { new.unwrap_or(false) } else { new.unwrap_or(old) };
        Definition {
            name: text(&self.name, &edit.name),
            description: text(&self.description, &edit.description),
            notes: text(&self.notes, &edit.notes),
            strict_match: switch(self.strict_match, edit.strict_match),
            created: self.created,
            enabled: switch(self.enabled, edit.enabled),
            store_failures: switch(self.store_failures, edit.store_failures),
        }
    }
}

/// What a request says of a tree. Empty text counts as not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// As the client gave it; below 1: a new tree.
    pub tree: i64,
    /// Its name; a new tree needs one.
    pub name: String,
    /// For people.
    pub description: String,
    /// For people.
    pub notes: String,
    /// Whether series must match every level.
    pub strict_match: Option<bool>,
    /// Whether new series are put into the tree.
    pub enabled: Option<bool>,
    /// Whether collisions and series that did not match are recorded.
    pub store_failures: Option<bool>,
    /// When a tree made by this request was created.
    pub created: i64,
}

impl Edit {
    /// The definition of a new tree.
    pub fn new_tree(&self) -> Result<Definition, TreeError> {
        if self.name.is_empty() {
            return Err(TreeError::Invalid("Tree was missing the name".to_owned()));
        }
        let blank = Definition { created: self.created, ..Definition::default() };
        Ok(blank.edited(self, true))
    }

    /// The edit itself, if it says anything.
    pub fn or_unchanged(&self) -> Result<&Edit, TreeError> {
        let said = Edit { tree: self.tree, created: self.created, ..Edit::default() } != *self;
        if said { Ok(self) } else { Err(TreeError::Unchanged) }
    }
}

/// A tree as it stands in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Its id.
    pub id: TreeId,
    /// Names and switches.
    pub definition: Definition,
    /// Its rules.
    pub rules: Rules,
}

impl Tree {
    /// One of its rules.
    pub fn rule(&self, level: i32, order: i32) -> Option<&Rule> {
        self.rules.get(&level)?.get(&order)
    }

    /// Appends what the API answers.
    pub fn push_json(&self, out: &mut Vec<u8>) {
        let Definition { name, description, notes, strict_match, created, enabled, store_failures } = &self.definition;
        let mut members = Members::open(out);
        members.text("name", name).text("description", description).text("notes", notes).plain("enabled", enabled);
        members.value("rules", |out| push_rules(out, &self.rules));
        members.plain("created", created).plain("treeId", self.id).plain("strictMatch", strict_match);
        members.plain("storeFailures", store_failures).close();
    }
}

fn push_rules(out: &mut Vec<u8>, rules: &Rules) {
    if rules.is_empty() {
        return out.extend_from_slice(b"null");
    }
    let mut levels = Members::open(out);
    for (level, orders) in rules {
        levels.value(&level.to_string(), |out| {
            let mut members = Members::open(out);
            for (order, rule) in orders {
                members.value(&order.to_string(), |out| rule.push_json(out));
            }
            members.close();
        });
    }
    levels.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::json;

    #[test]
    fn as_the_table_holds_it() {
        let stored = r#"{"name":"T","description":"d","notes":"n","strictMatch":false,"created":0,"enabled":true,"storeFailures":true}"#;
        let tree = Definition::from_json(json::parse(stored.as_bytes()).unwrap()).unwrap(); // storage/tree_build
        assert_eq!(String::from_utf8(tree.to_json()).unwrap(), stored);
    }

    #[test]
    fn edits() {
        let old = Definition { name: "a".into(), notes: "n".into(), created: 5, enabled: true, ..Definition::default() };
        let edit = Edit { tree: 1, description: "d".into(), created: 9, ..Edit::default() };
        assert_eq!(old.edited(&edit, false), Definition { description: "d".into(), ..old.clone() });
        let bare = Definition { description: "d".into(), created: 5, ..Definition::default() };
        assert_eq!(old.edited(&edit, true), bare, "tree_crud/put_no_name");
        assert!(matches!(edit.new_tree(), Err(TreeError::Invalid(_))));
        assert!(edit.or_unchanged().is_ok());
        assert!(matches!(Edit { tree: 1, created: 9, ..Edit::default() }.or_unchanged(), Err(TreeError::Unchanged)));
    }

    #[test]
    fn answers() {
        let mut out = Vec::new();
        let tree = Tree { id: TreeId::new(7).unwrap(), definition: Definition::default(), rules: Rules::new() };
        tree.push_json(&mut out);
        let want = r#"{"name":"","description":"","notes":"","enabled":false,"rules":null,"created":0,"treeId":7,"strictMatch":false,"storeFailures":false}"#;
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
