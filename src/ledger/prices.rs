//! Prices per token.

use thiserror::Error;

use super::NanoDollars;
use crate::chat::Usage;
use crate::chat::usage::ServiceTier;

/// Nano-dollars in a dollar.
const NANO: f64 = 1e9;
/// The greatest price accepted, in dollars per million tokens: a greater one is a slip of the pen.
const MAX_USD: f64 = 1e6;
/// What a sum of prices, tokens and a factor in thousandths is divided by.
const PARTS: u128 = 1_000_000 * 1000;
/// The greatest factor accepted.
const MAX_FACTOR: f64 = 1000.0;

/// What a model costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// What a call costs.
    pub base: Rates,
    /// What a call with a long prompt costs instead.
    pub long_context: Option<LongContext>,
    /// What a call costs when it may take its time.
    pub flex: Factor,
    /// What a call costs when it comes before others.
    pub priority: Factor,
}

/// Prices in nano-dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Input that the provider had to read afresh.
    pub input: u64,
    /// Input out of the provider's prompt cache.
    pub cached_input: u64,
    /// Input that the provider wrote to its prompt cache, for minutes.
    pub cache_write: u64,
    /// Input that the provider wrote to its prompt cache, for an hour.
    pub cache_write_1h: u64,
    /// Output, reasoning included.
    pub output: u64,
}

/// Prices of calls whose prompt is longer than some size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongContext {
    /// The size, in input tokens, cached ones included.
    pub above: u64,
    /// All tokens of such a call cost this.
    pub rates: Rates,
}

/// By how much a service tier multiplies a price, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor(u32);

/// A price list as providers publish it, in US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PriceList {
    /// Input.
    pub input: f64,
    /// Cached input; by default as input.
    pub cached_input: Option<f64>,
    /// Cache writes; by default as input.
    pub cache_write: Option<f64>,
    /// Cache writes for an hour; by default as other cache writes.
    pub cache_write_1h: Option<f64>,
    /// Output.
    pub output: f64,
}

/// A price or a factor that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("{number} is no {what}; it must be between 0 and {most}")]
pub struct PriceError {
    /// Which one: a field of [`PriceList`], `flex` or `priority`.
    pub price: &'static str,
    /// What the number should be.
    what: &'static str,
    /// The number that it cannot be.
    pub number: f64,
    /// The greatest that it can be.
    pub most: f64,
}

impl Factor {
    /// The price as it is.
    pub const ONE: Self = Self(1000);

    /// # Errors
    /// [`PriceError`] when it is negative or too large.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be within 0 and 1e6"
    )]
    pub fn new(name: &'static str, factor: f64) -> Result<Self, PriceError> {
        if (0.0..=MAX_FACTOR).contains(&factor) {
            Ok(Self((factor * 1000.0).round() as u32))
        } else {
            Err(PriceError { price: name, what: "factor", number: factor, most: MAX_FACTOR })
        }
    }
}

impl Rates {
    /// # Errors
    /// [`PriceError`] names the number that is negative, too large or none.
    pub fn from_usd_per_million(list: &PriceList) -> Result<Self, PriceError> {
        let cache_write = list.cache_write.unwrap_or(list.input);
        Ok(Self {
            input: nano("input", list.input)?,
            cached_input: nano("cached_input", list.cached_input.unwrap_or(list.input))?,
            cache_write: nano("cache_write", cache_write)?,
            cache_write_1h: nano("cache_write_1h", list.cache_write_1h.unwrap_or(cache_write))?,
            output: nano("output", list.output)?,
        })
    }

    /// The price of `usage` in millionths of a nano-dollar. Tokens that were read from or written to the cache are part of the
    /// input, so there cannot be more of them.
    fn price(&self, usage: &Usage) -> u128 {
        let cached = usage.cached_input.min(usage.input);
        let written = usage.cache_write.min(usage.input.saturating_sub(cached));
        let for_an_hour = usage.cache_write_1h.min(written);
        let parts = [
            (usage.input.saturating_sub(cached).saturating_sub(written), self.input),
            (cached, self.cached_input),
            (written.saturating_sub(for_an_hour), self.cache_write),
            (for_an_hour, self.cache_write_1h),
            (usage.output, self.output),
        ];
        parts
            .iter()
            .map(|(tokens, price)| u128::from(*tokens).saturating_mul(u128::from(*price)))
            .fold(0, u128::saturating_add)
    }
}

impl Prices {
    /// Whether input costs less that a provider has in its prompt cache.
    #[must_use]
    pub fn are_lower_for_cached_input(&self) -> bool {
        self.base.cached_input < self.base.input
    }

    /// What `usage` costs, rounded to the nearest nano-dollar; saturates at the type's end.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> NanoDollars {
        let long = self.long_context.filter(|long| usage.input > long.above);
        let rates = long.map_or(self.base, |long| long.rates);
        let Factor(factor) = match usage.service_tier {
            None | Some(ServiceTier::Standard) => Factor::ONE,
            Some(ServiceTier::Flex) => self.flex,
            Some(ServiceTier::Priority) => self.priority,
        };
        let total = rates.price(usage).saturating_mul(factor.into()).saturating_add(PARTS / 2);
        NanoDollars(u64::try_from(total / PARTS).unwrap_or(u64::MAX))
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
        let what = "price in US dollars per million tokens";
        Err(PriceError { price, what, number: usd, most: MAX_USD })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Prices that know neither long prompts nor service tiers.
    fn flat(base: Rates) -> Prices {
        Prices { base, long_context: None, flex: Factor::ONE, priority: Factor::ONE }
    }

    fn list(input: f64, output: f64) -> PriceList {
        PriceList { input, cached_input: None, cache_write: None, cache_write_1h: None, output }
    }

    #[test]
    fn list_prices_become_whole_numbers() {
        let full = PriceList { cached_input: Some(0.0375), cache_write: Some(0.1875), ..list(0.15, 10.0) };
        let rates = Rates {
            input: 150_000_000,
            cached_input: 37_500_000,
            cache_write: 187_500_000,
            cache_write_1h: 187_500_000,
            output: 10_000_000_000,
        };
        assert_eq!(Rates::from_usd_per_million(&full), Ok(rates));
        for wrong in [-0.01, f64::NAN, f64::INFINITY, 2e6] {
            assert!(Rates::from_usd_per_million(&list(1.0, wrong)).is_err(), "{wrong}");
            assert!(Factor::new("flex", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_call_costs_what_the_price_list_says() {
        let full = PriceList {
            cached_input: Some(0.0375),
            cache_write: Some(0.1875),
            cache_write_1h: Some(0.3),
            ..list(0.15, 0.6)
        };
        let prices = flat(Rates::from_usd_per_million(&full).unwrap());
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
            (
                "for an hour dearer still",
                Usage { cache_write: 100, cache_write_1h: 40, ..usage(1000, 400, 0) },
                500 * 150 + 15_000 + 11_250 + 12_000,
            ),
            ("nothing", usage(0, 0, 0), 0),
        ];
        for (name, usage, nano_dollars) in cases {
            assert_eq!(prices.cost(&usage), NanoDollars(nano_dollars), "{name}");
        }
    }

    #[test]
    fn long_prompts_and_service_tiers_have_prices_of_their_own() {
        let rates = |input, output| Rates::from_usd_per_million(&list(input, output)).unwrap();
        let prices = Prices {
            base: rates(2.5, 15.0),
            long_context: Some(LongContext { above: 272_000, rates: rates(5.0, 22.5) }),
            flex: Factor::new("flex", 0.5).unwrap(),
            priority: Factor::new("priority", 1.75).unwrap(),
        };
        let cost = |input, service_tier| {
            prices.cost(&Usage { input, output: 1000, service_tier, ..Usage::default() }).0
        };
        assert_eq!(cost(272_000, None), 272_000 * 2500 + 1000 * 15_000);
        assert_eq!(cost(272_001, None), 272_001 * 5000 + 1000 * 22_500);
        assert_eq!(cost(1000, Some(ServiceTier::Standard)), 1000 * 2500 + 1000 * 15_000);
        assert_eq!(cost(1000, Some(ServiceTier::Flex)), 500 * 2500 + 500 * 15_000);
        assert_eq!(cost(1000, Some(ServiceTier::Priority)), 1750 * 2500 + 1750 * 15_000);
    }

    proptest! {
        #[test]
        fn more_tokens_never_cost_less(input: u64, output: u64, more: u32, price in 0_u64..1_000_000_000_000_000) {
            let rates = Rates {
                input: price, cached_input: price, cache_write: price, cache_write_1h: price, output: price,
            };
            let prices = flat(rates);
            let usage = Usage { input, output, ..Usage::default() };
            let larger = Usage { output: output.saturating_add(u64::from(more)), ..usage };
            prop_assert!(prices.cost(&larger) >= prices.cost(&usage));
        }
    }
}
