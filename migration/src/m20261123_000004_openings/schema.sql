-- Words in capitals are types whose names differ between the databases: see dialect.rs.

-- ---- content: what opened before this has been told ------------------------------------------------------------------------
drop index opening_due;
alter table opening rename to former_opening;
create table opening (
  enrollment_id UUID primary key references enrollment (id),
  told_before INSTANT not null,
  due_at INSTANT
);
create index opening_due on opening (due_at) where due_at is not null;

-- Instants are taken from rows: a migration knows no clock, and they are text on SQLite.
insert into opening (enrollment_id, told_before, due_at)
select former_opening.enrollment_id, coalesce(former_opening.due_at, latest.at, enrollment.created_at), former_opening.due_at
from former_opening
join enrollment on enrollment.id = former_opening.enrollment_id
cross join (select max(at) as at from event) as latest;
drop table former_opening;

-- Enrollments that started before openings were noted: what opens in them from now on is told. They are due at once, and the
-- worker finds out when they are due next.
insert into opening (enrollment_id, told_before, due_at)
select enrollment.id, latest.at, latest.at
from enrollment cross join (select max(at) as at from event) as latest
where enrollment.started_at is not null
  and enrollment.ended_at is null
  and latest.at is not null
  and not exists (select 1 from opening where opening.enrollment_id = enrollment.id);
