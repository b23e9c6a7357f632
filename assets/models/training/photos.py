"""Photos for the image model: which are held out, and the views of the others that training sees."""

import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps


def split(folders):
    """(training, held-out) paths: every tenth photo of each folder, by name, is held out. Subfolders count as folders."""
    train, held = [], []
    for folder in folders:
        parts = sorted(p for p in Path(folder).iterdir() if p.is_dir()) or [Path(folder)]
        for part in parts:
            photos = sorted(p for p in part.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
            held += photos[::10]
            train += [p for i, p in enumerate(photos) if i % 10]
    return train, held


def whole(path, side):
    """The photo as the teacher's processor prepares it: squeezed to a square. [3, side, side], u8."""
    return pixels_of(Image.open(path).convert("RGB").resize((side, side), Image.BICUBIC))


def view(path, side, rng):
    """A random part of the photo (8 % to all of it), mirrored half of the time, its light and colour sometimes changed."""
    image = Image.open(path).convert("RGB")
    width, height = image.size
    scale, aspect = rng.uniform(0.08, 1) ** 0.5, 2 ** rng.uniform(-0.4, 0.4)
    w, h = min(width, width * scale * aspect), min(height, height * scale / aspect)
    x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
    image = image.resize((side, side), Image.BICUBIC, box=(x, y, x + w, y + h))
    if rng.random() < 0.5:
        image = ImageOps.mirror(image)
    pixels = pixels_of(image)
    if rng.random() < 0.3:
        gain = np.array([rng.uniform(0.7, 1.3) for _ in range(3)]) * rng.uniform(0.6, 1.3)
        pixels = (pixels * gain[:, None, None]).clip(0, 255).astype(np.uint8)
    return pixels


def pixels_of(image):
    return np.asarray(image).transpose(2, 0, 1)


class Views:
    """An endless draw of views: photos of a folder with many classes come as often as those of one with many photos.

    A view is the whole photo (a quarter), a part of it (most), or two photos side by side (one in eight).
    """

    def __init__(self, photos, side, seed):
        by_folder = {}
        for path in photos:
            by_folder.setdefault(path.parents[1] if path.parent.name.startswith("n") else path.parent, []).append(path)
        self.pools, self.side, self.rng = list(by_folder.values()), side, random.Random(seed)

    def photo(self):
        """Three of four from the most varied pool, the first."""
        pool = self.pools[0] if self.rng.random() < 0.75 else self.rng.choice(self.pools)
        return self.rng.choice(pool)

    def draw(self):
        """[3, side, side], u8."""
        kind = self.rng.random()
        if kind < 0.25:
            pixels = whole(self.photo(), self.side)
            return pixels[:, :, ::-1] if self.rng.random() < 0.5 else pixels
        first = view(self.photo(), self.side, self.rng)
        if kind < 0.875:
            return first
        second, cut, axis = view(self.photo(), self.side, self.rng), self.rng.randrange(48, self.side - 48), self.rng.choice((1, 2))
        first = np.ascontiguousarray(first)
        first[(slice(None), slice(cut, None)) if axis == 1 else (slice(None), slice(None), slice(cut, None))] = (
            second[:, cut:] if axis == 1 else second[:, :, cut:]
        )
        return first

    def batch(self, size):
        """[size, 3, side, side], u8."""
        return torch.from_numpy(np.stack([self.draw() for _ in range(size)]))


def normalised(pixels, mean=0.5, std=0.5):
    """u8 to what the model takes."""
    return (pixels.float() / 255 - mean) / std
