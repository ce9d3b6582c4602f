"""What is committed names no machine's paths and no registry."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
REFUSED = re.compile(rb"index" rb"-url|:/" rb"/[^ ]*/sim" rb"ple/|(?<![\w./-])/(?:work|root|home/\w+)/[A-Za-z.]")


def test_no_committed_file_names_a_path_of_one_machine_or_a_registry() -> None:
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    found = [
        name.decode()
        for name in files
        if name and (path := ROOT / name.decode()).is_file() and REFUSED.search(path.read_bytes())
    ]

    assert found == []
