"""The figures as a table and as a chart."""

from xml.sax.saxutils import escape


def number(value, unit=""):
    """Three digits are enough."""
    if unit == "us" and value >= 10000:
        return f"{value / 1000:,.0f} ms"
    if unit == "ns" and value >= 10000:
        return f"{value / 1000:,.0f} us"
    text = f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{text} {unit}".strip()


def table(result):
    lines = [f"Measured on {result['machine']}, CPython {result['python']}.", "",
             "| bar | case | ours | floor | ratio | limit | | peers |",
             "|---|---|---:|---:|---:|---:|---|---|"]
    for row in result["rows"]:
        peers = ", ".join(f"{name} {number(value, row['unit'])}"
                          for name, value in row["peers"].items())
        lines.append(f"| {row['bar']} | {row['case']} | {number(row['ours'], row['unit'])} | "
                     f"{number(row['floor'], row['unit'])} | {row['ratio']:.2f} | "
                     f"{row['limit']:g} | {'met' if row['met'] else '**missed**'} | {peers} |")
    return "\n".join(lines) + "\n"


COLORS = {"ours": "#2a7ab0", "IPython 2": "#c8782a", "IPython 3": "#a4502f",
          "jurigged": "#7a5aa0", "importlib.reload": "#8a8a3a", "watchfiles": "#c8782a",
          "watchdog": "#7a5aa0"}


def svg(result):
    """Bars of how many times the floor each contender takes, on a logarithmic scale."""
    groups = [row for row in result["rows"] if row["peers"] and row["unit"] in ("us", "ns")
              and row["bar"] not in (7, 8)]
    left, width, step = 330, 430, 15
    top = 58
    y = top
    parts = []
    decades = 6

    def x(ratio):
        import math

        return left + width * min(1.0, max(0.0, math.log10(max(ratio, 1e-9)) / decades))

    for row in groups:
        contenders = {"ours": row["ours"], **row["peers"]}
        label = f"{row['case']}"
        parts.append(f'<text x="{left - 8}" y="{y + 11}" text-anchor="end">{escape(label)}</text>')
        for name, value in contenders.items():
            ratio = value / row["floor"]
            end = max(x(ratio), left + 2)
            color = COLORS.get(name, "#888888")
            parts.append(f'<rect x="{left}" y="{y + 2}" width="{end - left:.1f}" '
                         f'height="{step - 4}" fill="{color}"/>')
            text = f"{'pyreload' if name == 'ours' else name} {number(ratio)}x"
            parts.append(f'<text x="{end + 5:.1f}" y="{y + 11}" class="value">{escape(text)}'
                         "</text>")
            y += step
        y += 8
    height = y + 12
    grid = []
    for decade in range(decades + 1):
        at = left + width * decade / decades
        grid.append(f'<line x1="{at:.1f}" y1="{top - 6}" x2="{at:.1f}" y2="{y}" class="grid"/>')
        grid.append(f'<text x="{at:.1f}" y="{top - 12}" text-anchor="middle" class="value">'
                    f"{10 ** decade:,}</text>")
    return f'''<svg xmlns="http://www.w3.org/2000/svg" width="960" height="{height}" \
viewBox="0 0 960 {height}" role="img" aria-label="How many times the floor each reloader takes">
<style>text{{font:12px sans-serif;fill:#444}} .value{{font-size:11px;fill:#666}} \
.title{{font-size:14px;font-weight:bold}} .grid{{stroke:#8884;stroke-width:1}} \
@media (prefers-color-scheme:dark){{text{{fill:#ccc}} .value{{fill:#aaa}}}}</style>
<text x="8" y="20" class="title">Time as a multiple of the floor (1 = cannot be faster)</text>
{chr(10).join(grid)}
{chr(10).join(parts)}
</svg>
'''
