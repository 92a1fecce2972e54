-- Words in capitals are types whose names differ between the databases: see dialect.rs.
-- Instants come from Handrail's clock, never from the database. Sealed columns (BYTES) are encrypted by the application.

-- ---- care -----------------------------------------------------------------------------------------------------------
create table care_provider (
  id UUID primary key,
  name text not null,
  created_at INSTANT not null
);
create table unit (
  id UUID primary key,
  provider_id UUID not null references care_provider (id),
  name text not null,
  phone text,
  opening_hours JSON not null,
  zone text not null,
  created_at INSTANT not null
);
create table staff (
  id UUID primary key,
  provider_id UUID not null references care_provider (id),
  subject text not null unique,
  display_name text not null,
  title text,
  email BYTES,
  created_at INSTANT not null
);
create table assignment (
  id UUID primary key,
  staff_id UUID not null references staff (id),
  provider_id UUID not null references care_provider (id),
  unit_id UUID references unit (id),
  role text not null,
  valid_from INSTANT not null,
  valid_until INSTANT
);
create index assignment_staff on assignment (staff_id);
create table citizen (
  id UUID primary key,
  subject text unique,
  identity_hash BYTES not null unique,
  identity_sealed BYTES not null,
  identity_key text not null,
  birth_date DATE not null,
  given_name BYTES not null,
  family_name BYTES not null,
  email BYTES,
  phone BYTES,
  locale text not null,
  quiet_from text,
  quiet_until text,
  last_seen_at INSTANT,
  created_at INSTANT not null
);
create table contact_choice (
  citizen_id UUID not null references citizen (id),
  channel text not null,
  at INSTANT not null,
  enabled boolean not null,
  actor text not null,
  primary key (citizen_id, channel, at)
);
create table guardian (
  id UUID primary key,
  subject text unique,
  identity_hash BYTES not null unique,
  identity_sealed BYTES not null,
  identity_key text not null,
  given_name BYTES not null,
  family_name BYTES not null,
  locale text not null,
  created_at INSTANT not null
);
create table guardianship (
  guardian_id UUID not null references guardian (id),
  citizen_id UUID not null references citizen (id),
  valid_from INSTANT not null,
  valid_until INSTANT,
  primary key (guardian_id, citizen_id, valid_from)
);
create index guardianship_citizen on guardianship (citizen_id);
create table access_block (
  id UUID primary key,
  citizen_id UUID not null references citizen (id),
  unit_id UUID not null references unit (id),
  blocked_at INSTANT not null,
  lifted_at INSTANT,
  actor text not null
);
create index access_block_citizen on access_block (citizen_id);
create unique index access_block_standing on access_block (citizen_id, unit_id) where lifted_at is null;

-- ---- forms: a version is one immutable document of items, options, conditions, scales and bands -----------------------
create table form (
  id UUID primary key,
  key text not null unique,
  created_at INSTANT not null
);
create table form_version (
  id UUID primary key,
  form_id UUID not null references form (id),
  number integer not null,
  definition JSON not null,
  created_at INSTANT not null,
  unique (form_id, number)
);

-- ---- content --------------------------------------------------------------------------------------------------------
create table program (
  id UUID primary key,
  slug text not null unique,
  kind text not null,
  created_at INSTANT not null
);
create table program_version (
  id UUID primary key,
  program_id UUID not null references program (id),
  major integer not null,
  minor integer not null,
  status text not null,
  features JSON not null,
  duration text,
  published_at INSTANT,
  created_at INSTANT not null,
  unique (program_id, major, minor)
);
create table program_form (
  version_id UUID not null references program_version (id),
  key text not null,
  form_version_id UUID not null references form_version (id),
  primary key (version_id, key)
);
create table module (
  id UUID primary key,
  version_id UUID not null references program_version (id),
  key text not null,
  position integer not null,
  opens text not null,
  unique (version_id, key)
);
create table section (
  id UUID primary key,
  version_id UUID not null references program_version (id),
  module_id UUID not null references module (id),
  key text not null,
  position integer not null,
  unique (version_id, key)
);
create table step (
  id UUID primary key,
  version_id UUID not null references program_version (id),
  section_id UUID not null references section (id),
  key text not null,
  position integer not null,
  estimated_minutes integer,
  unique (version_id, key)
);
create table block (
  id UUID primary key,
  version_id UUID not null references program_version (id),
  step_id UUID not null references step (id),
  position integer not null,
  kind text not null,
  form_key text,
  url text,
  duration_seconds integer
);
create index block_version on block (version_id);
create table content_text (
  version_id UUID not null references program_version (id),
  subject_id UUID not null,
  field text not null,
  locale text not null,
  text text not null,
  primary key (version_id, subject_id, field, locale)
);

-- ---- taking part ------------------------------------------------------------------------------------------------------
create table enrollment (
  id UUID primary key,
  citizen_id UUID not null references citizen (id),
  unit_id UUID not null references unit (id),
  program_id UUID not null references program (id),
  version_id UUID not null references program_version (id),
  status text not null,
  zone text not null,
  locale text not null,
  starts_at INSTANT not null,
  started_at INSTANT,
  ends_at INSTANT,
  ended_at INSTANT,
  resumes_at INSTANT,
  due_at INSTANT,
  last_activity_at INSTANT,
  unread_by_staff integer not null,
  unread_by_citizen integer not null,
  attention text not null,
  created_at INSTANT not null
);
create index enrollment_attention on enrollment (unit_id, attention, id, status);
create index enrollment_citizen on enrollment (citizen_id);
create index enrollment_program on enrollment (program_id, unit_id, id);
create index enrollment_due on enrollment (due_at) where due_at is not null;
create table enrollment_status (
  enrollment_id UUID not null references enrollment (id),
  at INSTANT not null,
  status text not null,
  reason BYTES,
  actor text not null,
  primary key (enrollment_id, at, status)
);
create table enrollment_therapist (
  enrollment_id UUID not null references enrollment (id),
  staff_id UUID not null references staff (id),
  valid_from INSTANT not null,
  valid_until INSTANT,
  primary key (enrollment_id, staff_id, valid_from)
);
create index enrollment_therapist_staff on enrollment_therapist (staff_id);
create table step_progress (
  enrollment_id UUID not null references enrollment (id),
  step_id UUID not null references step (id),
  completed_at INSTANT not null,
  actor text not null,
  primary key (enrollment_id, step_id)
);
create table content_override (
  id UUID primary key,
  enrollment_id UUID not null references enrollment (id),
  module_id UUID references module (id),
  section_id UUID references section (id),
  visible boolean,
  opens_at INSTANT,
  reason BYTES,
  actor text not null,
  at INSTANT not null
);
create index content_override_enrollment on content_override (enrollment_id, at);

-- ---- rules ------------------------------------------------------------------------------------------------------------
create table rule (
  id UUID primary key,
  program_id UUID not null references program (id),
  unit_id UUID references unit (id),
  enrollment_id UUID references enrollment (id),
  scope text not null,
  key text not null,
  created_at INSTANT not null,
  unique (program_id, key, scope)
);
create table rule_version (
  id UUID primary key,
  rule_id UUID not null references rule (id),
  number integer not null,
  name text not null,
  enabled boolean not null,
  dry_run boolean not null,
  definition JSON not null,
  effective_at INSTANT not null,
  actor text not null,
  unique (rule_id, number)
);
create table rollout (
  id UUID primary key,
  rule_id UUID not null references rule (id),
  after_id UUID,
  created_at INSTANT not null,
  finished_at INSTANT
);
create index rollout_open on rollout (created_at) where finished_at is null;
create table evaluation (
  enrollment_id UUID primary key references enrollment (id),
  due_at INSTANT,
  evaluated_until INSTANT not null,
  failures integer not null,
  failed_at INSTANT
);
create index evaluation_due on evaluation (due_at) where due_at is not null;
create index evaluation_failed on evaluation (failed_at) where failed_at is not null;
create table rule_state (
  enrollment_id UUID not null references enrollment (id),
  rule_key text not null,
  episode integer not null,
  episode_since INSTANT,
  episode_fired boolean not null,
  last_fired_at INSTANT,
  firings integer not null,
  primary key (enrollment_id, rule_key)
);
create table firing (
  id UUID primary key,
  enrollment_id UUID not null references enrollment (id),
  rule_key text not null,
  occurrence text not null,
  rule_version_id UUID not null references rule_version (id),
  at INSTANT not null,
  fired_at INSTANT not null,
  depth integer not null,
  outcome text not null,
  trace JSON not null,
  unique (enrollment_id, rule_key, occurrence)
);
create index firing_version on firing (rule_version_id, at);

-- ---- forms in use -----------------------------------------------------------------------------------------------------
create table dispatch (
  id UUID primary key,
  enrollment_id UUID not null references enrollment (id),
  form_key text not null,
  form_version_id UUID not null references form_version (id),
  status text not null,
  step_id UUID references step (id),
  firing_id UUID references firing (id),
  available_at INSTANT not null,
  overdue_at INSTANT,
  expires_at INSTANT,
  started_at INSTANT,
  completed_at INSTANT,
  ended_at INSTANT,
  due_at INSTANT,
  draft BYTES,
  draft_saved_at INSTANT,
  actor text not null,
  created_at INSTANT not null
);
create index dispatch_enrollment on dispatch (enrollment_id, available_at);
create index dispatch_due on dispatch (due_at) where due_at is not null;
create unique index dispatch_step on dispatch (enrollment_id, step_id, form_key)
  where step_id is not null and status in ('AVAILABLE', 'STARTED');
create table response (
  id UUID primary key,
  dispatch_id UUID not null references dispatch (id),
  enrollment_id UUID not null references enrollment (id),
  form_key text not null,
  form_version_id UUID not null references form_version (id),
  submitted_at INSTANT not null,
  actor text not null,
  answers JSON not null,
  texts BYTES,
  scores JSON not null,
  supersedes_id UUID references response (id),
  superseded_at INSTANT
);
create index response_enrollment on response (enrollment_id, submitted_at);
create unique index response_dispatch on response (dispatch_id) where superseded_at is null;

-- ---- flags ------------------------------------------------------------------------------------------------------------
create table flag (
  id UUID primary key,
  enrollment_id UUID not null references enrollment (id),
  kind text not null,
  audience text not null,
  severity text not null,
  status text not null,
  title BYTES not null,
  raised_at INSTANT not null,
  acknowledged_at INSTANT,
  acknowledged_by UUID references staff (id),
  resolved_at INSTANT,
  resolved_by UUID references staff (id),
  escalate_at INSTANT
);
create unique index flag_unresolved on flag (enrollment_id, kind, audience) where status in ('OPEN', 'ACKNOWLEDGED');
create index flag_enrollment on flag (enrollment_id, raised_at);
create table flag_cause (
  id UUID primary key,
  flag_id UUID not null references flag (id),
  severity text not null,
  title BYTES not null,
  note BYTES,
  actor text not null,
  rule_key text,
  occurrence text,
  auto_resolve boolean not null,
  raised_at INSTANT not null,
  ended_at INSTANT
);
create index flag_cause_flag on flag_cause (flag_id);
create table flag_change (
  id UUID primary key,
  flag_id UUID not null references flag (id),
  at INSTANT not null,
  status text not null,
  note BYTES,
  actor text not null
);
create index flag_change_flag on flag_change (flag_id, at);

-- ---- reaching people --------------------------------------------------------------------------------------------------
create table reminder (
  id UUID primary key,
  enrollment_id UUID not null references enrollment (id),
  dispatch_id UUID references dispatch (id),
  firing_id UUID references firing (id),
  template text not null,
  audience text not null,
  channels JSON not null,
  decided_in text not null,
  bypass_quiet_hours boolean not null,
  remind_at INSTANT not null,
  due_at INSTANT,
  sent_at INSTANT,
  skipped_at INSTANT,
  skip_reason text,
  actor text not null,
  created_at INSTANT not null
);
create index reminder_due on reminder (due_at) where due_at is not null;
create index reminder_enrollment on reminder (enrollment_id, remind_at);
create index reminder_dispatch on reminder (dispatch_id) where dispatch_id is not null;
create table delivery (
  id UUID not null,
  created_at INSTANT not null,
  reminder_id UUID not null references reminder (id),
  enrollment_id UUID not null references enrollment (id),
  citizen_id UUID references citizen (id),
  staff_id UUID references staff (id),
  channel text not null,
  status text not null,
  due_at INSTANT,
  attempts integer not null,
  lease text,
  leased_until INSTANT,
  sent_at INSTANT,
  reason text,
  message_id text not null,
  primary key (created_at, id)
);
create index delivery_due on delivery (due_at) where due_at is not null;
create index delivery_reminder on delivery (reminder_id);
create index delivery_enrollment on delivery (enrollment_id, created_at);

-- ---- what happened ----------------------------------------------------------------------------------------------------
create table event (
  position POSITION,
  at INSTANT not null,
  id UUID not null,
  kind text not null,
  enrollment_id UUID not null references enrollment (id),
  unit_id UUID not null,
  citizen_id UUID not null,
  subject_id UUID,
  subject_key text,
  depth integer not null,
  actor text not null,
  EVENTKEY (at, id)
);
create index event_enrollment on event (enrollment_id, at);
create index event_unit on event (unit_id, position, id);
create index event_citizen on event (citizen_id, position, id);
create table access_log (
  at INSTANT not null,
  id UUID not null,
  viewer text not null,
  unit_id UUID,
  citizen_id UUID not null,
  action text not null,
  operation text not null,
  previous_hash BYTES,
  hash BYTES,
  primary key (at, id)
);
create index access_log_citizen on access_log (citizen_id, at);
create table idempotency (
  viewer text not null,
  key text not null,
  input_hash BYTES not null,
  answer JSON not null,
  created_at INSTANT not null,
  primary key (viewer, key)
);
create index idempotency_age on idempotency (created_at);
