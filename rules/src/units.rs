//! The units that rules compare measurements in: noted in a rule when it is saved, so that it is told with them for ever,
//! whatever becomes of the program.

use crate::{
    definition::{Condition, Fact, MeasurementFact, RuleDefinition, Trigger},
    validate::ProgramShape,
};

/// Notes the unit of each measurement that a rule compares, as the program has it. What the rule said of units is forgotten.
pub fn note(rule: &mut RuleDefinition, shape: &ProgramShape<'_>) {
    let unit = |kind: &str| shape.measurements.iter().find(|known| known.key == kind);
    each_measurement(rule, &mut |fact| {
        fact.unit = unit(&fact.kind).map(|kind| Box::new(kind.unit.clone()));
    });
}

/// The rule without units: with them it is told, and nothing else.
pub(crate) fn without(rule: &RuleDefinition) -> RuleDefinition {
    let mut rule = rule.clone();
    each_measurement(&mut rule, &mut |fact| fact.unit = None);
    rule
}

fn each_measurement(rule: &mut RuleDefinition, change: &mut impl FnMut(&mut MeasurementFact)) {
    let release = match &mut rule.trigger {
        Trigger::Whenever(whenever) => whenever.release.as_mut(),
        Trigger::Schedule(_) | Trigger::Event(_) => None,
    };
    let conditions = [rule.condition.as_mut(), rule.limits.stop_when.as_mut(), release];
    conditions
        .into_iter()
        .flatten()
        .for_each(|condition| each_below(condition, change));
}

fn each_below(condition: &mut Condition, change: &mut impl FnMut(&mut MeasurementFact)) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter_mut().for_each(|part| each_below(part, change)),
        Condition::Not(part) => each_below(part, change),
        Condition::Compare(compare) => {
            if let Fact::Measurement(fact) = &mut compare.fact {
                change(fact);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        definition::Unit,
        overrides::same_shape,
        validate::{MeasurementShape, parse},
    };

    fn rule(unit: Value) -> RuleDefinition {
        let weight = |value: u32| json!({ "compare": { "fact": { "measurement": { "kind": "weight", "unit": unit } }, "operator": "GT", "value": value } });
        let rule = json!({
            "trigger": { "whenever": { "release": weight(80) } },
            "condition": { "all": [{ "not": { "any": [weight(200), weight(100)] } }, weight(90)] },
            "actions": [{ "openModule": { "module": "one" } }],
            "limits": { "stopWhen": weight(120) }
        });
        parse(rule).unwrap()
    }

    fn unit(en: &str, sv: &str) -> Unit {
        let (en, sv) = (en.to_owned(), sv.to_owned());
        Unit { en, sv }
    }

    #[test]
    fn the_programs_unit_is_noted_wherever_a_measurement_is_compared() {
        let kind = MeasurementShape {
            key: "weight".to_owned(),
            unit: unit("kilos", "kilo"),
            min: 30.0,
            max: 300.0,
            decimals: 1,
        };
        let shape = ProgramShape {
            measurements: vec![kind],
            ..ProgramShape::default()
        };
        let mut noted = rule(json!({ "en": "stone", "sv": "sten" }));
        note(&mut noted, &shape);
        assert_eq!(noted, rule(json!({ "en": "kilos", "sv": "kilo" })));
        note(&mut noted, &ProgramShape::default());
        assert_eq!(noted, rule(Value::Null));
    }

    #[test]
    fn a_rule_told_in_other_units_is_still_the_same() {
        let (kilos, kg) = (
            rule(json!({ "en": "kilos", "sv": "kilo" })),
            rule(json!({ "en": "kg", "sv": "kg" })),
        );
        assert!(kilos != kg && same_shape(&kilos, &kg));
    }
}
