"""Clients of a RAG service who know what the right replies are."""

import collections
import http.client
import json
import random
import threading
import time

FORBIDDEN = "plutonium"
DOCUMENTS_KEPT = 120  # Of each writer: the index stays as large as it is.


class Wrong(AssertionError):
    pass


class Client:
    """One thread's connection; what it sends is JSON."""

    def __init__(self, port):
        self.port = port

    def call(self, method, path, body=None):
        """(status, text). Status 0: the connection broke."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            payload = None if body is None else json.dumps(body).encode()
            connection.request(method, path, payload, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return reply.status, reply.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error)
        finally:
            connection.close()


class Traffic:
    """Kinds of requests, each (status, detail). A wrong reply raises Wrong."""

    def __init__(self, port, seed):
        self.client = Client(port)
        self.chance = random.Random(seed)
        self.index = f"soak-{seed}"
        self.seed = seed
        self.number = 0
        self.kept = collections.deque()  # (doc_id, text, code) that were acknowledged.

    def kinds(self):
        return [(4, self.write), (6, self.search), (3, self.ask), (3, self.plain), (2, self.stream),
                (1, self.list), (1, self.missing)]

    def step(self):
        """(kind, status, detail) of one request."""
        kinds = self.kinds()
        kind = self.chance.choices([k for _, k in kinds], [w for w, _ in kinds])[0]
        status, detail = kind()
        return kind.__name__, status, detail

    def write(self):
        if len(self.kept) >= DOCUMENTS_KEPT:
            return self.remove()
        self.number += 1
        code = f"{self.seed}{self.number:06d}"
        text = f"The access code of locker {self.name()} is {code}. " + " ".join(
            self.chance.choice("lorem ipsum dolor sit amet elit sed tempor".split())
            for _ in range(60))
        document = {"text": text, "metadata": {"n": self.number}}
        status, reply = self.client.call("POST", "/index", {
            "index_name": self.index, "documents": [document]})
        if status == 200:
            self.kept.append((json.loads(reply)[0]["doc_id"], text, code))
        return status, reply

    def name(self):
        """A word that no other document has."""
        return "".join(self.chance.choice("bdfgklmnprst") + self.chance.choice("aeiou")
                       for _ in range(5)).capitalize()

    def remove(self):
        doc_id, text, _ = self.kept[0]
        status, reply = self.client.call("POST", f"/indexes/{self.index}/documents/delete",
                                         {"doc_ids": [doc_id]})
        if status != 200:
            return status, reply
        self.kept.popleft()
        if json.loads(reply)["deleted_doc_ids"] != [doc_id]:
            raise Wrong(f"{doc_id} was acknowledged and is not there: {reply}")
        status, reply = self.find(text)
        if status == 200 and any(r["text"] == text for r in json.loads(reply)["results"]):
            raise Wrong(f"{doc_id} was deleted and is found")
        return status, reply

    def find(self, text):
        return self.client.call("POST", "/retrieve", {"index_name": self.index, "query": text})

    def search(self):
        if not self.kept:
            return 200, ""
        _, text, _ = self.chance.choice(self.kept)
        status, reply = self.find(text)
        if status == 200 and json.loads(reply)["results"][0]["text"] != text:
            raise Wrong(f"the exact text is not found first: {reply[:300]}")
        return status, reply

    def ask(self):
        """A grounded answer has the code that its source has, or none."""
        if not self.kept:
            return 200, ""
        _, text, code = self.chance.choice(self.kept)
        locker = text.split()[5]
        question = f"What is the access code of locker {locker}?"
        status, reply = self.client.call("POST", "/v1/chat/completions", {
            "index_name": self.index, "messages": [{"role": "user", "content": question}]})
        if status == 200:
            answer = json.loads(reply)["choices"][0]["message"]["content"]
            codes = {w.strip(".,;[]()*\"'") for w in answer.split()}
            others = {c for _, _, c in self.kept if c != code} & codes
            if others and code not in codes:
                raise Wrong(f"locker {locker} has {code}, the answer says {others}: {answer}")
            self.check_words(answer)
        return status, reply

    def plain(self, stream=False):
        """The model repeats what it is asked: the reply must be to this request."""
        nonce = f"{self.chance.getrandbits(60):x}"
        status, reply = self.client.call("POST", "/v1/chat/completions", {
            "model": "m", "stream": stream,
            "messages": [{"role": "user", "content": f"say {nonce} and {FORBIDDEN}"}]})
        if status == 200:
            self.check_words(reply)
            text = "".join(self.pieces(reply)) if stream else reply
            whole = "[DONE]" in reply if stream else True
            if whole and nonce not in text:
                raise Wrong(f"the reply is to another request: {reply[:300]}")
            if not whole:
                return 0, "the stream was cut"
        return status, reply

    def stream(self):
        return self.plain(stream=True)

    @staticmethod
    def pieces(reply):
        for line in reply.splitlines():
            if line.startswith("data: {"):
                for choice in json.loads(line[6:]).get("choices", []):
                    yield choice.get("delta", {}).get("content") or ""

    def check_words(self, text):
        if FORBIDDEN in text.lower():
            raise Wrong(f"the policy forbids what was said: {text[:300]}")

    def list(self):
        if not self.kept:
            return 200, ""
        status, reply = self.client.call("GET", f"/indexes/{self.index}/documents?limit=5")
        if status == 200 and json.loads(reply)["total_items"] < len(self.kept):
            raise Wrong(f"{len(self.kept)} were acknowledged: {reply[:300]}")
        return status, reply

    def missing(self):
        status, reply = self.client.call("POST", "/retrieve", {"index_name": "none", "query": "x"})
        if status not in (404, 429):
            raise Wrong(f"an index that is not there answers {status}: {reply[:300]}")
        return 200, reply


class Crowd:
    """Threads that go on until they are stopped, and what became of their requests."""

    def __init__(self, port, clients, faults):
        self.faults = faults
        self.lock = threading.Lock()
        self.outcomes = collections.Counter()
        self.unexplained = []
        self.wrong = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(Traffic(port, seed),))
                        for seed in range(10, 10 + clients)]
        for thread in self.threads:
            thread.start()

    def work(self, traffic):
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                kind, status, detail = traffic.step()
            except Wrong as error:
                with self.lock:
                    self.wrong.append(str(error))
                continue
            with self.lock:
                self.outcomes[f"{kind} {status}"] += 1
                if (status >= 500 or status == 0) and not self.faults.explain(kind, began):
                    self.unexplained.append(f"{kind} {status}: {detail[:300]}")

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
