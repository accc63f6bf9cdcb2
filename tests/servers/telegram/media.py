"""Photos and documents: what an upload must be before Telegram takes it."""

import struct
import zlib
from collections.abc import Iterator

from tests.servers.telegram.parameters import Parameters, Upload
from tests.servers.telegram.refusals import Refusal, bad_request
from tests.servers.telegram.words import StoredFile
from tests.servers.telegram.world import World

MAX_PHOTO = 10 * 1024 * 1024
MAX_SIDES = 10_000  # width plus height
MAX_RATIO = 20
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


def read_file(world: World, parameters: Parameters, reference: str, *, field: str, photo: bool) -> StoredFile:
    """Return the file a request names: an upload under the field's name, attach://part, or a known file id."""
    upload = parameters.uploads.get(field)
    if reference.startswith("attach://"):
        upload = parameters.uploads.get(reference.removeprefix("attach://"))
        if upload is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
    if upload is not None:
        return _accept(world, upload, photo=photo)
    if not reference:
        raise bad_request(f"there is no {'photo' if photo else 'document'} in the request")
    return _known(world, reference, photo=photo)


def _known(world: World, reference: str, *, photo: bool) -> StoredFile:
    if reference.startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")  # nothing outside the machine can be reached
    file = world.files.get(reference)
    if file is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    if photo != file.is_photo:
        raise bad_request(
            f"can't use file of type {'Photo' if file.is_photo else 'Document'} as {'Photo' if photo else 'Document'}"
        )
    return file


def _accept(world: World, upload: Upload, *, photo: bool) -> StoredFile:
    if not upload.content:
        raise bad_request("file must be non-empty")
    if not photo:
        return world.keep_file(upload.name, upload.content)
    size = len(upload.content)
    if size > MAX_PHOTO:
        raise bad_request(f"file of size {size} bytes is too big for a photo; the maximum size is {MAX_PHOTO} bytes")
    width, height = dimensions(upload.content)
    if width + height > MAX_SIDES or max(width, height) > MAX_RATIO * min(width, height):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return world.keep_file(upload.name, upload.content, width, height)


def dimensions(content: bytes) -> tuple[int, int]:
    """Return width and height of a whole, undamaged PNG or JPEG; anything else is refused."""
    if content.startswith(_PNG):
        return _png(content)
    if content.startswith(_JPEG) and content.rstrip(b"\0").endswith(b"\xff\xd9"):
        return _jpeg(content)
    raise _broken()


def _broken() -> Refusal:
    return bad_request("IMAGE_PROCESS_FAILED")


def _png(content: bytes) -> tuple[int, int]:
    chunks = list(_chunks(content))
    kinds = [kind for kind, _ in chunks]
    if len(kinds) < 3 or kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or b"IDAT" not in kinds:
        raise _broken()
    width, height = struct.unpack(">II", chunks[0][1][:8])
    if not width or not height:
        raise _broken()
    return width, height


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        checksum = content[at + 8 + length : at + 12 + length]
        if checksum != struct.pack(">I", zlib.crc32(kind + body)):
            raise _broken()
        yield kind, body
        at += 12 + length


def _jpeg(content: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            if width and height:
                return width, height
            break
        at += 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    raise _broken()
