//! Values as CBOR, the way Smithy RPC v2 writes them: points in time have tag 1.

use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value as Json};

use super::Value;

/// Encodes an answer.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(&tree(value), &mut bytes).expect("memory takes every byte");
    bytes
}

fn tree(value: &Value) -> Cbor {
    match value {
        Value::Text(text) => Cbor::Text(text.clone()),
        Value::Whole(number) => Cbor::Integer((*number).into()),
        Value::Real(number) => Cbor::Float(*number),
        Value::Flag(flag) => Cbor::Bool(*flag),
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of our time fit")]
        Value::Time(moment) => Cbor::Tag(1, Box::new(Cbor::Float(moment.millis() as f64 / 1_000.0))),
        Value::List(_, items) => Cbor::Array(items.iter().map(tree).collect()),
        Value::Map(fields) => {
            let fields = fields.iter().map(|(name, value)| (Cbor::Text((*name).to_owned()), tree(value)));
            Cbor::Map(fields.collect())
        }
    }
}

/// Decodes the parameters of a call; points in time become seconds.
pub(crate) fn decode(bytes: &[u8]) -> Option<Json> {
    json(ciborium::from_reader(bytes).ok()?)
}

fn json(value: Cbor) -> Option<Json> {
    Some(match value {
        Cbor::Integer(number) => i64::try_from(number).ok()?.into(),
        Cbor::Float(number) => Number::from_f64(number)?.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Bool(flag) => flag.into(),
        Cbor::Null => Json::Null,
        Cbor::Tag(1, inside) => json(*inside)?,
        Cbor::Array(items) => items.into_iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Cbor::Map(fields) => {
            let fields = fields.into_iter().map(|(name, value)| Some((name.into_text().ok()?, json(value)?)));
            fields.collect::<Option<Map<_, _>>>()?.into()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::state::Moment;
    use crate::aws::wire::Fields;

    #[test]
    fn points_in_time_have_tag_1() {
        let bytes = encode(&Fields::new().with("At", Moment::from_seconds(60)).into());
        assert!(bytes.contains(&0xc1), "{bytes:x?}");
        assert_eq!(decode(&bytes).unwrap(), serde_json::json!({ "At": 60.0 }));
        assert_eq!(decode(b"\xff"), None);
    }
}
