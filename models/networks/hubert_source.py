# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a published HuBERT lies on this computer, and fetching it once from the Hugging Face hub, if the user agrees.

A source is a folder with `config.json` and `model.safetensors`, or a name such as facebook/hubert-large-ls960-ft. Only
what `published_encoders` names is downloaded: that version, and only with the hash that stands there. It lies in the
user's cache folder, and every later use compares again. Weights are safetensors; no pickle is read.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from models.errors import UserError, quoted
from models.networks.published_encoders import PUBLISHED, Published
from models.whole_file import whole_folder, write_text_whole

FILES = ("config.json", "model.safetensors")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

Fetch = Callable[[str, str, str, Path], None]
"""`fetch(source, revision, file name, folder)` puts one file of the hub into the folder."""


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
        UserError: it is nowhere and may not be fetched, cannot be fetched, or is not what was published.
    """
    for folder in (model_folder / source, Path(source)):
        if all((folder / name).is_file() for name in FILES):
            return folder
    if not _NAME.fullmatch(source):
        raise UserError(
            "encoder_missing",
            f"The sound encoder {quoted(source)} is not there; choose a folder with {' and '.join(FILES)}.",
        )
    published = PUBLISHED.get(source)
    if published is None:
        raise UserError(
            "encoder_unknown",
            f"This model listens with {quoted(source)}, which is not among the encoders that may be downloaded; "
            f"put a folder with its {' and '.join(FILES)} beside the model.",
        )
    folder = (cache or cache_folder()) / source.replace("/", "--")
    if not all((folder / name).is_file() for name in FILES):
        if not allow_download:
            raise UserError(
                "download_not_allowed",
                f"This model listens with {source}, which is not on this computer; "
                "allow downloads, or put its folder beside the model.",
            )
        _download(source, published, folder, fetch or fetch_from_hub)
    wrong = _unlike(folder, published)
    if wrong:
        raise UserError(
            "encoder_damaged",
            f"The sound encoder in {quoted(folder)} is not what was published; delete that folder and try again.",
            wrong,
        )
    return folder


def _config_text(published: Published) -> str:
    return json.dumps(dict(published.config), indent=1) + "\n"


def _unlike(folder: Path, published: Published) -> str:
    """Which file in a folder is not the published one; empty: all are."""
    config, weights = (folder / name for name in FILES)
    if config.read_text(encoding="utf-8", errors="replace") != _config_text(published):
        return config.name
    found = _sha256(weights)
    return "" if found == published.sha256 else f"{weights.name}: {found}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(source: str, published: Published, folder: Path, fetch: Fetch) -> None:
    """Bring a source to `folder`, whole and as published, or not at all."""
    try:
        if folder.exists():  # what is not as published is of no use
            shutil.rmtree(folder)
        with whole_folder(folder) as part:
            fetch(source, published.revision, FILES[1], part)
            write_text_whole(part / FILES[0], _config_text(published))
            wrong = _unlike(part, published)
            if wrong:
                raise UserError(
                    "download_damaged",
                    f"What was downloaded as {source} is not what was published, and was thrown away; try again.",
                    wrong,
                )
            shutil.rmtree(part / ".cache", ignore_errors=True)  # the hub's own notes
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            "download_failed",
            f"The sound encoder {source} could not be downloaded; look at the network and try again.",
            repr(error),
        ) from error


def fetch_from_hub(source: str, revision: str, name: str, folder: Path) -> None:
    """One file from the hub, with progress on stderr; the user's own token for the hub is not sent along."""
    from huggingface_hub import hf_hub_download

    hf_hub_download(source, name, revision=revision, local_dir=folder, token=False)
