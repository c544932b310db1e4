"""The ids by which a page names things."""

from __future__ import annotations

import re

from hotfolder.control.lookup import arriving_id, folder_id, job_of, photo_id, picture_id, project_id


def test_no_two_names_share_an_id() -> None:
    ids = [
        project_id("a", "b"),
        project_id("ab", ""),
        folder_id("a", "b", ""),
        folder_id("a", "", "b"),
        picture_id("j", "kitchen.jpg"),
        photo_id("j", "kitchen.jpg"),
        picture_id("j", "Küche.jpg"),
        picture_id("j", "Ku\u0308che.jpg"),
        picture_id("j", "K\udcfcche.jpg"),
    ]
    assert len(set(ids)) == len(ids)


def test_an_id_holds_nothing_of_the_name() -> None:
    assert re.fullmatch(r"[0-9a-f]{20}", folder_id("in", "../..", "<b>\n\udcff"))
    assert re.fullmatch(r"abcd2345-[0-9a-f]{20}", picture_id("abcd2345", "../../etc/passwd"))


def test_a_picture_tells_its_job_and_an_arriving_photo_its_folder() -> None:
    assert job_of(picture_id("abcd2345", "x/y.jpg")) == job_of(photo_id("abcd2345", "y.jpg")) == "abcd2345"
    assert job_of(arriving_id("in", "Elm", "kitchen", "1.jpg")) == folder_id("in", "Elm", "kitchen")
