"""A photo with every kind of metadata, and which of them exiftool finds on a picture made of it.

`python -m tests.support.everykind --write` puts the table into docs/metadata.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

from hotfolder.metadata.blocks import Level
from hotfolder.pictures.carryover import picture_with_metadata
from hotfolder.pictures.facts import Carrying
from tests.bench.page import put

PAGE = Path(__file__).parents[2] / "docs" / "metadata.md"
MAKER_NOTE = b"Maker\0" + bytes(range(200))
# Facts of the file, and values that exiftool derives.
ASIDE = frozenset({"System", "File", "ExifTool", "Composite", "PNG", "JFIF", "SourceFile", "ICC-header"})

# The reason for each change; a changed tag that isn't listed here is a fault.
ON_PURPOSE = {
    "IFD0:ImageWidth": "the picture's own",
    "IFD0:ImageHeight": "the picture's own",
    "IFD0:Orientation": "the picture is upright",
    "ExifIFD:ExifImageWidth": "the picture's own",
    "ExifIFD:ExifImageHeight": "the picture's own",
    "InteropIFD:RelatedImageWidth": "the picture's own",
    "InteropIFD:RelatedImageHeight": "the picture's own",
    "IFD1:*": "the thumbnail shows another picture",
    "Photoshop:PhotoshopThumbnail": "it shows another picture",
    "XMP-tiff:Orientation": "the picture is upright",
    "XMP-tiff:ImageWidth": "EXIF has the picture's own",
    "XMP-tiff:ImageHeight": "EXIF has the picture's own",
    "XMP-exif:ExifImageWidth": "EXIF has the picture's own",
    "XMP-exif:ExifImageHeight": "EXIF has the picture's own",
    "XMP-exif:ColorSpace": "EXIF has it",
    "XMP-dc:Format": "true only of the photo's file",
    "XMP-xmp:CreatorTool": "it names hotfolder",
    "XMP-xmp:Thumbnails": "it shows another picture",
    "XMP-xmpMM:InstanceID": "true only of the photo's file",
    "XMP-xmpNote:HasExtendedXMP": "names what lies apart in this file",
    "XMP-iptcExt:DigitalSourceType": "says what was done",
    "XMP-GCamera:*": "nothing lies behind the picture in its file",
}
TO_PNG = {"File:Comment": "a PNG has a comment of another kind"}

EXIF_TAGS = """
IFD0:Make=Canon IFD0:Model=EOS_R5 IFD0:Orientation=6 IFD0:XResolution=300 IFD0:YResolution=300
IFD0:ResolutionUnit=2 IFD0:Software=Lightroom IFD0:ModifyDate=2026:05:04_17:20:31 IFD0:Artist=Jane
IFD0:Copyright=(c)_Jane IFD0:ImageDescription=Kitchen IFD0:YCbCrPositioning=1 IFD0:ImageWidth=6000
IFD0:ImageHeight=4000 IFD0:Rating=4 IFD0:XPTitle=T IFD0:XPKeywords=K IFD0:XPComment=C IFD0:HostComputer=Mac
ExifIFD:ExposureTime=0.01 ExifIFD:FNumber=8 ExifIFD:ExposureProgram=1 ExifIFD:ISO=100
ExifIFD:SensitivityType=2
ExifIFD:DateTimeOriginal=2026:05:04_17:20:31 ExifIFD:CreateDate=2026:05:04_17:20:31
ExifIFD:OffsetTime=+02:00 ExifIFD:OffsetTimeOriginal=+02:00 ExifIFD:SubSecTimeOriginal=12
ExifIFD:ShutterSpeedValue=0.01 ExifIFD:ApertureValue=8 ExifIFD:BrightnessValue=5
ExifIFD:ExposureCompensation=-2 ExifIFD:MaxApertureValue=4 ExifIFD:SubjectDistance=3 ExifIFD:MeteringMode=5
ExifIFD:LightSource=10 ExifIFD:Flash=16 ExifIFD:FocalLength=16 ExifIFD:UserComment=note ExifIFD:ColorSpace=1
ExifIFD:ExifImageWidth=6000 ExifIFD:ExifImageHeight=4000 ExifIFD:ExposureMode=1 ExifIFD:WhiteBalance=1
ExifIFD:CustomRendered=0 ExifIFD:SceneCaptureType=0 ExifIFD:SerialNumber=0123 ExifIFD:OwnerName=Jane
ExifIFD:LensInfo=16_35_4_4 ExifIFD:LensMake=Canon ExifIFD:LensModel=RF16 ExifIFD:LensSerialNumber=77
ExifIFD:FocalLengthIn35mmFormat=16 ExifIFD:ImageUniqueID=abcdef0123456789abcdef0123456789 ExifIFD:Gamma=2.2
GPS:GPSLatitude=52.5 GPS:GPSLatitudeRef=N GPS:GPSLongitude=13.4 GPS:GPSLongitudeRef=E GPS:GPSAltitude=34
GPS:GPSAltitudeRef=0 GPS:GPSTimeStamp=15:20:31 GPS:GPSDateStamp=2026:05:04 GPS:GPSImgDirection=90
GPS:GPSImgDirectionRef=T GPS:GPSMapDatum=WGS-84 InteropIFD:InteropIndex=R98
InteropIFD:RelatedImageWidth=6000 InteropIFD:RelatedImageHeight=4000
"""
IPTC_TAGS = """
IPTC:CodedCharacterSet=UTF8 IPTC:ObjectName=Küche IPTC:Caption-Abstract=Die_Küche IPTC:Keywords=kitchen
IPTC:Keywords=oak IPTC:By-line=Jane IPTC:By-lineTitle=Photographer IPTC:CopyrightNotice=(c)_Jane
IPTC:Credit=Studio
IPTC:Source=Studio IPTC:City=Berlin IPTC:Sub-location=Elm_Road IPTC:Province-State=BE
IPTC:Country-PrimaryLocationCode=DEU IPTC:Country-PrimaryLocationName=Germany IPTC:Headline=Listing
IPTC:SpecialInstructions=none IPTC:DateCreated=2026:05:04 IPTC:TimeCreated=17:20:31+02:00
IPTC:Writer-Editor=Joe
IPTC:OriginalTransmissionReference=42 IPTC:Category=RE IPTC:SupplementalCategories=homes IPTC:Urgency=5
IPTC:Contact=jane@example.com Photoshop:CopyrightFlag=1 Photoshop:URL=https://example.com
Photoshop:IPTCDigest=new
"""
XMP_TAGS = """
XMP-dc:Title=Kitchen XMP-dc:Description=The_kitchen XMP-dc:Subject=kitchen XMP-dc:Subject=oak
XMP-dc:Creator=Jane XMP-dc:Rights=(c)_Jane XMP-dc:Format=image/jpeg XMP-xmp:Rating=4 XMP-xmp:Label=Green
XMP-xmp:CreateDate=2026:05:04_17:20:31 XMP-xmp:CreatorTool=Lightroom XMP-xmp:Nickname=nick
XMP-xmpRights:Marked=True XMP-xmpRights:UsageTerms=listing XMP-xmpRights:WebStatement=https://example.com
XMP-photoshop:Credit=Studio XMP-photoshop:City=Berlin XMP-photoshop:Headline=Listing
XMP-photoshop:Instructions=none XMP-photoshop:AuthorsPosition=Photographer XMP-iptcCore:Location=Elm_Road
XMP-iptcCore:CountryCode=DEU XMP-iptcCore:CreatorWorkEmail=jane@example.com XMP-iptcCore:Scene=011900
XMP-iptcExt:PersonInImage=none XMP-iptcExt:LocationShownCity=Berlin XMP-plus:LicensorName=Jane
XMP-iptcExt:DigitalSourceType=http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture
XMP-plus:ImageCreatorName=Jane XMP-aux:Lens=RF16 XMP-aux:SerialNumber=0123 XMP-exifEX:LensModel=RF16
XMP-exif:ExposureTime=0.01 XMP-exif:GPSLatitude=52.5 XMP-exif:ColorSpace=1 XMP-exif:ExifImageWidth=6000
XMP-exif:ExifImageHeight=4000 XMP-tiff:Orientation=6 XMP-tiff:ImageWidth=6000 XMP-tiff:ImageHeight=4000
XMP-tiff:Make=Canon XMP-lr:HierarchicalSubject=room|kitchen XMP-lr:PrivateRTKInfo=private
XMP-crs:AlreadyApplied=True XMP-crs:Exposure2012=1 XMP-crs:HasSettings=True XMP-xmpMM:InstanceID=xmp.iid:1
XMP-xmpMM:DocumentID=xmp.did:1 XMP-xmpMM:OriginalDocumentID=xmp.did:0 XMP-xmpMM:HistoryAction=edited
XMP-xmpDM:Scene=1 XMP-cc:License=https://example.com/l XMP-GCamera:MicroVideo=1 XMP-digiKam:TagsList=oak
XMP-mwg-kw:HierarchicalKeywords1=oak XMP-acdsee:Notes=note XMP-microsoft:RatingPercent=75
"""


@dataclass
class Seen:
    """Fate of the tags of one group."""

    carried: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def exiftool(*arguments: str) -> bytes:
    done = subprocess.run(["exiftool", "-q", *arguments], capture_output=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    return done.stdout


def every_kind(folder: Path) -> Path:
    """The photo: a camera's EXIF with maker note and thumbnail, and over 64 KB of metadata from editors."""
    path, small = folder / "photo.jpg", folder / "small.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x927C] = MAKER_NOTE
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.effect_noise((96, 64), 60).convert("RGB").save(path, exif=exif, icc_profile=profile)
    Image.new("RGB", (40, 30)).save(small)
    every_tag(
        path,
        "-Comment=a comment",
        f"-IFD1:ThumbnailImage<={small}",
        f"-Photoshop:PhotoshopThumbnail<={small}",
    )
    return path


def every_tag(path: Path, *more: str, without: Collection[str] = ()) -> None:
    """Write every tag that such a file can have, except those in `without`."""
    tags = " ".join((EXIF_TAGS, IPTC_TAGS, XMP_TAGS)).split()
    exiftool(
        *("-overwrite_original", "-n", "-charset", "iptc=utf8", "-m"),
        *(f"-{tag.replace('_', ' ')}" for tag in tags if tag.partition("=")[0] not in without),
        *more,
        "-XMP-dc:Source=" + "s" * 90_000,
        str(path),
    )


def tags_of(path: Path) -> dict[str, Any]:
    found = json.loads(
        exiftool("-j", "-n", "-G1", "-a", "-struct", "-ee", "-U", "-charset", "iptc=utf8", str(path))
    )[0]
    groups = ((name, name.partition(":")[0], value) for name, value in found.items())
    kept = {name: value for name, group, value in groups if group not in ASIDE}
    if "File:Comment" in found:
        kept["File:Comment"] = found["File:Comment"]
    return kept


def compared(before: dict[str, Any], after: dict[str, Any], purposes: dict[str, str]) -> dict[str, Seen]:
    """The fate of every tag, by group."""
    groups: dict[str, Seen] = {}
    for name, value in before.items():
        seen = groups.setdefault(name.partition(":")[0], Seen())
        if after.get(name) == value:
            seen.carried.append(name)
        elif name in purposes or name.partition(":")[0] + ":*" in purposes:
            seen.changed.append(name)
        else:
            seen.lost.append(name)
    return groups


def outcomes(folder: Path) -> Iterator[tuple[str, dict[str, Seen]]]:
    """The fate of the tags on a bare JPEG and on a bare PNG."""
    photo = every_kind(folder)
    before = tags_of(photo)
    for kind in ("JPEG", "PNG"):
        result, target = folder / f"result.{kind.lower()}", folder / f"picture.{kind.lower()}"
        Image.effect_noise((200, 120), 60).convert("RGB").save(result)
        wanted = Carrying(str(photo), None, Level.ALL, ("sky",), "hotfolder")
        target.write_bytes(b"".join(picture_with_metadata(result, wanted, [])))
        purposes = {**ON_PURPOSE, **(TO_PNG if kind == "PNG" else {})}
        yield kind, compared(before, tags_of(target), purposes)


def table(folder: Path) -> str:
    both = dict(outcomes(folder))
    lines = [
        "| group | tags | carried to JPEG | to PNG | changed on purpose | lost |",
        "|---|---|---|---|---|---|",
    ]
    totals = [0] * 5
    for group in both["JPEG"]:
        jpeg, png = both["JPEG"][group], both["PNG"][group]
        changed = dict.fromkeys([*jpeg.changed, *png.changed])
        numbers = (
            len(jpeg.carried) + len(jpeg.changed) + len(jpeg.lost),
            *(len(jpeg.carried), len(png.carried), len(changed), len(jpeg.lost) + len(png.lost)),
        )
        totals = [one + other for one, other in zip(totals, numbers, strict=True)]
        told = ", ".join(name.partition(":")[2] for name in changed) or "–"
        lines.append(f"| {group} | {' | '.join(map(str, numbers[:3]))} | {told} | {numbers[4]} |")
    lines.append("| **all** | " + " | ".join(f"**{number}**" for number in totals) + " |")
    return "\n".join(lines)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = table(Path(folder))
    print(made)
    if "--write" in sys.argv:
        put(PAGE, "table", made)


if __name__ == "__main__":
    main()
