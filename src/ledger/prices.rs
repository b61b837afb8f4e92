//! Prices per token.

use thiserror::Error;

use super::NanoDollars;
use crate::chat::Usage;

/// Tokens that a price is given for.
const PRICED_TOKENS: u128 = 1_000_000;
/// Nano-dollars in a dollar.
const NANO: f64 = 1e9;
/// The greatest price accepted, in dollars per million tokens: a greater one is a slip of the pen.
const MAX_USD: f64 = 1e6;

/// What a model costs, in nano-dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// Input that the provider had to read afresh.
    pub input: u64,
    /// Input out of the provider's prompt cache.
    pub cached_input: u64,
    /// Input that the provider wrote to its prompt cache.
    pub cache_write: u64,
    /// Output, reasoning included.
    pub output: u64,
}

/// A price that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("{usd} is no price in US dollars per million tokens; it must be between 0 and {MAX_USD}")]
pub struct PriceError {
    /// Which price: `input`, `cached_input`, `cache_write` or `output`.
    pub price: &'static str,
    /// The number that it cannot be.
    pub usd: f64,
}

impl Prices {
    /// From US dollars per million tokens, as price lists give them.
    ///
    /// # Errors
    /// [`PriceError`] names the number that is negative, too large or none.
    pub fn from_usd_per_million(
        input: f64,
        cached_input: f64,
        cache_write: f64,
        output: f64,
    ) -> Result<Self, PriceError> {
        Ok(Self {
            input: nano("input", input)?,
            cached_input: nano("cached_input", cached_input)?,
            cache_write: nano("cache_write", cache_write)?,
            output: nano("output", output)?,
        })
    }

    /// What `usage` costs, rounded to the nearest nano-dollar; saturates at the type's end. Tokens that were read from or
    /// written to the cache are part of the input, so there cannot be more of them.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> NanoDollars {
        let cached = usage.cached_input.min(usage.input);
        let written = usage.cache_write.min(usage.input.saturating_sub(cached));
        let fresh = usage.input.saturating_sub(cached).saturating_sub(written);
        let parts = [
            (fresh, self.input),
            (cached, self.cached_input),
            (written, self.cache_write),
            (usage.output, self.output),
        ];
        let total = parts
            .iter()
            .map(|(tokens, price)| u128::from(*tokens).saturating_mul(u128::from(*price)))
            .fold(PRICED_TOKENS / 2, u128::saturating_add);
        NanoDollars(u64::try_from(total / PRICED_TOKENS).unwrap_or(u64::MAX))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be within 0 and 1e15"
)]
fn nano(price: &'static str, usd: f64) -> Result<u64, PriceError> {
    if (0.0..=MAX_USD).contains(&usd) {
        Ok((usd * NANO).round() as u64)
    } else {
        Err(PriceError { price, usd })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn list_prices_become_whole_numbers() {
        let prices = Prices::from_usd_per_million(0.15, 0.0375, 0.1875, 10.0).unwrap();
        assert_eq!(
            prices,
            Prices {
                input: 150_000_000,
                cached_input: 37_500_000,
                cache_write: 187_500_000,
                output: 10_000_000_000
            }
        );
        for wrong in [-0.01, f64::NAN, f64::INFINITY, 2e6] {
            assert!(Prices::from_usd_per_million(1.0, 1.0, 1.0, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_call_costs_what_the_price_list_says() {
        let prices = Prices::from_usd_per_million(0.15, 0.0375, 0.1875, 0.6).unwrap();
        let usage = |input, cached_input, output| Usage { input, cached_input, output, ..Usage::default() };
        let cases = [
            ("input and output", usage(1000, 0, 200), 1000 * 150 + 200 * 600),
            ("half a nano-dollar counts as one", usage(1, 1, 0), 38),
            ("cached input is cheaper", usage(1000, 400, 0), 600 * 150 + 15_000),
            ("a provider that reports more cached than input", usage(10, 50, 0), 375),
            (
                "input written to the cache is dearer",
                Usage { cache_write: 100, ..usage(1000, 400, 0) },
                500 * 150 + 15_000 + 18_750,
            ),
            ("nothing", usage(0, 0, 0), 0),
        ];
        for (name, usage, nano_dollars) in cases {
            assert_eq!(prices.cost(&usage), NanoDollars(nano_dollars), "{name}");
        }
    }

    proptest! {
        #[test]
        fn more_tokens_never_cost_less(input: u64, output: u64, more: u32, price in 0_u64..1_000_000_000_000_000) {
            let prices = Prices { input: price, cached_input: price, cache_write: price, output: price };
            let usage = Usage { input, output, ..Usage::default() };
            let larger = Usage { output: output.saturating_add(u64::from(more)), ..usage };
            prop_assert!(prices.cost(&larger) >= prices.cost(&usage));
        }
    }
}
