"""Build hook: compiles `few_rows.c`; the wheel carries the models and the text that `sumpool bench` measures with.

So an installed sumpool works offline from any directory. Without a C compiler it works, too, and writes more slowly.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags

BENCH_TEXT = ("handbook.txt", "minutes.md")
SOURCE = Path("sumpool/modeling/few_rows.c")
LIBRARY = SOURCE.with_name("libfew_rows.so")
X86 = ("-mavx2", "-mfma")


class ModelsAndLibrary(BuildHookInterface):
    """Maps models/ of the repository to sumpool/models in the wheel, and two of the examples to sumpool/examples."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self._compile():
            build_data["pure_python"] = False
            # It is called through ctypes, so any Python will do.
            build_data["tag"] = f"py3-none-{next(sys_tags()).platform}"
            build_data["artifacts"].append(f"/{LIBRARY}")
        # An editable install reads the checkout's models/; a copy beside it would go stale (and cost 140 MB).
        if version != "editable":
            build_data["force_include"]["models"] = "sumpool/models"
            for name in BENCH_TEXT:
                build_data["force_include"][f"examples/{name}"] = f"sumpool/examples/{name}"

    def _compile(self) -> bool:
        """Make the library beside its source; False where that can't be done."""
        root = Path(self.root)
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
        flags = ["-O3", "-std=gnu11", "-fPIC", "-shared", "-pthread"]
        if platform.machine().lower() in ("x86_64", "amd64"):
            flags += X86
        made = root / LIBRARY.with_suffix(".new")
        command = [*compiler, *flags, str(root / SOURCE), "-o", str(made), "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True)
            made.replace(root / LIBRARY)  # a process that has the old one goes on with it
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", b"") or str(error).encode()
            self.app.display_warning(f"few_rows.c was not compiled, writing will be slower: {said.decode()}")
            (root / LIBRARY).unlink(missing_ok=True)
            return False
        return True
