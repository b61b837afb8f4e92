//! The messages of an ONNX file, as far as they are read: onnx.proto3 of <https://github.com/onnx/onnx>.

use bytes::Bytes;
use prost::Message;
use tract_core::internal::*;

use super::OnnxError;

/// `TensorProto.DataType`.
pub(super) const FLOAT: i32 = 1;
pub(super) const INT8: i32 = 3;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Model {
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(super) node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    pub(super) initializer: Vec<Weight>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub(super) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) output: Vec<String>,
    #[prost(string, tag = "4")]
    pub(super) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Attribute {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(float, tag = "2")]
    pub(super) f: f32,
    #[prost(int64, tag = "3")]
    pub(super) i: i64,
    #[prost(int64, repeated, tag = "8")]
    pub(super) ints: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Weight {
    #[prost(int64, repeated, tag = "1")]
    pub(super) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(super) data_type: i32,
    #[prost(string, tag = "8")]
    pub(super) name: String,
    #[prost(bytes = "bytes", tag = "9")]
    pub(super) raw_data: Bytes,
}

impl Weight {
    /// Its dimensions.
    pub(super) fn shape(&self) -> Option<Vec<usize>> {
        self.dims.iter().map(|size| usize::try_from(*size).ok()).collect()
    }

    /// Its numbers, if they are floats.
    pub(super) fn floats(&self) -> Option<Vec<f32>> {
        let (numbers, []) = self.raw_data.as_chunks::<4>() else { return None };
        (self.data_type == FLOAT).then(|| numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    pub(super) fn tensor(&self) -> Result<Tensor, OnnxError> {
        let wrong = || OnnxError::Weight(self.name.clone());
        let shape = self.shape().ok_or_else(wrong)?;
        let tensor = match self.data_type {
            INT8 => Tensor::from_shape::<i8>(&shape, bytemuck::cast_slice(&self.raw_data)),
            FLOAT => Tensor::from_shape(&shape, &self.floats().ok_or_else(wrong)?),
            _ => return Err(wrong()),
        };
        tensor.map_err(|_| wrong())
    }
}

impl Node {
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn number(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    /// An attribute that is a number with a fraction.
    pub(super) fn fraction(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }
}
