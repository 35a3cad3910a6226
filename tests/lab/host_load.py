"""A host that works with its guests' agents all the time: backups, addresses, pings."""

import random
import statistics
import threading
import time

from .host_client import HostClient, HostClientError

# With what a backup takes for granted of each answer.
ROUND = (("guest-ping", lambda answer: answer == {}),
         ("guest-fsfreeze-freeze", lambda answer: answer == 1),
         ("guest-fsfreeze-status", lambda answer: answer == "frozen"),
         ("guest-fsfreeze-thaw", lambda answer: answer == 1),
         ("guest-network-get-interfaces", bool))
PAUSE_MAX_S = 0.2


class HostLoad:
    """What the host's commands to one guest came to."""

    def __init__(self, guest):
        self.client = HostClient(guest.path)
        self.pauses = random.Random(guest.name)
        self.took_s = []
        self.wrong = []

    def run(self, commands):
        """More of them; whole rounds, so that the guest is thawed afterwards."""
        for number in range(commands):
            command, is_right = ROUND[number % len(ROUND)]
            started = time.monotonic()
            try:
                answer = self.client.ask(command)
                if not is_right(answer):
                    self.wrong.append(f"{command}: {answer}")
            except (HostClientError, OSError) as error:
                self.wrong.append(str(error))
            self.took_s.append(time.monotonic() - started)
            time.sleep(self.pauses.uniform(0, PAUSE_MAX_S))

    @property
    def median_s(self):
        return statistics.median(self.took_s)

    @property
    def p99_s(self):
        return sorted(self.took_s)[int(0.99 * len(self.took_s))]

    def __str__(self):
        return (f"{len(self.took_s)} commands, {len(self.wrong)} wrong, median "
                f"{1e3 * self.median_s:.0f} ms, p99 {1e3 * self.p99_s:.0f} ms")


def put_load(loads, commands):
    """So many commands to each guest, all guests at once."""
    threads = [threading.Thread(target=load.run, args=(commands,)) for load in loads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def hung_pings(guest, count):
    """What a host is told by its pings to an agent that hangs, and after how many seconds;
    and then by the first one to the agent that goes on."""
    client = HostClient(guest.path)
    told = []
    guest.run("agent stop")
    try:
        for _ in range(count):
            told.append(_ping(client))
    finally:
        guest.run("agent cont")
    return [*told, _ping(client)]


def _ping(client):
    started = time.monotonic()
    try:
        outcome = f"answered {client.ask('guest-ping')}"
    except (HostClientError, OSError) as error:
        outcome = str(error)
    return outcome, time.monotonic() - started
