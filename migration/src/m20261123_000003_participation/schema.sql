-- Words in capitals are types whose names differ between the databases: see dialect.rs.

-- ---- staff: the language in which they are written to; the default where absent -----------------------------------------
alter table staff add column locale text;

-- ---- flags: who sees to one, and who did ---------------------------------------------------------------------------------
alter table flag add column assigned_to UUID references staff (id);
create index flag_assigned on flag (assigned_to) where assigned_to is not null;
create table flag_assignment (
  id UUID primary key,
  flag_id UUID not null references flag (id),
  at INSTANT not null,
  staff_id UUID references staff (id),
  note BYTES,
  actor text not null
);
create index flag_assignment_flag on flag_assignment (flag_id, at);

-- ---- reminders by hand: what is said in the service, and the staff whom reminders are for or came to ----------------------
alter table reminder add column note BYTES;
create table reminder_staff (
  reminder_id UUID not null references reminder (id),
  staff_id UUID not null references staff (id),
  arrived_at INSTANT,
  read_at INSTANT,
  primary key (reminder_id, staff_id)
);
create index reminder_staff_inbox on reminder_staff (staff_id, arrived_at, reminder_id) where arrived_at is not null;
-- What came before counts as read.
insert into reminder_staff (reminder_id, staff_id, arrived_at, read_at)
  select reminder_id, staff_id, min(created_at), min(created_at) from delivery
  where staff_id is not null and status <> 'SKIPPED' group by reminder_id, staff_id;

-- ---- forms: what staff changed of those that were sent, and which forms no rule may send in an enrollment -----------------
create table dispatch_change (
  id UUID primary key,
  dispatch_id UUID not null references dispatch (id),
  at INSTANT not null,
  status text not null,
  available_at INSTANT not null,
  expires_at INSTANT,
  reason BYTES,
  actor text not null
);
create index dispatch_change_dispatch on dispatch_change (dispatch_id, at);
create table form_schedule (
  id UUID primary key,
  enrollment_id UUID not null references enrollment (id),
  form_key text not null,
  at INSTANT not null,
  enabled boolean not null,
  reason BYTES,
  actor text not null
);
create index form_schedule_enrollment on form_schedule (enrollment_id, at);

-- ---- the life of an enrollment: how long it can be read after its end, why its end was moved, and where it was before -----
-- An ISO 8601 duration; without end where absent.
alter table program_version add column readable_for text;
-- Since when the citizen cannot read it any more.
alter table enrollment add column closed_at INSTANT;
alter table enrollment_end add column reason BYTES;
create table enrollment_transfer (
  enrollment_id UUID not null references enrollment (id),
  at INSTANT not null,
  from_unit_id UUID not null references unit (id),
  to_unit_id UUID not null references unit (id),
  reason BYTES,
  actor text not null,
  primary key (enrollment_id, at)
);
-- Programs that a unit has opened for citizens to start by themselves.
create table open_program (
  id UUID primary key,
  unit_id UUID not null references unit (id),
  program_id UUID not null references program (id),
  opened_at INSTANT not null,
  opened_by text not null,
  closed_at INSTANT,
  closed_by text
);
create unique index open_program_standing on open_program (unit_id, program_id) where closed_at is null;

-- ---- responses: when and by whom they were answered first, and why they were amended or voided -----------------------------
-- An amendment keeps both of what it amends. Filled for every row, but for those that a process of the former version writes
-- while this one takes its place: there they are submitted_at and actor.
alter table response add column answered_at INSTANT;
alter table response add column answered_by text;
update response set answered_at = submitted_at, answered_by = actor;
alter table response add column reason BYTES;
alter table response add column voided_at INSTANT;
alter table response add column voided_by text;
alter table response add column void_reason BYTES;
drop index response_enrollment;
create index response_enrollment on response (enrollment_id, coalesce(answered_at, submitted_at));

-- ---- messages: drafts, hand-over, templates, attachments, those of a unit to all, and when an answer is promised ----------
create table message_draft (
  enrollment_id UUID not null references enrollment (id),
  author text not null,
  body BYTES not null,
  saved_at INSTANT not null,
  primary key (enrollment_id, author)
);
-- Who of the staff looks after a thread from an instant on; all who treat where nobody is named.
create table message_handover (
  id UUID primary key,
  enrollment_id UUID not null references enrollment (id),
  staff_id UUID references staff (id),
  note BYTES,
  at INSTANT not null,
  actor text not null
);
create index message_handover_enrollment on message_handover (enrollment_id, at);
create table message_template (
  id UUID primary key,
  unit_id UUID not null references unit (id),
  locale text not null,
  title text not null,
  body text not null,
  changed_at INSTANT not null,
  actor text not null
);
create index message_template_unit on message_template (unit_id);
create table unit_message (
  id UUID primary key,
  unit_id UUID not null references unit (id),
  program_id UUID references program (id),
  statuses JSON not null,
  body BYTES not null,
  sent_at INSTANT not null,
  recipients integer not null,
  sent integer not null,
  -- The last enrollment that was reached, and when all were.
  after_id UUID,
  finished_at INSTANT,
  -- When it is put into the next threads; absent once all were reached.
  due_at INSTANT,
  actor text not null
);
create index unit_message_unit on unit_message (unit_id, sent_at);
create index unit_message_due on unit_message (due_at) where due_at is not null;
-- Files are kept outside the database, sealed, under the row's id.
create table attachment (
  id UUID primary key,
  -- Absent until it is sent; then with the enrollment in whose thread it is.
  message_id UUID references message (id),
  enrollment_id UUID references enrollment (id),
  name BYTES not null,
  media_type text not null,
  size integer not null,
  uploaded_at INSTANT not null,
  -- When it is thrown away unless it is sent before.
  due_at INSTANT,
  actor text not null
);
create index attachment_message on attachment (message_id) where message_id is not null;
create index attachment_due on attachment (due_at) where due_at is not null;
-- Within how many working days a unit promises to answer; it promises nothing where absent.
alter table unit add column answer_within integer;
alter table message add column read_by UUID references staff (id);
alter table message add column unit_message_id UUID references unit_message (id);
-- Until when the unit promised to answer what a citizen wrote, and when it was answered.
alter table message add column answer_before INSTANT;
alter table message add column answered_at INSTANT;
-- What staff wrote after a message answered it.
update message set answered_at = (
  select min(answer.sent_at) from message answer
  where answer.enrollment_id = message.enrollment_id and answer.staff_id is not null and answer.sent_at > message.sent_at
) where sender = 'CITIZEN';
create index message_unanswered on message (enrollment_id, sent_at) where sender = 'CITIZEN' and answered_at is null;

-- ---- activity plan: what takes the place of what, days that were moved or cancelled, and how it was beforehand -----------
alter table planned_activity add column replaces_id UUID references planned_activity (id);
alter table activity_entry add column rating_before integer;
-- The latest row of an activity and day holds: moved to another day, or cancelled where it names none.
create table activity_exception (
  id UUID primary key,
  activity_id UUID not null references planned_activity (id),
  enrollment_id UUID not null references enrollment (id),
  occurrence DATE not null,
  moved_to DATE,
  at_time text,
  reason BYTES,
  at INSTANT not null,
  actor text not null
);
create index activity_exception_enrollment on activity_exception (enrollment_id, activity_id, at);

-- ---- measurements: what a version lets citizens register, and what they registered ---------------------------------------
alter table program_version add column measurements JSON not null default '[]';
create table measurement (
  id UUID primary key,
  enrollment_id UUID not null references enrollment (id),
  kind text not null,
  value double precision not null,
  measured_at INSTANT not null,
  note BYTES,
  registered_at INSTANT not null,
  supersedes_id UUID references measurement (id),
  superseded_at INSTANT,
  actor text not null
);
create index measurement_series on measurement (enrollment_id, kind, measured_at);

-- ---- the calendar feed of a citizen: the secret itself is kept by nobody but their calendar -------------------------------
create table calendar_feed (
  id UUID primary key,
  citizen_id UUID not null references citizen (id),
  secret_hash BYTES not null unique,
  created_at INSTANT not null,
  revoked_at INSTANT
);
create unique index calendar_feed_standing on calendar_feed (citizen_id) where revoked_at is null;

-- ---- contact: several phones, and what to do in an emergency, by language ------------------------------------------------
alter table unit add column phones JSON not null default '[]';
alter table unit add column emergency JSON not null default '{}';

-- ---- contact: when and by whom a citizen's addresses were last said; nobody fills in by the way what was left out then ---
alter table citizen add column contact_set_at INSTANT;
alter table citizen add column contact_set_by text;

-- ---- administration: accepted terms, disconnected units, invitations, who gave which role, and the log of all of it ------
-- Since when nobody can be enrolled at the unit any more.
alter table unit add column disconnected_at INSTANT;
create table accepted_terms (
  id UUID primary key,
  unit_id UUID not null references unit (id),
  version text not null,
  signed_by BYTES not null,
  signer_title BYTES,
  signed_at INSTANT not null,
  accepted_at INSTANT not null,
  actor text not null,
  unique (unit_id, version)
);
-- Absent for those that were given before this was kept.
alter table assignment add column granted_at INSTANT;
alter table assignment add column granted_by text;
alter table assignment add column changed_at INSTANT;
alter table assignment add column changed_by text;
create index assignment_unit on assignment (unit_id, id);
create index staff_provider on staff (provider_id, id);
create table invitation (
  id UUID primary key,
  staff_id UUID not null references staff (id),
  created_at INSTANT not null,
  actor text not null,
  status text not null,
  -- When it is to be sent, or sent again; absent once that is over.
  due_at INSTANT,
  -- Until when, on the database's clock, whoever sends it has it to themself.
  leased_until INSTANT,
  attempts integer not null,
  sent_at INSTANT,
  reason text
);
create index invitation_staff on invitation (staff_id, created_at);
create index invitation_due on invitation (due_at) where due_at is not null;
create table administration_log (
  at INSTANT not null,
  id UUID not null,
  provider_id UUID not null,
  -- Where who did it acted, and the unit that it is about.
  acting_unit_id UUID,
  unit_id UUID,
  staff_id UUID,
  actor text not null,
  act text not null,
  details BYTES not null,
  primary key (at, id)
);
create index administration_log_provider on administration_log (provider_id, at, id);

-- ---- content: modules that open once others are completed, and what is shown or hidden from a date on ---------------------
-- The keys of the modules of the same version that must be completed before.
alter table module add column prerequisites JSON not null default '[]';
-- At once where absent.
alter table content_override add column visible_from INSTANT;

-- ---- messages: within how many working days a version promises an answer; as its unit promises where absent ---------------
alter table program_version add column answer_within integer;

-- ---- content: when what was said of a module or section comes, so that it is told then --------------------------------------
-- Of what was said before this there is none: it comes, and is not told.
alter table content_override add column due_at INSTANT;
create index content_override_due on content_override (due_at) where due_at is not null;

-- ---- activity plan: what a registration said until it was corrected ---------------------------------------------------------
-- Nothing of those that were corrected before this was kept.
create table activity_correction (
  id UUID primary key,
  entry_id UUID not null references activity_entry (id),
  enrollment_id UUID not null references enrollment (id),
  done boolean not null,
  note BYTES,
  rating integer,
  rating_before integer,
  -- Since when it said so, and until when.
  said_at INSTANT not null,
  corrected_at INSTANT not null,
  -- Who had said so.
  actor text not null
);
create index activity_correction_entry on activity_correction (entry_id, corrected_at);

-- ---- live: that something changed in how a unit or a citizen is reached, which is of no enrollment ---------------------------
create table contact_event (
  -- Counted with those of events.
  position bigint not null,
  id UUID primary key,
  at INSTANT not null,
  kind text not null,
  unit_id UUID references unit (id),
  citizen_id UUID references citizen (id),
  actor text not null
);
create index contact_event_position on contact_event (position, id);

-- ---- content: when modules open by themselves next, so that it is told then -------------------------------------------------
-- None for enrollments that started before this: there they open, and it is not told.
create table opening (
  enrollment_id UUID primary key references enrollment (id),
  due_at INSTANT
);
create index opening_due on opening (due_at) where due_at is not null;
