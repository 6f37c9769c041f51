"""kill -9 at random while InferenceSets come, scale and go: in the end exactly what is wanted is
there, nothing twice, nothing left over, and the operator has not run hot.

RAGE_KILLS=200 RAGE_KILL_SETS=500 RAGE_KILL_PARTS=operator,kube-apiserver,etcd is the big run."""

import os
import random
import time
import unittest

from churn import Churn, make_nodes, wait_for_convergence
from support import ClusterTest, Operator, need_crds, need_operator, wait_until

KILLS = int(os.environ.get("RAGE_KILLS", "10"))
SETS = int(os.environ.get("RAGE_KILL_SETS", "20"))
PARTS = os.environ.get("RAGE_KILL_PARTS", "operator").split(",")
WRITES_MAX = 60  # An operation, on average: it may touch three replicas of four objects each.


class Kills(ClusterTest):
    audit = True

    @classmethod
    def setUpClass(cls):
        need_crds()
        need_operator()
        super().setUpClass()

    def test_converges_exactly_however_often_parts_are_killed(self):
        chance = random.Random(23)
        make_nodes(self.api, SETS)
        self.cluster.ensure_namespace("churn")
        operator = Operator(self.cluster, "byo").start()
        self.addCleanup(lambda: operator.process.poll() is None and operator.kill())
        churn = Churn(self.api, SETS).start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 1.5))
            part = chance.choice(PARTS)
            if part == "operator":
                operator.kill()
                operator.start(wait=False)
                continue
            self.cluster.kill(part)
            time.sleep(chance.uniform(0, 0.5))
            wait_until(self._control_plane_answers, f"the API server answers after {part} died",
                       seconds=180, interval=1)
            if operator.process.poll() is not None:  # It may give up; a pod would be restarted.
                operator.start(wait=False)
        churn.stop()
        churn.settle()
        if operator.process.poll() is not None:
            self.assertNotEqual(PARTS, ["operator"], f"it ended by itself:\n{operator.log_tail()}")
            operator.start()
        seconds = wait_for_convergence(self.api, churn.wanted, seconds=120 + SETS)
        self._report(churn, seconds)

        quiet = sum(self.cluster.audited().values())
        time.sleep(5)
        # Reconnecting watches and the lease are all that may still happen.
        self.assertLess(sum(self.cluster.audited().values()) - quiet, 30, "it never comes to rest")
        for name in list(churn.wanted):
            self.api.delete("InferenceSet", name, "churn")
        wait_for_convergence(self.api, {}, seconds=60 + SETS)
        self.assertEqual(operator.stop(), 0, operator.log_tail())

    def _control_plane_answers(self):
        """Starts what is down: an API server whose etcd goes at the wrong moment ends too."""
        for part in ("etcd", "kube-apiserver"):
            self.cluster.start(part)
        return self.cluster.answers()

    def _report(self, churn, seconds):
        requests = self.cluster.audited()
        writes = {key: n for key, n in requests.items() if key[0] not in ("get", "list", "watch")}
        most = sorted(requests.items(), key=lambda item: -item[1])[:12]
        print(f"\n{KILLS} kills, {churn.operations} operations on {SETS} sets, converged after"
              f" {seconds:.1f} s; {sum(requests.values())} requests,"
              f" {sum(writes.values()) / max(1, churn.operations):.1f} writes an operation")
        for (verb, what), count in most:
            print(f"  {count:6} {verb} {what}")
        self.assertLess(sum(writes.values()) / max(1, churn.operations), WRITES_MAX)


if __name__ == "__main__":
    unittest.main()
