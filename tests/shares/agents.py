#!/usr/bin/python3
"""Guest agents that are played, each behind a UNIX socket.

    agents.py FOLDER KIND:COUNT ...     until it is ended

honest    answers each command after 20 ms
big       answers with 1 MiB, and refuses each command and takes that back, so that all is
          due again and again
retracts  the same in few bytes, each after a second
reopens   closes the connection after each answer
contradicts  says that its filesystems are thawed, and refuses all else as if they were frozen
"""

import asyncio
import json
import os
import sys
import time

VALUES = {
    "guest-fsfreeze-status": "thawed",
    "guest-get-vcpus": [{"logical-id": 0, "online": True}],
    "guest-get-osinfo": {"id": "debian"},
    "guest-get-host-name": {"host-name": "x"},
    "guest-get-timezone": {"offset": 0},
    "guest-get-load": {"load1m": 0, "load5m": 0, "load15m": 0},
    "guest-network-get-interfaces": [{"name": "eth0"}],
    "guest-get-fsinfo": [{"name": "vda", "type": "ext4", "mountpoint": "/", "used-bytes": 1,
                          "total-bytes": 2, "disk": []}],
}
VALUES["guest-info"] = {"version": "10.0.0", "supported_commands": [
    {"name": name, "enabled": True} for name in ("guest-get-time", "guest-info", *VALUES)]}
# A million bytes; many small values, as many as are let in, are the dearest to parse.
JUNK = ',"x":[' + ",".join(['{"a":0}'] * 125000) + "]}"


def reply_of(command):
    if command == "guest-get-time":
        return {"return": time.time_ns()}
    if command in VALUES:
        return {"return": VALUES[command]}
    return {"error": {"class": "CommandNotFound", "desc": f"The command {command} has not been found"}}


def refusal_of(command):
    return {"error": {"class": "CommandNotFound",
                      "desc": f"Command {command} has been disabled: the command is not allowed"}}


class Agent:
    """One agent's answers."""

    delay_s = 0.02
    closes = False

    def answer(self, command):
        return json.dumps(reply_of(command))


class Reopens(Agent):
    closes = True


class Retracts(Agent):
    """Each visit refuses another set of commands: a binary counter."""

    delay_s = 1

    def __init__(self):
        self.refused = set()

    def answer(self, command):
        if command == "guest-fsfreeze-status":
            return super().answer(command)
        self.refused ^= {command}
        return json.dumps(refusal_of(command) if command in self.refused else reply_of(command))


class Big(Retracts):
    delay_s = 0

    def answer(self, command):
        return super().answer(command)[:-1] + JUNK


class Contradicts(Agent):
    def answer(self, command):
        if command == "guest-fsfreeze-status":
            return super().answer(command)
        return json.dumps({"error": {"class": "GenericError", "desc": f"Command {command} has been "
                                     "disabled: the agent is in frozen state"}})


KINDS = {"honest": Agent, "big": Big, "retracts": Retracts, "reopens": Reopens,
         "contradicts": Contradicts}


async def serve(agent, reader, writer):
    try:
        while line := await reader.readline():
            request = json.loads(line.lstrip(b"\xff"))
            if request["execute"].startswith("guest-sync"):
                mark = b"\xff" if request["execute"].endswith("delimited") else b""
                writer.write(mark + json.dumps({"return": request["arguments"]["id"]}).encode() + b"\n")
                continue
            await asyncio.sleep(agent.delay_s)
            writer.write(agent.answer(request["execute"]).encode() + b"\n")
            await writer.drain()
            if agent.closes:
                break
    except (ConnectionError, ValueError):
        pass
    finally:
        writer.close()


async def play(folder, *fleet):
    servers = []
    for item in fleet:
        kind, count = item.split(":")
        for number in range(int(count)):
            agent = KINDS[kind]()
            servers.append(await asyncio.start_unix_server(
                lambda reader, writer, agent=agent: serve(agent, reader, writer),
                os.path.join(folder, f"{kind}-{number}.sock")))
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(play(*sys.argv[1:]))
