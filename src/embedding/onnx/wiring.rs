//! The nodes of a graph, one by one, as operations of the engine.

use tract_core::internal::*;
use tract_core::ops::array::Gather;
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::cast;
use tract_core::ops::change_axes::wire_with_rank_broadcast;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::math;
use tract_core::ops::nn::{Reduce, Reducer};

use super::error::{OPERATORS, OnnxError};
use super::proto::{Attribute, FLOAT, INT8, Node, Weight};
use crate::embedding::operators::{Attention, Gelu, Linear, Matrix, Norm};

/// A model under construction.
pub(super) struct Wiring {
    pub(super) model: TypedModel,
    weights: HashMap<String, Weight>,
    made: HashMap<String, Made>,
}

/// What a name stands for.
#[derive(Clone)]
enum Made {
    /// Something that the engine makes.
    Outlet(OutletId),
    /// A matrix [to, from] in 8 bits.
    Matrix(Matrix),
    /// The same as [from, to].
    Transposed(Matrix),
}

impl Wiring {
    pub(super) fn new(weights: Vec<Weight>) -> Self {
        let weights = weights.into_iter().map(|weight| (weight.name.clone(), weight)).collect();
        Self { model: TypedModel::default(), weights, made: HashMap::new() }
    }

    /// Adds an input of the model.
    pub(super) fn source(&mut self, name: &str, fact: TypedFact) -> Result<(), OnnxError> {
        let source = self.model.add_source(name, fact).map_err(OnnxError::Graph)?;
        self.made.insert(name.to_owned(), Made::Outlet(source));
        Ok(())
    }

    /// What the engine makes under this name.
    pub(super) fn output(&self, name: &str) -> Option<OutletId> {
        match self.made.get(name) {
            Some(Made::Outlet(outlet)) => Some(*outlet),
            _ => None,
        }
    }

    /// Adds a node.
    pub(super) fn node(&mut self, node: &Node) -> Result<(), OnnxError> {
        let name = node.output.first().map_or("", String::as_str);
        if !OPERATORS.contains(&node.op_type.as_str()) {
            return Err(OnnxError::Operator(node.op_type.clone()));
        }
        let made = self.wire(name, node)?;
        self.made.insert(name.to_owned(), made);
        Ok(())
    }

    fn wire(&mut self, name: &str, node: &Node) -> Result<Made, OnnxError> {
        let fault = |fault| OnnxError::Node { node: name.into(), fault };
        if let Some(needed) = unmet(node) {
            return Err(fault(TractError::msg(needed)));
        }
        match (node.op_type.as_str(), node.input.as_slice()) {
            ("DequantizeLinear", [weights, steps]) => self
                .matrix(weights, steps)
                .map(Made::Matrix)
                .ok_or_else(|| OnnxError::Weight(weights.clone())),
            ("Transpose", [matrix]) => match self.made.get(matrix) {
                Some(Made::Matrix(matrix)) => Ok(Made::Transposed(matrix.clone())),
                _ => {
                    Err(fault(TractError::msg("it must transpose what `DequantizeLinear` makes of a weight")))
                }
            },
            ("MatMul", [input, matrix]) if let Some(Made::Transposed(matrix)) = self.made.get(matrix) => {
                let linear = Linear(matrix.clone());
                let input = self.outlet(name, input)?;
                self.operation(name, linear, &[input])
            }
            ("Add", [one, other])
                if let Some(made) = self.biased(one, other).or_else(|| self.biased(other, one)) =>
            {
                Ok(made)
            }
            ("LayerNormalization", [input, scale, shift]) => {
                let [scale, shift] = [scale, shift].map(|name| self.floats(name));
                let norm = Norm { scale: scale?, shift: shift?, epsilon: node.fraction("epsilon", 1e-5) };
                let input = self.outlet(name, input)?;
                let inputs = self.summands(input).unwrap_or_else(|| tvec![input]);
                self.operation(name, norm, &inputs)
            }
            ("Gelu", [input]) => {
                let input = self.outlet(name, input)?;
                self.operation(name, Gelu, &[input])
            }
            ("Attention", [query, key, value]) => {
                let inputs = [self.outlet(name, query)?, self.outlet(name, key)?, self.outlet(name, value)?];
                let fact = self.model.outlet_fact(inputs[0]).map_err(fault)?;
                let width = fact.shape.last().and_then(|width| width.to_usize().ok()).unwrap_or_default();
                let heads = usize::try_from(node.number("q_num_heads", 0)).unwrap_or_default();
                self.operation(name, Attention { heads, width }, &inputs)
            }
            _ => {
                let inputs =
                    node.input.iter().map(|input| self.outlet(name, input)).collect::<Result<Vec<_>, _>>()?;
                let outlet = operator(node, name, &mut self.model, &inputs).map_err(fault)?;
                outlet.map(Made::Outlet).ok_or_else(|| OnnxError::Operator(node.op_type.clone()))
            }
        }
    }

    /// Adds an operation of our own.
    fn operation(
        &mut self,
        name: &str,
        operation: impl TypedOp,
        inputs: &[OutletId],
    ) -> Result<Made, OnnxError> {
        let fault = |fault| OnnxError::Node { node: name.into(), fault };
        let wired = self.model.wire_node(name, operation, inputs).map_err(fault)?;
        wired
            .first()
            .map(|outlet| Made::Outlet(*outlet))
            .ok_or_else(|| fault(TractError::msg("it makes nothing")))
    }

    /// Lets the linear layer that has made `product` add a weight to each row. `None` if it is no such layer, or no such weight.
    fn biased(&mut self, product: &str, weight: &str) -> Option<Made> {
        let (outlet, bias) = (self.output(product)?, self.weights.get(weight)?.floats()?);
        let node = self.model.nodes().get(outlet.node)?;
        let is_unused = node.outputs.iter().all(|output| output.successors.is_empty());
        let linear = node.op_as::<Linear>().filter(|_| is_unused)?.0.with_bias(bias)?;
        self.model.node_mut(outlet.node).op = Box::new(Linear(linear));
        // What asks for the product alone would get the sum.
        self.made.remove(product);
        Some(Made::Outlet(outlet))
    }

    /// The two inputs of the addition that has made an output, if they are of one shape.
    fn summands(&self, outlet: OutletId) -> Option<TVec<OutletId>> {
        let node = self.model.nodes().get(outlet.node)?;
        let is_sum = node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<math::Add>());
        let [one, other] = *node.inputs.as_slice() else { return None };
        let shape = |outlet| self.model.outlet_fact(outlet).ok().map(|fact| &fact.shape);
        (is_sum && shape(one) == shape(other)).then(|| tvec![one, other])
    }

    /// Where the engine finds what node `node` asks for.
    fn outlet(&mut self, node: &str, input: &str) -> Result<OutletId, OnnxError> {
        if let Some(outlet) = self.output(input) {
            return Ok(outlet);
        }
        let dangling = || OnnxError::Dangling { node: node.into(), input: input.into() };
        let weight = self.weights.get(input).ok_or_else(dangling)?;
        let outlet = self.model.add_const(input, weight.tensor()?).map_err(OnnxError::Graph)?;
        self.made.insert(input.to_owned(), Made::Outlet(outlet));
        Ok(outlet)
    }

    fn floats(&self, name: &str) -> Result<Vec<f32>, OnnxError> {
        self.weights.get(name).and_then(Weight::floats).ok_or_else(|| OnnxError::Weight(name.to_owned()))
    }

    /// A weight in 8 bits, with its steps by row.
    fn matrix(&self, weights: &str, steps: &str) -> Option<Matrix> {
        let weights = self.weights.get(weights).filter(|weight| weight.data_type == INT8)?;
        let [to, from] = *weights.shape()?.as_slice() else { return None };
        let steps = self.weights.get(steps)?.floats().filter(|steps| steps.len() == to)?;
        Matrix::new(weights.raw_data.clone(), from, steps)
    }
}

/// What a node would have to say of itself for the operation that is made of it; `None`: it does.
fn unmet(node: &Node) -> Option<&'static str> {
    let lacks = |name| node.attribute(name).is_none();
    let heads = [node.number("q_num_heads", 0), node.number("kv_num_heads", 0)];
    let (is_met, needed) = match node.op_type.as_str() {
        "DequantizeLinear" => (node.number("axis", 1) == 0, "its steps must be by row: `axis` 0"),
        "Transpose" => {
            let turns = node.attribute("perm").is_none_or(|perm| perm.ints == [1, 0]);
            (turns, "it must turn rows into columns")
        }
        "LayerNormalization" => {
            (node.number("axis", -1) == -1, "it must be over the last dimension: `axis` -1")
        }
        "Gelu" => (lacks("approximate"), "it must not be approximated"),
        "Attention" => {
            let is_plain = lacks("is_causal") && lacks("scale") && lacks("softcap") && heads[0] == heads[1];
            (is_plain, "it must have as many heads for keys as for queries, and nothing else")
        }
        _ => return None,
    };
    (!is_met).then_some(needed)
}

/// Adds a node that is made of the engine's own operations; where its output is found. `None` if it is not known.
fn operator(
    node: &Node,
    name: &str,
    model: &mut TypedModel,
    inputs: &[OutletId],
) -> TractResult<Option<OutletId>> {
    let float = f32::datum_type();
    let wired = match node.op_type.as_str() {
        "Add" => wire_with_rank_broadcast(name, model, math::add(), inputs)?,
        "Sub" => wire_with_rank_broadcast(name, model, math::sub(), inputs)?,
        "Mul" => wire_with_rank_broadcast(name, model, math::mul(), inputs)?,
        "Div" => wire_with_rank_broadcast(name, model, math::div(), inputs)?,
        "Sqrt" => model.wire_node(name, math::sqrt(), inputs)?,
        "Cast" if node.number("to", 0) == i64::from(FLOAT) => model.wire_node(name, cast(float), inputs)?,
        "Gather" => model.wire_node(name, Gather::new(0), inputs)?,
        "MatMul" => {
            let axes: AxesMapping = match rank(model, inputs)? {
                2 => "ij,jk->ik".parse()?,
                _ => "bij,jk->bik".parse()?,
            };
            model.wire_node(name, EinSum::new(axes, float), inputs)?
        }
        "ReduceL2" | "ReduceSum" => return reduce(node, name, model, inputs).map(Some),
        _ => return Ok(None),
    };
    Ok(wired.first().copied())
}

fn reduce(
    node: &Node,
    name: &str,
    model: &mut TypedModel,
    inputs: &[OutletId],
) -> Result<OutletId, TractError> {
    let rank = rank(model, inputs)?;
    let every = || (0..rank).collect();
    let given = |attribute: &Attribute| attribute.ints.iter().map(|number| axis(*number, rank)).collect();
    let mut axes: TVec<usize> = node.attribute("axes").map_or_else(every, given);
    axes.sort_unstable();
    let squares = node.op_type == "ReduceL2";
    let mut wire = *inputs.first().ok_or_else(|| TractError::msg("it has no input"))?;
    let mut add = |model: &mut TypedModel, part: String, op: Box<dyn TypedOp>| -> Result<(), TractError> {
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
    if node.number("keepdims", 1) == 0 {
        for axis in axes.into_iter().rev() {
            add(model, format!("{name}.without.{axis}"), Box::new(AxisOp::Rm(axis)))?;
        }
    }
    Ok(wire)
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
