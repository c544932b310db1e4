"""Outlines of sky, lawn and glass, drawn by hand on photographs that are available but not part of this
repository.

Points are x and y in thousandths of the picture's width. An outline is a list of polygons, each but the last
ended by a semicolon; those of `less` are taken out of it: cables, bare earth, glazing bars.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from hotfolder import demo
from tests.sandbox.imaging.scenes import Bits

DEMO = Path(demo.__file__).parent / "photos" / "12 Elm Road"
Polygon = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Outline:
    """An outline. `photo` is a file of `package` (of Debian or PyPI), or a path in the demonstration."""

    photo: str
    package: str
    parts: tuple[Polygon, ...]
    less: tuple[Polygon, ...] = field(default=())

    def mask(self, shape: tuple[int, ...]) -> Bits:
        canvas = np.zeros(shape[:2], np.uint8)
        for polygons, value in ((self.parts, 1), (self.less, 0)):
            for polygon in polygons:
                points = np.array(polygon, float) * (shape[1] / 1000)
                cv2.fillPoly(canvas, [points.round().astype(np.int32)], value)
        return np.asarray(canvas) > 0


def drawn(outline: str) -> tuple[Polygon, ...]:
    """The polygons of an outline, such as `0,0 48,0 47,67; 107,0 151,24 151,60`."""
    return tuple(
        tuple((int(x), int(y)) for x, y in (point.split(",") for point in polygon.split()))
        for polygon in outline.split(";")
    )


SKIES = {
    "a palace, deep blue": Outline(
        "home.jpg",
        "opencv-doc",
        drawn("""
            0,0 1000,0 1000,190 950,150 968,98 915,45 880,28 868,22 860,38 800,45 795,28 788,45 745,75 735,75
            735,90 712,110 708,185 725,205 735,220 702,248 685,280 718,305 685,335 705,350 728,365 735,400
            680,437 672,418 658,408 645,430 625,420 610,400 620,360 640,343 600,320 590,298 565,290 555,258
            550,290 525,298 510,325 483,350 505,365 505,405 490,435 350,540 345,530 325,505 310,458 303,490
            275,503 238,540 248,548 245,595 235,640 180,683 208,695 205,750 0,750
        """),
    ),
    "a street, overcast": Outline(
        "leuvenA.jpg",
        "opencv-doc",
        drawn("""
            58,0 62,28 125,32 135,45 138,30 155,22 172,42 175,65 278,220 278,208 290,208 290,228 297,235
            297,265 288,320 290,400 305,408 320,402 335,415 340,385 343,350 355,352 380,335 382,310 392,306
            398,320 450,268 487,218 517,258 517,235 540,235 543,298 552,317 640,316 645,300 678,120 680,95
            695,83 710,95 715,110 920,125 918,110 930,95 965,97 968,148 998,150 982,130 985,70 995,30 1000,10
            1000,0
        """),
    ),
    "an office, pale": Outline(
        "CA_tCA00.jpg",
        "hugin-data",
        drawn("""
            0,0 48,0 47,67 0,74;
            107,0 151,24 151,60 260,57 400,54 600,56 800,63 880,68 880,55 905,42 935,38 937,200 933,255
            950,250 975,240 1000,212 1000,0
        """),
    ),
    "a ruin, clouds": Outline(
        "roman-colosseum.jpg",
        "budgie-backgrounds",
        drawn("""
            525,0 560,70 585,120 600,170 602,230 620,270 632,320 635,360 655,395 668,440 670,490 680,562
            1000,562 1000,0;
            193,0 225,0 245,20 265,55 268,80 290,100 240,72 192,42;
            350,75 375,95 390,125 398,165 350,135
        """),
    ),
    "mountains": Outline(
        "lake-sherburne.jpg",
        "budgie-backgrounds",
        drawn("""
            0,0 1000,0 1000,300 965,298 935,298 900,300 870,285 855,290 830,270 815,268 790,275 755,265
            735,245 710,220 685,210 660,215 610,222 600,218 580,215 550,200 520,197 490,195 455,208 430,200
            400,175 360,148 330,145 315,138 290,150 230,165 200,190 165,195 130,175 105,155 70,145 50,140
            45,110 30,105 15,112 5,100 0,105
        """),
    ),
    "a ridge, cloudy": Outline(
        "aitzgorri_by_Aitzol_Berasategi.jpg",
        "lomiri-wallpapers-16.04",
        drawn("""
            0,0 1000,0 1000,100 990,130 975,150 950,148 910,143 885,132 870,108 845,98 800,94 765,97 700,105
            660,103 640,97 600,105 565,95 545,80 510,90 480,95 420,95 400,103 355,103 335,98 310,108 270,107
            215,112 170,125 110,150 50,165 25,160 0,150
        """),
    ),
    "a shore behind cables": Outline(
        "Bridge_by_Sander_Klootwijk.jpg",
        "lomiri-wallpapers-16.04",
        drawn("""
            0,0 1000,0 1000,458 850,462 700,470 600,472 380,480 250,476 0,473
        """),
        drawn("""
            0,238 480,5 500,15 480,25 0,248;
            235,562 640,345 1000,155 1000,167 650,360 260,562
        """),
    ),
    "the demonstration's front": Outline(
        "front__sky-twilight/IMG_0112.jpg",
        "",
        drawn("""
            0,0 1000,0 1000,412 955,414 978,370 968,335 945,315 915,313 900,325 868,300 840,288 810,278
            785,285 775,292 720,325 682,355 682,268 697,262 697,253 648,182 605,182 605,140 598,138 597,127
            588,127 588,138 583,138 582,127 573,127 573,138 568,140 568,182 337,182 300,150 263,110 145,240
            148,252 163,255 163,285 145,272 120,266 95,280 75,300 55,320 35,350 40,390 70,415 45,420 20,415
            0,412
        """),
    ),
    "the demonstration's garden": Outline(
        "garden__lawn-medium__sky-blue/IMG_0122.jpg",
        "",
        drawn("""
            0,0 1000,0 1000,393 905,393 905,370 885,360 835,358 828,320 800,285 765,290 762,245 783,245
            783,232 713,160 455,157 457,112 450,110 450,100 442,100 442,110 433,110 433,100 425,100 425,110
            418,112 418,157 383,157 352,240 370,245 370,252 345,252 300,262 275,285 268,320 280,350 275,375
            250,365 230,350 240,290 235,250 215,225 195,215 180,185 150,165 110,160 50,168 15,185 0,200
        """),
    ),
}

LAWNS = {
    "an office's": Outline(
        "CA_tCA00.jpg",
        "hugin-data",
        drawn("""
            0,443 110,448 300,455 520,462 665,458 672,500 690,522 800,520 880,505 1000,465 1000,750 0,750
        """),
        drawn("""
            440,540 480,530 540,532 565,545 520,560 460,570 320,597 305,590 400,575
        """),
    ),
    "a meadow": Outline(
        "aitzgorri_by_Aitzol_Berasategi.jpg",
        "lomiri-wallpapers-16.04",
        drawn("""
            0,403 150,403 200,408 350,425 500,442 650,455 720,463 800,473 900,487 1000,508 1000,666 0,666
        """),
    ),
    "the demonstration's front": Outline(
        "front__sky-twilight/IMG_0112.jpg",
        "",
        drawn("""
            0,476 45,476 148,472 150,500 342,505 380,500 440,500 430,510 725,510 980,625 1000,628 1000,666
            0,666;
            895,490 1000,518 1000,476 905,475
        """),
    ),
    "the demonstration's garden": Outline(
        "garden__lawn-medium__sky-blue/IMG_0122.jpg",
        "",
        drawn("""
            0,468 100,468 100,487 120,487 120,468 300,465 345,482 322,500 840,498 800,482 800,468 1000,465
            1000,666 0,666
        """),
    ),
}

GLASS = {
    "the demonstration's room": Outline(
        "living-room",
        "",
        drawn("""
            291,241 490,250 491,382 292,387;
            0,140 50,169 50,457 0,488;
            64,176 91,191 91,435 64,455
        """),
    ),
    "a room with a glass door": Outline(
        "mertens-house",
        "HOTFOLDER_BRACKETS",
        drawn("""
            493,62 597,43 597,109 493,115;
            493,148 597,138 597,402 495,390;
            649,45 773,24 772,386 647,376;
            826,15 925,3 921,100 916,200 909,300 904,398 822,391;
            648,427 770,443 768,566 712,554 699,559 651,580;
            821,449 901,459 896,591 819,575
        """),
    ),
}
