-- Words in capitals are types whose names differ between the databases: see dialect.rs.

-- ---- care -----------------------------------------------------------------------------------------------------------
-- Local dates on which the unit is closed, whatever its opening hours.
alter table unit add column closed_days JSON not null default '[]';

-- ---- messages: one thread per enrollment ------------------------------------------------------------------------------
create table message (
  id UUID primary key,
  enrollment_id UUID not null references enrollment (id),
  sender text not null,
  staff_id UUID references staff (id),
  firing_id UUID references firing (id),
  body BYTES not null,
  sent_at INSTANT not null,
  read_at INSTANT,
  actor text not null
);
create index message_enrollment on message (enrollment_id, sent_at);

-- ---- activity plan ----------------------------------------------------------------------------------------------------
create table planned_activity (
  id UUID primary key,
  enrollment_id UUID not null references enrollment (id),
  title BYTES not null,
  starts_on DATE not null,
  at_time text,
  duration text,
  repeat text,
  created_at INSTANT not null,
  ended_at INSTANT,
  actor text not null
);
create index planned_activity_enrollment on planned_activity (enrollment_id, created_at);
create table activity_entry (
  id UUID primary key,
  activity_id UUID not null references planned_activity (id),
  enrollment_id UUID not null references enrollment (id),
  occurrence DATE not null,
  done boolean not null,
  note BYTES,
  rating integer,
  registered_at INSTANT not null,
  corrected_at INSTANT,
  actor text not null,
  unique (activity_id, occurrence)
);
create index activity_entry_enrollment on activity_entry (enrollment_id, registered_at);

-- ---- rules: overrides say who (the version's actor), why and what -------------------------------------------------------
alter table rule_version add column overrides JSON;
alter table rule_version add column reason BYTES;
alter table rule_version add column withdrawn boolean not null default false;

-- ---- rules: what the evaluation remembers -------------------------------------------------------------------------------
alter table rule_state add column episode_depth integer not null default 0;
-- By anchor and slot, or by flag: what fired last, so that an edit cannot let it come again.
alter table rule_state add column done JSON not null default '{}';

-- ---- dated facts: what the identity number tells of the sex, and every decision on when an enrollment is to end -----------
alter table citizen add column sex text;
create table enrollment_end (
  enrollment_id UUID not null references enrollment (id),
  at INSTANT not null,
  ends_at INSTANT,
  actor text not null,
  primary key (enrollment_id, at)
);
insert into enrollment_end (enrollment_id, at, ends_at, actor)
  select id, coalesce(started_at, created_at), ends_at, 'SYSTEM' from enrollment where ends_at is not null;

-- ---- escalation: rungs are reminders to staff that are tied to one opening of a flag -------------------------------------
-- Opening hours as times, in the unit's zone: [{"day": "MO", "from": "08:00", "until": "17:00"}]; none means always open.
alter table unit add column office_hours JSON not null default '[]';
alter table reminder add column flag_id UUID references flag (id);
-- The how manieth time that the flag was opened; the key of the rule that escalates, and that of its rung.
alter table reminder add column opening integer;
alter table reminder add column ladder text;
alter table reminder add column rung text;
-- Which staff; where absent, those who treat in the enrollment.
alter table reminder add column recipients text;
alter table reminder add column office_hours boolean not null default false;
create unique index reminder_rung on reminder (flag_id, opening, ladder, rung) where flag_id is not null;
-- What was skipped says why in words of its own.
update reminder set skip_reason = 'SUPERSEDED' where skip_reason = 'OVERTAKEN';
update reminder set skip_reason = 'PAUSED' where skip_reason = 'NOT_ACTIVE';
update delivery set reason = 'PAUSED' where status = 'SKIPPED' and reason = 'NOT_ACTIVE';

-- ---- rules: those that concern some enrollments are found by their scopes -----------------------------------------------
create index rule_scope on rule (program_id, scope);
