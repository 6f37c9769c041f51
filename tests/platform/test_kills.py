"""`kill -9` of anything at any moment, and a data directory copied while all of it writes (a power
cut): what was declared comes back, with every document and every turn that was acknowledged.

RAGE_KILLS=100 for the long run; RAGE_SEED=N for another order."""

import contextlib
import http.client
import os
import random
import shutil
import signal
import tempfile
import time
import unittest
from pathlib import Path

import test_up
from test_up import MANIFESTS, wait_until

KILLS = int(os.environ.get("RAGE_KILLS", "3"))
SEED = int(os.environ.get("RAGE_SEED", "1"))


def processes_of(data):
    """{pid: command line} of what the platform of `data` runs, itself included."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            ours = f"RAGE_NODE_DATA={data}\0".encode() in environment + b"\0"
            if ours or f"platform --data {data} " in command:
                found[int(folder.name)] = command
    return found


class Kills(test_up.Platform):
    def setUp(self):
        self.random = random.Random(SEED)
        self.up("-k", MANIFESTS, "-k", MANIFESTS / "chat/overlays/rag", "--wait", "300")
        self.index_schedule()
        self.documents, self.turns = 92, 0

    def acknowledged(self):
        """One more document and one more turn; counted only when the service said so."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            text = f"The number {self.documents} is drawn from the hat."
            body = {"index_name": "schedule_index", "documents": [{"text": text}]}
            if self.ask("scale23x", "/index", body)[0] == 200:
                self.documents += 1
        with contextlib.suppress(OSError, http.client.HTTPException):
            body = {"message": "Who speaks about Tectonix?", "session_id": "kills"}
            if self.ask("agent", "/chat", body)[0] == 200:
                self.turns += 1

    def kept(self):
        status, told = self.ask("scale23x", "/indexes/schedule_index/documents?limit=1",
                                method="GET")
        _, history = self.ask("agent", "/chat/history/kills", method="GET")
        answers = [each for each in history["messages"] if each["role"] == "assistant"]
        return (told["total_items"] if status == 200 else 0, len(answers))

    def check(self, what):
        def all_there():
            with contextlib.suppress(OSError, http.client.HTTPException, KeyError, TypeError):
                documents, turns = self.kept()
                return documents >= self.documents and turns >= self.turns
            return False

        wait_until(all_there, lambda: f"after {what}: {self.documents}, {self.turns} are kept",
                   120)

    def kill_one(self):
        running = processes_of(self.data)
        platforms = [pid for pid, command in running.items() if " platform --data" in command]
        # One of three is the platform; else anything.
        pids = platforms if self.random.random() < 0.34 else sorted(running)
        victim = self.random.choice(pids)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        return running[victim]

    def test_whatever_is_killed_comes_back(self):
        for number in range(KILLS):
            self.acknowledged()
            victim = self.kill_one()
            print(f"kill {number}: {victim[:100]}", flush=True)
            time.sleep(self.random.random())
            self.up("-k", MANIFESTS, "-k", MANIFESTS / "chat/overlays/rag", "--wait", "300")
            self.check(f"kill {number} of {victim}")
        self.power_cut()

    def power_cut(self):
        """A copy of the data directory while all of it works, started as a platform of its own."""
        self.acknowledged()
        copy = Path(tempfile.mkdtemp(prefix="rage-cut-"))
        self.addCleanup(shutil.rmtree, copy, ignore_errors=True)
        shutil.rmtree(copy)
        shutil.copytree(self.data, copy, symlinks=True, ignore_dangling_symlinks=True)
        self.down()
        cls = type(self)
        original, cls.data = cls.data, copy
        try:
            (copy / "run/services.json").unlink(missing_ok=True)
            self.up("-k", MANIFESTS, "-k", MANIFESTS / "chat/overlays/rag", "--wait", "300")
            self.check("the power cut")
        finally:
            self.down()
            cls.data = original


if __name__ == "__main__":
    unittest.main()
