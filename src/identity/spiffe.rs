//! SPIFFE IDs (<https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md>), as a mesh writes them into certificates.

/// A workload's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpiffeId<'i> {
    /// As it is written.
    pub id: &'i str,
    /// Who vouches for it, for example `cluster.local`.
    pub trust_domain: &'i str,
    /// Kubernetes namespace, where the path is Istio's `/ns/NAMESPACE/sa/ACCOUNT`; empty elsewhere.
    pub namespace: &'i str,
    /// Kubernetes service account, likewise.
    pub service_account: &'i str,
}

impl<'i> SpiffeId<'i> {
    /// Reads an ID; `None` when it is none.
    #[must_use]
    pub fn parse(id: &'i str) -> Option<Self> {
        let (trust_domain, path) = match id.strip_prefix("spiffe://")?.split_once('/') {
            Some((trust_domain, path)) => (trust_domain, Some(path)),
            None => (id.strip_prefix("spiffe://")?, None),
        };
        let is_domain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
        let is_segment = |segment: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            !matches!(segment, "" | "." | "..") && segment.chars().all(is_plain)
        };
        if trust_domain.is_empty() || !trust_domain.chars().all(is_domain) || id.len() > 2048 {
            return None;
        }
        let segments: Vec<&str> = path.map(|path| path.split('/').collect()).unwrap_or_default();
        if !segments.iter().all(|segment| is_segment(segment)) {
            return None;
        }
        let (namespace, service_account) = match segments.as_slice() {
            ["ns", namespace, "sa", account] => (*namespace, *account),
            _ => ("", ""),
        };
        Some(Self { id, trust_domain, namespace, service_account })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_who_vouches_and_for_whom() {
        let id = "spiffe://cluster.local/ns/payments/sa/checkout";
        let found = SpiffeId {
            id,
            trust_domain: "cluster.local",
            namespace: "payments",
            service_account: "checkout",
        };
        assert_eq!(SpiffeId::parse(id), Some(found));
        for id in ["spiffe://td", "spiffe://td/workload", "spiffe://td/ns/a/sa/b/c", "spiffe://td/sa/b/ns/a"]
        {
            let found = SpiffeId { id, trust_domain: "td", namespace: "", service_account: "" };
            assert_eq!(SpiffeId::parse(id), Some(found));
        }
    }

    #[test]
    fn what_is_no_id_is_nobodys() {
        for id in [
            "",
            "spiffe://",
            "spiffe:///ns/a/sa/b",
            "https://cluster.local/ns/a/sa/b",
            "spiffe://td/",
            "spiffe://td//a",
            "spiffe://td/ns/../sa/b",
            "spiffe://td/ns/./sa/b",
            "spiffe://TD/a",
            "spiffe://td:1/a",
            "spiffe://u@td/a",
            "spiffe://td/a%2fb",
            "spiffe://td/a?b",
            "spiffe://td/a#b",
            "spiffe://td/a b",
            "SPIFFE://td/a",
        ] {
            assert_eq!(SpiffeId::parse(id), None, "{id}");
        }
        assert_eq!(SpiffeId::parse(&format!("spiffe://td/{}", "a".repeat(2048))), None);
    }
}
