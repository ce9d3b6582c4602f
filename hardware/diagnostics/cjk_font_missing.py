"""Chinese, Japanese and Korean print as question marks where no font has them."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding


def check(counter: Counter) -> list[Finding]:
    """No font with CJK letters is installed."""
    if counter.machine.cjk_font:
        return []
    return [
        Finding(
            "cjk_font_missing",
            "Chinese, Japanese and Korean print as question marks",
            "such lines are printed as pictures, and no font here has the letters",
            "pip install 'tillstream[cjk]', or apt install fonts-noto-cjk, if the shop needs them",
            is_note=True,
        )
    ]
