#!/usr/bin/env python3
"""Writes src/text/testdata/wordpiece_golden.jsonl: texts and the ids that Hugging Face `tokenizers` gives.

Usage: wordpiece_golden.py MODEL_FOLDER OUTPUT        (needs `pip install tokenizers`)

MODEL_FOLDER is a sentence-transformers folder with a tokenizer.json (all-MiniLM-L6-v2). Each line is
{"text": ..., "ids": [...]}; the last is {"joined_bytes": N, "sha256": ...}: all texts joined with a
newline, repeated until at least N bytes, and the SHA-256 of the ids written as decimals with spaces.
"""

import hashlib
import json
import random
import sys
import unicodedata

from tokenizers import Tokenizer, __version__

JOINED_BYTES = 1_000_000

HAND_WRITTEN = """
Hello, World!
the quick brown fox jumps over the lazy dog
unaffable unbelievably antidisestablishmentarianism
Café déjà-vu naïve coöperate Zoë Ångström façade señor
Cafe\u0301 de\u0301ja\u0300 nai\u0308ve A\u030angstro\u0308m
a\u0301\u0323\u0308 e\u0323\u0301 q\u0307\u0323 \u0301 \u0301\u0301 o\u0338\u0301
Zażółć gęślą jaźń. Příliš žluťoučký kůň. Árvíztűrő tükörfúrógép.
İstanbul ISPARTA ısırgan I\u0307 i\u0307 ŞŞ ğĞ
ΟΔΥΣΣΕΥΣ Ὀδυσσεύς ς σ Σ ΣΑΣ ά\u0345 ᾳ ᾼ
Straße STRASSE ẞ ß ſ ﬀ ﬁ ﬂ ﬃ ﬄ ﬅ ﬆ Ĳ ĳ Ǆ ǅ ǆ ŉ
Привет, мир! Ёлка, йод, ЁЙ. Їжак ґанок. Ђорђе
Ελληνικά με τόνους: ά έ ή ί ό ύ ώ ΐ ΰ ϊ ϋ · ;
東京は日本の首都です。 人工知能 2025年 東京タワー
カタカナ ガギグゲゴ が ぎ ぱ か\u3099 は\u309a ｶﾞ ﾊﾟ ー 々 〆 ヶ
你好，世界！ 這是繁體中文。 𠀀𠀁𪜀 豈更車 \U0002f800\U0002f81a
한국어 형태소 분석 각 \u1100\u1161\u11a8 \u1112\u1161\u11ab 뷁 ㄱㄴㄷ ㅏㅑ
ภาษาไทยไม่มีช่องว่าง น้ำ กำ เก่ง
العَرَبِيَّةُ مُحَمَّدٌ ـــ لا ﻻ ﷺ ٣٤٥ ؟ ، ؛
שָׁלוֹם עוֹלָם בְּרֵאשִׁית ״צה״ל״ שׁ שׂ יִ
हिन्दी में पाठ। क्षत्रिय ज़रूर क़ लड़का श्री ॥
বাংলা ভাষা কো ৌ தமிழ் மொழி கொ తెలుగు ಕನ್ನಡ ೊ മലയാളം ൊ සිංහල ෝ
မြန်မာ ဘာသာ ဦ ລາວ ខ្មែរ ཨོཾ་མ་ཎི་པདྨེ་ཧཱུྃ། གྷ ཀྵ
አማርኛ ቋንቋ። ᏣᎳᎩ Ꭰꭰ ქართული ႠႡ ᲐᲑ Հայերեն և ﬓ
ᠮᠣᠩᠭᠣᠯ ᚠᚢᚦ ᚛ᚑᚌᚐᚋ᚜ ⴰⵎⴰⵣⵉⵖ ߒߞߏ ꦗꦮ ꦽ
👩‍💻 👨‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇯🇵 1️⃣ #️⃣ ☺️ ☺︎ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🤷🏻‍♀️
z̷̢̛a̴͓͐l̸̡̄g̶̱̈́o̵̭͒ t̵e̷x̸t̴
zero\u200bwidth zero\u200cnon zero\u200djoin word\u2060joiner \ufeffbom soft\u00adhyphen
no\u00a0break fig\u2007ure thin\u2009space narrow\u202fspace ideo\u3000graphic line\u2028sep para\u2029sep ogham\u1680x
tab\there new\r\nline vertical\x0btab form\x0cfeed nul\x00byte bell\x07 esc\x1b[0m del\x7f c1\x85next \x9f
replacement\ufffdcharacter \ufffd\ufffd \ufffe\uffff private\ue000use \U000f0000
left\u202eright\u202c mark\u200e\u200f \u2066isolate\u2069 \u061c
https://example.com/a/b?c=d&e=%20#frag user.name+tag@sub.example.co.uk 192.168.0.1 [::1]:8080
int main() { return x->y != 0x1F && a[i++] <<= 2; } // comment /* ** */ `code` $HOME ~/.cfg
snake_case camelCase PascalCase kebab-case SCREAMING_SNAKE v1.2.3-rc.4+build.5 C++ C# .NET F#
1234567890 3.14159 1,000,000 1e-10 ½ ¼ ² ³ ₁ Ⅷ ⅷ ① ⒈ ㊿ 一二三 ٠١٢ ०१२ 𝟘𝟙
$100 €20 £5 ¥1000 ₹50 ₿ ± × ÷ ≠ ≤ ∞ ∑ √ ∂ ∫ ° ′ ″ ‰ № ™ ® © ℃ Å K Ω
“curly” ‘quotes’ «guillemets» „low“ ‹single› – en — em … ‥ • · † ‡ § ¶ ¡hola! ¿qué? ‽ ⁂ 〈x〉 「鉤」 《書》 〜 ・
ｆｕｌｌｗｉｄｔｈ　ＡＢＣ１２３！？（）［］ ～ ￥
!"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~
don't can't it's 'tis rock'n'roll o'clock y'all'd've
[CLS] [SEP] [PAD] [UNK] [MASK] [cls] [SEP][SEP]a[MASK]b [ CLS ] [UNK
##ing ## # ##a a##b ###
\u1734 \u1885 \u1886 \ua9bd \U000111c9 \u166d x\u1734y x\u1885y x\U000111c9y
\U0001d15e \U0001d165\U0001d16d\u302e \u302e\u302a\u302f a\u302e\u0301\U0001d165b \U00016ff0\u302e
\u1e9b\u0323 \u212b \u2126 \u1fef \u037e \u0340\u0341\u0343\u0344 \u2329\u232a \u1fbe \u0958 \ufb1d
\u2c2f\u2c5f \ua7dc \ua7cb \U0001e900 \U00010400 \U000118a0 Ა ꭰ
""".strip("\n").split("\n")

BUILT = [
    "",
    " ",
    "\n\n\t",
    "\x00",
    "\ufffd",
    "\u0301",
    "a" * 99,
    "a" * 100,
    "a" * 101,
    "é" * 100,
    "é" * 101,
    "e\u0301" * 100,
    "e\u0301" * 101,
    "x" * 250 + " y",
    "가" * 33,
    "가" * 34,
    "가" * 50,
    "각" * 33,
    "각" * 34,
    "a\u200b" * 100,
    "a\u200b" * 101,
    "中" * 150,
    "-" * 150,
    "ab-" * 60,
    "\U0001f600" * 101,
    "supercalifragilisticexpialidocious" * 3,
    "q" * 100 + "\u0301",
    "q" * 100 + "\u302e",
    "9" * 100,
    "İ" * 100,
    "ǆ" * 60,
    "ﬃ" * 60,
    "\U0001d165\u302e" * 50,
    "\u302e\U0001d165" * 51,
]

RANDOM_BLOCKS = [
    (0x00, 0x20),
    (0x20, 0x7F),
    (0x80, 0x250),
    (0x250, 0x370),
    (0x300, 0x370),
    (0x370, 0x530),
    (0x530, 0x780),
    (0x900, 0xE00),
    (0xE00, 0x1100),
    (0x1100, 0x1400),
    (0x1DC0, 0x1E00),
    (0x1E00, 0x2100),
    (0x2100, 0x2C00),
    (0x3000, 0x3400),
    (0x302A, 0x3030),
    (0x4E00, 0x5200),
    (0xA640, 0xA700),
    (0xAC00, 0xB000),
    (0xF900, 0xFB50),
    (0xFB00, 0x10000),
    (0x1D100, 0x1D200),
    (0x1F300, 0x1F700),
    (0x2F800, 0x2FA1E),
    (0xE0000, 0xE01F0),
]


def random_texts(words, count):
    source = random.Random(20240229)
    for _ in range(count):
        blocks = [source.choice(RANDOM_BLOCKS) for _ in range(source.choice([1, 2, 3]))]
        parts = []
        for _ in range(source.choice([3, 8, 20, 40])):
            kind = source.random()
            if kind < 0.6:
                parts.append(chr(source.randrange(*source.choice(blocks))))
            elif kind < 0.8:
                parts.append(source.choice(words))
            elif kind < 0.9:
                parts.append(chr(source.randrange(0x300, 0x370)))
            else:
                parts.append(source.choice([" ", "\n", "[SEP]", "\u200d", "\ufe0f", "É", "İ", "ß"]))
        yield "".join(parts)


def samples_of_the_plane():
    """A few assigned characters of every 128 code points of the BMP, alone and inside a word."""
    source = random.Random(1)
    for begin in range(0, 0x10000, 0x80):
        assigned = [
            c
            for c in range(begin, begin + 0x80)
            if unicodedata.category(chr(c)) not in ("Cn", "Cs")
        ]
        in_large_block = (
            0x3500 <= begin < 0x4D00 or 0x4F00 <= begin < 0x9F00 or 0xAD00 <= begin < 0xD700
        )
        if not assigned or (in_large_block and begin % 0x1000 != 0) or 0xE100 <= begin < 0xF800:
            continue
        some = sorted(source.sample(assigned, min(6, len(assigned))))
        yield " ".join(f"a{chr(c)}b {chr(c)}" for c in some)


def main():
    model_folder, output = sys.argv[1:]
    tokenizer = Tokenizer.from_file(f"{model_folder}/tokenizer.json")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    words = sorted(w for w in tokenizer.get_vocab() if len(w) > 3)
    texts = HAND_WRITTEN + BUILT + list(samples_of_the_plane()) + list(random_texts(words, 400))
    with open(output, "w", encoding="ascii") as out:
        for text in texts:
            out.write(
                json.dumps({"text": text, "ids": tokenizer.encode(text).ids}, separators=(",", ":"))
                + "\n"
            )
        unit = "\n".join(texts) + "\n"
        size = len(unit.encode())
        ids = tokenizer.encode(unit * -(-JOINED_BYTES // size)).ids
        digest = hashlib.sha256(" ".join(map(str, ids)).encode()).hexdigest()
        out.write(json.dumps({"joined_bytes": JOINED_BYTES, "sha256": digest}) + "\n")
    print(f"{len(texts)} texts, tokenizers {__version__}")


if __name__ == "__main__":
    main()
