"""The quick subset of the verification program passes, controls included."""

from __future__ import annotations

import json
import subprocess
import sys


def test_quick_verification_passes_and_every_control_breaks_its_law(root):
    command = [sys.executable, str(root / "scripts" / "verification.py"), "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["failed"] == []
    controls = [row for row in report["rows"] if row["control"]]
    assert len(controls) >= 8
    assert all(row["statistic"] > row["limit"] for row in controls)
