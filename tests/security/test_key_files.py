"""Key files: what is read is what was checked. Most of it is in tests/test_credentials.py; this is the rest."""

from __future__ import annotations

import os
import socket

import pytest

from binance_socket import Ed25519Key, HmacKey, InvalidRequest, RsaKey
from binance_socket.credentials import MAX_KEY_FILE_SIZE

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this platform has no POSIX permissions")

READERS = [HmacKey.from_file, RsaKey.from_file, Ed25519Key.from_file]


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text("the-secret")
    path.chmod(0o600)
    return path


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other"
    path.write_text("another-secret")
    path.chmod(0o644)
    return path


def signature(secret):
    return HmacKey("key", secret).sign("a")


def test_a_file_that_is_replaced_after_it_was_checked(key_file, other, monkeypatch):
    """What is read is the file that was opened and checked, whatever stands in its place by then."""
    fstat = os.fstat

    def swap(descriptor):
        info = fstat(descriptor)
        other.replace(key_file)
        return info

    monkeypatch.setattr(os, "fstat", swap)
    assert HmacKey.from_file("key", key_file).sign("a") == signature("the-secret")
    monkeypatch.undo()
    with pytest.raises(InvalidRequest, match="open to others"):
        HmacKey.from_file("key", key_file)


@pytest.mark.parametrize("change", ["link", "open to others"])
def test_a_file_that_is_replaced_before_it_is_opened(change, key_file, other, monkeypatch):
    """Nothing is checked before, so that there is nothing to get past: the opened file is what is looked at."""
    real = os.open

    def swap(path, flags, *args):
        if change == "link":
            key_file.unlink()
            key_file.symlink_to(other)
        else:
            other.replace(key_file)
        return real(path, flags, *args)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(InvalidRequest, match=r"symbolic link|open to others"):
        HmacKey.from_file("key", key_file)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/stdin"])
def test_devices(read, device):
    """Are refused, and never read: some have no end."""
    with pytest.raises(InvalidRequest, match=r"not a regular file|symbolic link"):
        read("key", device)


@pytest.mark.parametrize("read", READERS)
def test_what_is_there_and_is_no_file(read, tmp_path):
    """A socket, a named pipe that nobody writes to, a directory, a link to a directory, a link to nothing."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
        os.mkfifo(tmp_path / "pipe", 0o600)
        (tmp_path / "folder").mkdir(mode=0o700)
        (tmp_path / "to-folder").symlink_to(tmp_path / "folder")
        (tmp_path / "to-nothing").symlink_to(tmp_path / "nothing")
        for name in ("socket", "pipe", "folder", "to-folder", "to-nothing", "nothing"):
            with pytest.raises(InvalidRequest, match=name):
                read("key", tmp_path / name)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("content", [b"", b" \r\n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_empty_files(read, content, key_file):
    """Also when an editor has left its marks in them."""
    key_file.write_bytes(content)
    with pytest.raises(InvalidRequest, match="is empty"):
        read("key", key_file)


def test_a_file_of_a_terabyte(key_file, monkeypatch):
    """Is given up after the first 64 KiB."""
    os.truncate(key_file, 2**40)
    with pytest.raises(InvalidRequest, match=f"larger than {MAX_KEY_FILE_SIZE}"):
        HmacKey.from_file("key", key_file)


@pytest.mark.parametrize("read", READERS[1:])
@pytest.mark.parametrize(
    "content", ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "ssh-ed25519 AAAA x"]
)
def test_the_wrong_file(read, content, key_file):
    """A public key, in whatever form, is no private one."""
    key_file.write_text(content)
    with pytest.raises(InvalidRequest, match="no PEM text of a private key"):
        read("key", key_file)


def test_no_descriptor_is_left(key_file, tmp_path):
    """Whatever is wrong with a file, it is closed again."""
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for path in (key_file, tmp_path, tmp_path / "nothing"):
        with pytest.raises(InvalidRequest):
            RsaKey.from_file("key", path)
    assert not before or len(os.listdir("/proc/self/fd")) == before
