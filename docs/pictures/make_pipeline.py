"""Draws pipeline.svg, the picture of the README. Run: python docs/pictures/make_pipeline.py."""

from pathlib import Path

STAGES = (
    ("tables", "my_net.bneck", "rows of the paper"),
    ("graph", "conv, pool, gate, add", "counted, executable"),
    ("lower", "Relax, NHWC", "BN folded, h-swish one op"),
    ("compile", "fused kernels", "scheduled, planned arena"),
    ("bundle", "lib.so  lib.a  .h", "benchmark, manifest"),
)
WIDTH, HEIGHT, GAP, TOP = 176, 84, 24, 20


def box(index: int, title: str, first: str, second: str) -> str:
    """One stage."""
    x = 12 + index * (WIDTH + GAP)
    middle = x + WIDTH / 2
    return (
        f'<rect x="{x}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" rx="8" class="box"/>'
        f'<text x="{middle}" y="{TOP + 26}" class="title">{title}</text>'
        f'<text x="{middle}" y="{TOP + 50}">{first}</text>'
        f'<text x="{middle}" y="{TOP + 68}">{second}</text>'
    )


def arrow(index: int) -> str:
    """From a stage to the next."""
    x = 12 + index * (WIDTH + GAP) + WIDTH + 3
    y = TOP + HEIGHT / 2
    return f'<path d="M{x} {y} h{GAP - 8}" class="line" marker-end="url(#head)"/>'


def check() -> str:
    """From the bundle back to the graph: the check of the result."""
    right = 12 + 4 * (WIDTH + GAP) + WIDTH / 2
    left = 12 + (WIDTH + GAP) + WIDTH / 2
    bottom = TOP + HEIGHT
    return (
        f'<path d="M{right} {bottom + 3} v26 H{left} v-20" class="line" marker-end="url(#head)"/>'
        f'<text x="{(left + right) / 2}" y="{bottom + 46}">'
        "run natively or emulated on a seeded input, compared with the reference executor</text>"
    )


def main() -> None:
    """Write the picture beside this file."""
    width = 12 + len(STAGES) * (WIDTH + GAP)
    parts = [box(index, *stage) for index, stage in enumerate(STAGES)]
    parts += [arrow(index) for index in range(len(STAGES) - 1)]
    style = (
        "text{font:13px system-ui,sans-serif;text-anchor:middle;fill:#24292f}"
        ".title{font-weight:600;font-size:15px}.box{fill:#f2f6fb;stroke:#4c78a8;stroke-width:1.5}"
        ".line{fill:none;stroke:#4c78a8;stroke-width:1.5}"
    )
    head = (
        '<defs><marker id="head" markerWidth="8" markerHeight="8" refX="6" refY="4" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#4c78a8"/></marker></defs>'
    )
    body = "\n".join([head, f"<style>{style}</style>", *parts, check()])
    background = f'<rect width="{width}" height="170" fill="#fff"/>'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 170" width="{width}" '
        f'height="170">\n{background}\n{body}\n</svg>\n'
    )
    Path(__file__).with_name("pipeline.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
