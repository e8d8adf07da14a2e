"""Download a model's files from a server with Hugging Face's hub API."""

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
    """Download what serving needs into `directory`, except the files that are already there. Raises WeightsError."""
    try:
        # snapshot_download alone would take whatever is in `directory` for the model if the server does not answer.
        info = HfApi(endpoint=endpoint).model_info(repo, revision=revision, files_metadata=True, timeout=30)
        siblings = info.siblings or []
        files = [file for file in siblings if any(fnmatch(file.rfilename, pattern) for pattern in PATTERNS)]
        size = sum(file.size or 0 for file in files) / 1e9
        report(f"Downloading {len(files)} files, {size:.2f} GB, of {repo} at {info.sha}.")
        snapshot_download(repo, revision=info.sha, local_dir=directory, allow_patterns=PATTERNS, endpoint=endpoint)
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
    except errors.HfHubHTTPError as error:
        raise WeightsError(f"{endpoint} answered {error.response.status_code} for {repo}; {RETRY}.") from None
    except (httpx2.HTTPError, errors.LocalEntryNotFoundError) as error:
        reason = type(error.__cause__ or error).__name__
        raise WeightsError(f"{endpoint} cannot be reached ({reason}); check the network, then {RETRY}.") from None
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0].rstrip(".")
        raise WeightsError(f"Cannot download into {directory}: {reason}; {RETRY}.") from None
