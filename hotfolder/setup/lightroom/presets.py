"""Values as text that Lua reads, and of such Lightroom's export presets for flat drops: the photos of a whole
shoot in one folder of an inbox."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence

Value = str | bool | int | float | Sequence["Value"] | Mapping[str, "Value"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
KEYWORDS = re.compile(
    "(and|break|do|else|elseif|end|false|for|function|goto|if|in|local|nil|not|or|repeat|return|then|true|until"
    "|while)\\Z"
)
ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')


def lua(value: Value, depth: int = 0) -> str:
    """The text of `value`; a table has one entry a line, indented by tabs."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return '"' + ESCAPED.sub(_escape, value) + '"'
    indent = "\t" * depth
    lines = [f"{indent}\t{line},\n" for line in _entries(value, depth + 1)]
    return "{\n" + "".join(lines) + indent + "}" if lines else "{}"


def _entries(value: Sequence[Value] | Mapping[str, Value], depth: int) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            plain = NAME.match(name) and not KEYWORDS.match(name)
            written = name if plain else f"[{lua(name)}]"
            yield f"{written} = {lua(inner, depth)}"
    else:
        yield from (lua(inner, depth) for inner in value)


def _escape(found: re.Match[str]) -> str:
    return "\\" + found[0] if found[0] in '"\\' else f"\\{ord(found[0]):03}"


IDENTITY = uuid.UUID("5f1d4dd2-9f5b-5a0e-8a1f-6f1f2f0c7b11")

EXPORT: Mapping[str, Value] = {
    # Where to. The folder is asked for at each export: one of a shoot's own, so that no two shoots mix.
    "exportServiceProvider": "com.adobe.ag.export.file",
    "exportServiceProviderTitle": "Hard Drive",
    "export_destinationType": "chooseLater",
    "export_destinationPathPrefix": "",
    "export_destinationPathSuffix": "",
    "export_useSubfolder": False,
    "export_useParentFolder": False,
    "collisionHandling": "rename",
    "reimportExportedPhoto": False,
    "reimport_stackWithOriginal": False,
    "reimport_stackWithOriginal_position": "below",
    "export_postProcessing": "doNothing",
    "export_externalEditingApp": "",
    # Names as the camera gave them: they keep the order of the exposures.
    "renamingTokensOn": False,
    "tokens": "{{image_name}}",
    "tokensArchivedToString2": "{{image_name}}",
    "tokenCustomString": "",
    "initialSequenceNumber": 1,
    "extensionCase": "lowercase",
    # Whole pictures, as much of them as a JPEG holds.
    "format": "JPEG",
    "jpeg_quality": 0.95,
    "jpeg_useLimitSize": False,
    "jpeg_limitSize": 100,
    "export_colorSpace": "sRGB",
    "export_bitDepth": 8,
    "tiff_compressionMethod": "compressionMethod_None",
    "tiff_preserveTransparency": False,
    "enableHDRDisplay": False,
    "maximumCompatibility": False,
    "size_doConstrain": False,
    "size_userWantsConstrain": False,
    "size_doNotEnlarge": True,
    "size_resizeType": "wh",
    "size_maxWidth": 1000,
    "size_maxHeight": 1000,
    "size_megapixels": 5,
    "size_percentage": 100,
    "size_units": "pixels",
    "size_resolution": 300,
    "size_resolutionUnits": "inch",
    "outputSharpeningOn": False,
    "outputSharpeningMedia": "screen",
    "outputSharpeningLevel": 2,
    "useWatermark": False,
    "watermarking_id": "<simpleCopyrightWatermark>",
    # All that the camera recorded: it tells which exposures belong together.
    "embeddedMetadataOption": "all",
    "minimizeEmbeddedMetadata": False,
    "metadata_keywordOptions": "flat",
    "removeFaceMetadata": False,
    "removeLocationMetadata": False,
    "includeFaceTagsAsKeywords": False,
    "includeFaceTagsInIptc": False,
    "contentCredentials_include_status": "exclude",
    "includeVideoFiles": False,
    "export_videoFileHandling": "exclude",
    "export_videoFormat": "4e49434b-4832-3634-fbfb-fbfbfbfbfbfb",
    "export_videoPreset": "original",
    "selectedTextFontFamily": "Myriad Web Pro",
    "selectedTextFontSize": 12,
}
"""Every key that decides how a JPEG file is exported: one that is left out is filled from the last export."""


def preset(inbox: str, folder: str) -> str:
    """The preset for an inbox with this title. `folder` is where its choice of a folder begins, "" where
    nobody knows."""
    title = f"hotfolder {inbox}"
    content: Mapping[str, Value] = {
        "id": identity(inbox),
        "internalName": title,
        "title": title,
        "type": "Export",
        "value": {**EXPORT, "export_destinationPathPrefix": folder},
        "version": 0,
    }
    return f"s = {lua(content)}\n"


def identity(inbox: str) -> str:
    """By which Lightroom, and a renewal, knows the preset again."""
    return str(uuid.uuid5(IDENTITY, inbox)).upper()
