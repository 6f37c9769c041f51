"""InferenceSets that come, scale and go, and whether the cluster is what they say in the end."""

import random
import threading
import time

from support import ApiError, create_nodes, fake_node, is_ready, wait_until

# Every replica asks for two GPUs and every node has eight, so that nodes are shared as in life.
POOL = {"pool": "churn"}


def make_nodes(api, count):
    create_nodes(
        api, [fake_node(f"churn-{i}", "Standard_ND96amsr_A100_v4", POOL) for i in range(count)]
    )


def a_set(name, replicas):
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "InferenceSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "labelSelector": {"matchLabels": POOL},
            "template": {
                "resource": {"partition": {"mode": "accelerator", "count": 2}},
                "inference": {"preset": {"name": "phi-4-mini-instruct"}},
            },
        },
    }


class Churn:
    """A thread that creates, scales and deletes sets until it is stopped; `wanted` is the truth."""

    def __init__(self, api, sets, namespace="churn", seed=23, pause=0.05):
        self._api, self._names = api, [f"set-{i}" for i in range(sets)]
        self._namespace, self._pause = namespace, pause
        self._chance = random.Random(seed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.wanted = {}  # name -> replicas
        self.operations = 0

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopped.set()
        self._thread.join()

    def settle(self):
        """Every set is there once more, so that the end is worth looking at."""
        for name in self._names:
            self._until_done(lambda name=name: self._put(name, self._chance.randint(0, 3)))

    def _run(self):
        while not self._stopped.is_set():
            name = self._chance.choice(self._names)
            if self._chance.random() < 0.2:
                self._until_done(lambda name=name: self._delete(name))
            else:
                replicas = self._chance.randint(0, 3)
                self._until_done(lambda name=name, replicas=replicas: self._put(name, replicas))
            self.operations += 1
            self._stopped.wait(self._pause)

    @staticmethod
    def _until_done(action):
        """The API server is among what gets killed."""
        while True:
            try:
                return action()
            except (ApiError, OSError):
                time.sleep(0.2)

    def _put(self, name, replicas):
        found = self._api.get("InferenceSet", name, self._namespace)
        if found and found["metadata"].get("deletionTimestamp"):
            return  # On its way out; what we wanted of it is that.
        if found:
            self._api.patch("InferenceSet", name, {"spec": {"replicas": replicas}}, self._namespace)
        else:
            self._api.create(a_set(name, replicas), self._namespace)
        self.wanted[name] = replicas

    def _delete(self, name):
        self._api.delete("InferenceSet", name, self._namespace)
        self.wanted.pop(name, None)


def differences(api, wanted, namespace="churn"):
    """What is not exactly as wanted: replicas, orphans, duplicates. [] when converged."""
    wrong = []
    sets = {each["metadata"]["name"]: each for each in api.list("InferenceSet", namespace)}
    workspaces = api.list("Workspace", namespace)
    by_set, living = {}, set()
    for each in workspaces:
        metadata = each["metadata"]
        owner = next((o for o in metadata.get("ownerReferences", []) if o.get("controller")), {})
        living.add(metadata["uid"])
        by_set.setdefault(owner.get("name"), []).append(each)
        if owner.get("uid") != sets.get(owner.get("name"), {}).get("metadata", {}).get("uid"):
            wrong.append(f"Workspace {metadata['name']} is an orphan of {owner.get('name')}")
        if metadata.get("deletionTimestamp"):
            wrong.append(f"Workspace {metadata['name']} is still going")
    for name, found in sets.items():
        if name not in wanted:
            wrong.append(f"InferenceSet {name} is still there")
            continue
        count = len(by_set.get(name, []))
        if count != wanted[name]:
            wrong.append(f"InferenceSet {name} has {count} Workspaces, not {wanted[name]}")
        if not is_ready({"kind": "InferenceSet", **found}):
            wrong.append(f"InferenceSet {name} is not ready")
        if found.get("status", {}).get("readyReplicas", 0) != wanted[name]:
            wrong.append(f"InferenceSet {name} says {found.get('status', {}).get('readyReplicas')}")
    pickers = {each["metadata"]["uid"] for each in sets.values()}
    wrong += [f"InferenceSet {name} is missing" for name in wanted if name not in sets]
    for kind, expected in (("StatefulSet", 1), ("Service", 2)):
        owned = {}
        for each in api.list(kind, namespace):
            owners = each["metadata"].get("ownerReferences", [])
            uid = owners[0]["uid"] if owners else None
            if uid in pickers:
                continue  # The Service of a set's endpoint picker.
            if uid not in living:
                wrong.append(f"{kind} {each['metadata']['name']} is an orphan")
            owned[uid] = owned.get(uid, 0) + 1
        for each in workspaces:
            if owned.get(each["metadata"]["uid"], 0) != expected:
                wrong.append(f"Workspace {each['metadata']['name']} lacks its {kind}")
    return wrong


def wait_for_convergence(api, wanted, seconds, namespace="churn"):
    """Seconds until exactly what is wanted is there."""
    begun, last = time.monotonic(), [None]

    def converged():
        last[0] = differences(api, wanted, namespace)
        return not last[0]

    wait_until(
        converged, lambda: f"converged; {len(last[0])} wrong: " + "; ".join(last[0][:10]),
        seconds=seconds, interval=1,
    )
    return time.monotonic() - begun
