//! What a version of a program lacks of what rules would do.

use rules::{
    content::Piece,
    definition::{Action, RuleDefinition},
    simulation::Lacking,
};

use crate::content::Content;

/// What a version lacks of what these rules would do: everybody has what their own version offers.
pub(crate) fn lacking<'a>(content: &Content, rules: impl IntoIterator<Item = &'a RuleDefinition>) -> Lacking {
    let mut lacking = Lacking {
        functions: content.version.features().lacking(),
        ..Lacking::default()
    };
    for action in rules.into_iter().flat_map(|rule| &rule.actions) {
        match action {
            Action::DispatchForm(of) if !content.forms.contains_key(&of.form) => {
                lacking.forms.insert(of.form.clone());
            }
            Action::OpenModule(of) | Action::HideModule(of) if content.module_by_key(&of.module).is_none() => {
                lacking.content.push(Piece::Module(of.module.clone()));
            }
            Action::OpenSection(of) | Action::HideSection(of) if content.section_by_key(&of.section).is_none() => {
                lacking.content.push(Piece::Section(of.section.clone()));
            }
            _ => {}
        }
    }
    lacking
}
