//! The line by which Anthropic knows from which of its programs a request came. It stands first in the instructions, is another one in each
//! request, and is nothing that a model should read.

/// How it begins.
const LINE: &str = "x-anthropic-billing-header:";

/// What instructions say after that line; `None` when they do not begin with it.
pub(in crate::chat) fn after_line(text: &str) -> Option<&str> {
    let line = text.strip_prefix(LINE)?;
    Some(line.split_once('\n').map(|(_, rest)| rest).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_at_the_beginning_is_one() {
        assert_eq!(after_line("x-anthropic-billing-header: cc_version=2.1; cch=0aaa9;"), Some(""));
        assert_eq!(after_line("x-anthropic-billing-header: a=b;\nBe brief.\n"), Some("Be brief.\n"));
        assert_eq!(after_line("Say x-anthropic-billing-header: a"), None);
        assert_eq!(after_line(""), None);
    }
}
