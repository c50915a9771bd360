//! Branches and leaves: their ids, their JSON in the table and in answers.
//!
//! A branch's id is the tree's id and, for each level below the root, the Java hash of its display name; that is its row.
//! Two names of one hash share a branch, as in OpenTSDB. Source: recorded `storage/tree_build`, `tree_build/root`.

use super::{TreeId, rows};
use crate::codec::to_hex;
use crate::point::json::{Json, JsonError, Members, push_list};
use std::collections::BTreeMap;

/// Name of every root.
pub const ROOT: &str = "ROOT";

/// The names from the root (depth 0) down to a branch, its own last. Depths need not be without gaps in the table.
pub type Path = BTreeMap<i64, String>;

/// A branch with what hangs on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// Its tree.
    pub tree: u16,
    /// From the root to itself.
    pub path: Path,
    /// Its name.
    pub display_name: String,
    /// Leaves, sorted by name; `None` prints as `null`.
    pub leaves: Option<Vec<Leaf>>,
    /// Branches right below it, sorted by name; `None` prints as `null`.
    pub branches: Option<Vec<Branch>>,
}

/// A series at its place in a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// Its name.
    pub display_name: String,
    /// The series, in hex.
    pub tsuid: String,
    /// Name of the metric; empty until it is looked up.
    pub metric: String,
    /// Names and values of the tags; `None` until they are looked up.
    pub tags: Option<Vec<(String, String)>>,
}

impl Branch {
    /// The root of a tree, with nothing on it.
    pub fn root(tree: TreeId) -> Branch {
        Branch { tree: tree.get(), path: Path::from([(0, ROOT.to_owned())]), display_name: ROOT.to_owned(), ..Branch::default() }
    }

    /// A branch of that name below this one. A name equal to the parent's adds no level: OpenTSDB then takes both for one.
    pub fn child(&self, name: &str) -> Branch {
        let mut path = self.path.clone();
        if path.last_key_value().is_none_or(|(_, last)| last != name) {
            let depth = path.last_key_value().map_or(0, |(depth, _)| depth + 1);
            path.insert(depth, name.to_owned());
        }
        Branch { tree: self.tree, path, display_name: name.to_owned(), ..Branch::default() }
    }

    /// Its row.
    pub fn id(&self) -> Vec<u8> {
        let mut id = self.tree.to_be_bytes().to_vec();
        for name in self.path.iter().filter(|(depth, _)| **depth != 0).map(|(_, name)| name) {
            id.extend_from_slice(&java_hash(name).to_be_bytes());
        }
        id
    }

    /// What its row holds of it.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 32 * self.path.len());
        let mut members = Members::open(&mut out);
        members.value("path", |out| push_path(out, &self.path)).text("displayName", &self.display_name).close();
        out
    }

    /// From its row. A name that the path does not end with is added to it, as OpenTSDB reads it.
    pub fn from_json(tree: u16, json: Json) -> Result<Branch, JsonError> {
        let mut branch = Branch { tree, ..Branch::default() };
        for (name, value) in json.object("the branch")? {
            match name.as_str() {
                "displayName" => branch.display_name = value.text(&name)?.unwrap_or_default(),
                "path" => {
                    for (depth, step) in value.object(&name)? {
                        let depth = depth.parse().map_err(|_| JsonError(format!("'{depth}' is no depth of a path")))?;
                        branch.path.insert(depth, step.text("path")?.unwrap_or_default());
                    }
                }
                _ => {}
            }
        }
        if branch.display_name.is_empty() {
            return Err(JsonError("'displayName' is missing".to_owned()));
        }
        let own = branch.child(&branch.display_name);
        Ok(own)
    }

    /// Adds a branch, in order of names without regard to case.
    pub fn add_branch(&mut self, branch: Branch) {
        let branches = self.branches.get_or_insert_default();
        let key = |b: &Branch| (folded(&b.display_name), b.display_name.clone());
        if let Err(at) = branches.binary_search_by_key(&key(&branch), key) {
            branches.insert(at, branch);
        }
    }

    /// Adds a leaf, in order of names without regard to case. Of two with one name the first stays.
    pub fn add_leaf(&mut self, leaf: Leaf) {
        let leaves = self.leaves.get_or_insert_default();
        let key = |l: &Leaf| (folded(&l.display_name), l.display_name.clone());
        if let Err(at) = leaves.binary_search_by_key(&key(&leaf), key) {
            leaves.insert(at, leaf);
        }
    }

    /// Appends what the API answers.
    pub fn push_json(&self, out: &mut Vec<u8>) {
        let mut members = Members::open(out);
        members.value("leaves", |out| match &self.leaves {
            None => out.extend_from_slice(b"null"),
            Some(leaves) => push_list(out, leaves, |out, leaf| leaf.push_json(out)),
        });
        members.value("branches", |out| match &self.branches {
            None => out.extend_from_slice(b"null"),
            Some(branches) => push_list(out, branches, |out, branch| branch.push_json(out)),
        });
        members.value("path", |out| push_path(out, &self.path)).text("displayName", &self.display_name);
        members.plain("treeId", self.tree).text("branchId", &to_hex(&self.id()));
        members.plain("depth", self.path.last_key_value().map_or(0, |(depth, _)| *depth)).close();
    }
}

impl Leaf {
    /// A leaf without looked-up names.
    pub fn new(display_name: &str, tsuid: &str) -> Leaf {
        Leaf { display_name: display_name.to_owned(), tsuid: tsuid.to_owned(), ..Leaf::default() }
    }

    /// Its column.
    pub fn qualifier(&self) -> Vec<u8> {
        [rows::LEAF, &java_hash(&self.display_name).to_be_bytes()].concat()
    }

    /// What its column holds.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        Members::open(&mut out).text("displayName", &self.display_name).text("tsuid", &self.tsuid).close();
        out
    }

    /// From its column.
    pub fn from_json(json: Json) -> Result<Leaf, JsonError> {
        let mut leaf = Leaf::default();
        for (name, value) in json.object("the leaf")? {
            match name.as_str() {
                "displayName" => leaf.display_name = value.text(&name)?.unwrap_or_default(),
                "tsuid" => leaf.tsuid = value.text(&name)?.unwrap_or_default(),
                _ => {}
            }
        }
        Ok(leaf)
    }

    fn push_json(&self, out: &mut Vec<u8>) {
        let mut members = Members::open(out);
        members.text("metric", &self.metric);
        members.value("tags", |out| match &self.tags {
            None => out.extend_from_slice(b"null"),
            Some(tags) => {
                let mut members = Members::open(out);
                for (name, value) in tags {
                    members.text(name, value);
                }
                members.close();
            }
        });
        members.text("tsuid", &self.tsuid).text("displayName", &self.display_name).close();
    }
}

fn push_path(out: &mut Vec<u8>, path: &Path) {
    let mut members = Members::open(out);
    for (depth, name) in path {
        members.text(&depth.to_string(), name);
    }
    members.close();
}

/// Java's `String.hashCode`.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// Names that Java's `compareToIgnoreCase` takes for equal become equal.
fn folded(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::json;

    #[test]
    fn hashes() {
        // storage/tree_build, tree_custom/test
        for (text, want) in [("lga", 0x0001_A246), ("web", 0x0001_CB54), ("web01", 0x06BC_4C55), ("server", 0xCA02_2F43u32 as i32), ("", 0)]
        {
            assert_eq!(java_hash(text), want, "{text}");
        }
        assert_eq!(java_hash("é😀"), 1_996_812, "by Java");
    }

    #[test]
    fn ids_and_rows() {
        let root = Branch::root(TreeId::new(1).unwrap());
        let web = root.child("lga").child("web");
        assert_eq!(to_hex(&web.id()), "00010001A2460001CB54");
        assert_eq!(String::from_utf8(web.to_json()).unwrap(), r#"{"path":{"0":"ROOT","1":"lga","2":"web"},"displayName":"web"}"#);
        assert_eq!(Branch::from_json(1, json::parse(&web.to_json()).unwrap()).unwrap(), web);
        assert_eq!(web.child("web").id(), web.id());
        assert_eq!(to_hex(&root.id()), "0001");
        let leaf = Leaf::new("cpu", "000001000001000001000002000002");
        assert_eq!(to_hex(&leaf.qualifier()), "6C6561663A000181A8");
        assert_eq!(String::from_utf8(leaf.to_json()).unwrap(), r#"{"displayName":"cpu","tsuid":"000001000001000001000002000002"}"#);
        assert_eq!(Leaf::from_json(json::parse(&leaf.to_json()).unwrap()).unwrap(), leaf);
        for bad in ["{}", "[]", r#"{"displayName":"x","path":{"a":"b"}}"#] {
            assert!(Branch::from_json(1, json::parse(bad.as_bytes()).unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn answers_are_sorted() {
        let mut root = Branch::root(TreeId::new(1).unwrap());
        for name in ["b", "C", "a", "B"] {
            root.add_branch(root.clone().child(name));
            root.add_leaf(Leaf::new(name, "00"));
        }
        root.add_leaf(Leaf::new("b", "second"));
        let names: Vec<&str> = root.branches.iter().flatten().map(|b| b.display_name.as_str()).collect();
        assert_eq!(names, ["a", "B", "b", "C"]);
        let leaves: Vec<&str> = root.leaves.iter().flatten().map(|l| l.tsuid.as_str()).collect();
        assert_eq!(leaves, ["00"; 4]);
    }
}
