//! Rules as a document says them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::chat::conversation::Effort;
use crate::chat::shortcoming::Shortcoming;
use crate::chat::usage::ServiceTier;
use crate::policy::mode::ModeDocument;

/// Who may do what.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RuleDocument {
    /// Its name, in logs and metrics.
    pub(super) name: String,
    /// When it holds, in CEL. Default: always.
    pub(super) when: Option<String>,
    /// What becomes of the call.
    pub(super) then: ThenDocument,
    /// Whether it is enforced, or only says what it would do. Default: `enforce`.
    #[serde(default)]
    pub(super) mode: ModeDocument,
}

/// `allow`, `deny`, or what a call is held to.
#[derive(Debug)]
pub(in crate::policy) struct ThenDocument(pub(super) Then);

/// What a call is held to.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(in crate::policy) struct Then {
    /// It is refused.
    pub(super) deny: Option<DenyDocument>,
    /// The tiers that it may go to.
    pub(super) tier: Option<TierBoundsDocument>,
    /// The model that it goes to.
    pub(super) model: Option<String>,
    /// The models that it may go to.
    pub(super) only: Option<ChoiceDocument>,
    /// The models that it may not go to.
    pub(super) except: Option<ChoiceDocument>,
    /// The models that are asked before the others of their tier.
    pub(super) prefer: Option<ChoiceDocument>,
    /// Most tokens of its answer.
    pub(super) max_tokens: Option<u64>,
    /// How urgent it is, where its provider has a word for that.
    pub(super) service_tier: Option<ServiceTierDocument>,
    /// Most that its model may think.
    pub(super) reasoning_effort: Option<EffortDocument>,
    /// `off`: neither answered from the caches nor kept there; or how old stored answers may be, and whose they are.
    pub(super) cache: Option<CacheDocument>,
    /// What its answer must not lack, if it is not streamed: else a model of the next tier is asked. `true`: anything.
    pub(super) escalate: Option<EscalateDocument>,
    /// The budget that it is charged to besides: only calls under rules that name it are.
    pub(super) budget: Option<String>,
    /// What the access log says of it besides.
    pub(super) metadata: BTreeMap<String, String>,
}

/// OpenAI's words for how much is thought.
#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum EffortDocument {
    Minimal,
    Low,
    Medium,
    High,
}

impl From<EffortDocument> for Effort {
    fn from(effort: EffortDocument) -> Self {
        match effort {
            EffortDocument::Minimal => Self::Minimal,
            EffortDocument::Low => Self::Low,
            EffortDocument::Medium => Self::Medium,
            EffortDocument::High => Self::High,
        }
    }
}

/// OpenAI's words for it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum ServiceTierDocument {
    Default,
    Flex,
    Priority,
}

impl From<ServiceTierDocument> for ServiceTier {
    fn from(tier: ServiceTierDocument) -> Self {
        match tier {
            ServiceTierDocument::Default => Self::Standard,
            ServiceTierDocument::Flex => Self::Flex,
            ServiceTierDocument::Priority => Self::Priority,
        }
    }
}

/// What the caller is told, and perhaps with which status.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(in crate::policy) struct DenyMembers {
    /// What the caller is told.
    pub(super) message: Option<String>,
    /// HTTP status, 400 to 499. Default: 403.
    pub(super) status: Option<u16>,
}

#[derive(Debug, Default)]
pub(in crate::policy) struct DenyDocument(pub(super) DenyMembers);

/// One tier, or the cheapest and the strongest.
#[derive(Debug, Default)]
pub(in crate::policy) struct TierBoundsDocument(pub(super) TierBounds);

/// The cheapest and the strongest tier.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(in crate::policy) struct TierBounds {
    /// The cheapest.
    pub(super) min: Option<String>,
    /// The strongest.
    pub(super) max: Option<String>,
}

/// Some models.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct ChoiceDocument {
    /// By their names.
    pub(super) models: Vec<String>,
    /// All of these providers.
    pub(super) providers: Vec<String>,
}

/// Whether, or when, the next tier is asked.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "must be `true`, or a list of `refusal`, `cut` and `schema`")]
pub(super) enum EscalateDocument {
    Always(bool),
    When(Vec<ShortcomingDocument>),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum ShortcomingDocument {
    Refusal,
    Cut,
    Schema,
}

impl From<ShortcomingDocument> for Shortcoming {
    fn from(document: ShortcomingDocument) -> Self {
        match document {
            ShortcomingDocument::Refusal => Self::Refusal,
            ShortcomingDocument::Cut => Self::Cut,
            ShortcomingDocument::Schema => Self::Schema,
        }
    }
}

/// The word `off`, of which YAML 1.1 readers make `false`; or how old stored answers may be.
#[derive(Debug)]
pub(in crate::policy) enum CacheDocument {
    Off,
    Kept(StoredDocument),
}

/// How old stored answers may be, and whose they are.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct StoredDocument {
    /// A duration that is shorter than the one of the cache.
    pub(super) ttl: Option<String>,
    /// An attribute of `identity`: answers are shared only by callers of a tenant for whom it is the same.
    pub(super) scope: Option<String>,
}

macro_rules! word_or_members {
    ($type:ty, $members:ty, $expecting:literal, |$word:ident| $of_word:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct WordOrMembers;
                impl<'de> Visitor<'de> for WordOrMembers {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: serde::de::Error>(self, $word: &str) -> Result<Self::Value, E> {
                        $of_word
                    }

                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                        let members = serde::de::value::MapAccessDeserializer::new(map);
                        <$members>::deserialize(members).map(Self::Value::from)
                    }
                }
                deserializer.deserialize_any(WordOrMembers)
            }
        }
    };
}

impl From<Then> for ThenDocument {
    fn from(then: Then) -> Self {
        Self(then)
    }
}

impl From<DenyMembers> for DenyDocument {
    fn from(members: DenyMembers) -> Self {
        Self(members)
    }
}

impl From<TierBounds> for TierBoundsDocument {
    fn from(bounds: TierBounds) -> Self {
        Self(bounds)
    }
}

word_or_members!(ThenDocument, Then, "`allow`, `deny`, or what a call is held to", |word| match word {
    "allow" => Ok(Self::Value::from(Then::default())),
    "deny" => Ok(Self::Value::from(Then { deny: Some(DenyDocument::default()), ..Then::default() })),
    other => Err(E::custom(format!(
        "there is no effect `{other}`; it must be `allow`, `deny`, or what a call is held to"
    ))),
});
word_or_members!(
    DenyDocument,
    DenyMembers,
    "what the caller is told, or `{ message: TEXT, status: 403 }`",
    |word| Ok(Self::Value::from(DenyMembers { message: Some(word.to_owned()), status: None }))
);
word_or_members!(TierBoundsDocument, TierBounds, "a tier, or `{ min: TIER, max: TIER }`", |word| {
    Ok(Self::Value::from(TierBounds { min: Some(word.to_owned()), max: Some(word.to_owned()) }))
});

impl<'de> Deserialize<'de> for CacheDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "must be `off`, or `{ ttl: DURATION, scope: ATTRIBUTE }`")]
        enum OffOrKept {
            Word(String),
            Flag(bool),
            Kept(StoredDocument),
        }
        match OffOrKept::deserialize(deserializer)? {
            OffOrKept::Flag(false) => Ok(Self::Off),
            OffOrKept::Word(word) if word == "off" => Ok(Self::Off),
            OffOrKept::Kept(kept) => Ok(Self::Kept(kept)),
            _ => Err(serde::de::Error::custom("must be `off`, or `{ ttl: DURATION, scope: ATTRIBUTE }`")),
        }
    }
}
