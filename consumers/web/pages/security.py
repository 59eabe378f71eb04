"""What a page may load and do, for the browser to hold it to."""

from __future__ import annotations

from typing import Final

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' https: http:",
    "media-src": "'self' https: http:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "dateline",
}


def content_security_policy() -> str:
    """Return the value of `Content-Security-Policy` for every page.

    Pictures, sound and video come from wherever the desk says; nothing else comes from elsewhere. Nothing inline runs; HTML
    goes into an open page through one named policy only, which is the script's for what this server sent.
    """
    return "; ".join(f"{name} {value}" for name, value in _POLICY.items())
