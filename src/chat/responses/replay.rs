//! A whole response as a stream of events.

use serde_json::{Map, Value, json};

use super::stream::event_of;

/// Writes events one after the other.
struct Events {
    out: Vec<u8>,
    sequence: u64,
}

impl Events {
    fn push(&mut self, name: &str, members: &[(&str, Value)]) {
        let mut data = Map::new();
        data.insert("type".into(), name.into());
        data.insert("sequence_number".into(), self.sequence.into());
        data.extend(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        self.sequence = self.sequence.saturating_add(1);
        event_of(name, &Value::Object(data), &mut self.out);
    }
}

/// All events of a response whose items are texts and what was thought before them. `None` when the body is no response.
pub(in crate::chat) fn as_stream(body: &[u8]) -> Option<Vec<u8>> {
    let response: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let items = response.get("output")?.as_array()?;
    let mut begun = response.clone();
    begun.insert("status".into(), "in_progress".into());
    begun.insert("output".into(), json!([]));
    begun.insert("usage".into(), Value::Null);
    begun.remove("completed_at");
    let mut events = Events { out: Vec::with_capacity(body.len().saturating_mul(3)), sequence: 0 };
    events.push("response.created", &[("response", begun.clone().into())]);
    events.push("response.in_progress", &[("response", begun.into())]);
    for (place, item) in items.iter().enumerate() {
        replay_item(place, item, &mut events);
    }
    events.push("response.completed", &[("response", response.into())]);
    Some(events.out)
}

fn replay_item(place: usize, item: &Value, events: &mut Events) {
    let mut begun = item.clone();
    let parts = item.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if let Value::Object(members) = &mut begun {
        members.insert("status".into(), "in_progress".into());
        if members.contains_key("content") {
            members.insert("content".into(), json!([]));
        }
    }
    let index = Value::from(place);
    events.push("response.output_item.added", &[("output_index", index.clone()), ("item", begun)]);
    for (content_index, part) in parts.iter().enumerate() {
        let Some(text) = part.get("text").filter(|_| is_text(part)) else { continue };
        let at = |name: &'static str, value: Value| {
            [
                ("item_id", item.get("id").cloned().unwrap_or_default()),
                ("output_index", index.clone()),
                ("content_index", content_index.into()),
                (name, value),
                ("logprobs", json!([])),
            ]
        };
        let mut empty = part.clone();
        if let Value::Object(members) = &mut empty {
            members.insert("text".into(), "".into());
        }
        let [id, output, content, said, _] = at("part", empty);
        events.push("response.content_part.added", &[id, output, content, said]);
        events.push("response.output_text.delta", &at("delta", text.clone()));
        events.push("response.output_text.done", &at("text", text.clone()));
        let [id, output, content, said, _] = at("part", part.clone());
        events.push("response.content_part.done", &[id, output, content, said]);
    }
    events.push("response.output_item.done", &[("output_index", index), ("item", item.clone())]);
}

fn is_text(part: &Value) -> bool {
    part.get("type").and_then(Value::as_str) == Some("output_text")
}
