#!/usr/bin/env python3
"""docs/picture.py SETTLE > docs/up-and-diff.svg - a terminal with what really happened, run anew each time.

Works on a copy of samples/hello, as root. SETTLE is the binary.
"""
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

COLOURS = {"31": "#e06c75", "32": "#98c379", "33": "#e5c07b", "34": "#61afef", "35": "#c678dd", "36": "#56b6c2"}
TEXT, DIM, BACKGROUND = "#d7dae0", "#7f848e", "#21252b"
WIDTH, HEIGHT, MARGIN = 8.0, 19, 18


def spans(line):
    """The line as SVG, its ANSI colours (SGR sequences) as attributes."""
    result, fill, bold = "", TEXT, False
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        code = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if code:
            for number in code[1].split(";"):
                if number in ("", "0"):
                    fill, bold = TEXT, False
                elif number == "1":
                    bold = True
                elif number == "2":
                    fill = DIM
                elif number in COLOURS:
                    fill = COLOURS[number]
        elif part:
            weight = ' font-weight="bold"' if bold else ""
            result += f'<tspan fill="{fill}"{weight}>{html.escape(part)}</tspan>'
    return result


def picture(lines):
    columns = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines)
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    rows = "\n".join(
        f'<text x="{MARGIN}" y="{MARGIN + 14 + number * HEIGHT}">{spans(line)}</text>'
        for number, line in enumerate(lines) if line
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}">
<title>settle up, diff and down in a terminal</title>
<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13.3" xml:space="preserve">
{rows}
</g>
</svg>"""


def main():
    settle = os.path.realpath(sys.argv[1])
    sample = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "samples", "hello")
    folder = os.path.join(tempfile.mkdtemp(), "hello")
    shutil.copytree(sample, folder)
    lines = []

    def run(command, shown=None):
        lines.append(f"\x1b[2m$\x1b[0m \x1b[1m{shown or command}\x1b[0m")
        command = re.sub(r"^settle", f"{settle} --ansi always", command)
        done = subprocess.run(command, shell=True, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines.extend(done.stdout.rstrip("\n").split("\n") if done.stdout else [])

    try:
        run("settle up -d")
        lines.append("")
        run("sed -i 's/mem_limit: 64m/mem_limit: 96m/' compose.yaml")
        listed = subprocess.run([settle, "ps", "--format", "json", "client"], cwd=folder, stdout=subprocess.PIPE, text=True)
        pid = re.search(r'"Pid":\s*(\d+)', listed.stdout)[1]
        run(f"kill -9 {pid}", f"kill -9 {pid}          # the client's pid")
        time.sleep(0.5)
        run("settle diff")
        lines.append("")
        run("settle up -d")
        run("settle diff")
        lines.append("")
        run("settle down --verify")
    finally:
        subprocess.run([settle, "down", "-v"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(os.path.dirname(folder))
    print(picture(lines))


main()
