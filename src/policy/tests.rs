//! What an operator gets for a document.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Policy, RequestedModel};
use crate::chat::Caller;
use crate::chat::claude::{Claude, Thinking};
use crate::complexity::{Boundaries, Level, Scorer};
use crate::identity::Sources;

fn document() -> Value {
    json!({
        "providers": {"openai": {"host": "api.openai.test", "credential": "OPENAI_API_KEY"}},
        "models": {
            "gpt-4o-mini": {"provider": "openai", "prices": {"input": 0.15, "cached_input": 0.075, "output": 0.6}},
            "gpt-4o": {"provider": "openai", "upstream_name": "gpt-4o-2024", "prices": {"input": 2.5, "output": 10}}
        },
        "tiers": [
            {"name": "small", "handles": "medium", "models": ["gpt-4o-mini", "gpt-4o"]},
            {"name": "large", "handles": "high", "models": ["gpt-4o"]}
        ],
        "baseline": "gpt-4o"
    })
}

/// The document with the value at a JSON pointer replaced; its parent must exist.
fn changed(pointer: &str, value: Value) -> Value {
    let mut document = document();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        _ => panic!("{parent} has no members"),
    }
    document
}

#[test]
fn what_a_claude_takes_follows_from_its_name_unless_the_policy_says_it() {
    let claude = |changes: &[(&str, Value)]| {
        let mut document = changed("/models/gpt-4o/upstream_name", json!("claude-opus-4-8"));
        for (name, value) in changes {
            document["models"]["gpt-4o"][name] = value.clone();
        }
        Policy::from_value(document).map(|policy| policy.models().nth(1).unwrap().1.abilities.claude)
    };
    assert_eq!(claude(&[]), Ok(Claude { thinking: Thinking::Adaptive, sampling: false }));
    let own = claude(&[("thinking", json!("budget")), ("sampling", json!(true))]);
    assert_eq!(own, Ok(Claude { thinking: Thinking::Budget, sampling: true }));
    let error = claude(&[("thinking", json!("adaptiv"))]).unwrap_err();
    assert_eq!(error.path, "models.gpt-4o.thinking");
    assert!(error.message.contains("adaptive"), "{error}");
}

#[test]
fn whether_a_gemini_fetches_images_follows_from_its_name_unless_the_policy_says_it() {
    let fetches = |name: &str, said: Option<bool>| {
        let mut document = changed("/models/gpt-4o/upstream_name", json!(name));
        if let Some(said) = said {
            document["models"]["gpt-4o"]["fetches_images"] = said.into();
        }
        Policy::from_value(document).unwrap().models().nth(1).unwrap().1.abilities.fetches_images
    };
    assert!(fetches("gemini-2.5-flash", None) && fetches("gemini-2.0-flash", Some(true)));
    assert!(!fetches("gemini-2.0-flash", None) && !fetches("gemini-2.5-flash", Some(false)));
}

#[test]
fn a_version_that_all_its_readers_are_told_anyway_asks_for_nothing() {
    let (usual, other) = (b"2023-06-01".as_slice(), b"2026-01-01".as_slice());
    let speaking = |provider: Value| Policy::from_value(changed("/providers/openai", provider)).unwrap();
    let openai = speaking(json!({"host": "a.test"}));
    let anthropic = speaking(json!({"host": "a.test", "dialect": "anthropic"}));
    let newer = speaking(json!({"host": "a.test", "dialect": "anthropic", "api_version": "2026-01-01"}));
    let asks = |policy: &Policy, value| !policy.names_usual_version("anthropic-version", value);
    assert!(!asks(&openai, usual) && !asks(&openai, other), "nobody reads it");
    assert!(!asks(&anthropic, usual) && asks(&anthropic, other));
    assert!(asks(&newer, usual) && !asks(&newer, other));
    assert!(!openai.names_usual_version("anthropic-beta", usual));
}

#[test]
fn a_short_document_gets_sound_defaults() {
    let policy = Policy::from_value(document()).unwrap();
    assert_eq!(policy.requested_model, RequestedModel::Cap);
    assert_eq!(policy.classify.scorer, Scorer::Heuristic);
    let paths = [
        ("/chat/completions", Caller::OpenAi),
        ("/v1/messages", Caller::Anthropic),
        ("/responses", Caller::Responses),
    ];
    assert_eq!(policy.admit.paths, paths.map(|(path, caller)| (path.to_owned(), caller)));
    assert_eq!(policy.admit.max_body_bytes, 8_388_608);
    let by_header = Sources { headers: vec![("tenant".into(), "x-tenant".into())], ..Sources::default() };
    assert_eq!(policy.identity, by_header);
    assert_eq!(policy.exact_cache.as_ref().unwrap().ttl, Duration::from_secs(3600));
    assert_eq!(policy.failover.per_try_idle_timeout, Duration::from_secs(30));
    assert!(policy.decision_header);
    let provider = policy.providers().next().unwrap();
    assert_eq!((provider.port, provider.tls, provider.path.as_str()), (443, true, "/v1/chat/completions"));
    let (_, model) = policy.models().next().unwrap();
    assert_eq!((model.upstream_name.as_str(), model.prices.base.cached_input), ("gpt-4o-mini", 75_000_000));
    let (_, tier) = policy.tiers().next().unwrap();
    assert_eq!((tier.handles, tier.models().count()), (Level::Medium, 2));
}

#[test]
fn the_responses_api_is_served_by_openai_and_by_whom_the_policy_names() {
    let dialect = |provider: Value, caller| {
        let policy = Policy::from_value(changed("/providers/openai", provider)).unwrap();
        let provider = policy.providers().next().unwrap();
        (provider.dialect_for(caller).name, provider.responses_path.clone())
    };
    let at = |path: &str| Some(path.to_owned());
    let openai = json!({"host": "api.openai.com"});
    assert_eq!(dialect(openai.clone(), Caller::Responses), ("responses", at("/v1/responses")));
    assert_eq!(dialect(openai, Caller::OpenAi).0, "openai");
    assert_eq!(dialect(json!({"host": "a.test"}), Caller::Responses), ("openai", None));
    let own = json!({"host": "a.test", "dialect": "azure", "responses": "/openai/v1/responses?v={api_version}", "api_version": "1"});
    assert_eq!(dialect(own, Caller::Responses), ("responses", at("/openai/v1/responses?v=1")));
}

#[test]
fn the_cache_can_be_switched_off() {
    for off in [json!("off"), json!(false)] {
        let policy = Policy::from_value(changed("/cache", json!({"exact": off}))).unwrap();
        assert_eq!(policy.exact_cache, None);
    }
}

#[test]
fn every_fault_names_its_path_and_says_what_would_be_right() {
    let cases = [
        (
            "/tiers/1/models/0",
            json!("gpt4o"),
            "tiers[1].models[0]: there is no model `gpt4o`; did you mean `gpt-4o`?",
        ),
        ("/tiers/0/modles", json!([]), "tiers[0].modles: unknown field `modles`; did you mean `models`?"),
        ("/tier", json!([]), "tier: unknown field `tier`; did you mean `tiers`?"),
        ("/tiers/0/handles", json!("hihg"), "tiers[0].handles: unknown value `hihg`; did you mean `high`?"),
        ("/tiers/0/handles", json!("high"), ""),
        ("/tiers/1/handles", json!("low"), "tiers[1].handles: tiers go from cheap to strong"),
        ("/tiers/1/handles", json!("medium"), "tiers[1].handles: the last tier must handle high"),
        ("/tiers/1/name", json!("small"), "tiers[1].name: `small` is the name of an earlier tier"),
        (
            "/tiers/0/models/1",
            json!("gpt-4o-mini"),
            "tiers[0].models[1]: `gpt-4o-mini` stands in this tier already",
        ),
        ("/tiers/0/models", json!([]), "tiers[0].models: there is none"),
        ("/tiers", json!([]), "tiers: there is none"),
        ("/tiers/0/name", json!("a b"), "tiers[0].name: a name has"),
        ("/baseline", json!("gpt-5"), "baseline: there is no model `gpt-5`"),
        ("/models", json!({}), "models: there is none"),
        (
            "/models/gpt-4o/provider",
            json!("opnai"),
            "models.gpt-4o.provider: there is no provider `opnai`; did you mean `openai`?",
        ),
        ("/models/gpt-4o/prices/output", json!(-1), "models.gpt-4o.prices.output: -1 is no price"),
        ("/models/gpt-4o/prices", json!({"input": 1}), "models.gpt-4o.prices: missing field `output`"),
        (
            "/models/auto",
            json!({"provider": "openai", "prices": {"input": 1, "output": 1}}),
            "models.auto: `auto` means",
        ),
        ("/providers/openai/host", json!("https://x"), "providers.openai.host: must be a host name"),
        (
            "/providers/openai/credential",
            json!("sk-abc"),
            "providers.openai.credential: must be the name of an environment variable",
        ),
        (
            "/providers/openai/credential",
            json!({"sds": ""}),
            "providers.openai.credential.sds: must be the path of a file",
        ),
        (
            "/providers/openai/credential",
            json!({"sdz": "/a"}),
            "providers.openai.credential.sdz: unknown value `sdz`; did you mean `sds`?",
        ),
        (
            "/providers/openai/credential",
            json!({"aws": {"region": "eu central"}}),
            "providers.openai.credential.aws: must name a region, for example us-east-1, and a service",
        ),
        (
            "/providers/openai",
            json!({"host": "a.test", "dialect": "vertex-gemini", "project": "p", "location": ""}),
            "providers.openai.location: must name where the models of this dialect run",
        ),
        (
            "/providers/openai",
            json!({"host": "a.test", "project": "p"}),
            "providers.openai.project: stands in no path of this dialect",
        ),
        ("/providers/openai/path", json!("v1"), "providers.openai.path: must start with `/`"),
        ("/providers/openai/responses", json!("v1"), "providers.openai.responses: must start with `/`"),
        (
            "/providers/openai",
            json!({"host": "a.test", "dialect": "gemini", "responses": "/v1/responses"}),
            "providers.openai.responses: is served by providers of OpenAI's dialect only",
        ),
        (
            "/requested_model",
            json!("honour"),
            "requested_model: unknown value `honour`; did you mean `honor`?",
        ),
        (
            "/classify",
            json!({"boundaries": {"medium": 0.7}}),
            "classify.boundaries: must be 0 < medium < high <= 1",
        ),
        ("/classify", json!({"weights": {}}), "classify.weights: needs `scorer: learned`"),
        (
            "/classify",
            json!({"encoder": {"vocabulary": {"base64": ""}, "graph": {"base64": ""}}}),
            "classify.encoder: needs `scorer: learned`",
        ),
        (
            "/classify",
            json!({"scorer": "learned", "encoder": {"vocabulary": {"base64": ""}, "graph": "my.onnx"}}),
            "classify.encoder.graph: the filter needs the file itself, as {base64: ...}; `arbiter render` reads it from `my.onnx`",
        ),
        (
            "/classify",
            json!({"scorer": "learned", "encoder": {"vocabulary": 5, "graph": "my.onnx"}}),
            "classify.encoder.vocabulary: must be the name of a file, or {base64: ...}",
        ),
        (
            "/classify",
            json!({"scorer": "learned", "max_strong_share": [1]}),
            "classify.max_strong_share: must be a share, 0 to 1 or \"0%\" to \"100%\"",
        ),
        (
            "/classify",
            json!({"scorer": "learned", "encoder": {"vocabulary": {"base64": "?"}, "graph": "my.onnx"}}),
            "classify.encoder.vocabulary.base64: Invalid",
        ),
        ("/classify", json!({"max_strong_share": 0.3}), "classify.max_strong_share: needs `scorer: learned`"),
        (
            "/classify",
            json!({"scorer": "learned", "weights": "scorer.json"}),
            "classify.weights: must be the weights themselves; `arbiter render` reads them",
        ),
        (
            "/classify",
            json!({"scorer": "learned", "weights": {"format": 1, "bias": "x"}}),
            "classify.weights.bias: invalid type: string \"x\", expected f64; `arbiter fit` writes them",
        ),
        (
            "/classify",
            json!({"scorer": "learned", "max_strong_share": "30%", "max_quality_loss": "2%"}),
            "classify: takes one of `boundaries`, `max_strong_share` and `max_quality_loss`",
        ),
        (
            "/classify",
            json!({"scorer": "learned", "max_strong_share": "130%"}),
            "classify.max_strong_share: must be a share",
        ),
        ("/admit", json!({"paths": {"openai": ["v1"]}}), "admit.paths.openai[0]: must start with `/`"),
        (
            "/admit",
            json!({"paths": {"openai": [], "anthropic": [], "responses": []}}),
            "admit.paths: there is none; name at least one",
        ),
        (
            "/providers/openai/dialect",
            json!("antropic"),
            "providers.openai.dialect: there is no dialect `antropic`; did you mean `anthropic`?",
        ),
        ("/models/gpt-4o/context_window", json!(0), "models.gpt-4o.context_window: must be at least 1 token"),
        ("/models/gpt-4o/prices/cache_write", json!(-1), "models.gpt-4o.prices.cache_write: -1 is no price"),
        ("/admit", json!({"max_depth": 0}), "admit.max_depth: must be between 1"),
        (
            "/budgets",
            json!([{"name": "a b", "usd": 1, "window": "day"}]),
            "budgets[0].name: the name of a budget",
        ),
        (
            "/budgets",
            json!([{"name": "a", "usd": 1, "window": {"rolling": "30s"}}]),
            "budgets[0].window.rolling: must be between 1m and 366d",
        ),
        ("/budgets", json!([{"name": "a", "window": "day"}]), "budgets[0]: must have exactly one of"),
        (
            "/budgets",
            json!([{"name": "a", "usd": 1, "tokens": 1, "window": "day"}]),
            "budgets[0]: must have exactly one of",
        ),
        ("/budgets", json!([{"name": "a", "usd": -1, "window": "day"}]), "budgets[0].usd: must be an amount"),
        (
            "/budgets",
            json!([{"name": "a", "usd": 1, "window": "dya"}]),
            "budgets[0].window: there is no window `dya`; it must be one of minute",
        ),
        (
            "/budgets",
            json!([{"name": "a", "usd": 1, "window": "day", "per": "taem"}]),
            "budgets[0].per: there is no attribute",
        ),
        (
            "/budgets",
            json!([{"name": "a", "usd": 1, "window": "day", "limits": {"x": 1}}]),
            "budgets[0].limits: all calls have one",
        ),
        (
            "/budgets",
            json!([{"name": "a", "tokens": 1, "per": "tenant", "window": "day", "limits": {"x": 1.5}}]),
            "budgets[0].limits.x: must be a whole number",
        ),
        (
            "/budgets",
            json!([{"name": "a", "usd": 1, "window": "day", "stages": {"warn": "90%", "lower": "80%"}}]),
            "budgets[0].stages: a stricter stage begins before",
        ),
        (
            "/budgets",
            json!([{"name": "a", "usd": 1, "window": "day", "stages": {}}]),
            "budgets[0].stages: names none",
        ),
        (
            "/budgets",
            json!([{"name": "a", "usd": 1, "window": "day", "stages": {"warn": "90"}}]),
            "budgets[0].stages.warn: must be a share",
        ),
        (
            "/budgets",
            json!([{"name": "a", "usd": 1, "window": "day"}, {"name": "a", "usd": 1, "window": "hour"}]),
            "budgets[1].name: `a` is the name of an earlier budget",
        ),
        (
            "/identity",
            json!({"headers": {"tenant": "X-Arbiter-Tenant"}}),
            "identity.headers.tenant: headers that begin with `x-arbiter-`",
        ),
        (
            "/identity",
            json!({"headers": {"tenant": "Host"}}),
            "identity.headers.tenant: says which server is asked",
        ),
        (
            "/identity",
            json!({"headers": {"Team": "x-team"}}),
            "identity.headers.Team: the name of an attribute",
        ),
        ("/identity", json!({"headers": {"key": "x-key"}}), "identity.headers.key: `key` is the name of"),
        ("/identity", json!({"required": true}), "identity.required: no source says"),
        (
            "/identity",
            json!({"api_key": true, "required": true, "default": "guests"}),
            "identity.default: is never used",
        ),
        ("/identity", json!({"mtls": {"trust_domains": []}}), "identity.mtls.trust_domains: names none"),
        (
            "/identity",
            json!({"mtls": {"trust_domains": ["spiffe://a"]}}),
            "identity.mtls.trust_domains[0]: must be",
        ),
        (
            "/identity",
            json!({"mtls": {"trust_domains": ["a"], "attributes": {"tenant": "namespaces"}}}),
            "identity.mtls.attributes.tenant: there is no part of a SPIFFE ID `namespaces`; did you mean `namespace`?",
        ),
        ("/identity", json!({"jwt": {"payload": "p"}}), "identity.jwt.attributes: takes nothing"),
        (
            "/identity",
            json!({"jwt": {"payload": "", "attributes": {"tenant": "a"}}}),
            "identity.jwt.payload: must be",
        ),
        (
            "/identity",
            json!({"jwt": {"payload": "p", "attributes": {"tenant": []}}}),
            "identity.jwt.attributes.tenant: must name",
        ),
        (
            "/identity",
            json!({"jwt": {"payload": "p", "lists": {"tenant": "a"}}}),
            "identity.jwt.lists.tenant: a request has one",
        ),
        (
            "/identity",
            json!({"jwt": {"payload": "p", "lists": {"team": "teams"}}, "headers": {"team": "x-team"}}),
            "identity: `team` is a list in one source and a text in another",
        ),
        (
            "/identity",
            json!({"keys": {"ci": {"sha256": "sk-ci"}}}),
            "identity.keys.ci.sha256: must be the SHA-256",
        ),
        (
            "/identity",
            json!({"keys": {"a": {"sha256": "ab".repeat(32)}, "b": {"sha256": "AB".repeat(32)}}}),
            "identity.keys.b.sha256: is the key of an earlier holder",
        ),
        ("/identity", json!({"keys": {"ci": {"tenant": "t"}}}), "identity.keys.ci: needs `sha256`"),
        (
            "/identity",
            json!({"keys": {"ci": {"variable": "sk-ci"}}}),
            "identity.keys.ci.variable: must be the name of an environment variable",
        ),
        (
            "/identity",
            json!({"keys": {"ci": {"sha256": "ab".repeat(32), "variable": "CI_KEY"}}}),
            "identity.keys.ci: has both",
        ),
        (
            "/identity",
            json!({"keys": {"ci": {"sha256": "ab".repeat(32), "models": ["gpt-4"]}}}),
            "identity.keys.ci.models[0]: there is no model `gpt-4`",
        ),
        (
            "/identity",
            json!({"keys": {"ci": {"sha256": "ab".repeat(32), "attributes": {"tenant": "a"}}}}),
            "identity.keys.ci.attributes.tenant: stands beside",
        ),
        ("/admit", json!({"paths": {"openai": ["/v1/chat/"]}}), "admit.paths.openai[0]: must start with `/`"),
        (
            "/admit",
            json!({"paths": {"openai": ["/v1//%63hat"]}}),
            "admit.paths.openai[0]: must start with `/`",
        ),
        (
            "/providers/openai/forward_headers",
            json!(["x-a", "Authorization"]),
            "providers.openai.forward_headers[1]: carries a credential",
        ),
        (
            "/providers/openai/forward_headers",
            json!(["content-length"]),
            "providers.openai.forward_headers[0]: is set by the filter",
        ),
        (
            "/models/gpt-4o/prices/long_context",
            json!({"above": 1000, "input": 5, "output": -1}),
            "models.gpt-4o.prices.long_context.output: -1 is no price",
        ),
        ("/models/gpt-4o/prices/flex", json!(-1), "models.gpt-4o.prices.flex: -1 is no factor"),
        ("/cache", json!({"exact": {"tenant_share": 0}}), "cache.exact.tenant_share: must be above 0"),
        (
            "/cache",
            json!({"exact": "off", "semantic": {}}),
            "cache.semantic: its answers stand in the exact cache, and cache.exact is off",
        ),
        (
            "/cache",
            json!({"semantic": {"max_false_hits": "half"}}),
            "cache.semantic.max_false_hits: must be a share",
        ),
        ("/cache", json!({"semantic": {"entries": 0}}), "cache.semantic.entries: must be between"),
        (
            "/cache",
            json!({"semantic": {"bytes": 10}}),
            "cache.semantic.bytes: must be between 4194304 (for 8192 entries)",
        ),
        (
            "/cache",
            json!({"semantic": {"max_time_share": "60%"}}),
            "cache.semantic.max_time_share: must be at most 50%",
        ),
        ("/cache", json!({"exact": {"ttl": "soon"}}), "cache.exact.ttl: `soon` is no duration"),
        ("/cache", json!({"exact": {"bytes": 10}}), "cache.exact.bytes: must be between"),
        (
            "/cache",
            json!({"shared": {"host": "http://x", "port": 1}}),
            "cache.shared.host: must be a host name",
        ),
        ("/cache", json!({"shared": {"host": "x", "port": 0}}), "cache.shared.port: must be between"),
        (
            "/cache",
            json!({"shared": {"host": "x", "port": 1, "timeout": "1m"}}),
            "cache.shared.timeout: must be at most 5 s",
        ),
        (
            "/cache",
            json!({"exact": "off", "shared": {"host": "x", "port": 1}}),
            "cache.shared: there is nothing to share",
        ),
        (
            "/cache",
            json!({"exact": "on"}),
            "cache.exact: invalid value: string \"on\", expected `off` or the cache's bounds",
        ),
        ("/failover", json!({"timeout": "5"}), "failover.timeout: `5` is no duration"),
    ];
    for (pointer, value, expected) in cases {
        let message =
            Policy::from_value(changed(pointer, value)).map_or_else(|e| e.to_string(), |_| String::new());
        assert!(
            message.starts_with(expected) && expected.is_empty() == message.is_empty(),
            "{pointer}: {message}"
        );
    }
}

#[test]
fn boundaries_follow_from_what_may_be_spent_or_lost() {
    let boundaries = |handles: &str, limit: Value| {
        let mut document = changed("/tiers/0/handles", json!(handles));
        document["classify"] = limit;
        document["classify"]["scorer"] = json!("learned");
        let Boundaries { medium, high } = Policy::from_value(document).unwrap().classify.boundaries;
        (medium, high)
    };
    let (medium, high) = boundaries("medium", json!({"max_strong_share": "30%"}));
    assert!(
        (high - 0.7).abs() < 1e-9 && (medium - 0.35).abs() < 1e-9,
        "the last tier begins where calls are high"
    );
    let (medium, high) = boundaries("low", json!({"max_strong_share": 0.3}));
    assert!(
        (medium - 0.7).abs() < 1e-9 && (high - 0.85).abs() < 1e-9,
        "the last tier takes medium calls as well"
    );
    for handles in ["low", "medium"] {
        for limit in ["0%", "100%"] {
            for field in ["max_strong_share", "max_quality_loss"] {
                let (medium, high) = boundaries(handles, json!({field: limit}));
                assert!(
                    0.0 < medium && medium < high && high < 1.0,
                    "{handles} {field} {limit}: {medium} {high}"
                );
            }
        }
    }
    let (_, strict) = boundaries("medium", json!({"max_quality_loss": "1%"}));
    let (_, loose) = boundaries("medium", json!({"max_quality_loss": "10%"}));
    assert!(strict < loose, "who may lose less asks the strong model more often: {strict} {loose}");
    assert_eq!(boundaries("medium", json!({})), (0.5, 0.8));
    assert_eq!(boundaries("medium", json!({"boundaries": {"high": 0.9}})), (0.5, 0.9));
}

#[test]
fn a_policy_that_could_answer_otherwise_has_another_revision() {
    let revision = |document| Policy::from_value(document).unwrap().revision;
    let base = revision(document());
    assert_eq!(base, revision(changed("/models/gpt-4o/prices/output", json!(11))), "prices change no answer");
    for (pointer, value) in [
        ("/models/gpt-4o/upstream_name", json!("gpt-4o-2025")),
        ("/tiers/0/handles", json!("low")),
        ("/tiers/0/models", json!(["gpt-4o"])),
        ("/requested_model", json!("honor")),
        ("/classify", json!({"scorer": "wordcount"})),
        ("/classify", json!({"scorer": "learned"})),
        ("/providers/openai/host", json!("other.test")),
        ("/providers/openai/api_version", json!("2026-01-01")),
        ("/providers/openai/forward_headers", json!(["x-experiment"])),
    ] {
        assert_ne!(base, revision(changed(pointer, value)), "{pointer}");
    }
}

#[test]
fn a_provider_is_reached_where_its_dialect_says() {
    let provider = |fields: Value| {
        let policy = Policy::from_value(changed("/providers/openai", fields)).unwrap();
        let provider = policy.providers().next().unwrap();
        (provider.path.clone(), provider.stream_path.clone())
    };
    let same = |path: &str| (path.to_owned(), path.to_owned());
    assert_eq!(provider(json!({"host": "a.test", "dialect": "anthropic"})), same("/v1/messages"));
    assert_eq!(
        provider(json!({"host": "a.test", "dialect": "azure", "api_version": "2026-01-01"})),
        same("/openai/deployments/{model}/chat/completions?api-version=2026-01-01")
    );
    assert_eq!(
        provider(json!({"host": "a.test", "dialect": "gemini"})),
        (
            "/v1beta/models/{model}:generateContent".to_owned(),
            "/v1beta/models/{model}:streamGenerateContent?alt=sse".to_owned()
        )
    );
    assert_eq!(provider(json!({"host": "a.test", "path": "/own"})), same("/own"));
}
