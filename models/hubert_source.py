# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a published HuBERT lies on this computer, and fetching it once from the Hugging Face hub, if the user agrees.

A source is a folder with `config.json` and `model.safetensors`, or a name such as facebook/hubert-large-ls960-ft. What
was fetched lies in the user's cache folder with `sha256.json`, the hashes of the files as they came: every later use
compares. The hub says which hash a large file must have; a download that has another one is thrown away. Weights that
the hub has only as a pickle are read with `weights_only=True` and kept as safetensors.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from models.errors import UserError, quoted
from models.whole_file import whole_file, whole_folder, write_text_whole

HASHES_FILE = "sha256.json"
FILES = ("config.json", "model.safetensors")
PICKLE = "pytorch_model.bin"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

Fetch = Callable[[str, str, Path], Path]
"""`fetch(source, file name, folder)` brings one file of the hub, checked; FileNotFoundError where there is none."""


def cache_folder() -> Path:
    """Where fetched encoders are kept."""
    from platformdirs import user_cache_path

    return user_cache_path("s2c_blender", appauthor=False) / "encoders"


def find_source(
    source: str,
    model_folder: Path,
    *,
    allow_download: bool,
    cache: Path | None = None,
    fetch: Fetch | None = None,
) -> Path:
    """The folder that holds `FILES` of a source; a relative folder is looked for in the model's first.

    Raises:
        UserError: it is nowhere and may not be fetched, cannot be fetched, or has changed since it was.
    """
    for folder in (model_folder / source, Path(source)):
        if all((folder / name).is_file() for name in FILES):
            return folder
    if not _NAME.fullmatch(source):
        raise UserError(
            "encoder_missing",
            f"The sound encoder {quoted(source)} is not there; choose a folder with {' and '.join(FILES)}.",
        )
    folder = (cache or cache_folder()) / source.replace("/", "--")
    if not (folder / HASHES_FILE).is_file():
        if not allow_download:
            raise UserError(
                "download_not_allowed",
                f"This model listens with {source}, which is not on this computer; "
                "allow downloads, or put its folder beside the model.",
            )
        _download(source, folder, fetch or fetch_from_hub)
    _check(folder)
    return folder


def _check(folder: Path) -> None:
    hashes = json.loads((folder / HASHES_FILE).read_text(encoding="utf-8"))
    for name in FILES:
        if not (folder / name).is_file() or _sha256(folder / name) != hashes.get(name):
            raise UserError(
                "encoder_damaged",
                f"The sound encoder in {quoted(folder)} is not what was downloaded; delete that folder and try again.",
                name,
            )


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(source: str, folder: Path, fetch: Fetch) -> None:
    """Bring a source to `folder`, whole or not at all."""
    try:
        if folder.exists():  # without its hashes it is of no use
            shutil.rmtree(folder)
        with whole_folder(folder) as part:
            fetch(source, FILES[0], part)
            try:
                fetch(source, FILES[1], part)
            except FileNotFoundError:
                pickled = fetch(source, PICKLE, part)
                state = torch.load(pickled, map_location="cpu", weights_only=True)
                with whole_file(part / FILES[1]) as file:
                    save_file({name: value.contiguous().clone() for name, value in state.items()}, file)
                pickled.unlink()
            hashes = {name: _sha256(part / name) for name in FILES}
            write_text_whole(part / HASHES_FILE, json.dumps(hashes, indent=1) + "\n")
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            "download_failed",
            f"The sound encoder {source} could not be downloaded; look at the network and try again.",
            repr(error),
        ) from error


def fetch_from_hub(source: str, name: str, folder: Path) -> Path:
    """One file from the hub, with progress on stderr; its hash must be the one that the hub names for it."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError

    try:
        told = get_hf_file_metadata(hf_hub_url(source, name)).etag or ""
        path = Path(hf_hub_download(source, name, local_dir=folder))
    except EntryNotFoundError as error:
        raise FileNotFoundError(name) from error
    if len(told) == 64 and _sha256(path) != told:  # small files carry a git hash instead
        raise UserError(
            "download_damaged", f"The download of {source} was damaged; try again.", f"{name}: not {told}"
        )
    return path
