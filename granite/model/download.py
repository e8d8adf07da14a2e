"""Download a model's files from a server with Hugging Face's hub API."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, errors, snapshot_download

from granite.errors import WeightsError

PATTERNS = ["*.safetensors", "*.json", "merges.txt", "LICENSE*"]
"""No code, no pictures, and no chat template: this project has its own."""

RETRY = "run the same command again to continue"


def download(repo: str, revision: str, directory: Path, endpoint: str, report: Callable[[str], None]) -> None:
    """Download a model's weights, configs and tokenizer into `directory`, except the files that are already there.

    A cut connection is resumed within the file; after a stop, complete files stay and the incomplete one starts over.
    The revision is resolved to a commit first, and only that commit is downloaded.

    Raises WeightsError for a fault of the server, the repository, the permission or the disk.
    """
    try:
        _download(repo, revision, directory, endpoint, report)
    except errors.HFValidationError:
        raise WeightsError(f"{repo} is not a repository name; write it as OWNER/NAME.") from None
    except errors.GatedRepoError:
        fix = f"accept its terms on {endpoint}/{repo} and set HF_TOKEN to a token of that account"
        raise WeightsError(f"{repo} is gated; {fix}.") from None
    except errors.RevisionNotFoundError:
        raise WeightsError(f"{repo} has no revision {revision}; use one of its commits, tags or branches.") from None
    except errors.RepositoryNotFoundError:
        fix = "check --repo, or set HF_TOKEN"
        raise WeightsError(f"{endpoint} has no repository {repo}, or it is private; {fix}.") from None
    except errors.OfflineModeIsEnabled:
        raise WeightsError("HF_HUB_OFFLINE forbids downloads; unset it for this command.") from None
    except errors.HfHubHTTPError as error:
        raise WeightsError(f"{endpoint} answered {error.response.status_code} for {repo}; {RETRY}.") from None
    except (httpx2.HTTPError, errors.LocalEntryNotFoundError) as error:
        reason = type(error.__cause__ or error).__name__
        raise WeightsError(f"{endpoint} cannot be reached ({reason}); check the network, then {RETRY}.") from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise WeightsError(f"The disk of {directory} is full; make room, then {RETRY}.") from None
        if error.errno is None:  # huggingface_hub: the file has another length than announced
            raise WeightsError(f"{endpoint} sent a broken file; {RETRY}.") from None
        raise WeightsError(f"Cannot write to {directory}: {error.strerror}.") from None


def _download(repo: str, revision: str, directory: Path, endpoint: str, report: Callable[[str], None]) -> None:
    info = HfApi(endpoint=endpoint).model_info(repo, revision=revision, files_metadata=True, timeout=30)
    files = {file.rfilename: file.size or 0 for file in info.siblings or [] if _wanted(file.rfilename)}
    _check_disk(directory, files)
    report(f"Downloading {len(files)} files, {sum(files.values()) / 1e9:.2f} GB, of {repo} at {info.sha}.")
    snapshot_download(repo, revision=info.sha, local_dir=directory, allow_patterns=PATTERNS, endpoint=endpoint)


def _wanted(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in PATTERNS)


def _check_disk(directory: Path, files: dict[str, int]) -> None:
    """Raise WeightsError before the first byte, rather than after 15 GB."""
    existing = next(parent for parent in [directory, *directory.parents] if parent.is_dir())
    free = shutil.disk_usage(existing).free
    missing = sum(size for name, size in files.items() if not (directory / name).exists())
    if missing > free:
        sizes = f"needs {missing / 1e9:.2f} GB, but its disk has {free / 1e9:.2f} GB free"
        raise WeightsError(f"{directory} {sizes}; choose another directory with --to.")
