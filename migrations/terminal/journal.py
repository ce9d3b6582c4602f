"""The schema of `journal.sqlite`: what must never be lost.

A journal row's key, `position`, is the enrolment's number times 2^40 plus the sequence, so that appending touches one
B-tree and lines of all enrolments stand in the order in which they were committed. A print job's is its event's.
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("tillstream-journal")


@migrations()
def m001_journal(db: Database) -> None:
    """Enrolments and their counters, the lines, what they printed, and what a front end was answered."""
    for statement in _M001:
        db.execute(statement)


@migrations()
def m002_open_sale_and_pruning(db: Database) -> None:
    """How new the open sale on the disk is, in which run of the machine it was written; how far lines were pruned."""
    for statement in _M002:
        db.execute(statement)


@migrations()
def m003_one_row_for_a_sale(db: Database) -> None:
    """A sale is one row: its line, its slip, its answer, and where the chain and the totals stand after it.

    Each page that a commit writes costs time, so nothing else is written and hardly anything indexed. A receipt is
    found by its number because numbers count up with the lines; what is queued to be printed stands behind the last
    slip that was begun, since slips are begun in their order.
    """
    for statement in _M003:
        db.execute(statement)


_M001 = (
    """create table enrolments (
        enrolment integer primary key,
        terminal_id text not null,
        epoch integer not null,
        public_key text not null,
        server text not null,
        answer text not null,
        enrolled_at text not null,
        unique (terminal_id, epoch)
    ) strict""",
    """create table counters (
        enrolment integer primary key references enrolments,
        sequence integer not null default 0,
        last_hash text not null,
        receipts integer not null default 0,
        last_business_date text,
        z_number integer not null default 0,
        total_sales_minor integer not null default 0,
        total_refunds_minor integer not null default 0
    ) strict""",
    """create table deliveries (
        enrolment integer primary key references enrolments,
        acknowledged_through integer not null default 0,
        incarnation text,
        forked integer not null default 0,
        needs_help text
    ) strict""",
    """create table journal (
        position integer primary key,
        hash text not null,
        type text not null,
        receipt_number text,
        document_id text,
        original_id text,
        line blob not null
    ) strict""",
    "create index journal_receipts on journal (receipt_number) where receipt_number is not null",
    "create index journal_documents on journal (document_id) where document_id is not null",
    "create index journal_originals on journal (original_id) where original_id is not null",
    "create index journal_shifts on journal (position) where type = 'SHIFT_OPEN'",
    """create table print_jobs (
        job_id integer primary key,
        position integer not null,
        receipt_number text,
        copy integer not null default 0,
        state text not null default 'queued',
        reason text,
        queued_at text not null,
        changed_at text not null,
        document blob not null
    ) strict""",
    "create index print_jobs_open on print_jobs (job_id) where state <> 'printed'",
    "create index print_jobs_receipts on print_jobs (receipt_number) where receipt_number is not null",
    """create table command_results (
        command_id text primary key,
        fingerprint text not null,
        answered_at text not null,
        answer blob not null
    ) strict, without rowid""",
    """create table suspended (
        sale text primary key,
        label text,
        changed_at text not null,
        cart blob not null,
        commands blob not null
    ) strict""",
    """create table pin_attempts (
        cashier_id text primary key,
        wrong integer not null
    ) strict""",
    "create table facts (name text primary key, value text not null) strict",
)

_M002 = (
    "alter table suspended add column serial integer not null default 0",
    "alter table suspended add column boot_id text not null default ''",
    "alter table counters add column pruned_through integer not null default 0",
    "alter table counters add column pruned_hash text",
)

_M003 = (
    "drop index journal_receipts",
    "drop index journal_documents",
    "alter table journal drop column document_id",
    "alter table journal add column command_id text",
    "alter table journal add column fingerprint text",
    "alter table journal add column answer blob",
    "create unique index journal_commands on journal (command_id) where command_id is not null",
    "alter table journal add column business_date text",
    "alter table journal add column receipts integer not null default 0",
    "alter table journal add column z_number integer not null default 0",
    "alter table journal add column total_sales_minor integer not null default 0",
    "alter table journal add column total_refunds_minor integer not null default 0",
    "alter table journal add column open_sale_ended integer not null default 0",
    "alter table journal add column slip_receipt_number text",
    "alter table journal add column slip_is_copy integer not null default 0",
    "alter table journal add column slip blob",
    # Every line counts the receipts up to it; of the totals the last one alone is ever asked.
    """update journal set receipts = (
            select c.receipts from counters c where c.enrolment = journal.position >> 40
        ) - later.receipts
        from (
            select position, count(receipt_number) over (
                partition by position >> 40 order by position desc
                rows between unbounded preceding and current row exclude current row
            ) as receipts
            from journal
        ) later
        where later.position = journal.position""",
    """update journal set business_date = c.last_business_date, z_number = c.z_number,
            total_sales_minor = c.total_sales_minor, total_refunds_minor = c.total_refunds_minor
        from counters c
        where journal.position = (select max(position) from journal where position >> 40 = c.enrolment)""",
    """update journal set slip_receipt_number = j.receipt_number, slip_is_copy = j.copy, slip = j.document
        from print_jobs j where j.position = journal.position""",
    "alter table print_jobs rename to old_print_jobs",
    "drop index print_jobs_open",
    "drop index print_jobs_receipts",
    # A slip that was begun. Its document stands here where its line was pruned.
    """create table print_jobs (
        job_id integer primary key,
        receipt_number text,
        copy integer not null,
        state text not null,
        reason text,
        changed_at text not null,
        document blob
    ) strict""",
    """insert into print_jobs (job_id, receipt_number, copy, state, reason, changed_at, document)
        select j.position, j.receipt_number, j.copy, iif(j.state = 'queued', 'unconfirmed', j.state), j.reason,
            j.changed_at, iif(l.position is null, j.document, null)
        from old_print_jobs j left join journal l using (position)
        where j.state <> 'queued' or l.position is null""",
    "drop table old_print_jobs",
    "create index print_jobs_receipts on print_jobs (receipt_number) where receipt_number is not null",
    "create index print_jobs_undecided on print_jobs (job_id) where state in ('sending', 'sent', 'unconfirmed')",
    """create view queued_prints as
        select position as job_id, slip_receipt_number as receipt_number, slip_is_copy as copy, slip as document
        from journal where slip is not null and position > coalesce((select max(job_id) from print_jobs), 0)""",
    """create view undecided_prints as select job_id, receipt_number, state from print_jobs
        where state in ('sending', 'sent', 'unconfirmed')""",
    "alter table deliveries add column pruned_through integer not null default 0",
    "alter table deliveries add column pruned_hash text",
    """update deliveries set pruned_through = c.pruned_through, pruned_hash = c.pruned_hash
        from counters c where c.enrolment = deliveries.enrolment""",
    "drop table counters",
)
