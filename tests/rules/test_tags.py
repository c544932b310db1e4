"""Tags: spellings and refusals."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfolder.errors import RuleRefused
from hotfolder.rules.foldernames import AGAIN, OK, normal, split_name
from hotfolder.rules.holds import why_misnamed
from hotfolder.rules.kinds import FAMILIES, hyphened
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.tags import Tag, TagTable, built_in_tags, merged_operations
from hotfolder.stager.operations import Lawn, LawnType, Operation, RoomStyle, RoomType, Sky, SkySubType, Stage

TABLE = TagTable()


def operations(typed: str) -> tuple[Operation, ...]:
    tag = TABLE.find(typed)
    assert tag is not None, typed
    return tag.operations


def test_every_tag_of_the_vocabulary_does_what_it_says() -> None:
    """Each enum value with a tag is reached by it, in the API's spelling and in ours."""
    assert operations("sky-blue") == (Sky(sky_type="blue"),)
    assert operations("sky-twilight") == (Sky(sky_type="twilight"),)
    for sub in get_args(SkySubType):
        assert operations(f"sky-twilight-{sub}") == (Sky(sky_type="twilight", sky_sub_type=sub),)
    for lawn in get_args(LawnType):
        assert operations(f"lawn-{lawn}") == (Lawn(lawn_type=lawn),)
    for style in get_args(RoomStyle):
        for written in (style, hyphened(style)):
            assert operations(f"stage-{written}") == (Stage(room_style=style),)
            for room in get_args(RoomType):
                wanted = (Stage(room_style=style, room_type=room),)
                assert operations(f"stage-{written}-{room}") == wanted
                assert operations(f"stage-{written}-{hyphened(room)}") == wanted


def test_no_two_tags_are_read_as_one() -> None:
    """The table holds all tags of the vocabulary, and no two of them are one under forgiving spelling."""
    numbers = {kind: len(get_args(kind)) for kind in (SkySubType, LawnType, RoomStyle, RoomType)}
    stagings = numbers[RoomStyle] * (1 + numbers[RoomType])
    counts = {"sky": 2 + numbers[SkySubType], "lawn": numbers[LawnType], "stage": stagings}
    assert counts.items() <= {kind: len(family.tags) for kind, family in FAMILIES.items()}.items()
    assert len(built_in_tags()) == sum(len(family.tags) for family in FAMILIES.values()) + len((AGAIN, OK))
    assert max(Counter(normal(tag.name) for tag in built_in_tags().values()).values()) == 1


@given(
    st.sampled_from(sorted(tag.name for tag in built_in_tags().values())), st.randoms(use_true_random=False)
)
def test_any_mixture_of_case_and_separators_is_the_same_tag(name: str, random: Random) -> None:
    letters = [letter.upper() if random.random() < 0.5 else letter for letter in name]
    typed = "".join(random.choice(["", "-", " ", "_", "–"]) if one == "-" else one for one in letters)
    found = TABLE.find(typed)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sky-twilght", "sky-twilight"),
        ("sky-blu", "sky-blue"),
        ("lawn-stong", "lawn-strong"),
        ("stage-moden", "stage-modern"),
        ("stage-modern-livingrom", "stage-modern-living-room"),
        ("agian", "again"),
    ],
)
def test_an_unknown_tag_is_refused_with_the_nearest(typed: str, meant: str) -> None:
    """A typo costs a rename, not a search."""
    with pytest.raises(RuleRefused) as caught:
        TABLE.read([typed], f"front__{typed}")
    assert caught.value.message == (
        f'Unknown tag "{typed}" in the folder name "front__{typed}"; did you mean "{meant}"?'
    )
    assert caught.value.hint == f'Rename it to "front__{meant}", then drag it back.'
    assert "sky-blue" in caught.value.also


@pytest.mark.parametrize(
    ("typed", "told", "name"),
    [
        ("dusk", 'did you mean "sky-twilight"?', "front__sky-twilight__lawn-light"),
        ("Blue Sky", 'did you mean "sky-blue"?', "front__sky-blue__lawn-light"),
        ("stage", 'add a style, such as "stage-modern".', "front__stage-modern__lawn-light"),
        ("staging", 'add a style, such as "stage-modern".', "front__stage-modern__lawn-light"),
        ("grass", 'add a strength, such as "lawn-medium".', "front__lawn-medium__lawn-light"),
        ("sky-blue_again", 'did you mean "sky-blue__again"?', "front__sky-blue__again__lawn-light"),
        (
            "sky-blue, stage-modern",
            'did you mean "sky-blue__stage-modern"?',
            "front__sky-blue__stage-modern__lawn-light",
        ),
        (
            "stage modern - Sky Blue",
            'did you mean "stage-modern__sky-blue"?',
            "front__stage-modern__sky-blue__lawn-light",
        ),
    ],
)
def test_the_words_that_people_use_are_known(typed: str, told: str, name: str) -> None:
    """A tag that only names the kind of operation isn't taken for its first style."""
    with pytest.raises(RuleRefused) as caught:
        TABLE.read([typed, "lawn-light"], f"front__{typed}__lawn-light")
    assert caught.value.message.endswith(f"; {told}")
    assert f'"{name}"' in caught.value.hint


def test_the_name_to_give_the_folder_has_every_wrong_tag_mended() -> None:
    """Renamed as it says, the folder doesn't come back for the next tag."""
    with pytest.raises(RuleRefused) as caught:
        TABLE.read(["sky-twilght", "lawn"], "front__sky-twilght__lawn")
    assert caught.value.message == (
        'Unknown tag "sky-twilght" in the folder name "front__sky-twilght__lawn"; did you mean'
        ' "sky-twilight"?'
        ' "lawn" is unknown, too; add a strength, such as "lawn-medium".'
    )
    assert caught.value.hint == 'Rename it to "front__sky-twilight__lawn-medium", then drag it back.'
    with pytest.raises(RuleRefused) as caught:
        TABLE.read(["sky-twilght", "zzzz"], "front__sky-twilght__zzzz")
    assert caught.value.message.endswith('did you mean "sky-twilight"? "zzzz" is unknown, too.')
    assert caught.value.hint.startswith("Rename the folder so that every part after two underscores is a tag")


def test_the_name_to_give_the_folder_is_told_whole_however_long() -> None:
    room = "Living room on the first floor, seen from the door to the terrace, with the curtains open"
    with pytest.raises(RuleRefused) as refused:
        plan(Rulebook(), "12 Elm Road", f"{room}__sky-bleu", 3)
    assert refused.value.hint == f'Rename it to "{room}__sky-blue", then drag it back.'
    assert f'"{room}__sky-blue"' in str(why_misnamed(Rulebook(), "12 Elm Road", f"{room}_sky-blue"))
    assert 'mean "again__sky-blue"?' in str(why_misnamed(Rulebook(), "again_sky-blue_again", "front"))


def test_a_wrong_tag_of_a_project_is_mended_on_the_project_s_folder() -> None:
    with pytest.raises(RuleRefused, match="did you mean") as caught:
        plan(Rulebook(), "12 Elm Road__sky-blu", "kitchen", 3)
    assert caught.value.hint.startswith(
        'Rename the project\'s folder in the inbox to "12 Elm Road__sky-blue"'
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("kitchen_sky-twilight", "kitchen__sky-twilight"),
        ("kitchen, sky-twilight", "kitchen__sky-twilight"),
        ("kitchen –sky-blue", "kitchen__sky-blue"),
        ("kitchen - sky blue copy", "kitchen__sky-blue"),
        ("front sky-twilght", "front__sky-twilight"),
        ("front\uff3f\uff3fsky-twilight", "front__sky-twilight"),  # full-width, as Japanese keyboards type it
        ("front\uff3fsky\uff0dblue\uff3f\uff3flawn-strong", "front__sky-blue__lawn-strong"),
        ("front_sky-blue_lawn-strong", "front__sky-blue__lawn-strong"),
        ("front_sky-blue__lawn-strong", "front__sky-blue__lawn-strong"),
        ("kitchen_again", "kitchen__again"),
        ("kitchen\uff3f\uff3fagain", "kitchen__again"),
    ],
)
def test_a_tag_without_its_two_underscores_is_noticed(name: str, meant: str) -> None:
    assert TABLE.corrected(name) == meant


@pytest.mark.parametrize(
    "name",
    [
        *("kitchen", "front lawn", "back_yard", "stage left", "sky lounge", "sky-blue", "play again"),
        *("Bedroom 2", "kitchen__sky-blue", "lawn medium size", "front_door_1", "our-pool"),
    ],
)
def test_a_room_s_name_is_not_taken_for_a_tag(name: str) -> None:
    assert TagTable({"pool": (Sky(sky_type="blue"),)}).corrected(name) == ""


@pytest.mark.parametrize("typed", ["zzzz", "look", "book", "cook", "kiosk", "east"])
def test_what_is_near_nothing_gets_the_list_alone(typed: str) -> None:
    """There is no far-fetched guess, and the list fits on a screen."""
    with pytest.raises(RuleRefused) as caught:
        TABLE.read([typed], f"front__{typed}")
    assert caught.value.message == f'Unknown tag "{typed}" in the folder name "front__{typed}".'
    assert len(" ".join(caught.value.also)) < 700


def test_two_tags_of_one_kind_contradict_each_other() -> None:
    """Nobody can tell which was meant, so nothing is bought."""
    with pytest.raises(RuleRefused) as caught:
        TABLE.read(["sky-blue", "lawn-light", "sky-twilight"], "x__sky-blue__lawn-light__sky-twilight")
    assert caught.value.message == (
        'The tags "sky-blue" and "sky-twilight" in the folder name "x__sky-blue__lawn-light__sky-twilight"'
        " contradict each other: a picture gets one sky operation."
    )


def test_the_same_tag_twice_is_one() -> None:
    """Other spellings and synonyms of the same operation count as the same."""
    tags = TABLE.read(["sky-twilight", "Sky Twilight", "sky-twilight-middle"], "x")
    assert merged_operations(tags) == (Sky(sky_type="twilight"),)


def test_own_tags_join_the_table_and_are_suggested() -> None:
    """A studio's own word is as good as a built-in one."""
    table = TagTable({"Curb Appeal": (Sky(sky_type="blue"), Lawn(lawn_type="light"))})
    assert table.find("curb-appeal") == Tag("Curb Appeal", table.own["Curb Appeal"])
    assert table.nearest("curbappel") == "Curb Appeal"
    assert "Curb Appeal" in table.lines()
    with pytest.raises(RuleRefused, match="contradict"):
        table.read(["curb-appeal", "sky-twilight"], "x")


@pytest.mark.parametrize(
    ("folder", "tag", "names"),
    [
        ("kitchen__look 2", "look-2", '"kitchen__look-2" or "kitchen__look"'),
        ("kitchen__look 2 - copy", "look-2", '"kitchen__look-2" or "kitchen__look"'),
        ("kitchen__bright copy", "bright-copy", '"kitchen__bright-copy"'),
        ("kitchen__bright copy (2)", "bright-copy", '"kitchen__bright-copy"'),
    ],
)
def test_an_own_tag_spelt_like_a_copy_s_suffix_is_taken_for_neither(
    folder: str, tag: str, names: str
) -> None:
    """Otherwise another look than the one that was typed would be paid for."""
    table = TagTable({name: (Sky(sky_type="blue"),) for name in ("look", "look-2", "bright-copy")})
    for project, hint in (
        (False, f"Rename it to {names}, then drag it back."),
        (
            True,
            f"Rename the project's folder in the inbox to {names}, then drag this folder back into it.",
        ),
    ):
        with pytest.raises(RuleRefused) as caught:
            table.read(split_name(folder).tags, folder, project=project)
        assert caught.value.hint == hint
        assert f'may be the tag "{tag}" or' in caught.value.message


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("kitchen__look 3", "look"),
        ("kitchen__look copy", "look"),
        ("kitchen__look-2", "look-2"),
        ("kitchen__look-2 2", "look-2"),
        ("kitchen__look 2__ok", "look-2"),
        ("kitchen__look - copy", "look"),
        ("kitchen__bright-copy", "bright-copy"),
    ],
)
def test_a_copy_of_a_folder_with_an_own_tag_has_that_tag(folder: str, name: str) -> None:
    table = TagTable({name: (Sky(sky_type="blue"),) for name in ("look", "look-2", "bright-copy")})
    assert [tag.name for tag in table.read(split_name(folder).tags, folder)] == [name]
