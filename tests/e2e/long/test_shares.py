"""Guests that take more than their share: what the honest ones beside them notice.

`make shares` does it with up to 30 of each kind; libvirt and agents are played."""

import pytest

from shares import fleet

WARM_S = 45  # in which each of them may hold a lane once
SECONDS = 30


@pytest.mark.parametrize("source, hostile", [
    ("libvirt", "hog:6,late:4,retracts:4,events:4"),
    ("socket", "big:8,retracts:4,reopens:4"),
])
def test_honest_guests_have_their_share(source, hostile):
    with fleet.played(source, f"honest:20,{hostile}") as exporter:
        seen = fleet.observe(exporter, WARM_S, SECONDS)
    print(seen)
    assert not seen.troubles()
