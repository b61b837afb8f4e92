//! Lists of models: `GET /v1/models`.

use serde_json::{Value, json};

use crate::chat::listing::Listed;

/// One model. When it came into being is not known.
#[must_use]
pub(in crate::chat) fn one(model: &Listed<'_>) -> Value {
    json!({"type": "model", "id": model.name, "display_name": model.name, "created_at": "1970-01-01T00:00:00Z"})
}

/// All of them, on one page.
#[must_use]
pub(in crate::chat) fn all(models: &[Listed<'_>]) -> Value {
    json!({
        "data": models.iter().map(one).collect::<Vec<_>>(),
        "has_more": false,
        "first_id": models.first().map(|model| model.name),
        "last_id": models.last().map(|model| model.name)
    })
}
