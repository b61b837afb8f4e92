//! Server-sent events (WHATWG HTML, "Server-sent events"): a machine over bytes that knows nothing of what they mean.
