"""What the files of models are called in the output folder."""

from collections.abc import Mapping

from image2model.core.file_template import FileTemplate, Named
from image2model.core.generator import GeneratorId
from image2model.core.ids import JobId
from image2model.core.text.names import unique_name
from image2model.wire.jobs import JobOut


class NameTemplate:
    """
    Names files after a template such as `{name}_{generator}.{ext}`.

    Raises:
        InvalidRequest: The template has an unknown field, or would not make one file name for
            each format.
    """

    def __init__(self, text: str) -> None:
        self._template = FileTemplate(text, field="--name-template")

    def stems(self, job: JobOut) -> Mapping[int, str]:
        """
        Name every item of *job*, without extension.

        Returns:
            By the item's index: names that are safe, and unique within the job; the same job
            always has the same ones.
        """
        job_id, generator = JobId(job.id), GeneratorId(job.generator)
        taken: set[str] = set()
        stems: dict[int, str] = {}
        for item in job.items:
            named = Named(job=job_id, generator=generator, index=item.index, name=item.name)
            stem = unique_name(self._template.fill(named), taken)
            taken.add(stem)
            stems[item.index] = stem
        return stems
