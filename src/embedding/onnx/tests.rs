use super::proto::{Attribute, FLOAT, Weight};
use super::*;
use crate::embedding::Sieve;

const VOCABULARY: &[u8] = b"[UNK]\na\nb\n";

fn weight(name: &str, dims: &[i64], numbers: &[f32]) -> Weight {
    let raw_data: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Weight { dims: dims.into(), data_type: FLOAT, name: name.into(), raw_data: raw_data.into() }
}

fn node(op_type: &str, input: &[&str], output: &str) -> Node {
    let input = input.iter().map(|&name| name.into()).collect();
    Node { input, output: vec![output.into()], op_type: op_type.into(), attribute: Vec::new() }
}

fn number(name: &str, i: i64) -> Attribute {
    Attribute { name: name.into(), i, ..Attribute::default() }
}

fn reduce(op_type: &str, input: &str, output: &str, axis: i64, keepdims: i64) -> Node {
    let axes = Attribute { name: "axes".into(), ints: vec![axis], ..Attribute::default() };
    Node { attribute: vec![axes, number("keepdims", keepdims)], ..node(op_type, &[input], output) }
}

/// An encoder of three dimensions with each operator that the one in the module does without.
fn encoder() -> Graph {
    Graph {
        node: vec![
            node("Gather", &["table", INPUT], "rows"),
            reduce("ReduceSum", "rows", "sum", 1, 0),
            node("MatMul", &["sum", "projection"], "projected"),
            node("Add", &["projected", "one"], "more"),
            node("Sub", &["more", "one"], "same"),
            node("Mul", &["same", "same"], "squares"),
            node("Sqrt", &["squares"], "roots"),
            reduce("ReduceL2", "roots", "length", -1, 1),
            node("Div", &["roots", "length"], "embedding"),
        ],
        initializer: vec![
            weight("table", &[3, 2], &[0.0, 1.0, 3.0, 0.0, 0.0, -4.0]),
            weight("projection", &[2, 3], &[1.0, 0.0, 2.0, 0.0, 1.0, 0.0]),
            weight("one", &[3], &[1.0; 3]),
        ],
    }
}

fn load(graph: Graph) -> Result<Sieve, String> {
    let model = Model { graph: Some(graph) }.encode_to_vec();
    Sieve::load(VOCABULARY, model.into()).map_err(|error| error.to_string())
}

#[test]
fn an_encoder_of_ones_own_is_run() {
    let sieve = load(encoder()).unwrap();
    assert_eq!(sieve.width(), 3);
    for (text, expected) in [("a", [3.0, 0.0, 6.0]), ("b", [0.0, 4.0, 0.0]), ("a b a", [6.0, 4.0, 12.0])] {
        let length = expected.iter().map(|x: &f64| x * x).sum::<f64>().sqrt();
        let found = sieve.embed(text).unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected / length).abs() < 1e-6, "{text}: {found}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_name() {
    let spoilt = |spoil: fn(&mut Graph)| {
        let mut graph = encoder();
        spoil(&mut graph);
        load(graph).unwrap_err()
    };
    for (spoil, part) in [
        (
            (|graph| graph.node[6].op_type = "Softmax".into()) as fn(&mut Graph),
            "operator `Softmax` is not supported",
        ),
        (|graph| graph.node[3].input[1] = "two".into(), "node `more` needs `two`"),
        (|graph| graph.initializer[2].data_type = 7, "weight `one` must be float32 or int8"),
        (|graph| graph.initializer[2].dims = vec![4], "weight `one` must be float32 or int8"),
        (|graph| drop(graph.node.pop()), "make an output `embedding`"),
        (|graph| graph.node[0].input[1] = "one".into(), "of a table by its input `input_ids`"),
        (|graph| graph.node[0].attribute.push(number("axis", 1)), "gather rows (axis 0)"),
        (|graph| graph.node.insert(1, node("Gather", &["one", "rows"], "more rows")), "by nothing else"),
        (|graph| graph.initializer[0].dims = vec![2, 3], "3 tokens, the graph's table 2 rows"),
    ] {
        let message = spoilt(spoil);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn an_operator_that_is_read_in_one_way_only_is_refused_in_others() {
    for (op_type, attributes, part) in [
        ("DequantizeLinear", vec![], "by row"),
        (
            "Transpose",
            vec![Attribute { name: "perm".into(), ints: vec![0, 1], ..Attribute::default() }],
            "turn",
        ),
        ("LayerNormalization", vec![number("axis", 1)], "last dimension"),
        ("Gelu", vec![Attribute { name: "approximate".into(), ..Attribute::default() }], "approximated"),
        ("Attention", vec![number("q_num_heads", 4), number("kv_num_heads", 2)], "as many heads"),
        ("Attention", vec![number("is_causal", 1)], "nothing else"),
    ] {
        let mut graph = encoder();
        graph.node.insert(1, Node { attribute: attributes, ..node(op_type, &["rows", "one", "one"], "new") });
        let message = load(graph).unwrap_err();
        assert!(message.contains(part), "{op_type}: {message}");
    }
}
