//! Lists of models: `GET /v1/models`.

use serde_json::{Value, json};

use crate::chat::listing::Listed;

/// One model.
#[must_use]
pub(in crate::chat) fn one(model: &Listed<'_>) -> Value {
    json!({"id": model.name, "object": "model", "created": 0, "owned_by": model.owner})
}

/// All of them.
#[must_use]
pub(in crate::chat) fn all(models: &[Listed<'_>]) -> Value {
    json!({"object": "list", "data": models.iter().map(one).collect::<Vec<_>>()})
}
