//! Members within a request's messages and tools that no reader knows: they are left out of a translation, and the caller is told.

use serde_json::Value;

/// Most of them that are told.
const MOST: usize = 8;
/// Longest name that is told, in bytes.
const LONGEST: usize = 64;

/// Where objects of a kind stand in a request, and the members of theirs that are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// For example `messages[].content[]`.
    pub(super) place: &'static str,
    /// Their names.
    pub(super) members: &'static [&'static str],
}

/// Notes what an object has that is not known. What is `null` or empty says nothing.
pub(super) fn note(unsaid: &mut Vec<String>, value: &Value, known: Known) {
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    };
    let members = value.as_object().into_iter().flatten();
    for (name, _) in members.filter(|(name, value)| !known.members.contains(&name.as_str()) && says(value)) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let name = if name.len() <= LONGEST && name.chars().all(is_plain) { name } else { "?" };
        let told = format!("{}.{name}", known.place);
        if unsaid.len() < MOST && !unsaid.contains(&told) {
            unsaid.push(told);
        }
    }
}

/// The same of each element of a list.
pub(super) fn note_each(unsaid: &mut Vec<String>, list: &Value, known: Known) {
    list.as_array().into_iter().flatten().for_each(|value| note(unsaid, value, known));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_is_told_once_and_cannot_break_a_header() {
        let known = Known { place: "messages[]", members: &["role"] };
        let mut unsaid = Vec::new();
        let list = json!([
            {"role": "user", "mood": "good", "empty": [], "none": null},
            {"mood": "bad", "a, b\r\n": 1},
            {"x".repeat(65): 1}
        ]);
        note_each(&mut unsaid, &list, known);
        assert_eq!(unsaid, ["messages[].mood", "messages[].?"]);
        let many: Value =
            (0..20).map(|i| (format!("m{i}"), json!(1))).collect::<serde_json::Map<_, _>>().into();
        note(&mut unsaid, &many, known);
        assert_eq!(unsaid.len(), MOST);
    }
}
