"""`python sbom.py "NAME VERSION" ROOT`: the bill of materials of an image whose files lie in ROOT, in
CycloneDX's JSON: the Python packages in /opt/hotfolder and Debian's, each with its version, and its licence
where it says one."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL


def python_packages(root: Path) -> Iterator[Component]:
    folders = map(str, root.glob("opt/hotfolder/lib/python3*/site-packages"))
    for found in sorted(distributions(path=list(folders)), key=lambda one: one.name.lower()):
        licence = found.metadata.get("License-Expression") or found.metadata.get("License") or ""
        name = re.sub(r"[-_.]+", "-", found.name).lower()
        yield component(found.name, found.version, PackageURL("pypi", None, name, found.version), licence)


def debian_packages(root: Path) -> Iterator[Component]:
    status = (root / "var/lib/dpkg/status").read_text(encoding="utf-8")
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^(\S+): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            qualifiers = {"arch": fields["Architecture"]}
            yield component(name, version, PackageURL("deb", "debian", name, version, qualifiers), "")


def component(name: str, version: str, purl: PackageURL, licence: str) -> Component:
    told = [LicenseFactory().make_from_string(licence)] if licence and "\n" not in licence else []
    return Component(
        name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl), licenses=told
    )


def main(title: str, root: Path) -> None:
    name, _, version = title.partition(" ")
    bom = Bom(components=[*python_packages(root), *debian_packages(root)])
    bom.metadata.component = image = Component(
        name=name, version=version, type=ComponentType.CONTAINER, bom_ref=title
    )
    bom.register_dependency(image, bom.components)
    # The same image has the same bill, byte by byte.
    bom.serial_number = uuid5(NAMESPACE_URL, title)
    bom.metadata.timestamp = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    print(JsonV1Dot6(bom).output_as_string(indent=2))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
