"""Documents written, revised and removed in threes, and what may be there of them after a crash."""

import hashlib
import threading


def id_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Group:
    """Three documents that are written together; `states`: what may be there of them."""

    def __init__(self, name):
        self.texts = [f"{name} part {part}" for part in range(3)]
        self.states = [frozenset()]
        self.acknowledged = 0

    def write(self, send, after):
        """Sends a change to `after`; True if it was acknowledged."""
        self.states.append(frozenset(after))  # Until a reply is there, both are possible.
        try:
            status = send()[0]
        except Exception:  # Of http.client's many when the service is gone.
            status = 0
        if status == 200:
            self.states = [frozenset(after)]
            self.acknowledged += 1
        return status == 200


def write_groups(service, name, groups, stop):
    for i in range(100000):
        if stop.is_set():
            return
        group = Group(f"{name} group {i}")
        groups.append(group)
        documents = [{"text": text} for text in group.texts]
        if not group.write(lambda: service.index("i", documents), group.texts):
            return
        if i % 3 == 1:
            revised = [f"{text} revised" for text in group.texts]
            body = {
                "documents": [
                    {"doc_id": id_of(text), "text": new} for text, new in zip(group.texts, revised)
                ]
            }
            if not group.write(
                lambda: service.call("POST", "/indexes/i/documents", body), revised
            ):
                return
        if i % 3 == 2:
            body = {"doc_ids": [id_of(text) for text in group.texts]}
            if not group.write(
                lambda: service.call("POST", "/indexes/i/documents/delete", body), []
            ):
                return


def start_writers(service, name, groups, stop):
    """Two threads, which end with the service or with `stop`."""
    writers = [
        threading.Thread(target=write_groups, args=(service, f"{name} writer {w}", groups, stop))
        for w in range(2)
    ]
    for writer in writers:
        writer.start()
    return writers


def listed(service, index):
    """All texts of an index as a list: what is there twice is seen twice."""
    found = []
    while True:
        status, page = service.call(
            "GET", f"/indexes/{index}/documents?limit=100&offset={len(found)}&max_text_length=9999"
        )
        if status == 404:
            return found
        if status != 200:
            raise AssertionError(f"{status} {page}")
        found += [document["text"] for document in page["documents"]]
        if page["count"] == 0 or len(found) >= page["total_items"]:
            return found


def check_groups(test, service, groups):
    """Nothing that was acknowledged is lost, and no three are there by half."""
    texts = listed(service, "i")
    test.assertEqual(len(texts), len(set(texts)))
    there = {}
    for text in texts:
        there.setdefault(text.split(" part ")[0], set()).add(text)
    for group in groups:
        found = there.pop(group.texts[0].split(" part ")[0], set())
        test.assertIn(found, group.states)
    test.assertEqual(there, {})
