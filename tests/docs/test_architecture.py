"""Does the page about the rooms name what there is?"""

import re

from tasks.settings import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURE = (ROOT / "docs" / "pictures" / "rooms.svg").read_text(encoding="utf-8")
ROOMS = sorted(file.parent.name for file in ROOT.glob("tasks/*/__init__.py"))
WORDS = sorted(file.stem for file in ROOT.glob("tasks/[a-z]*.py"))
FOLDERS = sorted(file.parent.name for file in ROOT.glob("*/__init__.py"))


def test_each_folder_that_the_page_names_exists() -> None:
    named = re.findall(r"`([a-z]+(?:/[a-z]+)*)/`", PAGE)

    assert [name for name in named if not (ROOT / name).is_dir()] == []


def test_each_file_that_the_page_names_exists() -> None:
    named = re.findall(r"`([a-z_/]+\.(?:py|toml|yaml))`", PAGE)

    assert [name for name in named if not (ROOT / name).exists() and not (ROOT / "deployments" / name).exists()] == []


def test_each_room_has_its_line() -> None:
    assert sorted(re.findall(r"^\| `tasks/([a-z]+)/` \|", PAGE, flags=re.MULTILINE)) == ROOMS


def test_each_room_is_in_the_picture() -> None:
    assert [room for room in ROOMS if f">{room}<" not in PICTURE] == []


def test_each_word_that_the_rooms_share_is_named() -> None:
    assert [word for word in WORDS if f"`{word}`" not in PAGE and word != "status_page"] == []


def test_each_folder_beside_the_tasks_has_its_line() -> None:
    assert [name for name in FOLDERS if f"| `{name}/` |" not in PAGE and name != "tasks"] == []


def test_a_room_says_what_lives_there_and_what_it_may_import() -> None:
    message = {room: (ROOT / "tasks" / room / "__init__.py").read_text(encoding="utf-8") for room in ROOMS}

    assert [
        room for room, text in message.items() if "ay import" not in text.partition('"""')[2].partition('"""')[0]
    ] == []
