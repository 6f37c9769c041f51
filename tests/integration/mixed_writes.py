"""Documents written, changed and deleted in groups of three, so that a group that is there by half,
or in a state that nobody asked for, is seen."""

import hashlib


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


def check_groups(test, texts, groups):
    """Fails `test` unless each group is as its last acknowledged write left it, or the next one."""
    test.assertEqual(len(texts), len(set(texts)))
    there = {}
    for text in texts:
        there.setdefault(text.split(" part ")[0], set()).add(text)
    for group in groups:
        found = there.pop(group.texts[0].split(" part ")[0], set())
        test.assertIn(found, group.states)
    test.assertEqual(there, {})
