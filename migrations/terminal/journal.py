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
def m003_fewer_pages_for_a_sale(db: Database) -> None:
    """A sale's answer stands in its line's row, and its slip in no index before it is printed: each page costs time."""
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
    "drop index journal_documents",
    "alter table journal drop column document_id",
    "alter table journal add column command_id text",
    "alter table journal add column fingerprint text",
    "alter table journal add column answer blob",
    "create unique index journal_commands on journal (command_id) where command_id is not null",
    "alter table counters add column open_sale_ended integer not null default 0",
    "drop index print_jobs_open",
    "drop index print_jobs_receipts",
    "update print_jobs set job_id = position",
    "alter table print_jobs drop column position",
    "create index print_jobs_begun on print_jobs (job_id) where state <> 'queued'",
    "create index print_jobs_receipts on print_jobs (receipt_number) where state <> 'queued'",
    "create index print_jobs_undecided on print_jobs (job_id) where state in ('sending', 'sent', 'unconfirmed')",
    # Jobs are begun in the order of their ids, so what is queued stands behind the last that was begun.
    """create view queued_prints as select job_id, receipt_number, copy, document from print_jobs where job_id >
        coalesce((select job_id from print_jobs where state <> 'queued' order by job_id desc limit 1), 0)""",
    """create view undecided_prints as select job_id, receipt_number, state from print_jobs
        where state in ('sending', 'sent', 'unconfirmed')""",
)
