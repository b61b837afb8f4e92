//! ONNX graphs, as far as an encoder that sums up tokens needs them.
//!
//! The whole of ONNX would be most of the module, and Envoy compiles all of a module before it serves: only the operators in
//! [`OPERATORS`] are read, as version 12 of the operator set defines them. Format: onnx.proto3 of
//! <https://github.com/onnx/onnx>, of which only the fields that are read are declared here.

use bytes::Bytes;
use prost::Message;
use thiserror::Error;
use tract_core::internal::*;
use tract_core::ops::array::Gather;
use tract_core::ops::cast::cast;
use tract_core::ops::change_axes::wire_with_rank_broadcast;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::math;
use tract_core::ops::nn::{Reduce, Reducer};

/// The operators that are read.
pub const OPERATORS: [&str; 10] =
    ["Add", "Cast", "Div", "Gather", "MatMul", "Mul", "ReduceL2", "ReduceSum", "Sqrt", "Sub"];
/// The name of the input: token ids, int64 [1, tokens].
pub const INPUT: &str = "input_ids";
/// The name of the output: float32 [1, width].
pub const OUTPUT: &str = "embedding";

/// `TensorProto.DataType`.
const FLOAT: i32 = 1;
const INT8: i32 = 3;

/// Why a graph cannot be read.
#[derive(Debug, Error)]
pub enum OnnxError {
    /// Not the format.
    #[error("this is no ONNX model: {0}")]
    Format(#[from] prost::DecodeError),
    /// A model without what it is there for.
    #[error(
        "the model must gather rows (axis 0) of a table by its input `{INPUT}`, by nothing else, and make an output `{OUTPUT}`"
    )]
    Ends,
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

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Weight>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(int64, repeated, tag = "8")]
    ints: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Weight {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "bytes", tag = "9")]
    raw_data: Bytes,
}

/// A graph that has been read.
#[derive(Debug)]
pub struct Encoder {
    /// From [`INPUT`] to [`OUTPUT`].
    pub model: TypedModel,
    /// The ids that it knows are smaller; the engine must not be given others, for it does not check them.
    pub tokens: usize,
}

/// Reads a graph that makes [`OUTPUT`] from [`INPUT`].
///
/// # Errors
/// [`OnnxError`] names the part that cannot be read.
pub fn read(model: Bytes) -> Result<Encoder, OnnxError> {
    let graph = Model::decode(model)?.graph.ok_or(OnnxError::Ends)?;
    let mut model = TypedModel::default();
    let mut made: HashMap<String, OutletId> = HashMap::new();
    let length = model.symbols.sym("tokens");
    let source = model.add_source(INPUT, i64::fact(dims![1, length])).map_err(OnnxError::Graph)?;
    made.insert(INPUT.into(), source);
    let tokens = graph.known()?;
    for weight in graph.initializer {
        let outlet = model.add_const(weight.name.clone(), weight.tensor()?).map_err(OnnxError::Graph)?;
        made.insert(weight.name, outlet);
    }
    for node in &graph.node {
        let (name, outlet) = node.wire(&mut model, &made)?;
        made.insert(name.to_owned(), outlet);
    }
    let output = made.get(OUTPUT).ok_or(OnnxError::Ends)?;
    model.select_output_outlets(&[*output]).map_err(OnnxError::Graph)?;
    Ok(Encoder { model, tokens })
}

impl Graph {
    /// How many tokens all of its tables know. The engine does not check ids: they may only be the input's.
    fn known(&self) -> Result<usize, OnnxError> {
        let rows = |node: &Node| {
            let [table, ids] = node.input.as_slice() else { return None };
            let table = self.initializer.iter().find(|weight| weight.name == *table)?;
            let is_checked = ids == INPUT && node.number("axis", 0) == 0;
            is_checked.then(|| usize::try_from(*table.dims.first()?).ok()).flatten()
        };
        let gathers = self.node.iter().filter(|node| node.op_type == "Gather");
        let known = gathers.map(rows).collect::<Option<Vec<usize>>>().ok_or(OnnxError::Ends)?;
        known.into_iter().min().ok_or(OnnxError::Ends)
    }
}

impl Weight {
    fn tensor(&self) -> Result<Tensor, OnnxError> {
        let wrong = || OnnxError::Weight(self.name.clone());
        let shape: Vec<usize> = self
            .dims
            .iter()
            .map(|size| usize::try_from(*size))
            .collect::<Result<_, _>>()
            .map_err(|_| wrong())?;
        let tensor = match self.data_type {
            INT8 => Tensor::from_shape::<i8>(&shape, bytemuck::cast_slice(&self.raw_data)),
            FLOAT => {
                let (numbers, []) = self.raw_data.as_chunks::<4>() else { return Err(wrong()) };
                let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
                Tensor::from_shape(&shape, &numbers)
            }
            _ => return Err(wrong()),
        };
        tensor.map_err(|_| wrong())
    }
}

impl Node {
    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    fn number(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    /// Adds the node to `model`; its output, and where that is found.
    fn wire(
        &self,
        model: &mut TypedModel,
        made: &HashMap<String, OutletId>,
    ) -> Result<(&str, OutletId), OnnxError> {
        let name = self.output.first().map_or("", String::as_str);
        let find = |input: &String| {
            let dangling = || OnnxError::Dangling { node: name.into(), input: input.clone() };
            made.get(input).copied().ok_or_else(dangling)
        };
        let inputs = self.input.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let is_known = OPERATORS.contains(&self.op_type.as_str());
        let outlet = if is_known { self.operator(name, model, &inputs) } else { Ok(None) };
        match outlet {
            Ok(Some(outlet)) => Ok((name, outlet)),
            Ok(None) => Err(OnnxError::Operator(self.op_type.clone())),
            Err(fault) => Err(OnnxError::Node { node: name.into(), fault }),
        }
    }

    fn operator(
        &self,
        name: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> Result<Option<OutletId>, TractError> {
        let float = f32::datum_type();
        let wired = match self.op_type.as_str() {
            "Add" => wire_with_rank_broadcast(name, model, math::add(), inputs)?,
            "Sub" => wire_with_rank_broadcast(name, model, math::sub(), inputs)?,
            "Mul" => wire_with_rank_broadcast(name, model, math::mul(), inputs)?,
            "Div" => wire_with_rank_broadcast(name, model, math::div(), inputs)?,
            "Sqrt" => model.wire_node(name, math::sqrt(), inputs)?,
            "Cast" if self.number("to", 0) == i64::from(FLOAT) => {
                model.wire_node(name, cast(float), inputs)?
            }
            "Gather" => model.wire_node(name, Gather::new(0), inputs)?,
            "MatMul" => {
                let axes: AxesMapping = match rank(model, inputs)? {
                    2 => "ij,jk->ik".parse()?,
                    _ => "bij,jk->bik".parse()?,
                };
                model.wire_node(name, EinSum::new(axes, float), inputs)?
            }
            "ReduceL2" | "ReduceSum" => return self.reduce(name, model, inputs).map(Some),
            _ => return Ok(None),
        };
        Ok(wired.first().copied())
    }

    fn reduce(
        &self,
        name: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> Result<OutletId, TractError> {
        let rank = rank(model, inputs)?;
        let every = || (0..rank).collect();
        let given = |attribute: &Attribute| attribute.ints.iter().map(|number| axis(*number, rank)).collect();
        let mut axes: TVec<usize> = self.attribute("axes").map_or_else(every, given);
        axes.sort_unstable();
        let squares = self.op_type == "ReduceL2";
        let mut wire = *inputs.first().ok_or_else(|| TractError::msg("it has no input"))?;
        let mut add =
            |model: &mut TypedModel, part: String, op: Box<dyn TypedOp>| -> Result<(), TractError> {
                if let Some(next) = model.wire_node(part, op, &[wire])?.first() {
                    wire = *next;
                }
                Ok(())
            };
        if squares {
            add(model, format!("{name}.squares"), Box::new(math::square()))?;
        }
        add(model, format!("{name}.sum"), Box::new(Reduce::new(axes.clone(), Reducer::Sum)))?;
        if squares {
            add(model, format!("{name}.root"), Box::new(math::sqrt()))?;
        }
        if self.number("keepdims", 1) == 0 {
            for axis in axes.into_iter().rev() {
                add(model, format!("{name}.without.{axis}"), Box::new(AxisOp::Rm(axis)))?;
            }
        }
        Ok(wire)
    }
}

/// Dimensions of the first input.
fn rank(model: &TypedModel, inputs: &[OutletId]) -> Result<usize, TractError> {
    let first = inputs.first().ok_or_else(|| TractError::msg("it has no input"))?;
    Ok(model.outlet_fact(*first)?.rank())
}

/// An axis counted from the end when it is negative.
fn axis(number: i64, rank: usize) -> usize {
    let from_end = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
    if number < 0 { rank.saturating_sub(from_end) } else { from_end }
}

#[cfg(test)]
mod tests;
