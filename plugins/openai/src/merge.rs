//! Fields of a streamed answer that this provider only carries through: what many pieces say is put
//! together here, as OpenAI's own client libraries do it.
//!
//! A tree that is added to in place: putting each piece behind a text that is written anew every
//! time would take time in the square of the answer's length.

use arete_plugin::json::{self, Object};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Strings under these names come bit by bit; all others are said in whole, however often.
const GROWING: [&str; 9] = [
    "text",
    "summary",
    "data",
    "transcript",
    "arguments",
    "input",
    "content",
    "refusal",
    "reasoning",
];

/// How deep values are put together. What lies deeper is said in whole.
const DEPTH_MAX: usize = 8;

/// Fields, put together from pieces.
#[derive(Default)]
pub(crate) struct Merged(Vec<(String, Node)>);

enum Node {
    Text(String),
    List(Vec<Node>),
    Fields(Merged),
    Whole(Box<RawValue>),
}

impl Merged {
    /// Adds the fields of a piece.
    pub(crate) fn add(&mut self, piece: Object) {
        self.join(Self::read(piece, 0));
    }

    fn read(piece: Object, depth: usize) -> Self {
        Self(
            piece
                .into_iter()
                .map(|(key, value)| (key.into_owned(), Node::new(&value, depth)))
                .collect(),
        )
    }

    fn join(&mut self, Self(more): Self) {
        for (key, node) in more {
            match self.0.iter_mut().find(|(name, _)| *name == key) {
                Some((_, known)) => known.join(&key, node),
                None => self.0.push((key, node)),
            }
        }
    }
}

/// Returns true if a value is one of those with which servers say that there is nothing.
pub(crate) fn is_nothing(value: &str) -> bool {
    matches!(value, "null" | "[]" | "{}" | r#""""#)
}

impl Node {
    fn new(value: &RawValue, depth: usize) -> Self {
        let text = value.get();
        if depth < DEPTH_MAX {
            let items = |items: Vec<&RawValue>| {
                items.into_iter().map(|item| Self::new(item, depth + 1)).collect()
            };
            let node = match text.as_bytes().first() {
                Some(b'"') => json::string(value).map(Self::Text),
                Some(b'[') => serde_json::from_str(text).ok().map(items).map(Self::List),
                Some(b'{') => Object::parse(text)
                    .ok()
                    .map(|object| Self::Fields(Merged::read(object, depth + 1))),
                _ => None,
            };
            if let Some(node) = node {
                return node;
            }
        }
        Self::Whole(value.to_owned())
    }

    /// The field by which pieces of the same item of a list are known.
    fn index(&self) -> Option<&str> {
        let Self::Fields(Merged(fields)) = self else { return None };
        fields.iter().find_map(|(key, node)| match node {
            Self::Whole(index) if key == "index" => Some(index.get()),
            _ => None,
        })
    }

    /// Adds what is known of the same thing already.
    fn join(&mut self, key: &str, more: Self) {
        match (self, more) {
            (Self::Text(text), Self::Text(more)) if GROWING.contains(&key) => text.push_str(&more),
            (Self::List(items), Self::List(more)) => {
                more.into_iter().for_each(|item| add_item(items, item))
            }
            (Self::Fields(fields), Self::Fields(more)) => fields.join(more),
            (_, Self::Whole(more)) if more.get() == "null" => {}
            (node, more) => *node = more,
        }
    }
}

fn add_item(items: &mut Vec<Node>, item: Node) {
    let known =
        item.index().and_then(|index| items.iter().position(|known| known.index() == Some(index)));
    match known.and_then(|known| items.get_mut(known)) {
        Some(known) => known.join("", item),
        None => items.push(item),
    }
}

impl Serialize for Merged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Fields(fields) => fields.serialize(serializer),
            Self::Whole(value) => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], whole: &str) {
        let mut merged = Merged::default();
        pieces.iter().for_each(|piece| merged.add(Object::parse(piece).unwrap()));
        assert_eq!(json::text(&merged), whole);
    }

    #[test]
    fn pieces_become_one() {
        check(
            &[
                r#"{"audio":{"id":"audio_1","transcript":"He"}}"#,
                r#"{"audio":{"data":"AA"}}"#,
                r#"{"audio":{"id":"audio_1","transcript":"llo","data":"BB","expires_at":1.50}}"#,
            ],
            r#"{"audio":{"id":"audio_1","transcript":"Hello","data":"AABB","expires_at":1.50}}"#,
        );
        check(
            &[
                r#"{"details":[{"index":0,"type":"t","text":"a","n":null},{"index":1,"data":"x"}]}"#,
                r#"{"details":[{"index":1,"type":"e","data":"y"},{"index":0,"type":"t","text":"b"}]}"#,
            ],
            r#"{"details":[{"index":0,"type":"t","text":"ab","n":null},{"index":1,"data":"xy","type":"e"}]}"#,
        );
        check(
            &[
                r#"{"logprobs":{"content":[{"token":"a"}],"refusal":null}}"#,
                r#"{"logprobs":{"content":[{"token":"a"}]}}"#,
            ],
            r#"{"logprobs":{"content":[{"token":"a"},{"token":"a"}],"refusal":null}}"#,
        );
        check(
            &[r#"{"a":1,"b":"x","c":[1.10]}"#, r#"{"a":"y","b":null,"c":[2]}"#],
            r#"{"a":"y","b":"x","c":[1.10,2]}"#,
        );
    }

    #[test]
    fn what_lies_deep_is_carried_without_recursion() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        check(&[&deep], &deep);
        check(&[&deep, r#"{"a":null}"#], &deep);
    }
}
