"""The model hub as a source: a file at a resolved revision, with the sha256 the hub itself records."""

import os

from inference.errors import SourceUnreachable
from inference.models.catalogue import ModelSpec
from inference.models.download import RemoteFile, reason

# A person waits; a hub that cannot be reached must cost seconds, not minutes.
_TIMEOUT_S = 5.0


def find_on_hub(spec: ModelSpec) -> tuple[RemoteFile, str, str]:
    """Find the GGUF of `spec` on the hub, or on what HF_ENDPOINT names: the file, the source, the revision.

    Raises SourceUnreachable when the hub does not answer or has another file than the catalogue means.
    """
    if spec.hub is None:
        raise SourceUnreachable(f"{spec.name} is not on the hub")
    # Slow to import, and needed by this function alone.
    from huggingface_hub import HfApi, get_token, hf_hub_url

    endpoint = os.environ.get("HF_ENDPOINT") or None
    try:
        info = HfApi(endpoint=endpoint).model_info(spec.hub.repository, files_metadata=True, timeout=_TIMEOUT_S)
    except Exception as error:  # the library lets errors of several HTTP clients through
        raise SourceUnreachable(f"the hub does not answer ({reason(error)})") from error
    files = {sibling.rfilename: sibling for sibling in info.siblings or []}
    found = files.get(spec.hub.filename)
    if found is None or info.sha is None:
        raise SourceUnreachable(f"the hub's {spec.hub.repository} has no {spec.hub.filename}")
    if found.lfs is None or found.lfs.sha256 != spec.gguf_sha256:
        raise SourceUnreachable(f"the hub's {spec.hub.filename} is not the file this version was tested with")
    url = hf_hub_url(spec.hub.repository, spec.hub.filename, revision=info.sha, endpoint=endpoint)
    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    file = RemoteFile(url, spec.hub.filename, spec.gguf_bytes, spec.gguf_sha256, headers)
    return file, f"hub {spec.hub.repository} {spec.hub.filename}", info.sha
