//! What a frontend sends: every mutation with all that its payload shows, and the fragments that they share.

/// Each mutation with what it asks of its payload, beside the errors.
const MUTATIONS: &[(&str, &str)] = &[
    ("acceptTerms", "unit { ...unit }"),
    ("changeAssignment", "assignment { ...assignment }"),
    (
        "changeVisibilities",
        "outcomes { enrollmentId enrollment { ...content } errors { code message path } }",
    ),
    ("connectUnit", "unit { ...unit }"),
    ("disconnectUnit", "unit { ...unit }"),
    ("grantAssignment", "assignment { ...assignment }"),
    (
        "importForm",
        "form { key title items { key } } formKey itemCount scaleCount notes { item }",
    ),
    ("correctContactDetails", "citizen { ...me }"),
    ("inviteStaff", "staff { id displayName }"),
    ("reconnectUnit", "unit { ...unit }"),
    ("renameProvider", "careProvider { id name }"),
    ("renameUnit", "unit { ...unit }"),
    ("resendInvitation", "staff { id displayName }"),
    ("revokeAssignment", "assignment { ...assignment }"),
    ("updateStaff", "staff { id displayName title email }"),
    ("acknowledgeFlag", "flag { ...flag }"),
    (
        "acknowledgeFlags",
        "outcomes { flagId flag { ...flag } errors { code message path } }",
    ),
    ("activateEnrollment", "enrollment { ...life }"),
    ("amendResult", "result { ...result }"),
    ("answerOnBehalf", "result { ...result }"),
    ("assignFlag", "flag { ...flag }"),
    ("cancelDispatch", "dispatch { ...dispatch }"),
    ("cancelOccurrence", "activity { ...planned }"),
    ("cancelReminder", "reminder { ...reminder }"),
    ("changeActivity", "activity { ...planned }"),
    ("changeVisibility", "enrollment { ...content }"),
    ("closeProgramForSelfEnrollment", "unit { ...unit }"),
    ("completeEnrollment", "enrollment { ...life }"),
    ("completeStep", "enrollment { ...content nextStep { key } }"),
    ("correctMeasurement", "measurement { ...measurement }"),
    ("createCalendarFeed", "url"),
    ("discardMessageDraft", "enrollment { ...thread }"),
    ("dispatchForm", "dispatches { ...dispatch }"),
    ("endActivity", "activity { ...planned }"),
    ("enrollMyself", "enrollment { ...life }"),
    ("handOverMessages", "enrollment { ...thread }"),
    ("markMessagesRead", "enrollment { ...thread }"),
    ("markReminderRead", "reminder { ...reminder }"),
    ("moveDispatch", "dispatch { ...dispatch }"),
    ("moveOccurrence", "occurrence { ...occurrence }"),
    ("moveReminder", "reminder { ...reminder }"),
    ("openForm", "dispatch { ...dispatch }"),
    (
        "openProgramForSelfEnrollment",
        "openProgram { openedAt program { slug } unit { id } }",
    ),
    ("overrideRule", "rule { ...rule } warnings { code message path }"),
    ("pauseEnrollment", "enrollment { ...life }"),
    ("planActivity", "activity { ...planned }"),
    ("prolongEnrollment", "enrollment { ...life }"),
    ("promoteRule", "rule { ...rule } warnings { code message path }"),
    ("raiseFlag", "flag { ...flag }"),
    ("registerActivity", "entry { ...entry }"),
    ("registerMeasurement", "measurement { ...measurement }"),
    ("remindCitizen", "reminder { ...reminder }"),
    ("remindStaff", "reminder { ...reminder }"),
    ("removeMessageTemplate", "unit { ...unit }"),
    ("removeRuleOverride", "rule { ...rule } warnings { code message path }"),
    ("reopenFlag", "flag { ...flag }"),
    ("rescheduleStart", "enrollment { ...life }"),
    ("resolveFlag", "flag { ...flag }"),
    (
        "resolveFlags",
        "outcomes { flagId flag { ...flag } errors { code message path } }",
    ),
    ("resumeEnrollment", "enrollment { ...life }"),
    ("revokeCalendarFeed", "citizen { ...me }"),
    ("saveDraft", "dispatch { ...dispatch }"),
    ("saveMessageDraft", "enrollment { ...thread }"),
    ("saveMessageTemplate", "template { id title body locale }"),
    ("saveRule", "rule { ...rule } warnings { code message path }"),
    ("sendMessage", "message { ...message }"),
    (
        "sendUnitMessage",
        "message { id body sentAt recipientCount sentCount statuses }",
    ),
    ("setAnswerPromise", "unit { ...unit }"),
    (
        "setMyLocale",
        "viewer { ... on CitizenViewer { citizen { ...me } } ... on StaffViewer { locale } }",
    ),
    ("setMyNotificationChoices", "citizen { ...me }"),
    ("setMyQuietHours", "citizen { ...me }"),
    ("setOfficeHours", "unit { ...unit }"),
    ("setTherapists", "enrollment { ...life }"),
    ("settleMessages", "enrollment { ...thread }"),
    (
        "startEnrollment",
        "enrollment { ...life } warnings { code message path }",
    ),
    (
        "startEnrollments",
        "outcomes { index enrollment { ...life } warnings { code path } errors { code message path } }",
    ),
    ("submitResponse", "result { ...result }"),
    ("switchFormSchedule", "enrollment { ...schedules }"),
    ("transferEnrollment", "unit { id name }"),
    ("updateMyContactDetails", "citizen { ...me }"),
    ("updateUnitContact", "unit { ...unit }"),
    ("voidMeasurement", "measurement { ...measurement }"),
    ("voidResult", "result { ...result }"),
    ("withdrawEnrollment", "enrollment { ...life }"),
];

/// What is asked of each kind of thing, wherever it is shown.
const FRAGMENTS: &[(&str, &str, &str)] = &[
    (
        "assignment",
        "Assignment",
        "id role status validFrom validUntil staff { displayName } unit { id }",
    ),
    (
        "content",
        "Enrollment",
        "id progress { completedSteps totalSteps percent } modules { key visible availability { open opensAt reason }
            progress { completedSteps totalSteps } sections { key visible availability { open opensAt reason }
                steps { id key completedAt } } }",
    ),
    (
        "dispatch",
        "Dispatch",
        "id status form { key } availableAt expiresAt startedAt completedAt
            draft { savedAt answers { item { key } value } }
            changes { at status availableAt expiresAt reason by { displayName } }",
    ),
    (
        "entry",
        "ActivityEntry",
        "id occurrence done note rating ratingBefore registeredAt correctedAt",
    ),
    (
        "flag",
        "Flag",
        "id kind title severity status audience raisedAt acknowledgedAt acknowledgedBy { displayName }
            resolvedAt resolvedBy { displayName } assignedTo { displayName } openings causeCount
            causes { at endedAt note title severity raisedBy { displayName } firing { rule { key } } }
            history { at status note actor by { displayName } assignedTo { displayName } }",
    ),
    (
        "life",
        "Enrollment",
        "id status startsAt startedAt endsAt endedAt resumesAt readableUntil therapists { displayName }
            statusHistory { at status actor reason by { displayName } }
            endHistory { at endsAt reason by { displayName } }
            transfers { at from { name } to { name } reason by { displayName } }",
    ),
    (
        "me",
        "Citizen",
        "id displayName email phone contactChange { at actor by { displayName } } locale quietHours { from until }
            channels { channel enabled } calendarFeed { createdAt }",
    ),
    (
        "measurement",
        "Measurement",
        "id kind value at note registeredAt supersededAt corrects { id }",
    ),
    (
        "message",
        "Message",
        "id body from actor sentAt readAt readBy { displayName } staff { displayName } toAll answerBefore answeredAt
            attachments { id name mediaType size url }",
    ),
    (
        "occurrence",
        "ActivityOccurrence",
        "day movedTo title startsAt endsAt done missed activity { id } entry { ...entry }",
    ),
    (
        "planned",
        "PlannedActivity",
        "id title startsOn time duration repeat plannedAt plannedByCitizen endedAt replaces { id }
            exceptions { at occurrence movedTo time reason actor by { displayName } }",
    ),
    (
        "reminder",
        "Reminder",
        "id template note audience remindAt sentAt skippedAt skipReason readAt by { displayName }
            staff { displayName } dispatch { id } deliveries { channel status skipReason staff { displayName } }",
    ),
    (
        "result",
        "Result",
        "id completedAt form { key } scores { scale { key } value complete band { key } }
            answers { item { key } value } answeredBy { as onBehalf staff { displayName } }
            amendment { at reason by { displayName } } supersededAt supersedes { id }
            voidedAt voiding { at reason by { displayName } }",
    ),
    (
        "rule",
        "Rule",
        "id key name enabled dryRun version scope withdrawn firingCount lastFiredAt",
    ),
    (
        "schedules",
        "Enrollment",
        "formSchedules { form { key } on nextAt changedAt reason changedBy { displayName }
            changes { at on reason by { displayName } } }",
    ),
    (
        "series",
        "ResultSeries",
        "points { at value complete resultId band { key } } baseline { at value }
            change { fromFirst fromPrevious percentFromFirst reliable { index verdict } } chartUrl",
    ),
    (
        "thread",
        "Enrollment",
        "unreadMessageCount answerBefore messageDraft { body savedAt } messagesHandledBy { displayName }
            messageHandOvers { at note to { displayName } by { displayName } }",
    ),
    (
        "unit",
        "Unit",
        "id name phone phones { label number } emergencyText openingHours officeHours { day from until } closedDays
            answerWithinDays messageTemplates { id title body locale changedAt }",
    ),
];

/// The document of a mutation, named after it.
pub fn mutation(name: &str) -> String {
    let (_, payload) = MUTATIONS
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("no document sends {name}"));
    let kind = pascal(name);
    with_fragments(format!(
        "mutation {kind}($input: {kind}Input!) {{ {name}(input: $input) {{ {payload} errors {{ code message path }} }} }}"
    ))
}

/// A mutation's name as its types have it.
pub fn pascal(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

/// A document with the fragments that it spreads, and those that these spread.
pub fn with_fragments(mut document: String) -> String {
    loop {
        let missing = FRAGMENTS.iter().find(|(name, ..)| {
            let spread = document
                .split("...")
                .skip(1)
                .map(|after| after.split_whitespace().next().unwrap_or_default());
            let mut spread = spread.map(|word| word.trim_end_matches('}'));
            spread.any(|word| word == *name) && !document.contains(&format!("fragment {name} on "))
        });
        let Some((name, on, fields)) = missing else {
            return document;
        };
        document.push_str(&format!("\nfragment {name} on {on} {{ {fields} }}"));
    }
}
