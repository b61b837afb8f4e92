//! A call of a model, reported under OpenTelemetry's names.

use std::time::Duration;

use super::description::{GenAi, Metric};
use super::meters::Meters;
use crate::chat::{Operation, Usage};
use crate::host::Metrics;
use crate::policy::Convention;

/// A call as a client of its provider sees it.
#[derive(Debug, Clone, Copy)]
pub struct Inference<'i> {
    /// What was asked.
    pub operation: &'i Operation,
    /// `gen_ai.provider.name`.
    pub provider: &'i str,
    /// `gen_ai.request.model`.
    pub model: &'i str,
    /// `error.type`; nothing for a call that has not failed.
    pub error: &'i str,
    /// Tokens, if they are known.
    pub usage: Option<Usage>,
    /// From the request's end to the answer's.
    pub duration: Duration,
    /// From the request's end to the first piece of a stream.
    pub first_chunk: Option<Duration>,
}

impl Inference<'_> {
    /// Reports the call under the names of some conventions.
    pub fn report<H: Metrics>(&self, meters: &Meters, host: &H, conventions: &[Convention]) {
        let Some(operation) = operation_name(self.operation) else { return };
        for convention in conventions {
            match convention {
                // Its inference is an answer in words; what embeddings take has no name there that is reported here.
                Convention::V0_1_0 if operation == EMBEDDINGS => {}
                Convention::V0_1_0 => self.v0_1_0(meters, host, operation),
                Convention::V1_41_0 => self.v1_41_0(meters, host, operation),
            }
        }
    }

    fn v0_1_0<H: Metrics>(&self, meters: &Meters, host: &H, operation: &str) {
        let labels = [operation, self.provider, self.model];
        self.times(meters, host, operation, (GenAi::InferenceDuration, GenAi::InferenceFirstChunk));
        let Some(usage) = &self.usage else { return };
        let counted = [operation, self.provider, self.model, "unknown"];
        for (metric, count) in [
            (GenAi::Input, usage.input),
            (GenAi::Output, usage.output),
            (GenAi::CacheRead, usage.cached_input),
            (GenAi::CacheWrite, usage.cache_write),
            (GenAi::Reasoning, usage.reasoning),
        ] {
            if count > 0 {
                meters.add(Metric::GenAi(metric), &counted, count);
            }
        }
        for (metric, count) in [(GenAi::InputPerCall, usage.input), (GenAi::OutputPerCall, usage.output)] {
            meters.record(host, Metric::GenAi(metric), &labels, count);
        }
    }

    fn v1_41_0<H: Metrics>(&self, meters: &Meters, host: &H, operation: &str) {
        self.times(meters, host, operation, (GenAi::OperationDuration, GenAi::OperationFirstChunk));
        let Some(usage) = &self.usage else { return };
        for (kind, count) in [("input", usage.input), ("output", usage.output)] {
            let labels = [operation, self.provider, self.model, kind];
            meters.record(host, Metric::GenAi(GenAi::TokenUsage), &labels, count);
        }
    }

    fn times<H: Metrics>(&self, meters: &Meters, host: &H, operation: &str, names: (GenAi, GenAi)) {
        let (duration, first_chunk) = names;
        let ended = [operation, self.provider, self.model, self.error];
        meters.record(host, Metric::GenAi(duration), &ended, milliseconds(self.duration));
        if let Some(first) = self.first_chunk {
            let labels = [operation, self.provider, self.model];
            meters.record(host, Metric::GenAi(first_chunk), &labels, milliseconds(first));
        }
    }
}

/// Turning texts into vectors, by its name in the conventions.
const EMBEDDINGS: &str = "embeddings";

/// `gen_ai.operation.name`; `None` for what asks no model.
#[must_use]
pub fn operation_name(operation: &Operation) -> Option<&'static str> {
    match operation {
        Operation::Chat => Some("chat"),
        Operation::Direct(end) if end.ends_with("/embeddings") => Some(EMBEDDINGS),
        Operation::Direct(_) => Some("text_completion"),
        Operation::Count => None,
    }
}

/// A duration in milliseconds, at least one: a histogram of Envoy's has no place for less.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::{MemoryHost, Recorded};

    fn call(operation: &Operation) -> Inference<'_> {
        Inference {
            operation,
            provider: "openai",
            model: "gpt-4o",
            error: "",
            usage: Some(Usage::from_numbers([10, 4, 0, 0, 7, 2, 0])),
            duration: Duration::from_millis(1500),
            first_chunk: Some(Duration::from_micros(200)),
        }
    }

    fn reported(inference: &Inference<'_>, conventions: &[Convention]) -> MemoryHost {
        let (host, meters) = (MemoryHost::default(), Meters::default());
        inference.report(&meters, &host, conventions);
        meters.flush(&host);
        host
    }

    #[test]
    fn the_new_conventions_count_kinds_of_tokens_apart() {
        let host = reported(&call(&Operation::Chat), &[Convention::V0_1_0]);
        let labels = ";gen_ai.operation.name=chat;gen_ai.provider.name=openai;gen_ai.request.model=gpt-4o";
        let counted = |name: &str| {
            host.counter(&format!(
                "gen_ai.client.inference.usage.{name}{labels};gen_ai.token.modality=unknown"
            ))
        };
        let usage = call(&Operation::Chat).usage.unwrap();
        assert_eq!(counted("input_tokens"), usage.input);
        assert_eq!(counted("output_tokens"), usage.output);
        assert_eq!(counted("cache_read.input_tokens"), usage.cached_input);
        let recorded = |name: &str| host.histogram(&format!("gen_ai.client.inference.{name}{labels}"));
        assert_eq!(recorded("duration_milliseconds"), Recorded { count: 1, sum: 1500 });
        assert_eq!(recorded("time_to_first_chunk_milliseconds"), Recorded { count: 1, sum: 1 });
        assert_eq!(recorded("operation.input_tokens"), Recorded { count: 1, sum: usage.input });
    }

    #[test]
    fn the_old_conventions_have_one_histogram_of_tokens() {
        let failed = Inference { error: "503", usage: None, ..call(&Operation::Chat) };
        let both = [Convention::V1_41_0, Convention::V0_1_0];
        let host = reported(&failed, &both);
        let labels = ";gen_ai.operation.name=chat;gen_ai.provider.name=openai;gen_ai.request.model=gpt-4o";
        let ended =
            host.histogram(&format!("gen_ai.client.operation.duration_milliseconds{labels};error.type=503"));
        assert_eq!(ended.count, 1);
        let host = reported(&call(&Operation::Chat), &both);
        let output = host.histogram(&format!("gen_ai.client.token.usage{labels};gen_ai.token.type=output"));
        assert_eq!(output, Recorded { count: 1, sum: call(&Operation::Chat).usage.unwrap().output });
    }

    #[test]
    fn counting_tokens_asks_no_model() {
        let host = reported(&call(&Operation::Count), &[Convention::V0_1_0, Convention::V1_41_0]);
        assert!(host.counters().is_empty());
        let embeddings = Operation::Direct("/embeddings".into());
        let host = reported(&call(&embeddings), &[Convention::V0_1_0]);
        assert!(host.counters().is_empty());
    }
}
