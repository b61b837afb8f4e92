//! ONNX graphs, as far as our encoders need them.
//!
//! The whole of ONNX would be most of the module, and Envoy compiles all of a module before it serves: only the operators in
//! [`OPERATORS`] are read, as the operator set defines them (version 12; `Attention`, `Gelu` and `LayerNormalization` 23), and of those what is
//! needed. A weight in 8 bits stays as it is where it is multiplied: `MatMul(x, Transpose(DequantizeLinear(weight, steps)))` is one operation.

mod error;
mod proto;
mod wiring;

use bytes::Bytes;
use prost::Message;
use tract_core::internal::*;

pub use self::error::{INPUT, OPERATORS, OnnxError, PLACES};
use self::proto::{Graph, Model, Node};
use self::wiring::Wiring;

/// A graph that has been read.
#[derive(Debug)]
pub struct Encoder {
    /// From [`INPUT`], and [`PLACES`] where the graph asks for them, to its output.
    pub model: TypedModel,
    /// The ids that it knows are smaller; the engine must not be given others, for it does not check them.
    pub tokens: usize,
    /// The same for places; `None`: it does not ask for them.
    pub places: Option<usize>,
}

/// Reads a graph that makes `output`.
///
/// # Errors
/// [`OnnxError`] names the part that cannot be read.
pub fn read(model: Bytes, output: &'static str) -> Result<Encoder, OnnxError> {
    let graph = Model::decode(model)?.graph.ok_or(OnnxError::Ends(output))?;
    let (tokens, places) = known(&graph).ok_or(OnnxError::Ends(output))?;
    let mut wiring = Wiring::new(graph.initializer);
    let length = wiring.model.symbols.sym("tokens");
    wiring.source(INPUT, i64::fact(dims![1, length.clone()]))?;
    if places.is_some() {
        wiring.source(PLACES, i64::fact(dims![1, length]))?;
    }
    for node in &graph.node {
        wiring.node(node)?;
    }
    let outlet = wiring.output(output).ok_or(OnnxError::Ends(output))?;
    let mut model = wiring.model;
    model.select_output_outlets(&[outlet]).map_err(OnnxError::Graph)?;
    Ok(Encoder { model, tokens, places })
}

/// How many tokens all of its tables know, and how many places. The engine does not check what rows it takes: they may only be the
/// inputs'.
fn known(graph: &Graph) -> Option<(usize, Option<usize>)> {
    let rows = |node: &Node| {
        let [table, ids] = node.input.as_slice() else { return None };
        let table = graph.initializer.iter().find(|weight| weight.name == *table)?;
        let is_checked = (ids == INPUT || ids == PLACES) && node.number("axis", 0) == 0;
        let rows = usize::try_from(*table.dims.first()?).ok()?;
        is_checked.then_some((ids == INPUT, rows))
    };
    let gathers = graph.node.iter().filter(|node| node.op_type == "Gather");
    let known = gathers.map(rows).collect::<Option<Vec<(bool, usize)>>>()?;
    let fewest = |of_ids| known.iter().filter(|(is_id, _)| *is_id == of_ids).map(|(_, rows)| *rows).min();
    Some((fewest(true)?, fewest(false)))
}

#[cfg(test)]
mod tests;
