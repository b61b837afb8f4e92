//! What is read of ONNX, and why a graph cannot be read.

use thiserror::Error;
use tract_core::internal::TractError;

/// The operators that are read.
pub const OPERATORS: [&str; 15] = [
    "Add",
    "Attention",
    "Cast",
    "DequantizeLinear",
    "Div",
    "Gather",
    "Gelu",
    "LayerNormalization",
    "MatMul",
    "Mul",
    "ReduceL2",
    "ReduceSum",
    "Sqrt",
    "Sub",
    "Transpose",
];
/// The name of the input: token ids, int64 [1, tokens].
pub const INPUT: &str = "input_ids";
/// The name of the input that an encoder of tokens in context has besides: 0 and up, int64 [1, tokens].
pub const PLACES: &str = "position_ids";

/// Why a graph cannot be read.
#[derive(Debug, Error)]
pub enum OnnxError {
    /// Not the format.
    #[error("this is no ONNX model: {0}")]
    Format(#[from] prost::DecodeError),
    /// A model without what it is there for.
    #[error(
        "the model must gather rows (axis 0) of a table by its input `{INPUT}`, by nothing else but `{PLACES}`, and make an output `{0}`"
    )]
    Ends(&'static str),
    /// A node that cannot be read.
    #[error("operator `{0}` is not supported; these are: {list}", list = OPERATORS.join(", "))]
    Operator(String),
    /// A weight of another type or of another size than it says.
    #[error("weight `{0}` must be float32 or int8, with its values in `raw_data`")]
    Weight(String),
    /// A node that asks for what nothing makes.
    #[error("node `{node}` needs `{input}`, which no node before it makes")]
    Dangling {
        /// The node's first output.
        node: String,
        /// What it needs.
        input: String,
    },
    /// A node that its inputs do not fit.
    #[error("node `{node}`: {fault:#}")]
    Node {
        /// The node's first output.
        node: String,
        /// What the engine says.
        fault: TractError,
    },
    /// A graph that does not fit together.
    #[error("{0:#}")]
    Graph(TractError),
}
