"""One PNG of before and after: each room's exposures, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from hotfolder.demo.captions import labels, shortened
from hotfolder.errors import UnusablePhoto, UsageError

HEADER = "hotfolder demo · before and after"
PAPER, INK, FAINT, RULE = (248, 247, 244), (28, 30, 33), (112, 114, 116), (214, 211, 205)
MARGIN_SHARE = 0.028
GAP_SHARE = 0.009
LONE_RESULT_SHARE = 0.82
LONE_RESULT_HEIGHT_SHARE = 0.50
PHOTOS_IN_ONE_COLUMN = 5
STRIP_HEIGHT_SHARE = 0.085
RESULT_HEIGHT_SHARE = 0.45


@dataclass(frozen=True)
class SheetRow:
    """One room: its title, its photos in the order to show them, and its results, each with a caption."""

    title: str
    brackets: Sequence[Path]
    results: Sequence[tuple[str, Path]]


@dataclass(frozen=True)
class Layout:
    """Lengths in pixels that follow from the sheet's width."""

    width: int

    @property
    def margin(self) -> int:
        return round(self.width * MARGIN_SHARE)

    @property
    def gap(self) -> int:
        return max(4, round(self.width * GAP_SHARE))

    @property
    def content(self) -> int:
        return self.width - 2 * self.margin

    def font(self, share: float) -> ImageFont.FreeTypeFont:
        font = ImageFont.load_default(max(9, self.width * share))
        if not isinstance(font, ImageFont.FreeTypeFont):
            raise UsageError(
                "Pillow was built without FreeType, so the contact sheet's captions can't be set",
                hint="Install Pillow from its wheel: pip install --force-reinstall pillow",
            )
        return font


@dataclass(frozen=True)
class Card:
    """A picture with its caption below it."""

    picture: Image.Image
    caption: str


@dataclass(frozen=True)
class Placed:
    """A card and where its upper left corner goes within its row."""

    card: Card
    left: int
    top: int
    strong: bool


def contact_sheet(rows: Sequence[SheetRow], target: Path, *, width: int = 1800) -> None:
    """Write a PNG, `width` pixels wide and as high as its rows need, replacing `target`.

    Pictures are shown no larger than they are. Raises UsageError without rows, or for a row without photos or
    results, UnusablePhoto naming the file when a picture is missing or unreadable, and OSError when `target`
    can't be written.
    """
    if not rows:
        raise UsageError(
            "a contact sheet needs at least one room", hint="Give the finished pictures of a room."
        )
    layout = Layout(width)
    drawn = [draw_row(row, layout) for row in rows]
    header = layout.font(0.024)
    top = layout.margin + round(header.size * 1.9)
    height = top + sum(picture.height + layout.margin for picture in drawn)
    sheet = Image.new("RGB", (width, height), PAPER)
    ImageDraw.Draw(sheet).text((layout.margin, layout.margin * 0.8), HEADER, INK, header)
    for picture in drawn:
        sheet.paste(picture, (layout.margin, top))
        top += picture.height + layout.margin
    sheet.save(target, format="PNG")


def draw_row(row: SheetRow, layout: Layout) -> Image.Image:
    """A room's band of the sheet: a rule, its title, its photos and its results."""
    if not row.brackets or not row.results:
        missing = "photos" if not row.brackets else "finished pictures"
        raise UsageError(
            f"{row.title}: there are no {missing} to show", hint="Show only rooms that are finished."
        )
    title = layout.font(0.0165)
    top = round(title.size * 2.1)
    placed = beside(row, layout, top) if len(row.results) == 1 else stacked(row, layout, top)
    line = caption_font(layout, strong=True)
    bottom = max(p.top + p.card.picture.height for p in placed) + round(line.size * 1.7)
    band = Image.new("RGB", (layout.content, bottom), PAPER)
    pen = ImageDraw.Draw(band)
    pen.line((0, 0, layout.content, 0), RULE, max(1, layout.width // 900))
    pen.text((0, title.size * 0.55), shortened(row.title, title, layout.content), INK, title)
    for place in placed:
        font = caption_font(layout, strong=place.strong)
        picture = place.card.picture
        band.paste(picture, (place.left, place.top))
        words = shortened(place.card.caption, font, picture.width)
        pen.text(
            (place.left, place.top + picture.height + font.size * 0.35),
            words,
            INK if place.strong else FAINT,
            font,
        )
    return band


def stacked(row: SheetRow, layout: Layout, top: int) -> list[Placed]:
    """The photos in a strip, the results side by side below it."""
    photos = [thumbnail(p, round(layout.width * STRIP_HEIGHT_SHARE)) for p in row.brackets]
    photos = narrowed(photos, layout.content, layout.gap)
    small = caption_font(layout, strong=False)
    placed = in_line(
        [Card(p, c) for p, c in zip(photos, labels(row.brackets), strict=True)], 0, top, layout, strong=False
    )
    top += max(p.height for p in photos) + round(small.size * 2.4)
    limit = round(layout.width * RESULT_HEIGHT_SHARE)
    results = narrowed([thumbnail(path, limit) for _, path in row.results], layout.content, layout.gap)
    cards = [Card(picture, caption) for picture, (caption, _) in zip(results, row.results, strict=True)]
    return placed + in_line(cards, 0, top, layout, strong=True)


def beside(row: SheetRow, layout: Layout, top: int) -> list[Placed]:
    """The photos in a column or two at the left, the single result large beside them."""
    caption, path = row.results[0]
    room = round(layout.content * LONE_RESULT_SHARE)
    result = narrowed([thumbnail(path, round(layout.width * LONE_RESULT_HEIGHT_SHARE))], room, 0)[0]
    columns = 1 if len(row.brackets) <= PHOTOS_IN_ONE_COLUMN else 2
    lines = -(-len(row.brackets) // columns)
    small = caption_font(layout, strong=False)
    step = round(small.size * 1.9)
    tall = max(24, (result.height - (lines - 1) * step) // lines)
    wide = (layout.content - result.width - columns * layout.gap) // columns
    photos = [fitted(opened(p), wide, tall) for p in row.brackets]
    column_width = max(p.width for p in photos)
    line_height = max(p.height for p in photos) + step
    placed = [
        Placed(
            Card(photo, words),
            (k % columns) * (column_width + layout.gap),
            top + k // columns * line_height,
            False,
        )
        for k, (photo, words) in enumerate(zip(photos, labels(row.brackets), strict=True))
    ]
    left = columns * (column_width + layout.gap) + layout.gap
    return [*placed, Placed(Card(result, caption), left, top, True)]


def in_line(cards: Sequence[Card], left: int, top: int, layout: Layout, *, strong: bool) -> list[Placed]:
    placed = []
    for card in cards:
        placed.append(Placed(card, left, top, strong))
        left += card.picture.width + layout.gap
    return placed


def caption_font(layout: Layout, *, strong: bool) -> ImageFont.FreeTypeFont:
    return layout.font(0.0115 if strong else 0.0088)


def narrowed(pictures: list[Image.Image], room: int, gap: int) -> list[Image.Image]:
    """The pictures, all made smaller by one factor when they are wider than `room` together."""
    free = room - gap * (len(pictures) - 1)
    total = sum(p.width for p in pictures)
    if total <= free:
        return pictures
    return [
        p.resize(
            (max(1, p.width * free // total), max(1, p.height * free // total)), Image.Resampling.LANCZOS
        )
        for p in pictures
    ]


def thumbnail(path: Path, height: int) -> Image.Image:
    return fitted(opened(path), 10 * height, height)


def fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture, made smaller where it has to be, to fit a box."""
    factor = min(width / picture.width, height / picture.height, 1.0)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def opened(path: Path) -> Image.Image:
    """A picture as it is meant to be seen: upright, RGB."""
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except FileNotFoundError:
        raise UnusablePhoto(
            f"{path}: the contact sheet can't show this picture, because the file isn't there",
            hint="Run it again once the picture is back in its place.",
        ) from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnusablePhoto(
            f"{path}: the contact sheet can't show this picture: {error}", hint="Is it a whole JPEG or PNG?"
        ) from None
