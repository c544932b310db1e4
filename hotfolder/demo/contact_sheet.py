"""The contact sheet, one PNG of before and after: each room's exposures and results."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from PIL import Image, ImageDraw

from hotfolder.demo.captions import exposure_labels, wrap_text
from hotfolder.errors import UnusablePhoto, UsageError
from hotfolder.pictures.facts import PictureLimits

HEADER = "hotfolder demo · before and after"
PAPER, INK, FAINT, RULE, REFUSED = (
    (248, 247, 244),
    (28, 30, 33),
    (112, 114, 116),
    (214, 211, 205),
    (150, 52, 36),
)
PHOTOS_IN_ONE_COLUMN = 5
LANDSCAPE = 1.5
COLUMN_SHARE = 0.26


@dataclass(frozen=True)
class SheetRow:
    """One room: its title, its photos, its results with a caption each, and why any are missing."""

    title: str
    brackets: Sequence[Path]
    results: Sequence[tuple[str, Path]]
    refused: str = ""


@dataclass(frozen=True)
class Layout:
    """Lengths in pixels that follow from the sheet's width."""

    width: int

    def share(self, of_width: float, least: int = 1) -> int:
        return max(least, round(self.width * of_width))

    @property
    def margin(self) -> int:
        return self.share(0.028)

    @property
    def gap(self) -> int:
        return self.share(0.009, 4)

    @property
    def content(self) -> int:
        return self.width - 2 * self.margin

    @property
    def small(self) -> int:
        return self.share(0.0088, 9)

    @property
    def strong(self) -> int:
        return self.share(0.0115, 9)


def contact_sheet(rows: Sequence[SheetRow], target: Path, *, width: int = 1800) -> None:
    """Write a PNG, `width` pixels wide and as high as its rows need, replacing `target`.

    Each room is a band from margin to margin: its photos in a column, its results as high as that beside it.
    Raises UsageError without rows, or for a row without photos or results, UnusablePhoto naming the file when
    a picture is missing or unreadable, and OSError when `target` can't be written.
    """
    if not rows:
        raise UsageError("a contact sheet needs at least one room", hint="Give the pictures of a room.")
    layout = Layout(width)
    bands = [room_band(row, layout) for row in rows]
    size = layout.share(0.024, 12)
    top = layout.margin + round(size * 1.9)
    sheet = Image.new("RGB", (width, top + sum(b.height + layout.margin for b in bands)), PAPER)
    draw_text(sheet, HEADER, (layout.margin, round(layout.margin * 0.8)), size, layout.content, INK)
    for picture in bands:
        sheet.paste(picture, (layout.margin, top))
        top += picture.height + layout.margin
    sheet.save(target, format="PNG")


def room_band(row: SheetRow, layout: Layout) -> Image.Image:
    """A room: a rule, its title, its photos in a column (or two) and its results beside them."""
    if not row.brackets or not (row.results or row.refused):
        missing = "photos" if not row.brackets else "finished pictures"
        raise UsageError(f"{row.title}: there are no {missing} to show", hint="Show rooms that are finished.")
    photos = [open_upright(path) for path in row.brackets]
    results = [(caption, open_upright(path)) for caption, path in row.results]
    columns = 1 if len(photos) <= PHOTOS_IN_ONE_COLUMN else 2
    down = ceil(len(photos) / columns)
    step = round(layout.small * 1.9)
    wide = max(photo.width / photo.height for photo in photos)
    shapes = [picture.width / picture.height for _, picture in results]
    shapes += [LANDSCAPE] * bool(row.refused)
    # The height at which photos, results and gaps together fill the width.
    free = (
        layout.content - layout.gap * (columns - 1 + len(shapes)) + columns * wide * step * (down - 1) / down
    )
    height = free / (columns * wide / down + sum(shapes))
    most = min(height * 0.8, layout.content * COLUMN_SHARE / columns / wide)
    tall = max(8.0, min((height - (down - 1) * step) / down, most))
    left_over = layout.content - columns * (wide * tall + layout.gap) - layout.gap * (len(shapes) - 1)
    height = min(left_over / sum(shapes), layout.width * 0.56)
    title = layout.share(0.0165, 10)
    top = round(title * 2.1)
    drawn = Image.new("RGB", (layout.content, round(top + height + layout.strong * 1.9)), PAPER)
    ImageDraw.Draw(drawn).line((0, 0, layout.content, 0), RULE, layout.share(1 / 900))
    draw_text(drawn, row.title, (0, round(title * 0.55)), title, layout.content, INK)
    for k, (photo, words) in enumerate(zip(photos, exposure_labels(row.brackets), strict=True)):
        place = (round(k % columns * (wide * tall + layout.gap)), round(top + k // columns * (tall + step)))
        small = fit_to_box(photo, wide * tall, tall)
        drawn.paste(small, place)
        draw_text(drawn, words, (place[0], place[1] + small.height), layout.small, wide * tall, FAINT)
    right = float(layout.content)
    if row.refused:
        right -= LANDSCAPE * height
        draw_notice(
            drawn, row.refused, (round(right), top), (round(LANDSCAPE * height), round(height)), layout
        )
        right -= layout.gap
    for caption, picture in reversed(results):
        large = fit_to_box(picture, layout.content, height)
        left = round(right) - large.width
        drawn.paste(large, (left, top))
        draw_text(drawn, caption, (left, top + large.height), layout.strong, large.width, INK)
        right = left - layout.gap
    return drawn


def draw_notice(
    drawn: Image.Image, words: str, place: tuple[int, int], size: tuple[int, int], layout: Layout
) -> None:
    """A box with text in place of a picture."""
    left, top = place
    width, height = size
    ImageDraw.Draw(drawn).rectangle((left, top, left + width - 1, top + height - 1), outline=RULE, width=2)
    inset, letters = layout.gap * 2, layout.strong
    most = max(1, int((height - 2 * inset) / (letters * 1.4)))
    text, font = wrap_text(words, letters, width - 2 * inset, most)
    for k, line in enumerate(text):
        at = (left + inset, top + inset + k * letters * 1.4)
        ImageDraw.Draw(drawn).text(at, line, REFUSED, font)


def draw_text(
    drawn: Image.Image,
    words: str,
    place: tuple[int, int],
    size: int,
    room: float,
    colour: tuple[int, int, int],
) -> None:
    """One line of text, a little below `place`."""
    text, font = wrap_text(words, size, room)
    ImageDraw.Draw(drawn).text((place[0], place[1] + size * 0.35), text[0] if text else "", colour, font)


def fit_to_box(picture: Image.Image, width: float, height: float) -> Image.Image:
    """The picture, scaled to the largest size that fits a box."""
    factor = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def open_upright(path: Path) -> Image.Image:
    """A photo or a picture, upright in sRGB. Raises UnusablePhoto."""
    from hotfolder.pictures.developing import load_for_display  # loads large libraries

    try:
        return load_for_display(path, None, limits=PictureLimits()).convert("RGB")
    except FileNotFoundError:
        reason, hint = "the file isn't there.", "Run it again once the picture is back in its place."
    except (OSError, UnusablePhoto) as error:
        reason, hint = str(error), "Is it a whole picture?"
    raise UnusablePhoto(f"{path}: the contact sheet can't show this picture: {reason}", hint=hint)
