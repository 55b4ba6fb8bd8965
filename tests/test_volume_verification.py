"""The quick subset of the verification of the volume engine passes, controls included."""

from __future__ import annotations

import json
import subprocess
import sys


def test_quick_verification_passes_and_every_control_fails(root):
    script = root / "scripts" / "volume_verification.py"
    command = [sys.executable, str(script), "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["failed"] == []
    controls = [row for row in report["rows"] if row["control"]]
    assert len(controls) >= 4
    assert all(abs(row["found"] - row["expected"]) > row["tolerance"] for row in controls)
