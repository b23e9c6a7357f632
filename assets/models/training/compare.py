"""Draws teacher and student side by side on the program's own six sample photos, with the program itself.

    python compare.py --tokenscope ../../../target/release/tokenscope --teacher vit-tiny-patch16-224 --out ../image/compare.jpg

One row a photo: the photo with the chosen patch, ULTra's map of that patch at the last layer by the teacher and by the student,
and six segments by each. Both models draw every figure with the same flags.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

PATCHES = {"cat": "4,8", "coffee": "7,7", "astronaut": "4,6", "dandelions": "5,4", "brick": "7,7", "notes": "6,5"}
CELL = 250
HEADINGS = ("teacher: ULTra", "student: ULTra", "teacher: segments", "student: segments")


def draw(args, task, sample, model, flags):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figure.png"
        command = [args.tokenscope, task, f"sample:{sample}.jpg", "--model", model, *flags]
        subprocess.run([*command, "--no-photo", "--no-title", "--width", "2.2", "--dpi", "150", "--out", out], check=True)
        figure = Image.open(out).convert("RGB")
    figure.thumbnail((CELL, CELL), Image.LANCZOS)
    return figure


def row(args, sample, patch):
    maps = [draw(args, "explain", sample, m, ["--token", patch]) for m in (args.teacher, "image")]
    return maps + [draw(args, "segment", sample, m, ["--clusters", "6", "--rows", "all"]) for m in (args.teacher, "image")]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tokenscope", type=Path, required=True)
    p.add_argument("--teacher", required=True)
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    rows = [row(args, sample, patch) for sample, patch in PATCHES.items()]
    heights = [max(figure.height for figure in figures) for figures in rows]
    page = Image.new("RGB", (CELL * len(HEADINGS), 24 + sum(heights) + 6 * len(rows)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    for column, heading in enumerate(HEADINGS):
        pen.text((column * CELL + 4, 4), heading, fill=(20, 20, 20), font=font)
    top = 24
    for figures, height in zip(rows, heights):
        for column, figure in enumerate(figures):
            page.paste(figure, (column * CELL, top))
        top += height + 6
    page.save(args.out, quality=88, optimize=True)


if __name__ == "__main__":
    main()
