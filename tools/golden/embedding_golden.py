"""Writes the expected vectors of src/embed/testdata with the real sentence-transformers, in f32.

Usage: embedding_golden.py MODEL_FOLDER TESTDATA_FOLDER
Needs: sentence-transformers and torch. MODEL_FOLDER holds all-MiniLM-L6-v2. The tokenizer of tiny_xlm_roberta is
the one that unigram_golden.py wrote.
"""

import json
import pathlib
import random
import shutil
import string
import sys

import torch
from sentence_transformers import SentenceTransformer
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

LONG = (
    "The operator watches workspaces and gives each one a set of nodes, a model and an endpoint. "
    "When a node disappears, the workspace waits for its replacement before it reports ready again. "
)

TEXTS = [
    "Hello, world!",
    "Who gives the keynote on Sunday and where?",
    "kubernetes",
    "a",
    "",
    " ",
    "\t\n  \r\n",
    ".",
    "!?;:,.-_()[]{}<>/\\|@#$%^&*+=~`\"'",
    "Paul Yu: RAGE Against the Machine, Ballroom DE, 2026-03-07 at 14:30 (45 min).",
    "The quick brown fox jumps over the lazy dog.",
    "the quick brown fox jumps over the lazy dog",
    "Grüße aus München: Straße, Äpfel, naïve café, coöperate, Ångström.",
    "Кто выступает в воскресенье?",
    "日本語の文章です。東京は大きい都市です。",
    "한국어 문장입니다. 서울은 큰 도시입니다.",
    "مرحبا بالعالم، كيف حالك اليوم؟",
    "नमस्ते दुनिया",
    "🚀 launch 👩‍💻 party 🎉🎉",
    "e\u0301 versus \u00e9, \u200bzero\u200bwidth, soft\u00adhyphen",
    "https://example.org/a/b?c=d&e=f#g user@example.org 10.0.0.1 v1.36.3 0x7fff",
    "unbelievablyantidisestablishmentarianismical " + "x" * 120,
    LONG * 3,
    LONG * 20,
]


def write_minilm(model_folder, testdata):
    model = SentenceTransformer(str(model_folder), device="cpu")
    with open(testdata / "minilm_golden.jsonl", "w", encoding="utf-8") as out:
        for text in TEXTS:  # One by one: padding must not enter the reference.
            vector = model.encode([text], normalize_embeddings=True)[0]
            row = {
                "text": text,
                "ids": model.tokenizer(text, truncation=True, max_length=256)["input_ids"],
                "vector": [round(float(value), 6) for value in vector],
            }
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_tiny(testdata):
    """A random model of the other kind: CLS pooling, "bert." prefix, F16 weights, prompts."""
    folder = testdata / "tiny_cls_bert"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "1_Pooling").mkdir(parents=True)
    letters = list(string.ascii_lowercase + string.digits)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters
    vocabulary += ["##" + letter for letter in letters] + ["who", "what", "the", "query", ":", "?"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    torch.manual_seed(20260307)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
        type_vocab_size=2,
        layer_norm_eps=1e-5,
        initializer_range=0.3,
    )
    BertForMaskedLM(config).half().save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    for name in ("generation_config.json", "special_tokens_map.json", "tokenizer.json"):
        (folder / name).unlink(missing_ok=True)
    write_modules(folder, pools_first=True)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 24, "do_lower_case": False})
    write_json(
        folder / "config_sentence_transformers.json",
        {
            "prompts": {"query": "query: ", "passage": ""},
            "default_prompt_name": None,
        },
    )
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    chooser = random.Random(7)
    texts = ["who?", "the what", "abc def 123"]
    texts += ["".join(chooser.choices(letters + [" "], k=k)) for k in (5, 17, 60)]
    with open(folder / "golden.jsonl", "w", encoding="utf-8") as out:
        for kind in ("query", "passage"):
            for text in texts:
                vector = model.encode([text], prompt_name=kind, normalize_embeddings=True)[0]
                row = {"kind": kind, "text": text, "vector": [round(float(v), 6) for v in vector]}
                out.write(json.dumps(row, separators=(",", ":")) + "\n")


def write_tiny_xlm_roberta(testdata):
    """A random XLM-RoBERTa: mean pooling, "roberta." prefix, F16 weights, no prompts."""
    folder = testdata / "tiny_xlm_roberta"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "1_Pooling").mkdir(parents=True)
    unigram = testdata.parent.parent / "text/testdata/tiny_unigram"
    tokenizer = json.loads((unigram / "tokenizer.json").read_text())
    torch.manual_seed(20260308)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer["model"]["vocab"]) + 3,  # Real ones have more rows than tokens, too.
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=42,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        initializer_range=0.3,
    )
    XLMRobertaForMaskedLM(config).half().save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(unigram / name, folder / name)
    write_modules(folder, pools_first=False)
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    model.max_seq_length = 40
    texts = [
        "Who gives the keynote?",
        "東京は日本の首都です。",
        "Где  зал?\n",
        "a <pad> in <mask> a text </s>",
        "",
        "Grüße aus München. " * 12,
    ]
    with open(folder / "golden.jsonl", "w", encoding="utf-8") as out:
        for kind in ("query", "passage"):
            for text in texts:
                vector = model.encode([f"{kind}: {text}"], normalize_embeddings=True)[0]
                row = {"kind": kind, "text": text, "vector": [round(float(v), 6) for v in vector]}
                out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_modules(folder, pools_first):
    write_json(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {
                "idx": 1,
                "name": "1",
                "path": "1_Pooling",
                "type": "sentence_transformers.models.Pooling",
            },
        ],
    )
    write_json(
        folder / "1_Pooling/config.json",
        {
            "word_embedding_dimension": 32,
            "pooling_mode_cls_token": pools_first,
            "pooling_mode_mean_tokens": not pools_first,
        },
    )


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write_minilm(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
    write_tiny(pathlib.Path(sys.argv[2]))
    write_tiny_xlm_roberta(pathlib.Path(sys.argv[2]))
