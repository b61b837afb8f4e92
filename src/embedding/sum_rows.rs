//! Gathering rows of a table and adding them up, as one operation of the engine.
//!
//! Step by step the engine copies each row, widens all of them to floats and adds those: five times the memory traffic of the
//! rows themselves. Here the rows are added where they lie, as whole numbers, which is exact in any order.

use tract_core::internal::*;
use tract_core::ops::array::Gather;
use tract_core::ops::cast::Cast;
use tract_core::ops::nn::{Reduce, Reducer};

/// Columns that are added up together: as many as the vector registers of WebAssembly hold as 16-bit numbers.
const COLUMNS: usize = 64;
/// Rows after which a 16-bit sum of 8-bit numbers could overflow.
const ROWS: usize = 256;

/// `ReduceSum(Cast(Gather(table, ids)))` over the ids: int64 [1, tokens] -> float32 [1, width] or [1, 1, width].
#[derive(Debug, Clone, PartialEq, Eq)]
struct SumRows {
    /// int8 [tokens known, width].
    table: Arc<Tensor>,
    width: usize,
    /// Of the output.
    shape: TVec<usize>,
}

/// Replaces each such chain of operations in `model` by one.
pub(super) fn fuse(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        if let Some(patch) = patch(model, id)? {
            patch.apply(model)?;
        }
    }
    model.compact()
}

/// The change that replaces the chain that ends in node `sum`, if one does.
fn patch(model: &TypedModel, sum: usize) -> TractResult<Option<TypedModelPatch>> {
    let is_sum = |reduce: &Reduce| reduce.reducer == Reducer::Sum && reduce.axes.as_slice() == [1];
    let Some(node) = model.nodes().get(sum).filter(|node| node.op_as().is_some_and(is_sum)) else {
        return Ok(None);
    };
    let Some(cast) = model.linear_prec(sum)?.filter(|node| node.op_is::<Cast>()) else { return Ok(None) };
    let gather =
        model.linear_prec(cast.id)?.filter(|node| node.op_as().is_some_and(|g: &Gather| g.axis == 0));
    let Some([table, ids]) = gather.map(|gather| gather.inputs.as_slice()) else { return Ok(None) };
    let Some(table) = &model.outlet_fact(*table)?.konst else { return Ok(None) };
    let is_float = model.outlet_fact(cast.id.into())?.datum_type == f32::datum_type();
    let (&[_, width], true) = (table.shape(), is_float && table.datum_type() == i8::datum_type()) else {
        return Ok(None);
    };
    if !matches!(&*model.outlet_fact(*ids)?.shape, [texts, _] if texts.is_one()) {
        return Ok(None);
    }
    let removed = model.linear_succ(sum)?.filter(|next| next.op_as() == Some(&AxisOp::Rm(1)));
    let (last, shape) = removed.map_or((node, tvec![1, 1, width]), |next| (next, tvec![1, width]));
    let mut patch = TypedModelPatch::default();
    let ids = patch.tap_model(model, *ids)?;
    let sum_rows = SumRows { table: Arc::clone(table), width, shape };
    for rows in patch.wire_node(&last.name, sum_rows, &[ids])? {
        patch.shunt_outside(model, last.id.into(), rows)?;
    }
    Ok(Some(patch))
}

impl Op for SumRows {
    fn name(&self) -> StaticName {
        "SumRows".into()
    }

    op_as_typed_op!();
}

impl EvalOp for SumRows {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let ids = inputs.first().ok_or_else(|| TractError::msg("no ids"))?.try_as_plain_ram()?;
        let table = self.table.try_as_plain_ram()?;
        let sums = sum_rows(table.as_slice()?, self.width, ids.as_slice()?)
            .ok_or_else(|| TractError::msg("an id that the table does not have"))?;
        Ok(tvec![Tensor::from_shape(&self.shape, &sums)?.into_tvalue()])
    }
}

impl TypedOp for SumRows {
    as_op!();

    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec![f32::fact(&self.shape)])
    }
}

/// The sum of those rows of a table of so many columns; `None` if it lacks one of them.
#[allow(clippy::cast_precision_loss, reason = "of 130,000 rows or fewer the sums are exact")]
fn sum_rows(table: &[i8], width: usize, ids: &[i64]) -> Option<Vec<f32>> {
    let row = |id: &i64| {
        let start = usize::try_from(*id).ok()?.checked_mul(width)?;
        table.get(start..start.checked_add(width)?)
    };
    if ids.iter().any(|id| row(id).is_none()) {
        return None;
    }
    let mut sums = vec![0_i32; width];
    let (blocks, rest) = sums.as_chunks_mut::<COLUMNS>();
    for ids in ids.chunks(ROWS) {
        let mut from = 0;
        for block in &mut *blocks {
            let columns = ids.iter().filter_map(|id| row(id)?.get(from..)?.first_chunk());
            add(block, &sum_columns(columns));
            from = from.checked_add(COLUMNS)?;
        }
        if !rest.is_empty() {
            let columns = ids.iter().filter_map(|id| row(id)?.get(from..));
            columns.for_each(|columns| add(rest, columns));
        }
    }
    Some(sums.into_iter().map(|sum| sum as f32).collect())
}

/// The sums of [`ROWS`] rows or fewer. Not inlined: where the compiler sees what becomes of the sums it no longer keeps them in
/// whole vector registers until all are added.
#[inline(never)]
fn sum_columns<'t>(rows: impl Iterator<Item = &'t [i8; COLUMNS]>) -> [i16; COLUMNS] {
    rows.fold([0; COLUMNS], |mut sums, row| {
        for (sum, number) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(i16::from(*number));
        }
        sums
    })
}

fn add<N: Copy + Into<i32>>(sums: &mut [i32], numbers: &[N]) {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum = sum.wrapping_add((*number).into());
    }
}

#[cfg(test)]
mod tests;
