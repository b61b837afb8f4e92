//! Names that are not ours, but that a lenient server could take for them.

/// Whether a reader that minds neither case nor underscores could take `key` for `name`, which is in lower case: Go's reader
/// folds case as Unicode does, that of protocol buffers takes `maxTokens` for `max_tokens`.
pub(super) fn is_spelled_like(key: &str, name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    // What is spelled as all members are is one of its own.
    !key.bytes().all(is_plain) && folded(key).eq(folded(name))
}

fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lenient_reader_takes_for_a_member_is_known() {
        for like in
            ["Max_Tokens", "maxTokens", "MAX_TOKENS", "max-tokens", "max_to\u{212a}ens", "max_token\u{17f}"]
        {
            assert!(is_spelled_like(like, "max_tokens"), "{like}");
        }
        for other in ["max_tokens", "maxtokens", "max_tokens_2", "Max_Token", "", "M"] {
            assert!(!is_spelled_like(other, "max_tokens"), "{other}");
        }
    }
}
