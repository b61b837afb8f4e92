//! Request `cache-control` and response `cache-status` (RFC 9111, RFC 9211).
