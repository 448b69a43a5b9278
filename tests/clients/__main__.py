"""`python -m clients [CLIENT ...]`: drive these clients, by default all, which also writes docs/clients.md."""

from __future__ import annotations

import sys

from clients.page import write
from clients.runner import CLIENTS, report


def main() -> int:
    """Drive the clients; return 1 if a case failed."""
    reports = []
    for client in sys.argv[1:] or CLIENTS:
        reports.append(report(client))
        counts = ", ".join(f"{len(reports[-1].of(kind))} {kind}" for kind in ("equal", "documented", "failed"))
        print(f"{client}: {counts}", flush=True)
        for verdict in reports[-1].of("failed"):
            print(f"    {verdict.case}: {verdict.reason}")
    if sys.argv[1:] == []:
        write(reports)
    return int(any(report.of("failed") for report in reports))


if __name__ == "__main__":
    sys.exit(main())
