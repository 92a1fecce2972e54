//! Values that GraphQL has no word for.

use async_graphql::{Description, InputValueError, InputValueResult, MaybeUndefined, Scalar, ScalarType, Value};
use entity::rule_version;
use rules::{
    answer::Answer,
    period::{LocalTime as Time, Period},
};
use serde::{Deserialize, Serialize};

/// What a person answers: a string (also a date, a time or the key of an option), a number, a boolean, or a list of option
/// keys.
#[derive(Clone, Debug, PartialEq, Description, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnswerValue(pub Answer);

#[Scalar(use_type_description)]
impl ScalarType for AnswerValue {
    fn parse(value: Value) -> InputValueResult<Self> {
        let wrong = || InputValueError::custom("an answer is a string, a number, a boolean or a list of option keys");
        let answer = match value {
            Value::Boolean(value) => Answer::Boolean(value),
            Value::Number(number) => Answer::Number(number.as_f64().ok_or_else(wrong)?),
            Value::String(text) => Answer::Text(text),
            Value::List(values) => {
                let options = values.into_iter().map(|value| match value {
                    Value::String(option) => Ok(option),
                    _ => Err(wrong()),
                });
                Answer::Options(options.collect::<Result<_, _>>()?)
            }
            _ => return Err(wrong()),
        };
        Ok(Self(answer))
    }

    fn to_value(&self) -> Value {
        match &self.0 {
            Answer::Boolean(value) => Value::Boolean(*value),
            Answer::Number(number) => number_value(*number),
            Answer::Text(text) => Value::String(text.clone()),
            Answer::Options(options) => Value::List(options.iter().cloned().map(Value::String).collect()),
        }
    }
}

/// A number, whole where it is whole: `2`, not `2.0`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "whole numbers below 2^53 are exact in both"
)]
fn number_value(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

/// A value as [`number_value`] writes the numbers in it.
fn with_whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Number(number), number_value),
        Value::List(values) => Value::List(values.into_iter().map(with_whole_numbers).collect()),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| (name, with_whole_numbers(value)))
                .collect(),
        ),
        other => other,
    }
}

/// What a rule says, in JSON of the shape of SaveRuleInput's statuses, trigger, condition, actions and limits. What was saved by
/// another Handrail, and cannot be read by this one, is shown as it was saved.
#[derive(Clone, Debug, Description)]
pub struct RuleDefinition(serde_json::Value);

impl From<&rule_version::Model> for RuleDefinition {
    fn from(version: &rule_version::Model) -> Self {
        let read = version
            .read()
            .and_then(|definition| serde_json::to_value(definition).ok());
        Self(read.unwrap_or_else(|| version.definition.clone()))
    }
}

#[Scalar(use_type_description)]
impl ScalarType for RuleDefinition {
    fn parse(_: Value) -> InputValueResult<Self> {
        Err(InputValueError::custom(
            "a rule is written by the typed inputs of SaveRuleInput",
        ))
    }

    fn to_value(&self) -> Value {
        let value = Value::from_json(self.0.clone());
        with_whole_numbers(value.unwrap_or_default())
    }
}

/// An ISO 8601 duration: P3D (three calendar days), P2W, P1M, PT72H (seventy-two elapsed hours).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Description, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duration(pub Period);

#[Scalar(use_type_description)]
impl ScalarType for Duration {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => text.parse().map(Self).map_err(InputValueError::custom),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A local time of day: 08:00 or 21:30:15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Description, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LocalTime(pub Time);

#[Scalar(use_type_description)]
impl ScalarType for LocalTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => text.parse().map(Self).map_err(InputValueError::custom),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A field that may be left out, or taken away with null: what an action takes it as.
pub fn said(value: &MaybeUndefined<String>) -> Option<Option<String>> {
    value.as_opt_ref().map(|value| value.cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_keep_their_types() {
        for (value, answer) in [
            (Value::from(2), Answer::Number(2.0)),
            (Value::from(2.5), Answer::Number(2.5)),
            (Value::from("daily"), Answer::Text("daily".into())),
            (Value::from(true), Answer::Boolean(true)),
            (
                Value::List(vec!["a".into(), "b".into()]),
                Answer::Options(vec!["a".into(), "b".into()]),
            ),
        ] {
            let parsed = AnswerValue::parse(value.clone()).unwrap();
            assert_eq!(parsed.0, answer);
            assert_eq!(parsed.to_value(), value);
        }
        assert!(AnswerValue::parse(Value::Null).is_err());
        assert!(AnswerValue::parse(Value::List(vec![1.into()])).is_err());
    }
}
