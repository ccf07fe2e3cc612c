# SPDX-License-Identifier: Apache-2.0
"""Two panels, warm and cold, of time against the number of packages, as SVG."""
PACKAGES = 18774    # of the pair of repositories as it is
WIDTH, HEIGHT, LEFT, TOP, GAP = 340, 260, 60, 40, 80
# Distinct without colour too: each has a marker of its own.
STYLES = {"pgha-bundle": ("#0b5fa5", "circle"), "dnf --assumeno install": ("#b3541e", "square"),
          "libsolv's floor": ("#555555", "diamond")}


def nice_ceiling(value):
    step = 10.0 ** len(str(int(value))) / 10 if value >= 1 else 0.1
    for factor in (1, 2, 2.5, 5, 10):
        if factor * step >= value:
            return factor * step
    return 10 * step


def marker(shape, x, y, color):
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>'
    if shape == "square":
        return f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" fill="{color}"/>'
    return f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z" fill="{color}"/>'


def text(x, y, words, anchor="middle", size=11):
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{words}</text>'


class Panel:
    def __init__(self, title, rows, left):
        self.title, self.rows, self.left = title, rows, left
        self.x_max = nice_ceiling(max(row["factor"] for row in rows) * PACKAGES)
        self.y_max = nice_ceiling(max(c["wall_s"]["max"] for row in rows for c in row["contenders"].values()))

    def x(self, packages):
        return self.left + WIDTH * packages / self.x_max

    def y(self, seconds):
        return TOP + HEIGHT * (1 - seconds / self.y_max)

    def axes(self):
        yield text(self.left + WIDTH / 2, TOP - 14, self.title, size=13)
        for i in range(6):
            seconds, packages = self.y_max * i / 5, self.x_max * i / 5
            yield (f'<path d="M{self.left} {self.y(seconds):.1f}h{WIDTH}" stroke="{"#333" if i == 0 else "#ddd"}" fill="none"/>')
            yield text(self.left - 6, self.y(seconds) + 4, f"{seconds:g} s", "end")
            yield text(self.x(packages), TOP + HEIGHT + 16, f"{packages:,.0f}")
        yield text(self.left + WIDTH / 2, TOP + HEIGHT + 34, "packages in the repositories")

    def line(self, name):
        color, shape = STYLES[name]
        points = []
        for row in self.rows:
            wall = row["contenders"][name]["wall_s"]
            x = self.x(row["factor"] * PACKAGES)
            points.append((x, self.y(wall["median"])))
            yield f'<path d="M{x:.1f} {self.y(wall["min"]):.1f}V{self.y(wall["max"]):.1f}" stroke="{color}" opacity="0.5"/>'
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        yield f'<path d="M{path}" stroke="{color}" stroke-width="1.5" fill="none"/>'
        for x, y in points:
            yield marker(shape, x, y, color)


def svg(benchmarks):
    names = list(benchmarks[0]["contenders"])
    panels = []
    for i, state in enumerate(("warm", "cold")):
        rows = sorted((b for b in benchmarks if f", {state}" in b["name"]), key=lambda row: row["factor"])
        panels.append(Panel(f"resolve, {state}: median, fastest and slowest run", rows, LEFT + i * (WIDTH + GAP)))
    total_width, total_height = LEFT + 2 * WIDTH + GAP + 30, TOP + HEIGHT + 80
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{total_width}" height="{total_height}" '
             f'viewBox="0 0 {total_width} {total_height}" font-family="sans-serif">',
             f'<rect width="{total_width}" height="{total_height}" fill="white"/>']
    for panel in panels:
        lines += panel.axes()
        for name in names:
            lines += panel.line(name)
    for i, name in enumerate(names):
        x, y = LEFT + i * 220, total_height - 18
        color, shape = STYLES[name]
        lines += [marker(shape, x, y - 4, color), text(x + 12, y, name, "start", 12)]
    return "\n".join(lines + ["</svg>"]) + "\n"
