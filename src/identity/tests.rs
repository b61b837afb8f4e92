//! Who asks, by what Envoy and callers say.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Sent<'h> = [(&'h str, &'h [u8])];

type Said<'p> = [(&'p str, &'p str)];

/// Properties of a request: their paths joined by `/`, and their bytes.
type Properties = BTreeMap<String, Vec<u8>>;

fn identified(
    sources: &Sources,
    headers: &Sent<'_>,
    properties: &Properties,
) -> Result<Identity, Unidentified> {
    sources.identify(headers.iter().copied(), &|path| properties.get(&path.join("/")).cloned())
}

/// Name of the tenant; empty if it has none.
fn tenant(identity: &Identity) -> &str {
    text_named(&identity.attributes, TENANT).unwrap_or_default()
}

fn by_header() -> Sources {
    Sources { headers: vec![(TENANT.to_owned(), "x-tenant".to_owned())], ..Sources::default() }
}

fn by_any_key() -> Sources {
    Sources { any_key: true, ..Sources::default() }
}

/// Every source there is, each with a tenant and an attribute of its own.
fn by_all() -> Sources {
    let named = |name: &str| name.to_owned();
    let holder = |name: &str, tenant: &str| KeyHolder {
        name: named(name),
        attributes: [(named(TENANT), Attribute::Text(named(tenant)))].into(),
    };
    Sources {
        mtls: Some(Mtls {
            trust_domains: vec![named("cluster.local")],
            attributes: vec![
                (named(TENANT), SpiffePart::Namespace),
                (named("workload"), SpiffePart::ServiceAccount),
            ],
        }),
        jwt: Some(Jwt {
            payload: named("claims"),
            attributes: vec![
                (named(TENANT), vec![named("org")], false),
                (named("team"), vec![named("realm"), named("team")], false),
                (named("groups"), vec![named("groups")], true),
            ],
        }),
        route: vec![named(TENANT)],
        keys: Keys::new(
            [(keys::hash(b"sk-ci"), holder("ci", "by-key")), (keys::hash(b"sk-web"), holder("web", "web"))],
            [],
        ),
        headers: vec![(named(TENANT), named("x-tenant")), (named("team"), named("x-team"))],
        any_key: false,
        nobody: Nobody::Anonymous,
    }
}

const PEER: &str = "connection/uri_san_peer_certificate";
const ORG: &str = "metadata/filter_metadata/envoy.filters.http.jwt_authn/claims/org";
const TEAM: &str = "metadata/filter_metadata/envoy.filters.http.jwt_authn/claims/realm/team";
const ROUTE: &str = "xds/route_metadata/filter_metadata/llm_arbiter/tenant";

fn properties(of: &Said<'_>) -> Properties {
    of.iter().map(|(path, value)| ((*path).to_owned(), value.as_bytes().to_vec())).collect()
}

#[test]
fn what_a_source_has_said_no_later_one_overrides() {
    let peer = (PEER, "spiffe://cluster.local/ns/by-peer/sa/checkout");
    let (token, route) = ((ORG, "by-token"), (ROUTE, "by-route"));
    let key = ("authorization", b"Bearer sk-ci".as_slice());
    let header = ("x-tenant", b"by-header".as_slice());
    let cases: [(&str, &Said<'_>, &Sent<'_>); 6] = [
        ("by-peer", &[peer, token, route], &[key, header]),
        ("by-token", &[token, route], &[key, header]),
        ("by-route", &[route], &[key, header]),
        ("by-key", &[], &[key, header]),
        ("by-header", &[], &[header]),
        ("", &[], &[]),
    ];
    for (expected, of, headers) in cases {
        let identity = identified(&by_all(), headers, &properties(of)).unwrap();
        assert_eq!(tenant(&identity), expected);
    }
}

#[test]
fn no_header_makes_anybody_the_tenant_that_another_source_names() {
    let sources = by_all();
    let by_peer =
        identified(&sources, &[], &properties(&[(PEER, "spiffe://cluster.local/ns/payments/sa/a")])).unwrap();
    let by_token = identified(&sources, &[], &properties(&[(ORG, "payments")])).unwrap();
    let by_route = identified(&sources, &[], &properties(&[(ROUTE, "payments")])).unwrap();
    let forged = identified(&sources, &[("x-tenant", b"payments")], &Properties::new()).unwrap();
    let all = [&by_peer, &by_token, &by_route, &forged];
    for (at, identity) in all.iter().enumerate() {
        assert_eq!(all.iter().position(|other| other.partition == identity.partition), Some(at));
    }
    let named = sources.partitions_of("payments");
    assert!(all.iter().all(|identity| named.contains(&identity.partition)), "an operator names all of them");
}

#[test]
fn attributes_come_from_wherever_they_are_known() {
    let groups = [1_u32.to_le_bytes(), 6_u32.to_le_bytes(), 0_u32.to_le_bytes()].concat();
    let groups = [groups, b"admins\0\0".to_vec()].concat();
    let mut said = properties(&[(PEER, "spiffe://cluster.local/ns/shop/sa/checkout"), (TEAM, "search")]);
    said.insert("metadata/filter_metadata/envoy.filters.http.jwt_authn/claims/groups".to_owned(), groups);
    let identity = identified(&by_all(), &[("x-team", b"forged"), ("x-api-key", b"sk-web")], &said).unwrap();
    let expected: Attributes = [
        (TENANT.to_owned(), Attribute::Text("shop".to_owned())),
        ("workload".to_owned(), Attribute::Text("checkout".to_owned())),
        ("team".to_owned(), Attribute::Text("search".to_owned())),
        ("groups".to_owned(), Attribute::Texts(vec!["admins".to_owned()])),
        (KEY.to_owned(), Attribute::Text("web".to_owned())),
    ]
    .into();
    assert_eq!(identity.attributes, expected);
}

#[test]
fn a_certificate_counts_only_if_a_trusted_domain_vouches_for_it() {
    for (name, expected) in [
        ("spiffe://cluster.local/ns/shop/sa/a", "shop"),
        ("spiffe://other.local/ns/shop/sa/a", ""),
        ("spiffe://cluster.local.evil/ns/shop/sa/a", ""),
        ("https://cluster.local/ns/shop/sa/a", ""),
        ("spiffe://cluster.local/workload", ""),
    ] {
        let identity = identified(&by_all(), &[], &properties(&[(PEER, name)])).unwrap();
        assert_eq!(tenant(&identity), expected, "{name}");
    }
}

#[test]
fn two_keys_of_two_holders_say_nothing() {
    let both: &Sent<'_> = &[("authorization", b"Bearer sk-ci"), ("x-api-key", b"sk-web")];
    assert_eq!(identified(&by_all(), both, &Properties::new()), Err(Unidentified::TwoKeys));
    let same: &Sent<'_> =
        &[("authorization", b"Bearer sk-ci"), ("x-api-key", b"sk-ci"), ("api-key", b"of nobody")];
    assert_eq!(tenant(&identified(&by_all(), same, &Properties::new()).unwrap()), "by-key");
}

#[test]
fn a_header_that_stands_twice_says_nothing() {
    let twice: &Sent<'_> = &[("x-tenant", b"victim"), ("a", b"b"), ("x-tenant", b"me")];
    let repeated = Err(Unidentified::Repeated { header: "x-tenant".into() });
    assert_eq!(identified(&by_header(), twice, &Properties::new()), repeated);
    let by_token = identified(&by_all(), twice, &properties(&[(ORG, "acme")])).unwrap();
    assert_eq!(tenant(&by_token), "acme", "it is not asked");
}

#[test]
fn whoever_names_no_tenant_is_refused_where_one_is_required() {
    let refused = |sources: Sources, headers: &Sent<'_>| {
        identified(&Sources { nobody: Nobody::Refused, ..sources }, headers, &Properties::new())
    };
    let cases: [(Sources, &Sent<'_>, &str); 4] = [
        (by_header(), &[("a", b"b")], "`x-tenant`"),
        (by_header(), &[("x-tenant", b"")], "`x-tenant`"),
        (by_any_key(), &[("authorization", b"")], "an API key"),
        (
            by_all(),
            &[("authorization", b"Bearer sk-unknown")],
            "a certificate of a trusted peer or a token with the tenant's claim or the route's metadata or an API key that is known here or `x-tenant`",
        ),
    ];
    for (sources, headers, wanted) in cases {
        let missing = Err(Unidentified::Missing { wanted: wanted.to_owned() });
        assert_eq!(refused(sources.clone(), headers), missing, "{headers:?}");
        assert!(identified(&sources, headers, &Properties::new()).is_ok(), "{headers:?}");
    }
    assert!(refused(by_header(), &[("x-tenant", b"me")]).is_ok());
    assert!(refused(by_any_key(), &[("api-key", b"me")]).is_ok());
}

#[test]
fn whoever_names_no_tenant_may_be_one_by_name() {
    let sources = Sources { nobody: Nobody::Named("guests".to_owned()), ..by_header() };
    let guest = identified(&sources, &[], &Properties::new()).unwrap();
    let forged = identified(&sources, &[("x-tenant", b"guests")], &Properties::new()).unwrap();
    assert_eq!((tenant(&guest), tenant(&forged)), ("guests", "guests"));
    assert_ne!(guest.partition, forged.partition);
}

#[test]
fn every_key_that_a_caller_sends_counts_and_none_is_named() {
    let of = |headers: &Sent<'_>| identified(&by_any_key(), headers, &Properties::new()).unwrap();
    let shared = ("authorization", b"Bearer shared".as_slice());
    let (mine, yours) = (("x-api-key", b"mine".as_slice()), ("x-api-key", b"yours".as_slice()));
    assert_ne!(of(&[shared, mine]).partition, of(&[shared, yours]).partition);
    assert_ne!(of(&[shared, mine]).partition, of(&[shared]).partition);
    assert_eq!(of(&[shared, mine]), of(&[mine, ("accept", b"*/*"), shared]));
    assert_ne!(of(&[mine, yours]).partition, of(&[mine]).partition);
    assert_eq!(of(&[mine]).attributes, Attributes::new());
    let sources = Sources { any_key: true, ..by_header() };
    let forged = identified(&sources, &[mine, ("x-tenant", b"victim")], &Properties::new()).unwrap();
    assert_eq!(
        (forged.partition, forged.attributes),
        (of(&[mine]).partition, Attributes::new()),
        "a key is trusted more than a header"
    );
}

proptest! {
    #[test]
    fn nothing_that_a_host_says_is_too_odd(
        bytes in prop::collection::vec(any::<u8>(), 0..48),
        header in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let properties = [PEER, ORG, TEAM, ROUTE].map(|path| (path.to_owned(), bytes.clone()));
        let sent: &Sent<'_> = &[("x-tenant", &header), ("authorization", &header)];
        prop_assert!(identified(&by_all(), sent, &properties.into()).is_ok());
    }
}
