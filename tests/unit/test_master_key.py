"""The master key: made once, read by its owner alone; what derives from it is the same each time, and shown nowhere."""

from __future__ import annotations

import pickle
import re
import traceback
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from stat import S_IMODE

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dateline.errors import Refused
from dateline.master_key import KEY_FILE, MasterKey, SealBroken, master_key
from dateline.settings import Settings

KEY = b"a key for tests, of enough bytes"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


def test_secrets_are_those_that_receivers_were_given() -> None:
    """They derive; were they to come out otherwise, each receiver would refuse each message."""
    assert MasterKey(KEY).webhook_secret("sub-1", 0) == "whsec_34gCrrzBIv69QYxq+L+fPqWeiuS0jq/va4LPQG8sAUY="
    assert MasterKey(KEY).fingerprint == "gzt6qhu7"


def test_a_secret_is_what_standard_webhooks_asks_for() -> None:
    secret = MasterKey(KEY).webhook_secret("sub-1", 0)

    assert 24 <= len(b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64


@given(st.sets(st.tuples(TEXTS, st.integers(0, 2**31)), min_size=2, max_size=6))
def test_each_subscription_and_each_rotation_has_a_secret_of_its_own(who: set[tuple[str, int]]) -> None:
    key = MasterKey(KEY)

    assert len({key.webhook_secret(subscription, rotation) for subscription, rotation in who}) == len(who)


def test_another_key_gives_other_secrets_and_has_another_fingerprint() -> None:
    one, other = MasterKey(KEY), MasterKey(KEY + b"!")

    assert one.webhook_secret("s", 0) != other.webhook_secret("s", 0)
    assert one.fingerprint != other.fingerprint


@given(TEXTS, TEXTS)
def test_what_is_sealed_can_be_opened(subscription: str, text: str) -> None:
    key = MasterKey(KEY)

    sealed = key.seal(subscription, text)

    assert key.unseal(subscription, sealed) == text
    assert len(text) < 4 or text not in sealed
    assert key.seal(subscription, text) != sealed, "sealed twice, it is not known again"


@pytest.mark.parametrize("sealed", ["", "v1.", "v1.AAAA", "garbage", "v1." + "A" * 80, "v1.ä"])
def test_what_is_no_seal_is_refused(sealed: str) -> None:
    with pytest.raises(SealBroken, match="sealed under another master key"):
        MasterKey(KEY).unseal("sub-1", sealed)


def test_a_seal_is_of_one_key_and_one_subscription() -> None:
    sealed = MasterKey(KEY).seal("sub-1", "mailtos://user:secret@example.org")

    with pytest.raises(SealBroken):
        MasterKey(KEY).unseal("sub-2", sealed)
    with pytest.raises(SealBroken):
        MasterKey(KEY + b"!").unseal("sub-1", sealed)


def test_a_key_is_shown_nowhere() -> None:
    key = MasterKey(KEY)

    assert KEY.decode() not in f"{key!r} {key} {[key]}"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(SealBroken) as broken:
        key.unseal("sub-1", "v1.AAAA")
    assert KEY.decode() not in "".join(traceback.format_exception(broken.value))


def test_a_short_key_is_refused_and_not_shown() -> None:
    with pytest.raises(Refused, match="has 6 bytes; it needs 16 or more") as refused:
        master_key(Settings(secret_key="sesame"))

    assert "sesame" not in str(refused.value)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "data"))

    first, second = master_key(settings), master_key(settings)

    assert first.fingerprint == second.fingerprint
    file = tmp_path / "data" / KEY_FILE
    assert S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [KEY_FILE], "nothing is left behind"


def test_many_who_come_first_at_once_have_one_key(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path))

    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: master_key(settings).fingerprint, range(64)))

    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_the_environment_wins_and_leaves_no_file(tmp_path: Path) -> None:
    key = master_key(Settings(data=str(tmp_path), secret_key=KEY.decode()))

    assert key.fingerprint == MasterKey(KEY).fingerprint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    master_key(Settings(data=str(tmp_path)))
    (tmp_path / KEY_FILE).chmod(mode)

    with pytest.raises(Refused, match="chmod 600"):
        master_key(Settings(data=str(tmp_path)))


@pytest.mark.parametrize("content", [b"", b"\n", b"short"])
def test_a_file_without_a_key_is_never_written_over(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / KEY_FILE
    file.write_bytes(content)
    file.chmod(0o600)

    with pytest.raises(Refused, match="holds no master key"):
        master_key(Settings(data=str(tmp_path)))
    assert file.read_bytes() == content


def test_a_secret_is_in_no_message_of_the_settings() -> None:
    assert not re.search("sesame", repr(Settings(secret_key="open-sesame-open-sesame")))
