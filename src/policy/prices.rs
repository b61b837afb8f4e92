//! What models cost, as a document says it.

use serde::Deserialize;

use super::PolicyError;
use super::fields::fault;
use crate::ledger::{Factor, LongContext, PriceError, PriceList, Prices, Rates};

/// US dollars per million tokens.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PricesDocument {
    /// Tokens of the prompt.
    pub(super) input: f64,
    /// Tokens of the prompt that the provider had kept. Default: `input`.
    pub(super) cached_input: Option<f64>,
    /// Tokens of the prompt that the provider keeps. Default: `input`.
    pub(super) cache_write: Option<f64>,
    /// The same for an hour. Default: `cache_write`.
    pub(super) cache_write_1h: Option<f64>,
    /// Tokens of the answer.
    pub(super) output: f64,
    /// Other prices for long prompts.
    pub(super) long_context: Option<LongContextDocument>,
    /// What the `flex` service tier costs, as a part of these prices. Default: 0.5.
    #[serde(default = "half")]
    pub(super) flex: f64,
    /// What the `priority` service tier costs, as a multiple of these prices. Default: 1.
    #[serde(default = "one")]
    pub(super) priority: f64,
}

/// Prices for long prompts, US dollars per million tokens.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct LongContextDocument {
    /// Prompts of more tokens.
    pub(super) above: u64,
    /// Tokens of the prompt.
    pub(super) input: f64,
    /// As above; grows as `input` does if not said.
    pub(super) cached_input: Option<f64>,
    /// As above; grows as `input` does if not said.
    pub(super) cache_write: Option<f64>,
    /// As above; grows as `input` does if not said.
    pub(super) cache_write_1h: Option<f64>,
    /// Tokens of the answer.
    pub(super) output: f64,
}

/// What a model costs.
///
/// # Errors
/// [`PolicyError`] names the price that cannot be.
pub(super) fn prices(path: &str, document: &PricesDocument) -> Result<Prices, PolicyError> {
    let PricesDocument { input, cached_input, cache_write, cache_write_1h, output, .. } = *document;
    let list = PriceList { input, cached_input, cache_write, cache_write_1h, output };
    let base = Rates::from_usd_per_million(&list).or_else(|error| priced(path, error))?;
    let long_context = document.long_context.as_ref().map(|long| {
        // What the document leaves out grows as its input does.
        let growth = if input > 0.0 { long.input / input } else { 1.0 };
        let grown = |own: Option<f64>, base: Option<f64>| own.or(base.map(|price| price * growth));
        let list = PriceList {
            input: long.input,
            cached_input: grown(long.cached_input, cached_input),
            cache_write: grown(long.cache_write, cache_write),
            cache_write_1h: grown(long.cache_write_1h, cache_write_1h),
            output: long.output,
        };
        let rates = Rates::from_usd_per_million(&list)
            .or_else(|error| priced(&format!("{path}.long_context"), error))?;
        Ok(LongContext { above: long.above, rates })
    });
    let factor = |name, factor| Factor::new(name, factor).or_else(|error| priced(path, error));
    Ok(Prices {
        base,
        long_context: long_context.transpose()?,
        flex: factor("flex", document.flex)?,
        priority: factor("priority", document.priority)?,
    })
}

fn priced<T>(path: &str, error: PriceError) -> Result<T, PolicyError> {
    fault(format!("{path}.{}", error.price), error)
}

fn half() -> f64 {
    0.5
}

fn one() -> f64 {
    1.0
}
