//! What a provider was asked in another way than its caller had, and what must therefore be put right in the answer.

/// A tool of which its caller has another notion than most: here every tool is a function in one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTool {
    /// Name of the function that stands for it.
    pub function: String,
    /// Its name to its caller.
    pub name: String,
    /// The group that it stands in there.
    pub namespace: Option<String>,
    /// Whether it takes a text: the function's only argument, `input`.
    pub takes_text: bool,
}

/// What must be put right in an answer, because its provider was asked in another way than its caller had.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redress {
    /// Functions that the caller knows as other tools.
    pub own_tools: Vec<OwnTool>,
    /// Whether the arguments of [`ANSWER_TOOL`] are the answer.
    pub answers_by_tool: bool,
    /// Whether only the first call of a tool is passed on: the provider makes as many as it likes.
    pub one_call: bool,
}

impl Redress {
    /// Nothing.
    pub const NONE: Self = Self { own_tools: Vec::new(), answers_by_tool: false, one_call: false };
}

/// The tool by which a model answers with a JSON object, where its provider has no other word for that.
pub const ANSWER_TOOL: &str = "json_answer";
