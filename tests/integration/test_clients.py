"""The clients that people already use, openai and KAITO's own, against the real service."""

import base64
import json
import struct

import openai
from kaito_rag_engine_client import Client
from kaito_rag_engine_client.api.chat import chat
from kaito_rag_engine_client.api.index import (
    create_index,
    delete_documents_in_index,
    delete_index,
    list_documents_in_index,
    list_indexes,
    load_index,
    persist_index,
    retrieve_index,
    update_documents_in_index,
)
from kaito_rag_engine_client.api.monitoring import get_health
from kaito_rag_engine_client.errors import UnexpectedStatus
from kaito_rag_engine_client.models import (
    ChatRequest,
    DeleteDocumentRequest,
    Document,
    DocumentMetadataType0,
    IndexRequest,
    RetrieveRequest,
    RetrieveRequestMetadataFilterType0,
    UpdateDocumentRequest,
)

from support import SCHEDULE, ServiceTest

QUESTION = "In which room is Migrating to OpenTelemetry?"


class Clients(ServiceTest):
    flags = ("--answers", "extractive")
    embedder = "hashing"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service.index("schedule", json.loads(SCHEDULE.read_text())["documents"])
        cls.openai = openai.OpenAI(base_url=cls.service.url + "/v1", api_key="none", max_retries=0)
        cls.kaito = Client(base_url=cls.service.url, raise_on_unexpected_status=True)

    def test_openai_chat(self):
        reply = self.openai.chat.completions.create(
            model="any",
            messages=[{"role": "user", "content": QUESTION}],
            extra_body={"index_name": "schedule"},
        )
        self.assertIn("Ballroom F", reply.choices[0].message.content)
        self.assertEqual(reply.choices[0].finish_reason, "stop")
        self.assertEqual(reply.source_nodes[0]["metadata"]["title"], "Migrating to OpenTelemetry")

    def test_openai_streams(self):
        stream = self.openai.chat.completions.create(
            model="any",
            stream=True,
            stream_options={"include_usage": True},
            messages=[{"role": "user", "content": QUESTION}],
            extra_body={"index_name": "schedule"},
        )
        chunks = list(stream)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertIn("Ballroom F", text)
        self.assertGreater(chunks[-1].usage.total_tokens, 0)

    def test_openai_sees_how_the_answer_came_about(self):
        for stream in (False, True):
            reply = self.openai.chat.completions.create(
                model="any",
                stream=stream,
                messages=[{"role": "user", "content": QUESTION}],
                extra_body={"index_name": "schedule", "grounding_mode": "assist"},
            )
            last = list(reply)[-1] if stream else reply
            self.assertEqual(last.grounding["policy"], "assist")
            self.assertGreater(last.grounding["sufficiency"], 0.8)
            self.assertEqual(last.grounding["citations"][0]["number"], 1)
            status, trace = self.service.call("GET", f"/answers/{last.id}")
            self.assertEqual((status, trace["question"]), (200, QUESTION))

    def test_openai_sees_errors_as_errors(self):
        with self.assertRaises(openai.NotFoundError):
            self.openai.chat.completions.create(
                model="any",
                messages=[{"role": "user", "content": "x"}],
                extra_body={"index_name": "none"},
            )

    def test_kaito_life_of_an_index(self):
        body = IndexRequest(
            index_name="mine", documents=[Document(text="one apple"), Document(text="two pears")]
        )
        stored = create_index.sync(client=self.kaito, body=body)
        self.assertEqual([document.text for document in stored], ["one apple", "two pears"])
        self.assertIn("mine", list_indexes.sync(client=self.kaito))
        page = list_documents_in_index.sync("mine", client=self.kaito)
        self.assertEqual((page.count, page.total_items), (2, 2))
        found = retrieve_index.sync(
            client=self.kaito, body=RetrieveRequest(index_name="mine", query="pears")
        )
        self.assertEqual(found.results[0].text, "two pears")
        changed = update_documents_in_index.sync(
            "mine",
            client=self.kaito,
            body=UpdateDocumentRequest(
                documents=[Document(doc_id=stored[0].doc_id, text="one plum")]
            ),
        )
        self.assertEqual(changed.updated_documents[0].text, "one plum")
        removed = delete_documents_in_index.sync(
            "mine", client=self.kaito, body=DeleteDocumentRequest(doc_ids=[stored[1].doc_id])
        )
        self.assertEqual(removed.deleted_doc_ids, [stored[1].doc_id])
        delete_index.sync("mine", client=self.kaito)
        self.assertNotIn("mine", list_indexes.sync(client=self.kaito))

    def test_kaito_chat(self):
        request = ChatRequest.from_dict(
            {
                "index_name": "schedule",
                "model": "any",
                "messages": [{"role": "user", "content": QUESTION}],
            }
        )
        reply = chat.sync(client=self.kaito, body=request)
        self.assertIn("Ballroom F", reply.choices[0].message.content)

    def documents(self, *pairs):
        return [
            Document(text=text, metadata=DocumentMetadataType0.from_dict(metadata))
            for text, metadata in pairs
        ]

    def test_kaito_filters(self):
        documents = self.documents(
            ("talk about kernels", {"day": 1, "date": "03/05/2026"}),
            ("talk about browsers", {"day": 2, "date": "03/07/2026"}),
        )
        create_index.sync(
            client=self.kaito, body=IndexRequest(index_name="filtered", documents=documents)
        )

        def retrieve(**wanted):
            body = RetrieveRequest(
                index_name="filtered",
                query="talk",
                metadata_filter=RetrieveRequestMetadataFilterType0.from_dict(wanted),
            )
            found = retrieve_index.sync(client=self.kaito, body=body)
            return [hit.text for hit in found.results]

        self.assertEqual(retrieve(day=2), ["talk about browsers"])
        self.assertEqual(retrieve(date={"$lt": "2026-03-06"}), ["talk about kernels"])
        page = list_documents_in_index.sync(
            "filtered", client=self.kaito, metadata_filter=json.dumps({"day": {"$in": [1, 3]}})
        )
        self.assertEqual((page.count, page.total_items), (1, 1))
        with self.assertRaises(UnexpectedStatus) as caught:
            retrieve(day={"$like": 1})
        self.assertEqual(caught.exception.status_code, 400)

    def test_kaito_persists_and_loads(self):
        """The client always sends path=storage: two indexes must not overwrite each other."""
        for name in ("left", "right"):
            body = IndexRequest(index_name=name, documents=[Document(text=f"the {name} one")])
            create_index.sync(client=self.kaito, body=body)
            reply = persist_index.sync(name, client=self.kaito)
            self.assertIn(f"Successfully persisted index {name} to ", reply["message"])
        with self.assertRaises(UnexpectedStatus) as caught:
            load_index.sync("left", client=self.kaito)
        self.assertEqual(caught.exception.status_code, 409)
        delete_index.sync("left", client=self.kaito)
        load_index.sync("left", client=self.kaito)
        load_index.sync("right", client=self.kaito, overwrite=True)
        for name in ("left", "right"):
            self.assertEqual(self.service.texts(name), {f"the {name} one"})

    def test_kaito_health(self):
        self.assertEqual(get_health.sync(client=self.kaito).status, "Healthy")

    def test_openai_embeddings(self):
        """The client asks for base64 unless told otherwise."""
        reply = self.openai.embeddings.create(model="any", input=["one", "two words"])
        plain = self.openai.embeddings.create(
            model="any", input="two words", encoding_format="float"
        )
        self.assertEqual([entry.index for entry in reply.data], [0, 1])
        for a, b in zip(reply.data[1].embedding, plain.data[0].embedding, strict=True):
            self.assertAlmostEqual(a, b, places=6)
        raw = self.service.call(
            "POST", "/v1/embeddings", {"input": "two words", "encoding_format": "base64"}
        )[1]["data"][0]["embedding"]
        numbers = struct.unpack(f"<{len(plain.data[0].embedding)}f", base64.b64decode(raw))
        self.assertAlmostEqual(numbers[0], plain.data[0].embedding[0], places=6)
        self.assertGreater(reply.usage.total_tokens, 0)
        with self.assertRaises(openai.BadRequestError):
            self.openai.embeddings.create(model="any", input=[])

    def test_openai_models(self):
        self.assertEqual(list(self.openai.models.list()), [])

    def test_openai_chat_with_a_filter(self):
        reply = self.openai.chat.completions.create(
            model="any",
            messages=[{"role": "user", "content": QUESTION}],
            extra_body={
                "index_name": "schedule",
                "metadata_filter": {"title": {"$ne": "Migrating to OpenTelemetry"}},
            },
        )
        self.assertNotIn("Ballroom F", reply.choices[0].message.content)
