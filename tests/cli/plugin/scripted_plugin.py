"""A plug-in with a generator that costs money and fails as the test says."""

import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from image2model.core.errors import ProviderRejected, SubmissionUncertain
from image2model.core.generator import GeneratorCard, GeneratorId
from image2model.core.ids import SubmitKey
from image2model.core.job import Handle, Submission
from image2model.ports.provider import ProviderTools
from image2model.testing.scripted_provider import ScriptedProvider, Stage

FAULTS_VARIABLE = "SCRIPTED_FAULTS"
"""Names a JSON file: what goes wrong, once, with the item of that name."""

_ERRORS: Mapping[str, Callable[[], Exception]] = {
    "rejected": lambda: ProviderRejected(provider="scripted", reason="it does not like it"),
    "hostile": lambda: ProviderRejected(
        provider="scripted", reason="\x1b[2J\x9b31m[red]no\u202e\ud800\r\nError: all is lost"
    ),
    "uncertain": lambda: SubmissionUncertain(provider="scripted", reason="the line went dead"),
}
_STAGES: Mapping[str, Sequence[Stage]] = {
    "rejected": ["submit"],
    "hostile": ["submit"],
    "uncertain": ["submit", "reconcile"],
}


class PluginProvider(ScriptedProvider):
    """Numbers its requests so that those of different processes do not meet."""

    def card(self, generator: GeneratorId) -> GeneratorCard | None:
        """Describe *generator*; breaks where asked for `scripted/odd`."""
        if generator == "scripted/odd":
            raise RuntimeError("it is odd")
        return super().card(generator)

    async def submit(self, submission: Submission, *, submit_key: SubmitKey) -> Handle:
        """Accept the work, or fail as told."""
        handle = await super().submit(submission, submit_key=submit_key)
        return dataclasses.replace(handle, request_id=submit_key)


def create_provider(tools: ProviderTools) -> PluginProvider:
    """Create the provider; the entry point `scripted` names this."""
    provider = PluginProvider(tools.clock)
    path = os.environ.get(FAULTS_VARIABLE)
    if path is not None:
        for item, kind in json.loads(Path(path).read_text(encoding="utf-8")).items():
            for stage in _STAGES[kind]:
                provider.fail(stage, item, [_ERRORS[kind]()])
    return provider
