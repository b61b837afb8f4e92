//! What makes a request hard, by name.

use std::fmt;

/// What a scorer can find in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// A long last user message.
    Length,
    /// Source code or data in it.
    Code,
    /// A stack trace, a named exception or positions in source files.
    StackTrace,
    /// Terms of software, data and operations.
    TechnicalTerms,
    /// Wording that asks for judgement or design: analyze, compare, debug, design.
    DemandingTask,
    /// Several steps: numbered items or words of sequence.
    MultiStep,
    /// Conditions that the answer must meet.
    Constraints,
    /// Mathematics: its words, notation and many numbers.
    Math,
    /// Several questions at once.
    Questions,
    /// A long or thorough answer is asked for.
    OutputSize,
    /// The answer must be JSON.
    StructuredOutput,
    /// The model may call tools.
    Tools,
    /// Images in the last user message.
    Images,
    /// A long conversation so far.
    History,
    /// Keywords of the `wordcount` preset.
    Keywords,
    /// Like prompts that a weak model answered badly.
    Learned,
}

impl Signal {
    /// Its name in headers and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Code => "code",
            Self::StackTrace => "stack-trace",
            Self::TechnicalTerms => "technical-terms",
            Self::DemandingTask => "demanding-task",
            Self::MultiStep => "multi-step",
            Self::Constraints => "constraints",
            Self::Math => "math",
            Self::Questions => "questions",
            Self::OutputSize => "output-size",
            Self::StructuredOutput => "structured-output",
            Self::Tools => "tools",
            Self::Images => "images",
            Self::History => "history",
            Self::Keywords => "keywords",
            Self::Learned => "learned",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
