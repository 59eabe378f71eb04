"""The process that sends messages to people by Apprise, one at a time: `python -m consumers.notifications.apprise_process`.

Apprise connects by itself, with libraries of its own, so the guard stands at the process: an audit hook, which cannot be taken
away again, lets it connect to public addresses alone, whatever name or redirection led there, and keeps it from running programs,
writing files, or reading any but its own. It reads one JSON object a line and answers each with one.
"""

from __future__ import annotations

import json
import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from consumers.notifications.addresses import is_loopback, is_public

ALLOW_LOOPBACK: Final = "--allow-loopback"
ALLOWED: Final = frozenset(
    {
        *("mailto", "mailtos", "slack", "discord", "msteams", "workflow", "workflows", "gchat", "webex", "wxteams", "zulip"),
        *("tgram", "ntfy", "ntfys", "gotify", "gotifys", "matrix", "matrixs", "mmost", "mmosts", "rocket", "rockets"),
        *("pover", "pbul", "signal", "signals", "threema", "twilio", "vonage", "sendgrid", "mailgun", "postmark", "brevo"),
        *("opsgenie", "pagerduty", "mastodon", "mastodons", "bluesky", "bsky", "line", "lark", "feishu", "dingtalk", "nctalk"),
        *("nctalks", "revolt", "guilded", "smtp2go", "ses", "sns", "resend", "pushover", "synology", "synologys", "whatsapp"),
    }
)
"""Services that send to people over the network. Others of Apprise's run programs, touch files, or are no service for people."""

_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn")
_CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_READABLE = ("/etc/ssl/", "/etc/pki/", "/etc/mime.types", "/etc/localtime", "/usr/share/", "/usr/lib/", "/usr/local/share/")

Json = dict[str, Any]  # Any: whatever JSON holds


class _Forbidden(OSError):
    """What the process may not do; an `OSError`, as libraries expect of a network that does not let them."""


def main() -> None:
    """Answer lines until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing else of what runs here is an answer
    import apprise

    asset = apprise.AppriseAsset(
        plugin_paths=[], http_redirects=False, allow_templates=False, async_mode=False, storage_mode="memory", app_id="Dateline"
    )
    asset.app_desc, asset.app_url, asset.secure_logging = "Live updates", "", True
    _warm_up(apprise, asset)
    sys.addaudithook(_hook(allow_loopback=ALLOW_LOOPBACK in sys.argv))
    for line in sys.stdin.buffer:
        answer = _answer(apprise, asset, json.loads(line))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _warm_up(apprise: Any, asset: Any) -> None:  # Any: the library's module and its class, which are typed in part
    """Load what sending needs, so that nothing is left to be read of files."""
    import smtplib  # noqa: F401  # loaded for others

    apprise.Apprise.instantiate("ntfys://example.org/topic", asset=asset)


def _answer(apprise: Any, asset: Any, asked: Json) -> Json:  # Any: as above
    """Return the address as it may be shown, or why it is none; or how sending went."""
    url = str(asked["url"])
    scheme = url.partition("://")[0].lower()
    if "://" not in url or scheme not in ALLOWED:
        return {"ok": False, "problem": f"no service {scheme[:20]!r} is known here"}
    if not url.isprintable() or " " in url:
        return {"ok": False, "problem": "the address holds a space or a character that cannot be seen"}
    try:
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if service is None:
            return {"ok": False, "problem": f"the address is none that {scheme} understands"}
        if "body" not in asked:
            return {"ok": True, "shown": _shown(service, scheme)}
        taken = service.notify(body=asked["body"], title=asked["title"], body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # each service raises what it likes
        return {"ok": False, "problem": f"the service's program failed ({type(error).__name__})"}
    return {"ok": bool(taken)} if taken else {"ok": False, "problem": f"{scheme} did not take the message"}


def _shown(service: Any, scheme: str) -> str:  # Any: one of Apprise's services
    """Return the address without what is secret in it, and without Apprise's settings."""
    return str(service.url(privacy=True)).partition("?")[0] or f"{scheme}://…"


def _hook(*, allow_loopback: bool) -> Any:  # Any: what `sys.addaudithook` takes
    readable = (*_READABLE, *(str(Path(place).resolve()) for place in {sys.prefix, sys.base_prefix, sys.exec_prefix}))
    readable += tuple(str(Path(place).resolve()) for place in sys.path if place)

    def hook(event: str, args: tuple[Any, ...]) -> None:  # Any: of each event its own
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            _refuse_inside(args[1], allow_loopback=allow_loopback)
        elif event == "open":
            _refuse_file(args, readable)
        elif event in _PROGRAMS or event in _CHANGES:
            raise _Forbidden(f"{event} is not for a message")

    return hook


def _refuse_inside(place: Any, *, allow_loopback: bool) -> None:  # Any: an address of any family
    try:
        address = ip_address(place[0])
    except (ValueError, TypeError, IndexError):
        raise _Forbidden("a connection goes to an address that was looked at") from None
    if not (is_public(address) or (allow_loopback and is_loopback(address))):
        raise _Forbidden("a connection goes to a public address")


def _refuse_file(args: tuple[Any, ...], readable: tuple[str, ...]) -> None:  # Any: path, mode and flags
    path, _, flags = args
    if isinstance(path, int) or path == os.devnull:
        return
    name = os.path.realpath(os.fsdecode(path))
    if (isinstance(flags, int) and flags & _WRITING) or not name.startswith(readable):
        raise _Forbidden("a message touches no file")


if __name__ == "__main__":
    main()
