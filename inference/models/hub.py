"""The model hub as a source: a repository's files at one commit, with the sha256 that the hub itself records."""

import difflib
import os
from dataclasses import dataclass, field

from inference.errors import ModelUnknown, SourceUnreachable
from inference.models.catalogue import CATALOGUE, SnapshotSource
from inference.models.download import RemoteFile, reason
from inference.models.reference import is_commit

# A person waits; a hub that cannot be reached must cost seconds, not minutes.
_TIMEOUT_S = 5.0
_N_NEAREST = 5


@dataclass(frozen=True, slots=True)
class HubListing:
    """The files of `repository` at the commit `revision`, by their names there."""

    repository: str
    revision: str
    files: dict[str, RemoteFile] = field(repr=False)


def list_repository(repository: str, revision: str | None = None) -> HubListing:
    """List `repository` on the hub, or on what HF_ENDPOINT names. revision: None is what its main branch holds now.

    Raises SourceUnreachable when the hub does not answer or refuses, ModelUnknown when it has no such repository.
    """
    # Slow to import, and needed by this function alone.
    from huggingface_hub import HfApi, get_token, hf_hub_url
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    endpoint = os.environ.get("HF_ENDPOINT") or None
    api = HfApi(endpoint=endpoint)
    try:
        info = api.model_info(repository, revision=revision, files_metadata=True, timeout=_TIMEOUT_S)
    except GatedRepoError as error:
        raise SourceUnreachable(refusal(repository)) from error
    except RepositoryNotFoundError as error:
        raise ModelUnknown(
            f"the hub shows no repository {repository}{_nearest(repository)}; if it is private, let HF_TOKEN hold a "
            "token that may read it"
        ) from error
    except RevisionNotFoundError as error:
        raise ModelUnknown(
            f"the hub's {repository} has no revision {revision}; its newest: hearthline models pull {repository}@main"
        ) from error
    except Exception as error:  # the library lets errors of several HTTP clients through
        raise SourceUnreachable(
            f"the hub does not answer ({reason(error)}); check the network, or let HF_ENDPOINT name a mirror of it"
        ) from error
    if info.sha is None or not is_commit(info.sha):
        raise SourceUnreachable(f"the hub does not tell the commit of {repository}")
    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    files = {
        sibling.rfilename: RemoteFile(
            hf_hub_url(repository, sibling.rfilename, revision=info.sha, endpoint=endpoint),
            sibling.rfilename,
            sibling.size,
            sibling.lfs.sha256 if sibling.lfs else None,
            headers,
            refusal(repository),
        )
        for sibling in info.siblings or []
    }
    return HubListing(repository, info.sha, files)


def refusal(repository: str) -> str:
    """Say what to do when the hub answers that one may not read `repository`."""
    return (
        f"the hub lets only those read {repository} who accepted its licence: accept it on the repository's page, and "
        "let HF_TOKEN hold a token of yours"
    )


def _nearest(repository: str) -> str:
    """Name what may have been meant: what the hub finds by the name, and what the catalogue has."""
    from huggingface_hub import HfApi

    known = {spec.source.repository for spec in CATALOGUE.values() if isinstance(spec.source, SnapshotSource)}
    try:
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
        known.update(model.id for model in api.list_models(search=repository.partition("/")[2], limit=_N_NEAREST))
    except Exception:  # noqa: S110  a hint is not worth a failure, whichever client's error it is
        pass
    close = difflib.get_close_matches(repository, sorted(known), n=3, cutoff=0.6)
    return f"; the nearest are {', '.join(close)}" if close else ""
