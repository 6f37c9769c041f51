"""`rage sim-model` as people's own client, openai, and plain sockets see it."""

import http.client
import os
import subprocess
import threading
import unittest

import openai

# Time passes twenty times as fast for the model, so that no test waits.
FLAGS = (
    "--port=0 --name=replica-1 --model=base --adapter=sql --max-loras=1 --time-scale=20".split()
)
QUESTION = [{"role": "user", "content": "Which way is up? " * 40}]


class SimModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = subprocess.Popen(
            [os.environ["RAGE_BINARY"], "sim-model", *FLAGS],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        cls.addClassCleanup(cls.stop)
        line = cls.process.stdout.readline()
        assert "ready on" in line, line
        cls.port = int(line.rsplit(":", 1)[1])
        cls.openai = openai.OpenAI(
            base_url=f"http://127.0.0.1:{cls.port}/v1", api_key="none", max_retries=0, timeout=20
        )

    @classmethod
    def stop(cls):
        cls.process.terminate()
        cls.process.wait(timeout=30)
        cls.process.stdout.close()

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def test_chat(self):
        reply = self.openai.chat.completions.create(
            model="base", messages=QUESTION, max_tokens=12, extra_body={"ignore_eos": True}
        )
        self.assertTrue(reply.choices[0].message.content.startswith(f"[base {reply.id}]"))
        self.assertEqual(reply.choices[0].finish_reason, "length")
        self.assertEqual(reply.usage.completion_tokens, 12)

    def test_the_same_prompt_again_is_cached(self):
        messages = [{"role": "user", "content": "a shared beginning " * 60}]
        cached = [
            self.openai.chat.completions.create(
                model="base", messages=messages, max_tokens=1
            ).usage.prompt_tokens_details.cached_tokens
            for _ in range(2)
        ]
        self.assertEqual(cached[0], 0)
        self.assertGreater(cached[1], 200)

    def test_stream(self):
        chunks = list(
            self.openai.chat.completions.create(
                model="sql",
                messages=QUESTION,
                max_tokens=40,
                stream=True,
                stream_options={"include_usage": True},
                extra_body={"ignore_eos": True},
            )
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertTrue(text.startswith(f"[sql {chunks[0].id}]"))
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertGreater(len(chunks), 20, "it came in one piece")
        self.assertEqual(chunks[-2].choices[0].finish_reason, "length")
        self.assertEqual(chunks[-1].usage.completion_tokens, 40)

    def test_completions(self):
        reply = self.openai.completions.create(model="base", prompt=["one", "two"], max_tokens=3)
        self.assertEqual([choice.index for choice in reply.choices], [0, 1])
        streamed = list(
            self.openai.completions.create(model="base", prompt="one", max_tokens=3, stream=True)
        )
        self.assertEqual(streamed[-1].choices[0].finish_reason, "length")

    def test_embeddings(self):
        # The client asks for base64 unless told otherwise.
        first = self.openai.embeddings.create(model="base", input=["a", "b"], dimensions=8)
        plain = self.openai.embeddings.create(
            model="base", input="a", dimensions=8, encoding_format="float"
        )
        self.assertEqual(len(first.data[1].embedding), 8)
        for one, other in zip(first.data[0].embedding, plain.data[0].embedding):
            self.assertAlmostEqual(one, other, places=6)

    def test_models(self):
        self.assertEqual([model.id for model in self.openai.models.list()], ["base", "sql"])
        with self.assertRaises(openai.NotFoundError):
            self.openai.chat.completions.create(model="other", messages=QUESTION)

    def test_failures(self):
        def ask(failure, **options):
            return self.openai.chat.completions.create(
                model="base", messages=QUESTION, extra_headers={"x-sim-fail": failure}, **options
            )

        with self.assertRaises(openai.RateLimitError):
            ask("status:429")
        with self.assertRaises(openai.APIConnectionError):
            ask("reset-before-headers")
        with self.assertRaises(openai.APITimeoutError):
            ask("hang", timeout=0.3)
        text = ""
        with self.assertRaises(Exception):
            for chunk in ask("reset-mid-stream:5", stream=True, max_tokens=20):
                text += chunk.choices[0].delta.content or ""
        self.assertTrue(text.startswith("[base "))

    def test_metrics_say_what_runs(self):
        stream = self.openai.chat.completions.create(
            model="base", messages=QUESTION, max_tokens=20000, stream=True,
            extra_body={"ignore_eos": True},
        )
        next(iter(stream))
        running = 'vllm:num_requests_running{engine="0",model_name="base"} '
        status, text = self.get("/metrics")
        self.assertEqual(status, 200)
        self.assertNotIn(running + "0\n", text)
        self.assertIn('vllm:cache_config_info{block_size="16"', text)
        self.assertIn('vllm:lora_requests_info{max_lora="1"', text)
        stream.close()
        for _ in range(200):
            if running + "0\n" in self.get("/metrics")[1]:
                return
        self.fail("the client left, and its request still runs")

    def test_many_at_once(self):
        failures = []

        def ask(number):
            try:
                reply = self.openai.chat.completions.create(
                    model="base",
                    messages=[{"role": "user", "content": f"Question {number}"}],
                    max_tokens=30,
                    extra_body={"ignore_eos": True},
                    stream=True,
                )
                text = "".join(chunk.choices[0].delta.content or "" for chunk in reply)
                if not text.startswith("[base chatcmpl-"):
                    failures.append(text)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.get("/health")[0], 200)


if __name__ == "__main__":
    unittest.main()
