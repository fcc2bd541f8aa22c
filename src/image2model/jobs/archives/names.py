"""What the files in the archive of a job are called."""

from image2model.core.file_template import FileTemplate, Named
from image2model.core.job import Item, Job
from image2model.core.text.names import same_file

MANIFEST_CSV, MANIFEST_JSON = "manifest.csv", "manifest.json"


class ArchiveNames:
    """
    Names the files of *job* after *template*: safe, each once whatever its case, always alike.

    The files of one item have the same stem; of items with equal stems, later ones get numbers.
    """

    def __init__(self, job: Job, template: FileTemplate) -> None:
        self._job = job
        self._template = template
        self._taken = {MANIFEST_CSV, MANIFEST_JSON}
        self._endings: dict[int, str] = {}
        stems: set[str] = set()
        numbers: dict[str, int] = {}
        for item in job.items:
            stem = same_file(self._stem(item, kind=""))
            ending, number = "", numbers.get(stem, 1)
            while stem + ending in stems:
                number += 1
                ending = f"-{number}"
            numbers[stem] = number
            stems.add(stem + ending)
            self._endings[item.index] = ending

    def path(self, item: Item, extension: str, *, kind: str) -> str:
        """
        Name one more file of *item*.

        Args:
            item: The item.
            extension: After the last dot, such as `glb` or `obj.zip`.
            kind: What `{ext}` says in the names of folders.

        Returns:
            The path in the archive, with `/` between folders.
        """
        stem = self._stem(item, kind=kind) + self._endings[item.index]
        number, path = 1, f"{stem}.{extension}"
        while same_file(path) in self._taken:
            number += 1
            path = f"{stem}-{number}.{extension}"
        self._taken.add(same_file(path))
        return path

    def _stem(self, item: Item, *, kind: str) -> str:
        named = Named(
            job=self._job.id, generator=self._job.generator, index=item.index, name=item.name
        )
        stem = self._template.fill(named, kind=kind)
        # No folder may have the name of a file beside it.
        beside = same_file(stem.partition("/")[0]) in {MANIFEST_CSV, MANIFEST_JSON}
        return f"_{stem}" if beside and "/" in stem else stem
