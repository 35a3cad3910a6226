"""Honest guests beside hostile ones of each kind, 4, 12 and 30 of them: `make shares`.

    python3 -m shares [KIND ...]     from the folder tests; all kinds, or those named

Each is watched for SHARES_SECONDS (90) after the first 45 s."""

import os
import sys

from shares import fleet

SECONDS = float(os.environ.get("SHARES_SECONDS", "90"))
WARM_S = 45  # in which each of 30 guests may hold a lane once
HONEST = 20
COUNTS = (4, 12, 30)


def main():
    """Prints a line for each; 1 if one of them is not as it must be."""
    failed = False
    for source, kinds in (("libvirt", fleet.LIBVIRT), ("socket", fleet.SOCKETS)):
        for kind in kinds:
            for count in COUNTS if not sys.argv[1:] or kind in sys.argv[1:] else ():
                with fleet.played(source, f"honest:{HONEST},{kind}:{count}") as exporter:
                    seen = fleet.observe(exporter, WARM_S, SECONDS)
                troubles = seen.troubles()
                failed |= bool(troubles)
                print(f"{source:8} {kind:9} {count:3}  {seen}  {'; '.join(troubles) or 'ok'}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
