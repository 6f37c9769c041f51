#!/usr/bin/env python3
"""Writes src/text/testdata/tiny_unigram: a small sentencepiece model in both of its files, and the ids that
Hugging Face `tokenizers` gives.

Usage: unigram_golden.py OUTPUT_FOLDER        (needs `pip install sentencepiece tokenizers transformers protobuf`)

Each line of golden.jsonl is {"text": ..., "ids": [...]}, with "strip" and "metaspace" beside it where other
ways to write the same tokenizer (VARIANTS) give other ids.
"""

import copy
import io
import json
import pathlib
import random
import sys
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, __version__
from transformers import AutoTokenizer
from wordpiece_golden import BUILT, HAND_WRITTEN, random_texts

CORPUS = """
The quick brown fox jumps over the lazy dog, and the dog does not mind.
Who gives the keynote on Sunday, and where is the room? query: passage: 2025 1234567890
Der schnelle braune Fuchs springt über den faulen Hund. Grüße aus München, schöne Straße.
Le renard brun saute par-dessus le chien paresseux; où est la salle de la conférence ?
El zorro marrón salta sobre el perro perezoso. ¿Dónde está la sala mañana?
Быстрая коричневая лиса прыгает через ленивую собаку. Кто выступает в воскресенье?
東京は日本の首都です。東京は大きい都市です。日本語の文章です。カタカナ
你好，世界！这是一个句子。人工智能 한국어 문장입니다. 서울은 큰 도시입니다.
مرحبا بالعالم، كيف حالك اليوم؟ हिन्दी में पाठ नमस्ते दुनिया ภาษาไทย 🚀🎉
""".strip().split("\n")

MARKS = [
    "<s>", "</s>", "<mask>", "<pad>", "<unk>", "▁", " ", "  ", "   ", "\n", "\t", "\u00a0", "\u3000", "\u200b",
    "\u200d", "\u2028", "\u0085", "＜ｓ＞", "＜mask＞", "<ma\u200bsk>", "<mask", "mask>", "\u0600", "\u0600<mask>",
    "\r\n", "\u0301", "©\u200d©", "ﷺ", "ﬁ", "Ａ\u0301", "Ａ\u0327\u0301", "a\U000e0100", "a🏻", "क\u094dक\u093c\u0301",
    "\u1100\u1161\u11a8", "🇩🇪🇯", "\x00", "e\u0301",
]  # fmt: skip

VARIANTS = {
    "strip": lambda charsmap: {
        "normalizer": sequence(
            charsmap,
            {"type": "Strip", "strip_left": False, "strip_right": True},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
        )
    },
    "metaspace": lambda charsmap: {
        "normalizer": sequence(
            charsmap, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
        )
    },
}


def sequence(*normalizers):
    return {"type": "Sequence", "normalizers": list(normalizers)}


def texts():
    yield from HAND_WRITTEN
    yield from (text for text in BUILT if len(text) < 120)
    words = sorted({word for line in CORPUS for word in line.split()})
    yield from random_texts(words, 120)
    source = random.Random(5)
    for _ in range(260):
        parts = []
        for _ in range(source.choice([1, 2, 3, 5, 9])):
            parts.append(source.choice(MARKS if source.random() < 0.6 else words))
        yield "".join(parts)


def replacements(texts):
    """What NFKC and sentencepiece's nmt_nfkc make of the characters of the texts: the whole map is 240 kB."""
    to_space = [0x9, 0xA, 0xC, 0xD, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0xFEFF, 0xFFFD]
    removed = [*range(0x1, 0x9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F, 0x9F]
    rules = {chr(c): " " for c in to_space} | {chr(c): "" for c in removed}
    for text in texts:
        for form in (text, unicodedata.normalize("NFD", text)):
            for size in (1, 2):
                for at in range(len(form) - size + 1):
                    part = form[at : at + size]
                    normal = unicodedata.normalize("NFKC", part)
                    if normal != part and part not in rules and (size == 1 or len(normal) == 1):
                        rules[part] = normal
    rules.pop("\0", None)
    return {key: value for key, value in rules.items() if "\0" not in key}


def train(folder, rules):
    def points(text):
        return " ".join(f"{ord(c):04X}" for c in text)

    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as table:
        table.write("".join(f"{points(a)}\t{points(b)}\n" for a, b in sorted(rules.items())))
        table.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS * 4),
            model_writer=model,
            vocab_size=420,
            hard_vocab_limit=False,
            model_type="unigram",
            character_coverage=0.98,
            normalization_rule_tsv=table.name,
            num_threads=1,
            minloglevel=2,
        )
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    proto.normalizer_spec.ClearField("normalization_rule_tsv")  # The name of a temporary file.
    (folder / "sentencepiece.bpe.model").write_bytes(proto.SerializeToString())


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    rows = list(dict.fromkeys(texts()))
    train(folder, replacements(rows))
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "XLMRobertaTokenizer"})
    with tempfile.TemporaryDirectory() as saved:
        AutoTokenizer.from_pretrained(str(folder)).save_pretrained(saved)
        tokenizer = json.loads((pathlib.Path(saved) / "tokenizer.json").read_text())
    write_json(folder / "tokenizer.json", tokenizer)
    mask = next(token for token in tokenizer["added_tokens"] if token["content"] == "<mask>")
    tokenizers = {"ids": Tokenizer.from_str(json.dumps(tokenizer))}
    for name, change in VARIANTS.items():
        other = copy.deepcopy(tokenizer) | change(tokenizer["normalizer"])
        other["pre_tokenizer"] = tokenizer["pre_tokenizer"]["pretokenizers"][1]
        other["added_tokens"][tokenizer["added_tokens"].index(mask)] |= {
            "lstrip": True,
            "normalized": name == "metaspace",
        }
        tokenizers[name] = Tokenizer.from_str(json.dumps(other))
    processor = sentencepiece.SentencePieceProcessor(
        model_file=str(folder / "sentencepiece.bpe.model")
    )
    differing = 0
    with open(folder / "golden.jsonl", "w", encoding="ascii") as out:
        for text in rows:
            ids = {name: one.encode(text).ids for name, one in tokenizers.items()}
            row = {name: value for name, value in ids.items() if name == "ids" or value != ids["ids"]}
            out.write(json.dumps({"text": text} | row, separators=(",", ":")) + "\n")
            own = [3 if piece == 0 else piece + 1 for piece in processor.encode(text)]
            differing += own != ids["ids"][1:-1]
    print(f"{len(rows)} texts, tokenizers {__version__}; sentencepiece itself differs in {differing}")


if __name__ == "__main__":
    main()
