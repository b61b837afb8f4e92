//! Numbers that count something.

use serde_json::Value;

/// A whole number that is not negative, however it is written (`100`, `100.0`, `1e2`).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and within 0 and 2^53"
)]
pub(super) fn whole_number(value: f64) -> Option<u64> {
    let is_count = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
    is_count.then_some(value as u64)
}

/// The same, of a value.
pub(super) fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().and_then(whole_number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_count_is_one_however_it_is_written() {
        for (value, counted) in [
            (json!(100), Some(100)),
            (json!(100.0), Some(100)),
            (json!(1e2), Some(100)),
            (json!(0), Some(0)),
            (json!(-1), None),
            (json!(0.5), None),
            (json!(1e300), None),
            (json!("100"), None),
        ] {
            assert_eq!(count(&value), counted, "{value}");
        }
    }
}
