//! OpenTelemetry's names for what models are asked, in the versions that are read today, all of them in development:
//!
//! - v0.1.0: <https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/client-inference.md>
//! - v1.41.0: <https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-metrics.md>
//!
//! They differ in names, in what is a counter, and in whether a kind of tokens is a metric or a label.

use super::description::{Description, GenAi, Instrument, Metric};

/// What every metric says of a call.
const CALL: &[&str] = &["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"];
/// Beside that, whether it failed.
const ENDED: &[&str] =
    &["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "error.type"];
/// Beside that, what the tokens stand for; no provider breaks them down in the same way.
const COUNTED: &[&str] =
    &["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.token.modality"];
/// Beside that, whether they are `input` or `output`.
const TYPED: &[&str] =
    &["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.token.type"];

/// The rows of the table.
pub(super) const METRICS: [Description; 12] = [
    duration(
        GenAi::InferenceDuration,
        "gen_ai.client.inference.duration_milliseconds",
        ENDED,
        "v0.1.0: duration of a call",
    ),
    duration(
        GenAi::InferenceFirstChunk,
        "gen_ai.client.inference.time_to_first_chunk_milliseconds",
        CALL,
        "v0.1.0: time to the first piece of a stream",
    ),
    tokens(GenAi::Input, "gen_ai.client.inference.usage.input_tokens", "v0.1.0: input, cached included"),
    tokens(
        GenAi::Output,
        "gen_ai.client.inference.usage.output_tokens",
        "v0.1.0: output, reasoning included",
    ),
    tokens(
        GenAi::CacheRead,
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        "v0.1.0: of the input, what came out of the provider's cache",
    ),
    tokens(
        GenAi::CacheWrite,
        "gen_ai.client.inference.usage.cache_write.input_tokens",
        "v0.1.0: of the input, what was written to the provider's cache",
    ),
    tokens(
        GenAi::Reasoning,
        "gen_ai.client.inference.usage.reasoning.output_tokens",
        "v0.1.0: of the output, what was thought",
    ),
    tokens_per_call(
        GenAi::InputPerCall,
        "gen_ai.client.inference.operation.input_tokens",
        CALL,
        "v0.1.0: input of a call",
    ),
    tokens_per_call(
        GenAi::OutputPerCall,
        "gen_ai.client.inference.operation.output_tokens",
        CALL,
        "v0.1.0: output of a call",
    ),
    tokens_per_call(
        GenAi::TokenUsage,
        "gen_ai.client.token.usage",
        TYPED,
        "v1.41.0: tokens of a call, `input` or `output`",
    ),
    duration(
        GenAi::OperationDuration,
        "gen_ai.client.operation.duration_milliseconds",
        ENDED,
        "v1.41.0: duration of a call",
    ),
    duration(
        GenAi::OperationFirstChunk,
        "gen_ai.client.operation.time_to_first_chunk_milliseconds",
        CALL,
        "v1.41.0: time to the first piece of a stream",
    ),
];

const fn duration(
    metric: GenAi,
    name: &'static str,
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Description {
    let metric = Metric::GenAi(metric);
    Description { metric, name, instrument: Instrument::Histogram, unit: "milliseconds", labels, meaning }
}

const fn tokens(metric: GenAi, name: &'static str, meaning: &'static str) -> Description {
    let metric = Metric::GenAi(metric);
    Description { metric, name, instrument: Instrument::Counter, unit: "tokens", labels: COUNTED, meaning }
}

const fn tokens_per_call(
    metric: GenAi,
    name: &'static str,
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Description {
    let metric = Metric::GenAi(metric);
    Description { metric, name, instrument: Instrument::Histogram, unit: "tokens", labels, meaning }
}
