//! What a request was, for Envoy's access log: by then its headers are those of the last attempt.

use serde::Serialize;

use crate::chat::excerpt::excerpt;

/// What a line says of the request; absent fields are left out.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RequestRecord<'r> {
    /// The path, or its beginning, without a query: that may hold a key.
    path: &'r str,
    /// `x-request-id`.
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'r str,
    /// By which an agent tells its sessions apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'r str>,
}

impl<'r> RequestRecord<'r> {
    /// Of a request for this path, with this id and session; of long ones the beginning.
    #[must_use]
    pub fn new(path: &'r str, id: &'r str, session: Option<&'r str>) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        Self { path: excerpt(path), id: excerpt(id), session: session.map(excerpt) }
    }

    /// As a member of an object that has others before it.
    #[must_use]
    pub fn to_member(&self) -> Vec<u8> {
        let mut member = b",\"request\":".to_vec();
        member.extend(serde_json::to_vec(self).unwrap_or_default());
        member
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_asked_and_no_key() {
        let member = |record: RequestRecord<'_>| String::from_utf8(record.to_member()).unwrap();
        let record = RequestRecord::new("/v1/models?key=secret", "r-1", Some("s\"1"));
        assert_eq!(member(record), r#","request":{"path":"/v1/models","id":"r-1","session":"s\"1"}"#);
        assert_eq!(member(RequestRecord::new("/", "", None)), r#","request":{"path":"/"}"#);
    }
}
