//! The message templates that a rule or a person may name. Their texts are the worker's, which is tested to have each of them.

/// Their keys, in order.
pub const TEMPLATES: [&str; 8] = [
    "come-back",
    "form-waiting",
    "general",
    "message-waiting",
    "new-content",
    "program-ending",
    "staff-attention",
    "staff-escalation",
];
