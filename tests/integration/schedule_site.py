"""A conference's site and feed, made from a list of sessions that tests change."""

import html
import http.server
import json
import threading
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlparse

PATH = "/scale/23x/presentations"
PER_PAGE = 25
DAYLIGHT = datetime(2026, 3, 8, 2)  # Clocks go forward that night.


class Site:
    """`sessions` are metadata of schedule_index.json; addresses are on this server."""

    def __init__(self, documents):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.sessions = [dict(d["metadata"]) for d in documents]
        self.broken = set()  # Paths that answer 500.
        self.asked = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def find(self, part):
        return next(s for s in self.sessions if part in s["url"])

    def remove(self, part):
        self.sessions.remove(self.find(part))

    def page(self, path, query):
        if path in self.broken:
            return None
        if path == PATH:
            return self._list(int(parse_qs(query).get("page", ["0"])[0]))
        if path == "/scale/23x/signs":
            return json.dumps([self._sign(s) for s in reversed(self.sessions)])
        for session in self.sessions:
            if urlparse(session["url"]).path == path:
                return self._detail(session)
        return None

    def _list(self, number):
        last = (len(self.sessions) - 1) // PER_PAGE
        begin = max(0, number * PER_PAGE - 1)  # One is listed twice across each break.
        rows = "".join(self._row(s) for s in self.sessions[begin:(number + 1) * PER_PAGE])
        pager = f'<a href="?page={last}">last</a>'  # Those in between are not linked.
        if number < last:
            pager += f'<a rel="next" href="?page={number + 1}">next</a>'
        return f"<!DOCTYPE html><html><body><h3>Sponsors</h3>{rows}<p>{pager}</p></body></html>"

    def _row(self, session):
        names = ", ".join(
            f'<a href="{urlparse(p["url"]).path}">{html.escape(p["name"])}</a>'
            if p["url"] else html.escape(p["name"]) for p in session["speakers"])
        return (f'<section><h3><a href="{urlparse(session["url"]).path}">'
                f'{html.escape(session["title"])}</a></h3><div>{names}</div>'
                f'<div><p>{html.escape(session["description"])}</p></div></section>')

    def _detail(self, session):
        when = ""
        if session["date"]:
            day = datetime.strptime(session["date"], "%m/%d/%Y")
            when = (f'take place in {session["location"]} on {day:%A, %B} {day.day}, {day.year} '
                    f'- {session["start"]} to {session["end"]}')
        audience = f'<div>Audience: {session["audience"]}</div>' if session["audience"] else ""
        return (f"<html><body><p>The presentation will {when}</p><div><b>Topic:</b>\n<span>"
                f'{html.escape(session["topic"])}</span></div>{audience}</body></html>')

    def _sign(self, session):
        return {"Name": html.escape(session["title"], quote=False),
                "Location": session["location"],
                "StartTime": instant(session["date"], session["start"]),
                "EndTime": instant(session["date"], session["end"]),
                "Speakers": ", ".join(p["name"] for p in session["speakers"]),
                "Topic": html.escape(session["topic"]), "Photo": "",
                "Description": html.escape(session["description"]) + "\n",
                "Link": urlparse(session["url"]).path}

    def _handler(site):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urlparse(self.path)
                site.asked.append(self.path)
                body = site.page(url.path, url.query)
                kind = "application/json" if url.path.endswith("signs") else "text/html"
                self.send_response(200 if body is not None else
                                   500 if url.path in site.broken else 404)
                payload = (body or "").encode()
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_):
                pass

        return Handler


def instant(date, time):
    if not date:
        return ""
    local = datetime.strptime(f"{date} {time}", "%m/%d/%Y %H:%M")
    offset = timedelta(hours=-7 if local >= DAYLIGHT else -8)
    return f"{local.isoformat()}{'-' if offset.days < 0 else '+'}0{abs(offset).seconds // 3600}:00"
