"""Uploaded images, and staging, lawn and sky on them with every value of the reference."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from hotfolder.sandbox.schema import OPERATIONS
from tests.sandbox.conftest import Caller, Start
from tests.support.reference import ALLOWED, EXAMPLES, SKY

WORDS = {
    (call, field): ALLOWED[field] for call, body in EXAMPLES.items() for field in body if field in ALLOWED
}


def test_every_operation_and_every_list_of_words_is_tried() -> None:
    bodies = {operation.route.rpartition("/")[2]: operation.body for operation in OPERATIONS.values()}
    assert EXAMPLES.keys() == bodies.keys()
    for call, body in bodies.items():
        enums = {name for name, one in body.model_fields.items() if "Literal[" in str(one.annotation)}
        assert {field for of, field in WORDS if of == call} == enums


def post_file(caller: Caller, field: str, content: bytes, name: str = "scene.jpg") -> httpx.Response:
    return caller.api.post("/api/image", files={field: (name, content)})


@pytest.mark.parametrize("field", ["file", "File"])
def test_an_image_is_taken_and_given_back(caller: Caller, field: str) -> None:
    """The answer has the reference's shape and the picture's true size, and its URL gives the same bytes."""
    content = caller.png((40, 30))
    answer = post_file(caller, field, content, "scene.png").json()
    data = answer["data"]
    assert answer == {"success": True, "data": {**data, "width": 40, "height": 30}}
    assert set(data) == {"id", "imageUrl", "width", "height"}
    picture = caller.storage.get(data["imageUrl"])
    assert picture.content == content
    assert picture.headers["content-type"] == "image/png"


def test_the_size_is_the_one_a_person_sees(caller: Caller) -> None:
    """The size is that after EXIF's rotation."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 20)).save(file, "JPEG", exif=exif)
    data = post_file(caller, "file", file.getvalue()).json()["data"]
    assert (data["width"], data["height"]) == (20, 60)


@pytest.mark.parametrize("call", EXAMPLES)
def test_the_example_of_the_reference_is_taken(caller: Caller, call: str) -> None:
    """Each operation answers a list with one altered PNG of the true size."""
    image = caller.image()
    answer = caller.post(f"/api/images/{image}/{call}", EXAMPLES[call]).raise_for_status().json()
    assert set(answer) == {"success", "data"} and answer["success"] is True
    (data,) = answer["data"]
    picture = caller.storage.get(data["imageUrl"])
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (data["width"], data["height"]) == (96, 64)


@pytest.mark.parametrize(("call", "field"), WORDS)
def test_a_word_that_is_not_in_the_reference_is_refused(caller: Caller, call: str, field: str) -> None:
    """The message names the field, the value and everything that is allowed."""
    image = caller.image()
    body = EXAMPLES[call] | {field: ["twilght"] if field == "colorTypes" else "twilght"}
    answer = caller.post(f"/api/images/{image}/{call}", body)
    assert answer.status_code == 400
    for word in (field, '"twilght"', *WORDS[call, field].split(", ")):
        assert word in answer.json()["error"]


@pytest.mark.parametrize("call", EXAMPLES)
def test_only_colours_and_instructions_may_be_left_out(caller: Caller, call: str) -> None:
    """Leaving out any other field is refused by its name."""
    image = caller.image()
    for field in EXAMPLES[call]:
        body = {name: value for name, value in EXAMPLES[call].items() if name != field}
        answer = caller.post(f"/api/images/{image}/{call}", body)
        optional = field in ("colorTypes", "extraInstructions")
        assert answer.status_code == (200 if optional else 400), field
        assert optional or f"{field} is missing" in answer.json()["error"]


def test_an_unknown_image_is_not_found(caller: Caller) -> None:
    """Neither an invented id, nor that of a result, can be operated on."""
    result = caller.post(f"/api/images/{caller.image()}/sky-replace", SKY).json()["data"][0]["id"]
    for identifier in ("img_0", result, "..%2F..%2Fadmin"):
        answer = caller.post(f"/api/images/{identifier}/sky-replace", SKY)
        assert answer.status_code == 404 and answer.json()["error"]


def test_what_can_not_be_altered_honestly_is_refused(caller: Caller) -> None:
    """The engine's sentence is in a 422."""
    image = caller.image(caller.jpeg((255, 0, 0)))
    answer = caller.post(f"/api/images/{image}/sky-replace", SKY)
    assert (answer.status_code, answer.json()) == (422, {"error": "there is no sky in this picture"})


def test_a_body_without_exactly_one_picture_is_refused(caller: Caller) -> None:
    """A body that is no picture, truncated, empty, in another field, a text field, two files, or no form."""
    good = caller.jpeg(size=(400, 300))
    send = caller.api.post
    answers = {
        "text": post_file(caller, "file", b"hello"),
        "gif": post_file(caller, "file", b"GIF89a" + bytes(40)),
        "cut off": post_file(caller, "file", good[: len(good) // 2]),
        "empty": post_file(caller, "file", b""),
        "other field": post_file(caller, "photo", good),
        "text field": send("/api/image", data={"file": "x"}, files={"none": ""}),
        "two": send("/api/image", files=[("file", ("a.jpg", good)), ("file", ("b.jpg", good))]),
        "extra": send("/api/image", files={"file": ("a.jpg", good)}, data={"extra": "1"}),
        "garbage": send(
            "/api/image",
            content=b"\x00\xff garbage",
            headers={"content-type": "multipart/form-data; boundary=x"},
        ),
        "no boundary": send("/api/image", content=b"x", headers={"content-type": "multipart/form-data"}),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 400)
    assert all(answer.json()["error"] for answer in answers.values())
    assert "neither a JPEG nor a PNG" in answers["text"].json()["error"]


def test_a_picture_with_too_many_pixels_is_refused(start: Start) -> None:
    """A small file can hold an enormous picture; it is refused by its header."""
    with start(pixel_limit=10_000) as caller:
        answer = post_file(caller, "file", caller.png((200, 100)))
        assert answer.status_code == 400
        assert "200 x 100" in answer.json()["error"]
