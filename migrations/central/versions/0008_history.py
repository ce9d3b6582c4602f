"""Less work for each sale that is kept: an index that nothing asks, and looking again at tables that only grow."""

from migrations.central.walls import run

revision = "0008"
down_revision = "0007"

HISTORY = ("events", "entries", "report_lines", "receipts", "changes")


def upgrade() -> None:
    # Receipts go down by the change log, reports read their own lines: nobody looks for receipts by their day.
    run("drop index till.receipts_by_day")
    # They stay like what they were. At PostgreSQL's own pace, after every tenth more, looking at them takes a twentieth
    # of the time of a new database that takes sales in.
    for table in HISTORY:
        run(f"alter table till.{table} set (autovacuum_analyze_scale_factor = 0.5)")
