"""A receiver of Dateline's webhooks: verifies signatures, drops repeats, notices gaps and fetches what it missed.

pip install standardwebhooks; HOOK_SECRET=whsec_… DATELINE_API=http://127.0.0.1:8000 python examples/receiver.py 9000
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import urlopen

from standardwebhooks import Webhook, WebhookVerificationError

webhook, api = Webhook(os.environ["HOOK_SECRET"]), os.environ["DATELINE_API"]
seen: set[str] = set()  # keep both in your database, written in the transaction that uses the change
have: dict[str, int] = {}  # story -> the seq of the last change that was used


def use(story: str, change: dict) -> None:
    """Do with a change what you want to: a document of null takes the update off your page."""
    have[story] = change["seq"]
    print(json.dumps({"story": story, **{name: change[name] for name in ("seq", "kind", "update", "note")}}), flush=True)


def fetch(story: str, until: int) -> None:
    """Use the changes that were missed, as they are now."""
    while have.get(story, 0) < until:
        with urlopen(f"{api}/v1/stories/{story}/changes?since={have.get(story, 0)}") as answer:
            found = json.load(answer)
        for change in found["changes"]:
            use(story, change)
        have[story] = max(have.get(story, 0), 0 if found["more"] else until)


def take(change: dict) -> None:
    fetch(change["story"], change["after"])  # the seq that was sent before this one: nothing to do if it came
    if change["seq"] > have.get(change["story"], 0):
        use(change["story"], change)


class Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            message = webhook.verify(body, {name.lower(): value for name, value in self.headers.items()})
            if self.headers["webhook-id"] not in seen:
                take(message["data"])
                seen.add(self.headers["webhook-id"])
            self.send_response(204)
        except WebhookVerificationError:
            self.send_response(401)
        self.end_headers()


HTTPServer(("127.0.0.1", int(sys.argv[1])), Hook).serve_forever()
