//! Where the fields of a document stand in its file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

/// A step from a value of a document to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the value of a field.
    Field(String),
    /// To an element of a list.
    Element(usize),
}

/// Follows a path such as `tiers[1].models[0]` as far as there are values: the steps, and what is left of the path. Names with dots
/// in them are told apart by what the document has.
pub fn steps<'p>(document: &Value, path: &'p str) -> (Vec<Step>, &'p str) {
    let (mut value, mut rest, mut steps) = (document, path, Vec::new());
    while let Some((step, inner, left)) = step(value, rest) {
        (value, rest) = (inner, left);
        steps.push(step);
    }
    (steps, rest)
}

fn step<'v, 'p>(value: &'v Value, path: &'p str) -> Option<(Step, &'v Value, &'p str)> {
    match value {
        Value::Object(fields) => {
            let path = path.strip_prefix('.').unwrap_or(path);
            let left = |name: &str| {
                path.strip_prefix(name).filter(|left| left.is_empty() || left.starts_with(['.', '[']))
            };
            let named = fields.iter().filter_map(|(name, inner)| Some((name, inner, left(name)?)));
            let (name, inner, left) = named.max_by_key(|(name, ..)| name.len())?;
            Some((Step::Field(name.clone()), inner, left))
        }
        Value::Array(elements) => {
            let (index, left) = path.strip_prefix('[')?.split_once(']')?;
            let index = index.parse().ok()?;
            Some((Step::Element(index), elements.get(index)?, left))
        }
        _ => None,
    }
}

/// Where everything in a YAML file stands.
#[derive(Debug)]
pub struct Places {
    file: PathBuf,
    root: Option<Spanned<Node>>,
}

/// A place in a file, `FILE:LINE:COLUMN`, as editors know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    file: PathBuf,
    at: Option<(u64, u64)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.at.map_or(Ok(()), |(line, column)| write!(f, ":{line}:{column}"))
    }
}

#[derive(Debug)]
enum Node {
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
    List(Vec<Spanned<Node>>),
    Leaf,
}

impl Places {
    /// Reads where everything stands in a file; of one that is no YAML nothing is known but its name.
    pub fn of_file(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        Self { file: file.to_owned(), root: serde_saphyr::from_str(&text).ok() }
    }

    /// The place of what a path such as `tiers[1].models[0]` leads to in the document of this file, else of the nearest around it.
    pub fn of(&self, document: &Value, path: &str) -> Place {
        let (steps, _) = steps(document, path);
        let at = self.root.as_ref().map(|root| location(root, &steps)).map(|at| (at.line(), at.column()));
        Place { file: self.file.clone(), at }
    }
}

/// The location of the name of the field, or of the element, at the end of `steps`.
fn location(root: &Spanned<Node>, steps: &[Step]) -> Location {
    let (mut location, mut node) = (root.referenced, &root.value);
    for step in steps {
        let found = match (step, node) {
            (Step::Field(name), Node::Map(fields)) => {
                let field = fields.iter().find(|(key, _)| key.value == *name);
                field.map(|(key, value)| (key.referenced, &value.value))
            }
            (Step::Element(index), Node::List(elements)) => {
                elements.get(*index).map(|element| (element.referenced, &element.value))
            }
            _ => None,
        };
        let Some(found) = found else { break };
        (location, node) = found;
    }
    location
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Nodes;
        impl<'de> Visitor<'de> for Nodes {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("YAML")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Node::Map(fields))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    elements.push(element);
                }
                Ok(Node::List(elements))
            }

            fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Node, D::Error> {
                inner.deserialize_any(self)
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Leaf)
            }

            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Leaf)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Leaf)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
                Ok(Node::Leaf)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
                Ok(Node::Leaf)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
                Ok(Node::Leaf)
            }

            fn visit_str<E>(self, _: &str) -> Result<Node, E> {
                Ok(Node::Leaf)
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Node, D::Error> {
                IgnoredAny::deserialize(inner).map(|_| Node::Leaf)
            }
        }
        deserializer.deserialize_any(Nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_with_dots_are_told_apart_by_what_the_document_has() {
        let document = json!({"models": {"gpt-4": {"prices": 1}, "gpt-4.1": {"prices": {"input": 1}}}});
        let field = |name: &str| Step::Field(name.to_owned());
        let (found, rest) = steps(&document, "models.gpt-4.1.prices.output");
        assert_eq!((found, rest), (vec![field("models"), field("gpt-4.1"), field("prices")], ".output"));
        assert_eq!(steps(&json!([[1]]), "[0][3].x"), (vec![Step::Element(0)], "[3].x"));
    }

    #[test]
    fn a_field_stands_where_its_name_does() {
        let yaml = "a: 1\nb:\n  - c: [x,\n        y]\n    d: null\n";
        let root = serde_saphyr::from_str(yaml).expect("YAML");
        let document = serde_saphyr::from_str(yaml).expect("YAML");
        let places = Places { file: "p.yaml".into(), root: Some(root) };
        for (path, place) in [
            ("b", "p.yaml:2:1"),
            ("b[0].c[1]", "p.yaml:4:9"),
            ("b[0].d", "p.yaml:5:5"),
            ("b[0].none", "p.yaml:3:5"),
            ("policy", "p.yaml:1:1"),
        ] {
            assert_eq!(places.of(&document, path).to_string(), place, "{path}");
        }
    }
}
