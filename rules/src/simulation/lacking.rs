//! What a person's version of the program does not offer: rules do nothing of the kind there.

use std::collections::BTreeSet;

use crate::{content::Piece, definition::Action, validate::Function};

/// What a version of the program lacks of what rules could do.
#[derive(Clone, Debug, Default)]
pub struct Lacking {
    /// The functions that are off.
    pub functions: Vec<Function>,
    /// The keys of forms that it does not have.
    pub forms: BTreeSet<String>,
    /// The content that it does not have.
    pub content: Vec<Piece>,
}

impl Lacking {
    /// Whether an action is possible.
    pub fn allows(&self, action: &Action) -> bool {
        let offers = |function: Function| !self.functions.contains(&function);
        match action {
            Action::DispatchForm(form) => offers(Function::Forms) && !self.forms.contains(&form.form),
            Action::RaiseFlag(_) => offers(Function::Flags),
            Action::Remind(_) => offers(Function::Reminders),
            Action::Escalate(_) => offers(Function::Flags) && offers(Function::Reminders),
            Action::SendMessage(_) => offers(Function::Messages),
            Action::OpenModule(of) | Action::HideModule(of) => {
                !self.content.contains(&Piece::Module(of.module.clone()))
            }
            Action::OpenSection(of) | Action::HideSection(of) => {
                !self.content.contains(&Piece::Section(of.section.clone()))
            }
        }
    }
}
