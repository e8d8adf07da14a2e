"""Fetching a model's files from a server that speaks Hugging Face's hub API."""

import errno
import os
import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from granite.errors import WeightsError

# Code and pictures stay away; so does the repository's chat template, because this project has its own.
PATTERNS = ["*.safetensors", "*.json", "merges.txt", "LICENSE*"]
AGAIN = "run the same command again to go on"


def fetch(repo: str, revision: str, directory: Path, report: Callable[[str], None]) -> None:
    """Bring a model's weights, configs and tokenizer into `directory`; a file that is there already is not fetched again.

    A cut connection is taken up within the file; after a stop, finished files stay and the one under way starts over.
    The revision is resolved to a commit first and only that commit is fetched. WeightsError: the server, the
    repository, the permission or the room on disk is missing.
    """
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        _fetch(repo, revision, directory, endpoint, report)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise WeightsError(f"The disk of {directory} is full; make room and run the same command again.") from error
        if error.errno is None:  # huggingface_hub's own: a file that arrived in another length than announced
            raise WeightsError(f"{endpoint} sent a broken file; {AGAIN}.") from error
        raise WeightsError(f"Cannot write to {directory}: {error.strerror}.") from error


def _fetch(repo: str, revision: str, directory: Path, endpoint: str, report: Callable[[str], None]) -> None:
    # Imported here: huggingface_hub is not in the standard library, and this module's importer must be.
    import httpx2
    from huggingface_hub import HfApi, errors, snapshot_download

    try:
        info = HfApi(endpoint=endpoint).model_info(repo, revision=revision, files_metadata=True, timeout=30)
        files = {file.rfilename: file.size or 0 for file in info.siblings or [] if _wanted(file.rfilename)}
        _check_room(directory, files)
        report(f"Fetching {len(files)} files, {sum(files.values()) / 1e9:.2f} GB, of {repo} at {info.sha}.")
        snapshot_download(repo, revision=info.sha, local_dir=directory, allow_patterns=PATTERNS, endpoint=endpoint)
    except errors.HFValidationError:
        raise WeightsError(f'"{repo}" is no repository name; write it as OWNER/NAME.') from None
    except errors.GatedRepoError:
        raise WeightsError(
            f"{repo} is gated; accept its terms on {endpoint}/{repo} and set HF_TOKEN to a token of that account."
        ) from None
    except errors.RevisionNotFoundError:
        raise WeightsError(f"{repo} has no revision {revision}; name a commit, tag or branch of it.") from None
    except errors.RepositoryNotFoundError:
        raise WeightsError(
            f"{endpoint} has no repository {repo}, or it is private; check --repo, or set HF_TOKEN."
        ) from None
    except errors.OfflineModeIsEnabled:
        raise WeightsError("HF_HUB_OFFLINE forbids downloads; unset it for this command.") from None
    except errors.HfHubHTTPError as error:
        raise WeightsError(f"{endpoint} answered {error.response.status_code} for {repo}; {AGAIN}.") from None
    except (httpx2.HTTPError, errors.LocalEntryNotFoundError) as error:
        reason = type(error.__cause__ or error).__name__
        raise WeightsError(f"{endpoint} cannot be reached ({reason}); check the network, then {AGAIN}.") from None


def _wanted(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in PATTERNS)


def _check_room(directory: Path, files: dict[str, int]) -> None:
    """WeightsError before the first byte, rather than after 15 GB."""
    existing = next(place for place in [directory, *directory.parents] if place.is_dir())
    free = shutil.disk_usage(existing).free
    missing = sum(size for name, size in files.items() if not (directory / name).exists())
    if missing > free:
        raise WeightsError(
            f"{directory} needs {missing / 1e9:.2f} GB and its disk has {free / 1e9:.2f} GB free; name another with --to."
        )
