"""interactions.py on the real kube-apiserver, as recorded.jsonl keeps it, and on `rage apiserver`.
What differs must be in differences.json, with the reason. RAGE_WRITE_GOLDEN=1 plays on the real one
and records anew; RAGE_LIST_DIFFERENCES=1 prints all that differ."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import interactions
from embedded import ROOT, SCRIPTS, Embedded

HERE = Path(__file__).resolve().parent
RECORD = HERE / "recorded.jsonl"
DIFFERENCES = HERE / "differences.json"


def wait_for_widgets(player):
    for _ in range(200):
        if player.send("GET", "/apis/example.org/v1/namespaces/x/widgets")[0] == 200:
            # The real one serves it a moment before everything knows of it.
            time.sleep(1)
            return
        time.sleep(0.05)
    raise AssertionError("widgets are not served")


def record():
    """On a real API server without controllers, which would write into the objects."""
    with tempfile.TemporaryDirectory(prefix="rage-conformance-") as folder:
        folder = Path(folder) / "cluster"
        subprocess.run([SCRIPTS / "up.sh", folder, "--crds", ROOT / "deploy/crds"], check=True,
                       stdout=subprocess.DEVNULL)
        try:
            for part in ("kube-controller-manager", "kube-scheduler"):
                subprocess.run([SCRIPTS / "part.sh", folder, "kill", part], check=True)
            player = interactions.Player(folder)
            replies = interactions.play_all(player, lambda: wait_for_widgets(player))
            player.close()
        finally:
            subprocess.run([SCRIPTS / "down.sh", folder], check=True)
    with open(RECORD, "w") as out:
        for name, reply in replies.items():
            out.write(json.dumps([name, reply], separators=(",", ":")) + "\n")


def differences(real, ours, path=""):
    """[(path, real, ours)]; an absent value is None."""
    if isinstance(real, dict) and isinstance(ours, dict):
        found = []
        for key in sorted({*real, *ours}):
            found += differences(real.get(key), ours.get(key), f"{path}/{key}")
        return found
    if isinstance(real, list) and isinstance(ours, list) and len(real) == len(ours):
        return [each for i, pair in enumerate(zip(real, ours))
                for each in differences(*pair, f"{path}/{i}")]
    return [] if real == ours else [(path, real, ours)]


class Conformance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.environ.get("RAGE_WRITE_GOLDEN") == "1":
            record()
        lines = (json.loads(line) for line in RECORD.read_text().splitlines())
        cls.real = {name: interactions.normal(reply) for name, reply in lines}
        with Embedded() as cluster:
            cluster.kubectl("apply", "-f", ROOT / "deploy/crds")
            player = interactions.Player(cluster.folder)
            cls.ours = interactions.play_all(player, lambda: wait_for_widgets(player))
            player.close()
        cls.allowed = json.loads(DIFFERENCES.read_text())

    def test_the_table_is_long_and_complete(self):
        self.assertGreaterEqual(len(self.real), 300)
        self.assertEqual(list(self.real), list(self.ours))

    def test_every_difference_is_justified(self):
        used, left, same = set(), [], 0
        for name, real in self.real.items():
            found = differences(real, self.ours[name])
            same += not found
            for path, theirs, ours in found:
                rule = next((each for each in self.allowed
                             if re.fullmatch(each["interaction"], name)
                             and re.fullmatch(each["path"], path)), None)
                if rule:
                    used.add(rule["why"])
                else:
                    left.append(f"{name} {path}\n    real {json.dumps(theirs)[:300]}"
                                f"\n    ours {json.dumps(ours)[:300]}")
        print(f"{len(self.real)} interactions, {same} the same in every byte that is compared",
              file=sys.stderr)
        if os.environ.get("RAGE_LIST_DIFFERENCES"):
            print("\n".join(left))
        self.assertEqual(left[:40], [], f"{len(left)} differences")
        unused = [each["why"] for each in self.allowed if each["why"] not in used]
        self.assertEqual(unused, [], "reasons that nothing needs any more")


if __name__ == "__main__":
    unittest.main()
