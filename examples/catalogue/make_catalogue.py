#!/usr/bin/env python3
"""Writes catalogue_index.json and the two question files from products.tsv, pages.md and the lists
below.

usage: examples/catalogue/make_catalogue.py

What a list must contain is computed from the products, and so is what it must not contain: every
other product's name.
"""

import csv
import json
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
SITE = "https://fell-and-fjord.example/"


def slug(title):
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def read_products():
    with open(HERE / "products.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def product_document(row):
    lead = f"{row['title']}, by {row['brand']}."
    if row["designer"]:
        lead += f" Designed by {row['designer']}."
    lead += f" Price: EUR {float(row['price']):.2f}. Weight: {row['weight']}."
    metadata = {"sku": row["sku"], "title": row["title"], "brand": row["brand"]}
    metadata |= {"category": row["category"], "price": float(row["price"]), "weight": row["weight"]}
    for key in ("designer", "store", "released", "firmware", "warranty"):
        if row[key]:
            metadata[key] = row[key]
    metadata["url"] = SITE + "products/" + slug(row["title"])
    return {"text": f"{lead} {row['text']}", "metadata": metadata}


def page_documents():
    for section in (HERE / "pages.md").read_text().split("# ")[1:]:
        title, _, text = section.partition("\n")
        url = SITE + "help/" + slug(title)
        metadata = {"title": title, "section": "Help", "url": url}
        yield {"text": f"{title}. {text.strip()}", "metadata": metadata}


class Questions:
    def __init__(self, products, pages, prefix):
        self.products = products
        self.prefix = prefix
        self.urls = {row["title"]: SITE + "products/" + slug(row["title"]) for row in products}
        self.urls |= {page["metadata"]["title"]: page["metadata"]["url"] for page in pages}
        self.rows = []

    def add(self, kind, question, about=(), include=(), forbid=(), **more):
        about = [about] if isinstance(about, str) else list(about)
        if kind != "unanswerable":
            more["qrels"] = {self.urls[title]: 1 for title in about}
        self.rows.append(
            {
                "id": f"{self.prefix}-{len(self.rows) + 1:03}",
                "question": question,
                "type": kind,
                "expected_urls": [self.urls[title] for title in about],
                "must_include": [include] if isinstance(include, str) else list(include),
                "must_not_include": [forbid] if isinstance(forbid, str) else list(forbid),
                "answerable": kind != "unanswerable",
                **more,
            }
        )

    def add_list(self, kind, question, fits, include=(), **more):
        titles = [row["title"] for row in self.products if fits(row)]
        others = [row["title"] for row in self.products if not fits(row)]
        self.add(kind, question, titles, [*titles, *include], others, **more)

    def no(self, question, reason, about=(), forbid=(), absent=(), **more):
        self.add(
            "unanswerable", question, about, (), forbid, reason=reason, absent_terms=absent, **more
        )


def turns(question, answer):
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def single_facts(q):
    q.add("single-fact", "How much does the Rill Filter cost?", "Rill Filter", "54", "87")
    q.add(
        "single-fact",
        "What does the Larch Two weigh?",
        "Larch Two",
        (),
        "1150",
        any_of=[["1690", "1.69"]],
    )
    q.add("single-fact", "Who designed the Basecamp Oven?", "Basecamp Oven", "Vandermeer")
    q.add(
        "single-fact",
        "When was the Waypoint 3 released?",
        "Waypoint 3",
        "2022",
        "2024",
        any_of=[["October 3", "2022-10-03", "3 October"]],
    )
    q.add(
        "single-fact",
        "Which firmware version does the Halden VHF 25 have?",
        "Halden VHF 25",
        "5.0",
        "4.1",
    )
    q.add(
        "single-fact",
        "In which store can I see the Fjellbu Tunnel 4?",
        "Fjellbu Tunnel 4",
        "Harbour",
        "Mill Store",
    )
    q.add("single-fact", "How long is the warranty on the Titan Bell?", "Titan Bell", "10 years")
    q.add(
        "single-fact",
        "How many lumens does the Glowfold 450 give?",
        "Glowfold 450",
        "450 lumens",
        "200 lumens",
    )
    q.add(
        "single-fact",
        "How many days do I have to send something back?",
        "Returns and refunds",
        "60",
    )
    q.add(
        "single-fact", "What does a new zip cost in the repair workshop?", "Repair workshop", "35"
    )
    q.add("single-fact", "Who founded the company?", "About us", "Rolfsrud")
    q.add(
        "single-fact",
        "What is the article with the number OR-608?",
        "Trackstick Logger",
        "Trackstick Logger",
    )


def lists(q):
    by = lambda key, value: lambda row: row[key] == value
    q.add_list(
        "by-person", "Which products did Ines Tarvainen design?", by("designer", "Ines Tarvainen")
    )
    q.add_list("by-person", "List everything by Petra Halloran.", by("designer", "Petra Halloran"))
    q.add_list(
        "by-person", "How many products are by Bram Ekundayo?", by("designer", "Bram Ekundayo")
    )
    q.add_list(
        "by-person",
        "Which radios did Sunniva Okonjo design?",
        lambda r: r["designer"] == "Sunniva Okonjo" and r["category"] == "Radios",
    )
    q.add_list("by-topic", "Which tents do you sell?", by("category", "Tents"))
    q.add_list(
        "by-topic",
        "List all Norrbeck stoves.",
        lambda r: r["brand"] == "Norrbeck" and r["category"] == "Stoves",
    )
    q.add_list(
        "by-topic",
        "Which products of the brand Orrin Works are in the category Navigation?",
        lambda r: r["brand"] == "Orrin Works" and r["category"] == "Navigation",
    )
    q.add_list(
        "by-topic",
        "How many lamps are there in the catalogue?",
        by("category", "Lamps"),
        any_of=[["8", "eight"]],
    )
    q.add_list(
        "number-slot",
        "Which packs cost less than 100 euros?",
        lambda r: r["category"] == "Packs" and float(r["price"]) < 100,
    )
    q.add_list(
        "number-slot", "Which products cost more than 500 euros?", lambda r: float(r["price"]) > 500
    )
    q.add_list(
        "number-slot",
        "Which lamps weigh under 100 g?",
        lambda r: r["category"] == "Lamps" and int(r["weight"][:-2]) < 100,
    )
    q.add_list(
        "time-slot",
        "Which products were released in 2025?",
        lambda r: r["released"].startswith("2025"),
    )
    q.add_list(
        "time-slot",
        "What was released in October 2024?",
        lambda r: r["released"].startswith("2024-10"),
    )
    q.add_list(
        "number-slot",
        "Which radios have a warranty of 5 years?",
        lambda r: r["category"] == "Radios" and r["warranty"] == "5 years",
    )
    q.add_list(
        "by-place",
        "Which stoves are at the Airport Counter?",
        lambda r: r["category"] == "Stoves" and r["store"] == "Airport Counter",
    )
    q.add_list(
        "by-place",
        "Which navigation products does the Harbour Store have?",
        lambda r: r["category"] == "Navigation" and r["store"] == "Harbour Store",
    )


def crossing(q):
    q.add(
        "cross-record",
        "Which is lighter, the Larch One or the Larch Two?",
        ["Larch One", "Larch Two"],
        any_of=[["1150", "1.15"]],
    )
    q.add(
        "cross-record",
        "Do Moraine 65 and Moraine 85 have the same designer?",
        ["Moraine 65", "Moraine 85"],
        "Thorvald",
    )
    q.add(
        "cross-record",
        "What is the cheapest tent?",
        "Bughouse Net",
        "Bughouse Net",
        ["Larch", "Dome of Ten"],
    )
    q.add(
        "cross-record",
        "Which came out first, the Waypoint 3 or the Waypoint 4?",
        ["Waypoint 3", "Waypoint 4"],
        ["Waypoint 3", "2022"],
    )
    q.add(
        "paraphrase",
        "I want to bake a loaf while camping. What do you have for that?",
        "Basecamp Oven",
        "Basecamp Oven",
    )
    q.add(
        "paraphrase",
        "Is there something that turns the sea into something to drink?",
        "Desal Hand Pump",
        "Desal Hand Pump",
    )
    q.add(
        "paraphrase",
        "Something to carry my small daughter on my back on a hike?",
        "Toddler Perch",
        "Toddler Perch",
    )
    q.add(
        "paraphrase",
        "May I bring fuel canisters on a plane?",
        "Batteries on aircraft",
        "not allowed",
    )
    q.add("typo", "how much is teh kettelbird alcohl stove", "Kettlebird Alcohol Stove", "19")
    q.add("typo", "who desinged the meridain compas", "Meridian Compass", "Halloran")
    q.add("typo", "wich store has the sadle otter", "Saddle Otter", "Station Store")


def follow_ups(q):
    first, said = "Who designed the Trailkettle?", '"Trailkettle" is designed by Osric Vandermeer.'
    q.add("follow-up", first, "Trailkettle", "Vandermeer", pair="cat-pair-1", turn=1)
    q.add(
        "follow-up",
        "And how much does it cost?",
        "Trailkettle",
        "36",
        pair="cat-pair-1",
        turn=2,
        history=turns(first, said),
    )
    first, said = (
        "Which store has the Summit Repeater?",
        '"Summit Repeater" is at the Airport Counter.',
    )
    q.add("follow-up", first, "Summit Repeater", "Airport Counter", pair="cat-pair-2", turn=1)
    q.add(
        "follow-up",
        "What does it weigh?",
        "Summit Repeater",
        (),
        any_of=[["3900", "3.9"]],
        pair="cat-pair-2",
        turn=2,
        history=turns(first, said),
    )
    first, said = "What does the UV Wand Lumen cost?", '"UV Wand Lumen" costs 95 EUR.'
    more = dict(pair="cat-pair-3", turn=2, history=turns(first, said))
    q.no("In which colours is it sold?", "field-missing", "UV Wand Lumen", **more)


def unanswerable(q):
    q.no("How much is the Glowfold 900?", "absent", absent=["Glowfold 900"])
    q.no("Which products did Ansel Adams design?", "absent", absent=["Ansel Adams"])
    q.no("Who designed the Torchline Searchlight?", "field-missing", "Torchline Searchlight")
    q.no("When was the Cairn Bivy released?", "field-missing", "Cairn Bivy")
    q.no("Which firmware runs on the Titan Bell?", "field-missing", "Titan Bell")
    q.no("Do you sell kayaks?", "absent", absent=["kayak"])
    q.no("Which products are by the brand Patagonia?", "absent", absent=["Patagonia"])
    q.no("What was the turnover of the company last year?", "absent", forbid=["turnover was"])
    q.no("Which products cost more than 5000 euros?", "absent")
    q.no("What is the phone number of the Mill Store?", "absent")
    q.no(
        "When did Petra Halloran design the Larch Two?",
        "false-premise",
        "Larch Two",
        forbid=["Halloran designed the Larch"],
    )
    q.no("Can I pay with Bitcoin?", "absent", absent=["Bitcoin"])
    q.no("Which stoves are in the Paris store?", "absent", absent=["Paris"])
    q.no("How deep can the Halden VHF 6 dive?", "field-missing", "Halden VHF 6")
    q.no("Which tents were released in 2018?", "absent", absent=["2018"])
    q.no("How many employees does Norrbeck have?", "absent", forbid="46")


def held_out(q):
    """Written before the code that answers them was read, and never tuned to."""
    q.add("single-fact", "What is the price of the Moraine 85?", "Moraine 85", "298", "264")
    q.add("single-fact", "When does the Station Store close?", "Opening hours", "20:00")
    q.add("single-fact", "How much deposit do you take for a rented tent?", "Rental", "200")
    q.add(
        "single-fact", "Who came up with the Hammock Halyard?", "Hammock Halyard", "Brandt-Mensah"
    )
    q.add("single-fact", "Is shipping free for an order of 80 euros?", "Delivery", "75")
    q.add("single-fact", "How heavy is the Desal Hand Pump?", "Desal Hand Pump", "2950")
    q.add(
        "paraphrase", "My gift voucher is three years old. Is it still good?", "Gift cards", "never"
    )
    q.add(
        "paraphrase",
        "How do I wash a sleeping bag filled with feathers?",
        "Caring for down and wax",
        "thirty degrees",
    )
    q.add("paraphrase", "Which lamp never needs batteries?", "Dynamo Lamp Perpetua", "Perpetua")
    q.add("paraphrase", "Do you have a bag I can put my laptop in?", "Courier 28", "Courier 28")
    q.add("typo", "waranty of the Portge Dufel", "Portage Duffel", "7 years")
    q.add_list("by-topic", "What radios are there?", lambda r: r["category"] == "Radios")
    q.add_list(
        "by-place",
        "List the packs sold at the Mill Store.",
        lambda r: r["category"] == "Packs" and r["store"] == "Mill Store",
    )
    q.add_list(
        "number-slot",
        "Which water products are cheaper than 40 EUR?",
        lambda r: r["category"] == "Water" and float(r["price"]) < 40,
    )
    q.no("Who designed the Chain Elixir?", "field-missing", "Chain Elixir")
    q.no("Do you have snowshoes?", "absent", absent=["snowshoe"])
    q.no("Which store sells the Larch Three?", "absent", absent=["Larch Three"])
    q.no("When does the London store open?", "absent", absent=["London"])
    q.no("How many stars did customers give the Rill Filter?", "field-missing", "Rill Filter")
    q.no("Which tents did Petra Halloran design?", "absent")


def write_questions(name, questions, groups):
    for group in groups:
        group(questions)
    lines = (json.dumps(row, ensure_ascii=False) for row in questions.rows)
    (HERE / name).write_text("".join(line + "\n" for line in lines))


def main():
    products, pages = read_products(), list(page_documents())
    documents = [product_document(row) for row in products] + pages
    index = {"index_name": "catalogue", "documents": documents}
    (HERE / "catalogue_index.json").write_text(
        json.dumps(index, indent=1, ensure_ascii=False) + "\n"
    )
    groups = (single_facts, lists, crossing, follow_ups, unanswerable)
    write_questions("questions.jsonl", Questions(products, pages, "cat"), groups)
    write_questions("questions-heldout.jsonl", Questions(products, pages, "held"), (held_out,))


if __name__ == "__main__":
    main()
