"""Make the demonstration's photographs: three views of one house, path traced and exposed in brackets.

    pip install mitsuba pyoidn numpy pillow
    python docs/render_demo.py hotfolder/demo/photos

Not a part of the package, which only carries the JPEGs. Lengths are metres; z is up.
"""

# fmt: off
# ruff: noqa: E501, RUF005, RUF007

import argparse
import tempfile
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import mitsuba as mi
import numpy as np
import pyoidn
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

mi.set_variant("llvm_ad_rgb")
PROJECT, RIGHTS = "12 Elm Road", "hotfolder demo"
FIRST_FRAME = datetime(2026, 5, 12, 10, 31, 7, 340000)  # noqa: DTZ001 - cameras know no time zone
FIVE = [(-4, Fraction(1, 250)), (-2, Fraction(1, 60)), (0, Fraction(1, 15)), (2, Fraction(1, 4)), (4, Fraction(1))]
THREE = [(-2, Fraction(1, 500)), (0, Fraction(1, 125)), (2, Fraction(1, 30))]
T = mi.ScalarTransform4f
UP = np.array([0.0, 0.0, 1.0])

# Patterns: linear RGB pictures that repeat.

def noise(height, width, cells, seed):
    """Smooth noise around 0, that repeats, with so many cells down and across."""
    total, weight = np.zeros((height, width)), 1.0
    generator = np.random.default_rng(seed)
    for octave in range(4):
        rows, columns = (max(1, round(c * 2**octave)) for c in cells)
        grid = np.pad(generator.standard_normal((rows, columns)), 3, mode="wrap").astype(np.float32)
        scale = (width / columns, height / rows)
        size = (round(grid.shape[1] * scale[0]), round(grid.shape[0] * scale[1]))
        big = np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC))
        top, left = round(3 * scale[1]), round(3 * scale[0])
        total += weight * big[top : top + height, left : left + width]
        weight *= 0.55
    return total

def painted(colour, shade):
    return np.clip(np.asarray(colour)[None, None] * shade[..., None], 0.002, 0.9).astype(np.float32)

def laid(size, units, piece, joint, seed, *, spread=0.16, bond=0.5):
    """Shade and joints of pieces in courses: pixels of `size` metres, `piece` (height, width) metres each."""
    height, width = (round(s * 400) for s in size)
    y, x = np.mgrid[0:height, 0:width] / 400.0
    course = np.floor(y / piece[0]).astype(int)
    along = x + course * piece[1] * bond
    number = np.floor(along / piece[1]).astype(int) % units
    tint = 1 + spread * np.random.default_rng(seed).standard_normal((course.max() + 1, units))[course, number]
    gap = np.minimum(y % piece[0], along % piece[1]) < joint
    return tint, gap, (y % piece[0]) / piece[0]

def brick():
    tint, gap, _ = laid((1.2, 1.8), 8, (0.075, 0.225), 0.010, 1, spread=0.15)
    rough = 1 + 0.10 * noise(*tint.shape, (40, 60), 2)
    return np.where(gap[..., None], painted((0.42, 0.39, 0.35), rough), painted((0.36, 0.155, 0.10), tint * rough))

def tiles():
    tint, gap, down = laid((2.0, 2.4), 8, (0.25, 0.3), 0.008, 3, spread=0.10)
    shade = tint * (0.62 + 0.38 * np.minimum(1, (1 - down) * 6)) * (1 + 0.10 * noise(*tint.shape, (20, 24), 4))
    return painted((0.125, 0.118, 0.122), np.where(gap, 0.45, shade))

def planks(colour, size=(1.08, 6.0), piece=(0.18, 2.0), seed=5):
    tint, gap, _ = laid(size, round(size[1] / piece[1]), piece, 0.0028, seed, spread=0.13, bond=0.37)
    grain = noise(*tint.shape, (54, 5), seed + 1) * 0.06 + noise(*tint.shape, (130, 12), seed + 2) * 0.035
    return painted(colour, np.where(gap, 0.35, tint + grain))

def paving():
    tint, gap, _ = laid((2.4, 2.4), 4, (0.4, 0.6), 0.012, 9, spread=0.07)
    return painted((0.40, 0.37, 0.33), np.where(gap, 0.5, tint * (1 + 0.06 * noise(*tint.shape, (24, 24), 10))))

def plaster(colour, strength=0.012, size=700, cells=60, seed=11):
    return painted(colour, 1 + strength * noise(size, size, (cells, cells), seed))

def cloth(colour):
    y, x = np.mgrid[0:400, 0:400]
    return painted(colour, 1 + 0.07 * np.sin(y * np.pi / 2) * np.sin(x * np.pi / 2) + 0.05 * noise(400, 400, (40, 40), 13))

def rug():
    y, x = np.mgrid[-1:1:920j, -1:1:1080j]
    lozenge = np.abs((x * 3.2) % 1 - 0.5) + np.abs((y * 2) % 1 - 0.5)
    edge = np.maximum(np.abs(x), np.abs(y))
    ink = ((np.abs(lozenge - 0.5) < 0.028) & (edge < 0.90)) | ((edge > 0.93) & (edge < 0.955))
    wool = 1 + 0.09 * noise(920, 1080, (180, 220), 17)
    return np.where(ink[..., None], painted((0.14, 0.16, 0.20), wool), painted((0.60, 0.54, 0.45), wool))

def hills(seed):
    """A print: hills below a low sun, within a pale mount."""
    y, x = np.mgrid[1:-1:500j, -1:1:500j]
    art = painted((0.70, 0.62, 0.50), 1 + 0.04 * noise(500, 500, (3, 3), seed))
    art[(x + 0.2) ** 2 + (y - 0.28) ** 2 < 0.022] = (0.72, 0.30, 0.12)
    for k, tint in enumerate([(0.42, 0.46, 0.44), (0.22, 0.31, 0.32), (0.10, 0.16, 0.17)]):
        ridge = 0.1 - 0.24 * k + 0.10 * noise(1, 500, (1, 4), seed + k)[0]
        art[y < ridge[None]] = tint
    art[np.maximum(np.abs(x), np.abs(y)) > 0.66] = (0.80, 0.79, 0.75)
    return art

# Shapes, gathered by material.

class Model:
    """Triangles by material. Every shape has normals, and places in its material's picture in metres."""

    def __init__(self):
        self.parts = {}

    def add(self, material, *part):
        self.parts.setdefault(material, []).append(part)

    def blocks(self, *rows):
        for row in rows:
            self.block(*row)

    def block(self, x, y, z, material, rounding=0.0, turn=(0.0, 0.0, 0.0), puff=False):
        """A box over three spans; `turn` is (degrees, x, y) about an upright axis."""
        low, high = np.array([x, y, z], float).T
        centre, half = (low + high) / 2, (high - low) / 2
        soft = min(rounding, half.min() * 0.98)
        bend = soft * np.tan(np.linspace(0, np.pi / 4, 5)) if soft else np.zeros(1)
        steps = [np.concatenate([-(h - soft) - bend[::-1], np.linspace(-1, 1, 9)[1:-1] * (h - soft), h - soft + bend])
                 if puff else np.concatenate([-(h - soft) - bend[::-1], h - soft + bend]) for h in half]  # fmt: skip
        degrees, ax, ay = turn
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        for axis, side in ((a, s) for a in range(3) for s in (-1.0, 1.0)):
            first, second = (a for a in range(3) if a != axis)
            v, w = np.meshgrid(steps[first], steps[second], indexing="ij")
            p, faces = np.zeros((v.size, 3)), grid_faces(*v.shape)
            p[:, axis], p[:, first], p[:, second] = side * half[axis], v.ravel(), w.ravel()
            inner = np.clip(p, -(half - soft), half - soft)
            normal = np.eye(3)[[axis] * len(p)] * side
            if soft:
                normal = (p - inner) / np.linalg.norm(p - inner, axis=1, keepdims=True)
                p = inner + soft * normal
            uv = (p + centre)[:, [first, second]]
            if puff:
                thin = int(half.argmin())
                rim = np.prod([1 - np.abs(p[:, a] / half[a]) ** 3 for a in range(3) if a != thin], axis=0)
                p[:, thin] *= 0.30 + 0.85 * np.sqrt(np.clip(rim, 0, 1))
                normal = smooth(p, faces)
                normal *= np.sign((normal * p).sum(1, keepdims=True) + 1e-12)
            moved = (p + centre - [ax, ay, 0]) @ rotation.T + [ax, ay, 0]
            self.add(material, moved, normal @ rotation.T, uv, faces)

    def prism(self, outline, axis, low, high, material):
        """An outline in the two other axes (x before y before z), drawn out along `axis`."""
        outline, others = np.array(outline, float), [a for a in range(3) if a != axis]

        def placed(flat, along):
            points = np.zeros((len(flat), 3))
            points[:, others], points[:, axis] = flat, along
            return points

        for along, facing in ((low, -1.0), (high, 1.0)):
            normal = placed(outline * 0, facing)
            fan = np.array([(0, k, k + 1) for k in range(1, len(outline) - 1)])
            self.add(material, placed(outline, along), normal, outline, fan)
        for a, b in zip(outline, np.roll(outline, -1, 0), strict=True):
            length, points = np.linalg.norm(b - a), np.concatenate([placed([a, b], low), placed([a, b], high)])
            flat = np.array([b[1] - a[1], a[0] - b[0]]) / length
            flat *= np.sign(flat @ ((a + b) / 2 - outline.mean(0)))
            uv = np.array([[low, 0], [low, length], [high, 0], [high, length]])
            self.add(material, points, np.repeat(placed([flat], 0.0), 4, 0), uv, np.array([[0, 1, 3], [0, 3, 2]]))

    def lathe(self, profile, x, y, material):
        """A profile of (radius, z), turned about the upright through x, y."""
        angle = np.linspace(0, 2 * np.pi, 49)
        r, z = np.array(profile, float).T
        points = np.stack([x + np.outer(r, np.cos(angle)), y + np.outer(r, np.sin(angle)),
                           np.repeat(z[:, None], 49, 1)], -1).reshape(-1, 3)  # fmt: skip
        faces = grid_faces(len(profile), 49)
        self.add(material, points, smooth(points, faces), points[:, :2], faces)

    def leaves(self, roots, along, width, facing, materials, seed):
        """A lozenge at each root, `along` it, in one of the materials, lit as if it faced `facing`."""
        generator = np.random.default_rng(seed)
        side = np.cross(along, generator.standard_normal(along.shape))
        side *= width / np.linalg.norm(side, axis=1, keepdims=True)
        points = np.stack([roots, roots + along / 2 + side, roots + along, roots + along / 2 - side], 1)
        which = generator.integers(0, len(materials), len(roots))
        for k, material in enumerate(materials):
            chosen = points[which == k].reshape(-1, 3)
            count = len(chosen) // 4
            faces = (np.array([[0, 1, 2], [0, 2, 3]])[None] + 4 * np.arange(count)[:, None, None]).reshape(-1, 3)
            self.add(material, chosen, np.repeat(facing[which == k], 4, 0), chosen[:, :2], faces)

    def shapes(self, folder):
        """Each material's triangles as one file, for Mitsuba."""
        found = {}
        for material, parts in self.parts.items():
            points, normals, uv = (np.concatenate([p[k] for p in parts]) for k in range(3))
            offsets = np.cumsum([0] + [len(p[0]) for p in parts[:-1]])
            faces = np.concatenate([p[3] + o for p, o in zip(parts, offsets, strict=True)])
            path = folder / f"{material}.ply"
            write_ply(path, points, normals, uv, faces)
            found[f"shape-{material}"] = {"type": "ply", "filename": str(path), "bsdf": bsdf(material)}
        return found

def grid_faces(rows, columns):
    k = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (k[:-1, :-1].ravel(), k[1:, :-1].ravel(), k[1:, 1:].ravel(), k[:-1, 1:].ravel())
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])

def smooth(points, faces):
    corners = points[faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(points)
    for k in range(3):
        np.add.at(total, faces[:, k], flat)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)

def write_ply(path, points, normals, uv, faces):
    vertices = np.concatenate([points, normals, uv], 1).astype("<f4")
    rows = np.zeros(len(faces), dtype=[("n", "u1"), ("v", "<i4", 3)])
    rows["n"], rows["v"] = 3, faces
    names = "".join(f"property float {n}\n" for n in ("x", "y", "z", "nx", "ny", "nz", "u", "v"))
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n{names}"
    head += f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    path.write_bytes(head.encode() + vertices.tobytes() + rows.tobytes())

# Materials.

PLAIN = {  # colour, roughness
    "white": ((0.78, 0.78, 0.76), 0.4), "trim": ((0.80, 0.79, 0.77), 0.4), "black": ((0.03, 0.03, 0.032), 0.35),
    "door": ((0.03, 0.085, 0.105), 0.3), "brass": ((0.55, 0.40, 0.17), 0.3), "gutter": ((0.05, 0.05, 0.055), 0.4),
    "garage": ((0.50, 0.51, 0.50), 0.45), "dim": ((0.035, 0.032, 0.028), 0.8), "drape": ((0.34, 0.33, 0.31), 0.9),
    "ceramic": ((0.74, 0.72, 0.67), 0.2), "pot": ((0.30, 0.30, 0.30), 0.6), "terracotta": ((0.47, 0.21, 0.12), 0.7),
    "bark": ((0.16, 0.12, 0.085), 0.9), "book": ((0.10, 0.22, 0.27), 0.6), "paper": ((0.8, 0.78, 0.72), 0.8),
}  # fmt: skip
LEAF = {
    "leaf-a": (0.12, 0.20, 0.045), "leaf-b": (0.08, 0.15, 0.04), "leaf-c": (0.17, 0.25, 0.06),
    "hedge-a": (0.065, 0.125, 0.035), "hedge-b": (0.10, 0.165, 0.042), "rubber": (0.035, 0.085, 0.03),
    "blade-a": (0.13, 0.20, 0.05), "blade-b": (0.19, 0.23, 0.065), "straw-a": (0.36, 0.30, 0.12),
    "straw-b": (0.29, 0.22, 0.10),
}  # fmt: skip
PATTERN = {  # picture, metres that it covers (across, down), roughness
    "brick": (brick, (1.8, 1.2), 0.85), "tiles": (tiles, (2.4, 2.0), 0.6), "paving": (paving, (2.4, 2.4), 0.8),
    "render": (lambda: plaster((0.70, 0.67, 0.60), 0.02), (2.0, 2.0), 0.9), "soil": (lambda: plaster((0.20, 0.17, 0.075), 0.16, 1000, 30, 15), (6.0, 6.0), 1.0),
    "stone": (lambda: plaster((0.50, 0.47, 0.42), 0.05), (1.0, 1.0), 0.8),
    "fence": (lambda: planks((0.34, 0.24, 0.155), (1.08, 6.0), (0.12, 6.0), 21), (6.0, 1.08), 0.9),
    "wall": (lambda: plaster((0.71, 0.69, 0.65)), (2.0, 2.0), 0.9),
    "ceiling": (lambda: plaster((0.84, 0.83, 0.81), 0.006), (2.0, 2.0), 0.9),
    "floor": (lambda: planks((0.38, 0.235, 0.125)), (6.0, 1.08), 0.32),
    "oak": (lambda: planks((0.44, 0.28, 0.14), (1.08, 4.0), (0.12, 4.0), 25), (4.0, 1.08), 0.4),
    "walnut": (lambda: planks((0.21, 0.12, 0.065), (1.2, 4.0), (0.3, 4.0), 27), (4.0, 1.2), 0.35),
    "sofa": (lambda: cloth((0.16, 0.235, 0.30)), (0.3, 0.3), 0.95),
    "linen": (lambda: cloth((0.62, 0.57, 0.49)), (0.3, 0.3), 0.95),
    "mustard": (lambda: cloth((0.60, 0.36, 0.07)), (0.3, 0.3), 0.95),
    "curtain": (lambda: cloth((0.66, 0.62, 0.54)), (0.3, 0.3), 0.95),
    "rug": (rug, (2.7, 2.3), 1.0), "print-a": (lambda: hills(31), (0.74, 0.74), 0.5),
    "print-b": (lambda: hills(47), (0.74, 0.74), 0.5),
}  # fmt: skip
ANCHOR = {"rug": (-1.0, 2.35), "print-a": (2.58, 1.25), "print-b": (3.58, 1.25)}

def bsdf(material):
    if material == "pane":
        return {"type": "thindielectric"}
    if material in LEAF:
        surface = {"type": "diffuse", "reflectance": {"type": "rgb", "value": LEAF[material]}}
    elif material in PLAIN:
        colour, roughness = PLAIN[material]
        surface = {"type": "principled", "base_color": {"type": "rgb", "value": colour}, "roughness": roughness}
    else:
        picture, (across, down), roughness = PATTERN[material]
        left, low = ANCHOR.get(material, (0.0, 0.0))
        place = T().scale([1 / across, 1 / down, 1]) @ T().translate([-left, -low, 0])
        image = {"type": "bitmap", "bitmap": mi.Bitmap(picture()[::-1].copy()), "raw": True, "to_uv": place}
        surface = {"type": "principled", "base_color": image, "roughness": roughness}
    return {"type": "twosided", "bsdf": surface}

# Things that grow.

def scattered(count, generator):
    d = generator.standard_normal((count, 3))
    return d / np.linalg.norm(d, axis=1, keepdims=True)

def foliage(model, blobs, count, leaf, materials, seed):
    """Leaves on balls, (x, y, z, radius) each, as many as their surfaces need in all `count`."""
    generator = np.random.default_rng(seed)
    blobs = np.asarray(blobs, float)
    which = generator.choice(len(blobs), count, p=blobs[:, 3] ** 2 / (blobs[:, 3] ** 2).sum())
    outward = scattered(count, generator)
    roots = blobs[which, :3] + outward * blobs[which, 3:] * generator.uniform(0.45, 1.12, (count, 1))
    along = scattered(count, generator) * leaf * generator.uniform(0.7, 1.2, (count, 1))
    facing = outward + 0.55 * scattered(count, generator) + 0.3 * UP
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    model.leaves(roots, along, leaf * 0.3, facing, materials, seed + 1)

def tree(model, x, y, height, radius, seed, count=42000, leaf=0.13):
    generator = np.random.default_rng(seed)
    model.lathe([(0.17, -0.1), (0.12, height * 0.3), (0.06, height * 0.7)], x, y, "bark")
    places = scattered(90, generator) * generator.uniform(0.2, 1, (90, 1)) ** 0.5 * 0.78
    size = np.array([radius, radius, height * 0.37])
    blobs = np.concatenate([[x, y, height * 0.62] + places * size, generator.uniform(0.14, 0.32, (90, 1)) * radius], 1)
    foliage(model, blobs, count, leaf, ["leaf-a", "leaf-b", "leaf-c"][seed % 2 :], seed)

def hedge(model, x, y, z, seed, per_metre=9000):
    """Leaves along a line from x[0] to x[1] (and y[0] to y[1]), up to the height z."""
    generator = np.random.default_rng(seed)
    length = float(np.hypot(x[1] - x[0], y[1] - y[0]))
    count = int(length * z * 6)
    t = generator.uniform(0, 1, count)
    blobs = np.stack([x[0] + t * (x[1] - x[0]), y[0] + t * (y[1] - y[0]),
                      generator.uniform(0.1, z - 0.28, count), generator.uniform(0.26, 0.4, count)], 1)  # fmt: skip
    blobs[:, :2] += generator.normal(0, 0.08, (count, 2))
    foliage(model, blobs, int(length * z * per_metre / 2), 0.085, ["hedge-a", "hedge-b"], seed)

def bush(model, x, y, radius, seed):
    foliage(model, [(x, y, radius * 0.7, radius)], 6000, 0.07, ["hedge-a", "hedge-b"], seed)

def lawn(model, x, y, count, seed, bare=()):
    """Soil, and blades that are green here and straw there; none in the rectangles `bare`."""
    model.block(x, y, (-0.2, 0.0), "soil")
    generator = np.random.default_rng(seed)
    # As seen by the camera, which is at the nearer edge: ever fewer with the distance.
    share = generator.uniform(0, 1, count) ** 1.9
    roots = np.stack([generator.uniform(*x, count), y[0] + share * (y[1] - y[0]), np.zeros(count)], 1)
    for left, right, near, far in bare:
        inside = (roots[:, 0] > left) & (roots[:, 0] < right) & (roots[:, 1] > near) & (roots[:, 1] < far)
        roots = roots[~inside]
    patches = noise(400, 400, (9, 9), seed + 1)
    cell = ((roots[:, :2] - [x[0], y[0]]) / [x[1] - x[0], y[1] - y[0]] * 399).astype(int)
    dry = patches[cell[:, 1], cell[:, 0]] + 0.7 * generator.standard_normal(len(roots)) > 0.1
    lean = generator.normal(0, 0.03, (len(roots), 3))
    along = lean * [1, 1, 0] + UP * generator.uniform(0.03, 0.065, (len(roots), 1))
    facing = UP + 0.35 * scattered(len(roots), generator)
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    for mask, kinds in ((dry, ["straw-a", "straw-b", "blade-b"]), (~dry, ["blade-a", "blade-b", "blade-a"])):
        model.leaves(roots[mask], along[mask], 0.006, facing[mask], kinds, seed + 2)

# Parts of houses. Fronts look towards -y.

def roof(model, x, y, eaves, rise, ridge, thick=0.13, over=0.32):
    """Two tiled slopes with white bargeboards; `ridge` is the axis along which it runs."""
    (low, high), (a, b) = (x, y) if ridge == 0 else (y, x)
    middle, top = (a + b) / 2, eaves + rise
    drop = rise / ((b - a) / 2) * over
    for edge, out in ((a, -over), (b, over)):
        slope = [(edge + out, eaves - drop), (middle, top), (middle, top + thick), (edge + out, eaves - drop + thick)]
        model.prism(slope, ridge, low - 0.2, high + 0.2, "tiles")
        for end in (low - 0.235, high + 0.2):
            board = [(p, q - 0.05) for p, q in slope]
            model.prism(board, ridge, end, end + 0.035, "white")

def body(model, x, y, eaves, rise, ridge, wall):
    a, b = y if ridge == 0 else x
    outline = [(a, 0), (b, 0), (b, eaves), ((a + b) / 2, eaves + rise), (a, eaves)]
    model.prism(outline, ridge, *(x if ridge == 0 else y), wall)

def window(model, x, z, y, lights=2, curtains=0.18, bar=True):
    """A white window in a front at `y`, dark behind, between two curtains."""
    (left, right), (low, high), width = x, z, x[1] - x[0]
    model.block(x, (y - 0.01, y + 0.01), z, "dim")
    for k in range(12 if curtains else 0):
        fold = (left if k < 6 else right - width * curtains) + k % 6 * width * curtains / 6 + 0.03
        model.lathe([(width * curtains / 9, low), (width * curtains / 9, high)], fold, y, "drape")
    model.block(x, (y - 0.034, y - 0.030), z, "pane")
    level, third = low + (high - low) * 0.68, width / lights
    rails = [(low, low + 0.08), (high - 0.075, high), (level - 0.025, level + 0.025)]
    uprights = [(left + k * third - 0.045, left + k * third + 0.045) for k in range(1, lights)]
    for upright in [(left, left + 0.075), (right - 0.075, right), *uprights]:
        model.block(upright, (y - 0.075, y), z, "white", 0.008)
    for rail in rails if bar else rails[:2]:
        model.block(x, (y - 0.07, y), rail, "white", 0.008)
    model.block((left - 0.12, right + 0.12), (y - 0.16, y), (low - 0.11, low), "stone", 0.01)
    model.block((left - 0.12, right + 0.12), (y - 0.03, y), (high, high + 0.2), "stone", 0.01)

def chimney(model, x, y, z):
    model.block((x - 0.4, x + 0.4), (y - 0.3, y + 0.3), (z - 1.6, z + 0.9), "brick")
    model.block((x - 0.47, x + 0.47), (y - 0.37, y + 0.37), (z + 0.9, z + 1.02), "stone", 0.02)
    for side in (-0.2, 0.2):
        model.lathe([(0.12, z + 1.0), (0.10, z + 1.4), (0.08, z + 1.4)], x + side, y, "terracotta")

def gutter(model, x, y, z):
    model.block(x, (y - 0.42, y - 0.30), (z - 0.31, z - 0.21), "gutter", 0.03)
    model.block(x, (y - 0.30, y), (z - 0.42, z - 0.33), "white")
    model.block((x[1] - 0.42, x[1] - 0.34), (y - 0.10, y - 0.02), (0.05, z - 0.3), "gutter", 0.03)

# The three views: each fills a model and names its camera and its light.

def front(model):
    lawn(model, (-26, 26), (-13, 40), 900000, 61, bare=[(-0.3, 4.7, -2.6, 0), (4.6, 8.4, -14, 1)])
    for x, y, eaves, rise, ridge, wall in (
        ((-5, 4.6), (0, 8), 5.0, 2.6, 0, "brick"), ((-5.3, -1.5), (-1.3, 4), 5.0, 2.0, 1, "render"),
        ((4.6, 8.6), (0.6, 6.5), 2.55, 1.5, 1, "brick"),
    ):
        body(model, x, y, eaves, rise, ridge, wall)
        roof(model, x, y, eaves, rise, ridge)
    chimney(model, 3.2, 4.2, 7.8)
    gutter(model, (-1.4, 4.9), 0.0, 5.0)
    for place in (
        ((-4.4, -2.4), (0.9, 2.3), -1.3, 3), ((-4.2, -2.6), (3.3, 4.5), -1.3), ((2.0, 3.9), (0.9, 2.3), 0.0, 3),
        ((1.9, 3.9), (3.3, 4.5), 0.0), ((-0.9, -0.1), (3.3, 4.5), 0.0, 1), ((-1.15, -0.35), (0.9, 2.3), 0.0, 1, 0.0),
        ((0.25, 1.25), (2.22, 2.65), -0.02, 1, 0.0, False),
    ):
        window(model, *place)
    model.blocks(
        ((4.6, 8.4), (-14, 0.6), (-0.2, 0.015), "paving"), ((-0.3, 4.7), (-2.6, -1.2), (-0.2, 0.015), "paving"),
        ((0.15, 1.35), (-0.06, 0), (0, 2.75), "white", 0.01), ((0.25, 1.25), (-0.09, 0), (0.12, 2.12), "door", 0.01),
        *(((x, x + 0.3), (-0.10, 0), z, "door", 0.012) for x in (0.38, 0.82) for z in ((0.35, 0.95), (1.12, 1.9))),
        ((0.32, 0.36), (-0.15, 0), (1.0, 1.18), "brass", 0.015), ((-0.25, 1.75), (-1.2, 0), (0, 0.13), "stone", 0.02),
        ((-0.3, 1.8), (-1.15, 0), (2.95, 3.08), "white", 0.02), ((5.2, 8.0), (0.52, 0.6), (0, 2.25), "white"),
        *(((x, x + 0.1), (-1.05, -0.95), (0.13, 2.95), "white", 0.01) for x in (-0.2, 1.6)),
        *(((5.3, 7.9), (0.48, 0.55), (0.02 + k * 0.43, 0.44 + k * 0.43), "garage", 0.02) for k in range(5)),
    )
    for k, x in enumerate((-4.9, -4.1, -3.2, -2.3, 2.1, 2.9, 3.8)):
        bush(model, x, -1.75 if x < 0 else -0.55, 0.36 + 0.05 * (k % 3), 200 + k)
    hedge(model, (-20, -5.6), (3.2, 3.2), 1.7, 71)
    hedge(model, (9.2, 20), (3.6, 3.2), 1.6, 72)
    for place in ((-9.6, 5.5, 5.8, 2.5, 81), (11.5, 9.0, 6.2, 2.6, 82), (16.5, 12.0, 5.6, 2.4, 84)):
        tree(model, *place)
    for k in range(9):
        tree(model, -34 + 9 * k, 45 + 5 * (k % 3), 5.5 + (k % 4), 4.5, 90 + k, 14000, 0.4)
    return {"at": (0.9, -13.6, 1.62), "yaw": 0.0, "focal": 24, "shift": -0.12, "sky": "grey"}

def garden(model):
    lawn(model, (-24, 24), (-14, 30), 1100000, 62, bare=[(-3.2, 5.4, -2.6, 0)])
    body(model, (-2.6, 5.0), (0, 7), 5.0, 2.3, 0, "render")
    roof(model, (-2.6, 5.0), (0, 7), 5.0, 2.3, 0)
    chimney(model, -1.5, 3.6, 7.4)
    gutter(model, (-2.9, 5.3), 0.0, 5.0)
    for place in (
        ((-1.8, 1.9), (0.1, 2.25), 0.0, 4, 0.06, False), ((2.9, 4.3), (0.95, 2.2), 0.0), ((-1.9, -0.3), (3.3, 4.5), 0.0),
        ((0.8, 1.7), (3.3, 4.5), 0.0, 1), ((2.8, 4.4), (3.3, 4.5), 0.0),
    ):
        window(model, *place)
    for x in (-2.3, 2.35):
        model.lathe([(0, 0.04), (0.17, 0.04), (0.22, 0.5), (0.19, 0.5), (0.17, 0.42), (0, 0.42)], x, -0.5, "pot")
        foliage(model, [(x, -0.5, 0.75, 0.32)], 5000, 0.06, ["hedge-a", "hedge-b"], int(x * 10) + 300)
    model.lathe([(0.0, 0.72), (0.55, 0.72), (0.55, 0.75), (0.0, 0.75)], 4.0, -1.4, "oak")
    model.lathe([(0.04, 0.04), (0.04, 0.72)], 4.0, -1.4, "gutter")
    for x, back in ((3.2, 3.0), (4.8, 5.0)):
        legs = [(x + dx, y) for dx in (-0.19, 0.19) for y in (-1.62, -1.23)]
        model.blocks(
            ((x - 0.22, x + 0.22), (-1.65, -1.2), (0.42, 0.47), "oak", 0.015),
            ((back - 0.025, back + 0.025), (-1.65, -1.2), (0.5, 0.9), "oak", 0.015),
            *(((a - 0.02, a + 0.02), (b - 0.02, b + 0.02), (0.04, 0.44), "oak") for a, b in legs),
        )
    model.block((-3.0, 5.2), (-2.5, 0), (-0.2, 0.04), "paving", 0.01)
    for k in range(8):
        model.block((5.6 + 1.9 * k, 7.42 + 1.9 * k), (4.0, 4.04), (0.05, 1.7), "fence")
        model.block((5.5 + 1.9 * k, 5.6 + 1.9 * k), (3.96, 4.08), (0, 1.8), "fence", 0.01)
    for k, x in enumerate((6.4, 8.0, 9.9, 12.2)):
        bush(model, x, 3.0, 0.55 + 0.1 * (k % 2), 230 + k)
    bush(model, -3.4, 0.6, 0.6, 240)
    hedge(model, (-18, -3.6), (2.6, 3.4), 2.3, 73)
    for place in ((-7.2, -0.6, 6.0, 2.3, 85, 60000), (-11.5, 6.5, 7.2, 3.0, 86), (-4.9, 9.5, 6.6, 2.4, 88), (8.3, 8.5, 5.6, 2.3, 87)):
        tree(model, *place)
    for k in range(9):
        tree(model, -34 + 9 * k, 48 + 5 * (k % 3), 5.5 + (k % 4), 4.5, 110 + k, 14000, 0.4)
    return {"at": (-0.6, -13.9, 1.6), "yaw": 2.0, "focal": 26, "shift": -0.10, "sky": "grey"}

def casement(model, at, span, rise, axis):
    """The frame of an opening in a wall: three lights with a bar across, a sill within."""
    (a, b), (low, high), third = span, rise, (span[1] - span[0]) / 3
    uprights = [(a, a + 0.06), (b - 0.06, b), *((a + k * third - 0.035, a + k * third + 0.035) for k in (1, 2))]
    bar = low + (high - low) * 0.69
    rails = [(low, low + 0.06), (high - 0.06, high), (bar - 0.018, bar + 0.018)]
    for across, up in [*((u, rise) for u in uprights), *((span, r) for r in rails)]:
        spans = [across, (at, at + 0.06)] if axis == 1 else [(at, at + 0.06), across]
        model.block(*spans, up, "trim", 0.008)

def shell(model):
    walls = [
        ((-3.14, 3.14), (-1.4, 6.54), (-0.1, 0), "floor"), ((-3.14, 3.14), (-1.4, 6.54), (2.65, 2.85), "ceiling"),
        ((2.9, 3.14), (-1.4, 6.54), (0, 2.65), "wall"), ((-3.14, 3.14), (-1.4, -1.2), (0, 2.65), "wall"),
        ((-3.14, -1.75), (6.3, 6.54), (0, 2.65), "wall"), ((0.75, 3.14), (6.3, 6.54), (0, 2.65), "wall"),
        ((-1.75, 0.75), (6.3, 6.54), (0, 0.42), "wall"), ((-1.75, 0.75), (6.3, 6.54), (2.25, 2.65), "wall"),
        ((-3.14, -2.9), (-1.4, 1.5), (0, 2.65), "wall"), ((-3.14, -2.9), (4.3, 6.54), (0, 2.65), "wall"),
        ((-3.14, -2.9), (1.5, 4.3), (0, 0.42), "wall"), ((-3.14, -2.9), (1.5, 4.3), (2.25, 2.65), "wall"),
        ((2.882, 2.9), (-1.2, 6.3), (0, 0.13), "trim"), ((-2.9, 2.9), (6.282, 6.3), (0, 0.13), "trim"),
        ((-2.9, -2.882), (-1.2, 6.3), (0, 0.13), "trim"), ((-1.81, 0.81), (6.21, 6.5), (0.385, 0.42), "trim"),
        ((-3.1, -2.81), (1.44, 4.36), (0.385, 0.42), "trim"),
    ]  # fmt: skip
    model.blocks(*walls)
    casement(model, 6.4, (-1.75, 0.75), (0.42, 2.25), 1)
    casement(model, -3.06, (1.5, 4.3), (0.42, 2.25), 0)

def seating(model):
    model.blocks(
        *(((1.72, 2.62), (2.35 + k * 0.735, 3.085 + k * 0.735), (0.25, 0.47), "sofa", 0.07) for k in range(3)),
        *(((2.38, 2.66), (2.35 + k * 0.735, 3.085 + k * 0.735), (0.42, 0.84), "sofa", 0.10) for k in range(3)),
        ((1.74, 2.82), (2.15, 4.75), (0.09, 0.30), "sofa", 0.03), ((2.60, 2.84), (2.15, 4.75), (0.10, 0.78), "sofa", 0.07),
        *(((1.73, 2.83), (y, y + 0.21), (0.10, 0.62), "sofa", 0.08) for y in (2.15, 4.54)),
        ((2.16, 2.40), (2.40, 2.84), (0.44, 0.86), "mustard", 0.05, (14, 2.3, 2.6), True),
        ((2.18, 2.42), (4.05, 4.49), (0.44, 0.86), "linen", 0.05, (-14, 2.3, 4.3), True),
    )
    x, y = -1.75, 4.55
    for x0, x1, y0, y1, low, high, material, *soft in (
        *((dx - 0.02, dx + 0.02, dy - 0.02, dy + 0.02, 0, 0.18, "walnut", 0.01) for dx in (-0.36, 0.36) for dy in (-0.3, 0.36)),
        (-0.40, 0.40, -0.37, 0.43, 0.17, 0.35, "linen", 0.03), (-0.31, 0.31, -0.40, 0.36, 0.32, 0.50, "linen", 0.06),
        (-0.36, 0.36, 0.26, 0.46, 0.20, 0.92, "linen", 0.09), (-0.46, -0.30, -0.38, 0.42, 0.14, 0.62, "linen", 0.07),
        (0.30, 0.46, -0.38, 0.42, 0.14, 0.62, "linen", 0.07), (-0.18, 0.2, 0.04, 0.25, 0.48, 0.84, "mustard", 0.05, True),
    ):
        model.block((x + x0, x + x1), (y + y0, y + y1), (low, high), material, soft[0], (38.0, x, y), *soft[1:])

def furniture(model):
    model.blocks(
        ((-0.2, 0.8), (2.8, 4.0), (0.36, 0.40), "oak", 0.012),
        *(((x, x + 0.045), (y, y + 0.045), (0, 0.36), "oak", 0.005) for x in (-0.16, 0.72) for y in (2.85, 3.9)),
        ((-0.03, 0.27), (3.01, 3.23), (0.4, 0.432), "book", 0.004, (12, 0.12, 3.12)),
        ((0.0, 0.26), (3.02, 3.21), (0.432, 0.458), "paper", 0.004, (-6, 0.12, 3.12)),
        ((1.2, 2.5), (5.84, 6.28), (0.17, 0.75), "walnut", 0.008),
        *(((x - 0.002, x + 0.002), (5.83, 5.85), (0.19, 0.73), "black") for x in (1.634, 2.066)),
        *(((x, x + 0.04), (5.88, 5.92), (0, 0.18), "black") for x in (1.25, 2.4)),
        ((1.75, 2.02), (5.95, 6.15), (0.75, 0.785), "terracotta", 0.004), ((1.77, 2.0), (5.96, 6.14), (0.785, 0.815), "paper", 0.004),
        *(((2.868, 2.9), (y - 0.4, y + 0.4), (1.22, 2.02), "black", 0.004) for y in (2.95, 3.95)),
        ((2.866, 2.88), (2.58, 3.32), (1.25, 1.99), "print-a"), ((2.866, 2.88), (3.58, 4.32), (1.25, 1.99), "print-b"),
        ((-1.0, 1.7), (2.35, 4.65), (0, 0.016), "rug", 0.006), ((-2.4, 1.4), (6.15, 6.17), (2.42, 2.44), "black"),
    )
    for x, y, material, profile in (
        (0.42, 3.62, "ceramic", [(0.0, 0.405), (0.06, 0.405), (0.15, 0.50), (0.14, 0.50), (0.05, 0.42), (0, 0.42)]),
        (1.45, 6.05, "ceramic", [(0, 0.75), (0.06, 0.75), (0.10, 0.86), (0.06, 1.0), (0.035, 1.08), (0.05, 1.12)]),
        (2.3, 6.05, "black", [(0.08, 0.75), (0.08, 0.77), (0.015, 0.78), (0.015, 1.05)]),
        (0.3, 3.4, "black", [(0.01, 2.65), (0.01, 2.16), (0.05, 2.15), (0.17, 2.08), (0.25, 1.96), (0.27, 1.84)]),
        (-2.32, 5.62, "terracotta", [(0, 0), (0.15, 0), (0.20, 0.38), (0.18, 0.38), (0.16, 0.33), (0, 0.33)]),
        (-2.32, 5.62, "bark", [(0.015, 0.3), (0.01, 1.5)]),
    ):
        model.lathe(profile, x, y, material)
    t = np.linspace(0, 1, 60)
    for left in (-2.22, 0.80):
        edge = np.stack([left + 0.42 * t, 6.16 + 0.045 * np.sin(t * 44)], 1)
        for a, b in zip(edge[:-1], edge[1:], strict=True):
            model.prism([a, b, b + [0, 0.006], a + [0, 0.006]], 2, 0.02, 2.42, "curtain")
    generator, share = np.random.default_rng(14), np.arange(60) / 60
    angle = np.arange(60) * 2.4 + generator.uniform(-0.2, 0.2, 60)
    outward = np.stack([np.cos(angle), np.sin(angle), 0.9 * share - 0.1], 1)
    roots = [-2.32, 5.62, 0.45] + outward * 0.03 + np.outer(1.05 * share, UP)
    model.leaves(roots, outward * generator.uniform(0.26, 0.4, (60, 1)), 0.06, UP + 0 * outward, ["rubber"], 15)

def living_room(model):
    shell(model)
    seating(model)
    furniture(model)
    model.block((-40, 40), (6.6, 60), (-0.4, -0.2), "soil")
    model.block((-40, -3.2), (-20, 6.6), (-0.4, -0.2), "soil")
    hedge(model, (-14, 8), (14, 14), 1.9, 75, 5000)
    hedge(model, (-12, -12), (-6, 14), 1.9, 76, 5000)
    for k, (x, y) in enumerate(((-3.5, 17), (1.2, 19), (-8, 16), (-14.5, 8), (-15.5, 2), (4.5, 16))):
        tree(model, x, y, 6.0 + k % 3, 2.4, 120 + k, 30000)
    grass = np.random.default_rng(16).uniform((-14, -6, -0.2), (8, 14, -0.2), (250000, 3))
    grass = grass[(grass[:, 0] < -3.3) | (grass[:, 1] > 6.7)]
    model.leaves(grass, np.tile(UP * 0.08, (len(grass), 1)), 0.012, np.tile(UP, (len(grass), 1)), ["blade-a", "blade-b"], 3)
    return {"at": (-1.65, -0.75, 1.36), "yaw": 20.0, "focal": 20, "shift": 0.03, "sky": "blue"}

# Light, camera and film.

def sky(kind):
    """Radiance by direction: an overcast sky without a cloud, or a blue one with its sun apart."""
    up = np.cos(np.linspace(0, np.pi, 256))[:, None] * np.ones((1, 512))
    azimuth = np.linspace(-np.pi, np.pi, 512)[None]
    if kind == "grey":
        side = np.exp(-((1 - (-0.55 * np.cos(azimuth - 2.4) * np.sqrt(1 - up**2) + 0.83 * up)) ** 2) / 0.08)
        picture = np.array([0.93, 0.97, 1.0]) * (0.86 + 0.10 * np.clip(up, 0, 1) + 1.5 * side)[..., None]
    else:
        haze = np.exp(-np.clip(up, 0, 1) * 3.2)[..., None]
        picture = (1 - haze) * [0.42, 0.72, 1.35] + haze * [1.25, 1.4, 1.5]
    picture = np.where(up[..., None] < 0, 0.3 * np.array([0.9, 0.9, 0.8]), picture)
    place = T().rotate([1, 0, 0], 90)
    lights = {"sky": {"type": "envmap", "bitmap": mi.Bitmap(picture.astype(np.float32)), "to_world": place}}
    if kind == "blue":
        sun = {"type": "rgb", "value": [26, 24.5, 21]}
        lights["sun"] = {"type": "directional", "direction": [0.86, -0.30, -0.62], "irradiance": sun}
        glow = {"type": "area", "radiance": {"type": "rgb", "value": [2.6, 1.75, 0.9]}}
        ends = {"p0": [2.3, 6.05, 1.03], "p1": [2.3, 6.05, 1.27]}
        lights["lamp"] = {"type": "cylinder", **ends, "radius": 0.15, "emitter": glow, "bsdf": bsdf("paper")}
    return lights

def radiance(view, width, samples, folder):
    """The light that falls onto the film, without grain."""
    model = Model()
    shot = view(model)
    yaw, at = np.radians(shot["yaw"]), np.array(shot["at"])
    height = width * 2 // 3
    look = T().look_at(origin=at, target=at + [np.sin(yaw), np.cos(yaw), 0], up=[0, 0, 1])
    film = {"type": "hdrfilm", "width": width, "height": height, "pixel_format": "rgb", "component_format": "float32"}
    # The denoiser wants neighbours that know nothing of one another.
    film["rfilter"] = {"type": "box"}
    sensor = {
        "type": "perspective", "fov": float(np.degrees(2 * np.arctan(18 / shot["focal"]))), "fov_axis": "x",
        "principal_point_offset_y": shot["shift"], "to_world": look, "film": film, "near_clip": 0.05,
        "sampler": {"type": "independent"},
    }  # fmt: skip
    scene = {"type": "scene", "sensor": sensor, **sky(shot["sky"]), **model.shapes(folder)}
    scene["integrator"] = {"type": "aov", "aovs": "a:albedo,n:sh_normal", "path": {"type": "path", "max_depth": 9}}
    scene = mi.load_dict(scene)
    total, passes = 0.0, max(1, samples // 4)
    for seed in range(passes):
        total = total + np.array(mi.render(scene, spp=samples // passes, seed=seed)) / passes
        print(f"\r{view.__name__} {seed + 1}/{passes}", end="", flush=True)
    print()
    colour, albedo, normal = (np.ascontiguousarray(total[..., k : k + 3], np.float32) for k in (0, 3, 6))
    return pyoidn.denoise(colour, albedo=np.clip(albedo, 0, 1), normal=normal, hdr=True), shot["focal"]

def expose(light, seed):
    """An sRGB frame of what saturates at 1.0, as a camera's picture style draws it, with a little grain."""
    grain = np.random.default_rng(seed).standard_normal(light.shape)
    raw = np.clip(light + grain * np.sqrt(np.clip(light, 0, 1) / 9e4 + 1.2e-7), 0, 1)
    lifted = raw * 1.55 / (1 + 0.55 * raw)
    encoded = np.where(lifted <= 0.0031308, 12.92 * lifted, 1.055 * np.maximum(lifted, 1e-6) ** (1 / 2.4) - 0.055)
    return Image.fromarray((np.clip(encoded - 0.022 * np.sin(2 * np.pi * encoded), 0, 1) * 255 + 0.5).astype(np.uint8))

def exif(taken, seconds, focal):
    """What a body writes that brackets in manual mode. No camera or lens that exists is named."""
    base, block = ExifTags.Base, Image.Exif()
    stamp = taken.strftime("%Y:%m:%d %H:%M:%S")
    block.update({base.Make: "hotfolder", base.Model: "Path tracer", base.Orientation: 1, base.DateTime: stamp})
    block.update({base.Software: RIGHTS, base.Artist: RIGHTS, base.Copyright: RIGHTS})
    block.get_ifd(ExifTags.IFD.Exif).update({
        base.ExifVersion: b"0231", base.DateTimeOriginal: stamp, base.DateTimeDigitized: stamp,
        base.SubsecTimeOriginal: f"{taken.microsecond // 10000:02d}",
        base.ExposureTime: IFDRational(seconds.numerator, seconds.denominator), base.FNumber: IFDRational(8, 1),
        base.ISOSpeedRatings: 100, base.ExposureProgram: 1, base.ExposureMode: 1, base.MeteringMode: 5,
        base.ExposureBiasValue: IFDRational(0, 1), base.Flash: 16, base.WhiteBalance: 1,
        base.FocalLength: IFDRational(focal, 1), base.FocalLengthIn35mmFilm: focal,
    })  # fmt: skip
    return block

VIEWS = [  # view, folder, exposures, stops of the middle frame from where a radiance of 1.0 saturates, first number
    (living_room, "living-room", FIVE, -1.2, 101),
    (front, "front__sky-twilight", THREE, 0.5, 111),
    (garden, "garden__lawn-medium__sky-blue", THREE, 0.5, 121),
]  # fmt: skip

def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("target", type=Path)
    options.add_argument("--width", type=int, default=1600)
    options.add_argument("--samples", type=int, default=96)
    options.add_argument("--quality", type=int, default=82)
    options.add_argument("--view", help="only this one")
    given = options.parse_args()
    for view, name, exposures, middle, first in VIEWS:
        if given.view and view.__name__ != given.view:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            light, focal = radiance(view, given.width, given.samples, Path(scratch))
        folder = given.target / PROJECT / name
        folder.mkdir(parents=True, exist_ok=True)
        taken = FIRST_FRAME + timedelta(minutes=first - 101)
        for number, (ev, seconds) in enumerate(exposures, first):
            picture = expose(light * 2.0 ** (middle + ev), number)
            details = {"quality": given.quality, "optimize": True, "progressive": True, "dpi": (72, 72)}
            picture.save(folder / f"IMG_{number:04d}.jpg", exif=exif(taken, seconds, focal), **details)
            taken += timedelta(seconds=float(seconds) + 0.23)

if __name__ == "__main__":
    main()
