//! What makes two requests the same.

use std::fmt;
use std::str::FromStr;

use super::tag::TenantTag;
use crate::chat::ChatRequest;
use crate::identity::Partition;

/// What may change an answer besides the body: request headers, in an order of their own, and what chooses the models.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variant(Vec<u8>);

impl Variant {
    /// What tells it from others.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes in what chooses the models of an answer: the rule that holds, and the key that opens only some. No header has an empty
    /// name.
    pub fn add_regime(&mut self, rule: Option<&str>, key: Option<&str>) {
        let names = [rule, key].map(|name| name.unwrap_or_default().as_bytes());
        for part in [b"".as_slice()].into_iter().chain(names) {
            self.add(part);
        }
    }

    /// Takes in whose the answer is: the value that an attribute of the caller has. No regime consists of empty names.
    pub fn add_scope(&mut self, attribute: &str, value: &str) {
        for part in [b"".as_slice(), b"", b"", attribute.as_bytes(), value.as_bytes()] {
            self.add(part);
        }
    }

    /// Takes in that the answer is one that the policy has no part in. No regime consists of one name.
    pub fn add_shadow(&mut self) {
        for part in [b"".as_slice(), b"shadow"] {
            self.add(part);
        }
    }

    fn add(&mut self, part: &[u8]) {
        self.0.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.0.extend_from_slice(part);
    }

    /// Takes in all of `headers`.
    #[must_use]
    pub fn of<'h>(headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> Self {
        let mut headers: Vec<_> = headers.collect();
        headers.sort_by_key(|(name, _)| *name);
        let mut bytes = Vec::new();
        for part in headers.into_iter().flat_map(|(name, value)| [name.as_bytes(), value]) {
            bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        Self(bytes)
    }
}

/// The identity of an answer: tenant, policy, headers, model and request.
///
/// ```
/// use llm_arbiter::cache::{CacheKey, Variant};
/// use llm_arbiter::chat::request::{Canonical, Limits};
/// use llm_arbiter::chat::{Caller, ChatRequest};
/// use llm_arbiter::identity::Partition;
///
/// let body = r#"{"model": "auto", "messages": [{"role": "user", "content": "hi"}]}"#;
/// let request = ChatRequest::parse(body.into(), Caller::OpenAi, Limits { max_depth: 64 }, Canonical::Keep).unwrap();
/// let tenant = Partition::of_header("x-tenant", Some(b"acme"));
/// assert!(CacheKey::new(&tenant, &[0; 32], &Variant::default(), &request).is_some());
/// ```
///
/// There is no way to one without a tenant, not even with the bytes of its name:
///
/// ```compile_fail,E0308
/// use llm_arbiter::cache::{CacheKey, Variant};
/// use llm_arbiter::chat::request::{Canonical, Limits};
/// use llm_arbiter::chat::{Caller, ChatRequest};
///
/// let body = r#"{"model": "auto", "messages": [{"role": "user", "content": "hi"}]}"#;
/// let request = ChatRequest::parse(body.into(), Caller::OpenAi, Limits { max_depth: 64 }, Canonical::Keep).unwrap();
/// let tenant = b"acme";
/// assert!(CacheKey::new(&tenant, &[0; 32], &Variant::default(), &request).is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey {
    hash: [u8; 32],
    /// Which tenant's it is, as far as sharing room and invalidation ask.
    tenant: TenantTag,
}

impl CacheKey {
    /// The key of a request under the policy with this `revision`: BLAKE3 over all that can change the answer, each part with
    /// its length before it. `None` when the request was read without its canonical form.
    #[must_use]
    pub fn new(
        partition: &Partition,
        revision: &[u8; 32],
        variant: &Variant,
        request: &ChatRequest,
    ) -> Option<Self> {
        let [source, name] = partition.parts();
        let (words, canonical) = request.canonical()?;
        let words = words.as_str().as_bytes();
        let mut hash = blake3::Hasher::new();
        for part in [source, name, revision, &variant.0, request.model.as_bytes(), words, canonical] {
            hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part);
        }
        Some(Self { hash: hash.finalize().into(), tenant: TenantTag::of(partition) })
    }

    /// A key from what was kept of it.
    pub(super) fn of_parts(hash: [u8; 32], tenant: TenantTag) -> Self {
        Self { hash, tenant }
    }

    /// A key that no request has, told apart by `name`.
    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self { hash: blake3::hash(name.as_bytes()).into(), tenant: TenantTag::default() }
    }

    /// Its 32 bytes, evenly spread.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> KeyName {
        KeyName(self.hash.first_chunk().copied().unwrap_or_default())
    }

    /// Which tenant's it is; others may have the same tag, which only means that they share a share and are invalidated together.
    #[must_use]
    pub fn tenant(&self) -> TenantTag {
        self.tenant
    }
}

/// By which logs and operators name a key: the first half of its bytes, in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyName([u8; 16]);

impl KeyName {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// A text that names no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is named by 32 hexadecimal digits, as the access log has them (`cache_key`)")]
pub struct NoKeyName;

impl FromStr for KeyName {
    type Err = NoKeyName;

    fn from_str(text: &str) -> Result<Self, NoKeyName> {
        let is_hexadecimal = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hexadecimal).ok_or(NoKeyName)?;
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::chat::Caller;
    use crate::chat::request::{Canonical, Limits};

    fn request(body: &str, caller: Caller) -> ChatRequest {
        ChatRequest::parse(body.into(), caller, Limits { max_depth: 16 }, Canonical::Keep).unwrap()
    }

    #[test]
    fn a_key_differs_when_any_part_of_it_does() {
        let (tenant, other) =
            (Partition::of_header("x-tenant", Some(b"a")), Partition::of_header("x-tenant", Some(b"b")));
        let body = r#"{"model":"auto","messages":[{"role":"user","content":"x"}]}"#;
        let asked = request(body, Caller::OpenAi);
        let none = Variant::default();
        let key = CacheKey::new(&tenant, &[1; 32], &none, &asked);
        assert!(key.is_some());
        assert_eq!(key, CacheKey::new(&tenant, &[1; 32], &none, &asked));
        assert_ne!(key, CacheKey::new(&other, &[1; 32], &none, &asked));
        assert_ne!(key, CacheKey::new(&tenant, &[3; 32], &none, &asked));
        assert_eq!(key, CacheKey::new(&tenant, &[1; 32], &none, &request(body, Caller::Anthropic)));
        let unlike = body.replace("\"model\"", "\"top_k\":1,\"model\"");
        let [openai, anthropic] = [Caller::OpenAi, Caller::Anthropic]
            .map(|caller| CacheKey::new(&tenant, &[1; 32], &none, &request(&unlike, caller)));
        assert_ne!(openai, anthropic);
        let with = |headers: &[(&str, &str)]| {
            let variant = Variant::of(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
            CacheKey::new(&tenant, &[1; 32], &variant, &asked)
        };
        assert_eq!(key, with(&[]));
        assert_ne!(key, with(&[("a", "")]));
        assert_ne!(with(&[("a", "b")]), with(&[("a", "c")]));
        assert_ne!(with(&[("a", "b"), ("c", "")]), with(&[("a", "bc")]));
        assert_eq!(with(&[("a", "b"), ("c", "d")]), with(&[("c", "d"), ("a", "b")]));
        for (from, to) in [("auto", "gpt-4o"), ("\"x\"", "\"y\"")] {
            let another = request(&body.replace(from, to), Caller::OpenAi);
            assert_ne!(key, CacheKey::new(&tenant, &[1; 32], &none, &another), "{to}");
        }
    }

    #[test]
    fn a_request_without_its_canonical_form_has_no_key() {
        let body = br#"{"model":"auto","messages":[{"role":"user","content":"x"}]}"#;
        let limits = Limits { max_depth: 16 };
        let asked = ChatRequest::parse(body.to_vec(), Caller::OpenAi, limits, Canonical::Skip).unwrap();
        assert_eq!(
            CacheKey::new(&Partition::of_header("x-tenant", None), &[0; 32], &Variant::default(), &asked),
            None
        );
    }

    /// All that an answer may depend on, in a few values each, so that two of them are often the same.
    #[derive(Debug, Clone, PartialEq)]
    struct Asked {
        tenant: (&'static str, Option<Vec<u8>>),
        revision: u8,
        headers: Vec<(&'static str, u8)>,
        is_anthropic: bool,
        model: &'static str,
        text: String,
        members: BTreeMap<&'static str, u8>,
    }

    impl Asked {
        /// Where both dialects say it in the same words, it is the same in both.
        fn meant(&self) -> Self {
            let is_plain = !self.members.keys().any(|name| matches!(*name, "seed" | "unknown"));
            Self { is_anthropic: self.is_anthropic && !is_plain, ..self.clone() }
        }

        fn key(&self) -> Option<CacheKey> {
            let mut body = serde_json::json!({
                "model": self.model, "messages": [{"role": "user", "content": self.text}]
            });
            for (name, value) in &self.members {
                body[name] = (*value).into();
            }
            let caller = if self.is_anthropic { Caller::Anthropic } else { Caller::OpenAi };
            let (header, value) = &self.tenant;
            let values: Vec<_> = self.headers.iter().map(|(name, value)| (*name, [*value])).collect();
            let variant = Variant::of(values.iter().map(|(name, value)| (*name, value.as_slice())));
            let tenant = Partition::of_header(header, value.as_deref());
            CacheKey::new(&tenant, &[self.revision; 32], &variant, &request(&body.to_string(), caller))
        }
    }

    fn asked() -> impl Strategy<Value = Asked> {
        let tenant = (prop::sample::select(vec!["x-org", "x-user"]), prop::option::of("[ab]{0,2}"));
        let headers =
            prop::collection::btree_map(prop::sample::select(vec!["a", "ab", "b"]), 97..99_u8, 0..3);
        let names = vec!["temperature", "max_tokens", "seed", "top_p", "unknown"];
        let members = prop::collection::btree_map(prop::sample::select(names), 0..3_u8, 0..3);
        let model = prop::sample::select(vec!["auto", "gpt", "gp"]);
        (tenant, 0..2_u8, headers, any::<bool>(), model, "[ab\"]{0,2}", members).prop_map(
            |((header, value), revision, headers, is_anthropic, model, text, members)| Asked {
                tenant: (header, value.map(String::into_bytes)),
                revision,
                headers: headers.into_iter().collect(),
                is_anthropic,
                model,
                text,
                members,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn requests_that_differ_in_what_may_change_the_answer_never_share_a_key(one in asked(), other in asked()) {
            prop_assert!(one.key().is_some());
            prop_assert_eq!(one.meant() == other.meant(), one.key() == other.key());
        }

        #[test]
        fn a_change_in_one_place_is_enough(one in asked(), other in asked(), place in 0..7_u8) {
            let mut changed = one.clone();
            match place {
                0 => changed.tenant = other.tenant,
                1 => changed.revision = other.revision,
                2 => changed.headers = other.headers,
                3 => changed.is_anthropic = other.is_anthropic,
                4 => changed.model = other.model,
                5 => changed.text = other.text,
                _ => changed.members = other.members,
            }
            prop_assert_eq!(one.meant() == changed.meant(), one.key() == changed.key());
        }
    }
}
