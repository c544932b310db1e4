"""What the demo's camera writes beside the pixels, as a body does that brackets in manual mode."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

MAKE, MODEL = "Canon", "Canon EOS 6D"
# Not a lens that exists: rendered pictures have no distortion, and correcting a known lens would bend them.
LENS = "hotfolder demo rectilinear"
RIGHTS = "hotfolder demo"


@dataclass(frozen=True)
class Shot:
    """One frame's settings. `seconds` is the shutter time, `focal_mm` the focal length."""

    taken: datetime
    seconds: Fraction
    aperture: float
    iso: int
    focal_mm: float


def camera_exif(shot: Shot) -> Image.Exif:
    """The EXIF block of a frame, without its thumbnail."""
    base, photo = ExifTags.Base, Image.Exif()
    photo[base.Make], photo[base.Model] = MAKE, MODEL
    photo[base.Orientation] = 1
    photo[base.Software] = RIGHTS
    photo[base.Artist] = photo[base.Copyright] = RIGHTS
    stamp = shot.taken.strftime("%Y:%m:%d %H:%M:%S")
    photo[base.DateTime] = stamp
    details = photo.get_ifd(ExifTags.IFD.Exif)
    details[base.ExifVersion] = b"0231"
    details[base.DateTimeOriginal] = details[base.DateTimeDigitized] = stamp
    details[base.SubsecTimeOriginal] = details[base.SubsecTimeDigitized] = (
        f"{shot.taken.microsecond // 10000:02d}"
    )
    details[base.ExposureTime] = IFDRational(shot.seconds.numerator, shot.seconds.denominator)
    details[base.FNumber] = IFDRational(round(shot.aperture * 10), 10)
    details[base.ISOSpeedRatings] = shot.iso
    # In manual mode a bracketing body changes the shutter and leaves the compensation at zero.
    details[base.ExposureProgram] = details[base.ExposureMode] = 1
    details[base.ExposureBiasValue] = IFDRational(0, 1)
    details[base.MeteringMode] = 5
    details[base.Flash] = 16
    details[base.WhiteBalance] = 1
    details[base.FocalLength] = IFDRational(round(shot.focal_mm), 1)
    details[base.FocalLengthIn35mmFilm] = round(shot.focal_mm)
    details[base.LensModel] = LENS
    return photo
