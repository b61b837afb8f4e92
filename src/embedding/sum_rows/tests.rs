use proptest::prelude::*;
use tract_core::ops::cast::cast;

use super::*;

/// Gather, cast, sum over the texts' tokens, as the encoder that travels in the module is made.
fn chain(table: &[i8], width: usize, axis: usize) -> TypedModel {
    let mut model = TypedModel::default();
    let length = model.symbols.sym("tokens");
    let ids = model.add_source("ids", i64::fact(dims![1, length])).unwrap();
    let table = Tensor::from_shape(&[table.len() / width, width], table).unwrap();
    let table = model.add_const("table", table).unwrap();
    let rows = model.wire_node("rows", Gather::new(0), &[table, ids]).unwrap()[0];
    let vectors = model.wire_node("vectors", cast(f32::datum_type()), &[rows]).unwrap()[0];
    let sum = model.wire_node("sum", Reduce::new(tvec![axis], Reducer::Sum), &[vectors]).unwrap()[0];
    model.select_output_outlets(&[sum]).unwrap();
    model
}

fn run(model: TypedModel, ids: &[i64]) -> TractResult<Vec<f32>> {
    let input = Tensor::from_shape(&[1, ids.len()], ids).unwrap().into_tvalue();
    let output = model.into_optimized()?.into_runnable()?.run(tvec![input])?.remove(0);
    Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

fn has_fused(model: &TypedModel) -> bool {
    model.nodes().iter().any(|node| node.op_is::<SumRows>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn in_one_step_the_sum_is_the_same(
        width in 1..200_usize,
        numbers in prop::collection::vec(any::<i8>(), 4_000),
        ids in prop::collection::vec(0..20_i64, 1..700),
    ) {
        let model = chain(&numbers[..20 * width], width, 1);
        let mut fused = model.clone();
        fuse(&mut fused).unwrap();
        prop_assert!(has_fused(&fused));
        prop_assert_eq!(run(fused, &ids).unwrap(), run(model, &ids).unwrap());
    }
}

#[test]
fn the_greatest_sums_do_not_overflow() {
    for number in [i8::MIN, i8::MAX] {
        let sums = sum_rows(&[number; 130], 130, &[0; 1_000]).unwrap();
        assert_eq!(sums, [f32::from(number) * 1_000.0; 130]);
    }
}

#[test]
fn an_unknown_id_is_an_error() {
    let mut model = chain(&[1, 2, 3, 4], 2, 1);
    fuse(&mut model).unwrap();
    for id in [2, -1, i64::MAX] {
        assert!(run(model.clone(), &[0, id]).is_err());
    }
}

#[test]
fn another_sum_is_left_alone() {
    let mut model = chain(&[1, 2, 3, 4], 2, 2);
    fuse(&mut model).unwrap();
    assert!(!has_fused(&model));
    assert_eq!(run(model, &[0, 1]).unwrap(), [3.0, 7.0]);
}
