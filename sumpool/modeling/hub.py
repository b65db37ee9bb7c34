"""Models on the Hugging Face hub: the copy on this machine, or else a download. Free of torch."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from sumpool.errors import ModelError


def download(repository: str, files: Sequence[str], *, needed: str) -> Path:
    """The directory with those files of a repository, none of its folders', that match one of the patterns `files`.

    The network is asked for what is not on this machine only: what was downloaded once stays what it is.

    Args:
        needed: a pattern; a copy without a file that matches it counts as no copy.

    Raises:
        ModelError: it is neither here nor can it be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils.tqdm import disable_progress_bars

    def look(*, here: bool) -> Path:
        return Path(
            snapshot_download(repository, allow_patterns=list(files), ignore_patterns="*/*", local_files_only=here)
        )

    try:
        directory = look(here=True)
        if any(directory.glob(needed)):
            return directory
    except (LocalEntryNotFoundError, HFValidationError):
        pass
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        with nullcontext() if sys.stderr.isatty() else disable_progress_bars():
            return look(here=False)
    except GatedRepoError:
        problem = "the hub gives it only to those who asked for it (see its page there)"
    except (RepositoryNotFoundError, HFValidationError):
        problem = "neither on this machine nor on the hub (check the name, or give a model's directory)"
    except ValueError:  # nothing there matches
        problem = f"the hub has no {needed} of it"
    except Exception:  # proxies, certificates, servers: its HTTP library has no common class for them that would last
        problem = "not on this machine, and the hub can't be reached (give a model's directory, or try with a network)"
    raise ModelError("model", f"{repository}: {problem}")
