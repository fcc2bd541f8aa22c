"""Size of the source, dependencies between its folders, and words to avoid."""

import ast
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.bytecode import with_bytecode

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "image2model"

# Words that are unusual in the sense in which they are used here; see CONTRIBUTING.
UNUSUAL = (
    "told", "tells", "goes on", "go on", "given up", "gives up", "by itself", "by themselves",
    "whoever", "somebody", "anybody", "wish", "wishes", "wished", "under way", "lies", "asked for",
    "stands", "again and again", "in one go", "bells", "doubts", "desk", "spooling",
)  # fmt: skip


def main() -> None:
    """Print the figures of the checkout."""
    trees = {path: ast.parse(path.read_text()) for path in sources()}
    folders(trees)
    lines(trees)
    functions(trees)
    words()
    imports()


def sources() -> Iterator[Path]:
    """List the modules of the package."""
    return (path for path in sorted(PACKAGE.rglob("*.py")) if "webapp" not in path.parts)


def folders(trees: Mapping[Path, ast.Module]) -> None:
    """Print the largest folders, and the import arrows between the children of each folder."""
    folder_sizes = Counter(
        path.parent if path.name != "__init__.py" else path.parent.parent
        for path in trees
        if path.parent != PACKAGE or path.name != "__init__.py"
    )
    largest = [f"{short(folder)} {count}" for folder, count in folder_sizes.most_common(6)]
    print(f"Modules and folders in a folder, the largest: {', '.join(largest)}")
    modules = {dotted(path): path for path in trees}
    arrows: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for path, tree in trees.items():
        for imported in imported_modules(tree, modules):
            one, other = parts(dotted(path)), parts(imported)
            shared = next(
                (
                    place
                    for place, pair in enumerate(zip(one, other, strict=False))
                    if pair[0] != pair[1]
                ),
                None,
            )
            if shared is not None:
                arrows[".".join(one[:shared])].add((one[shared], other[shared]))
    most = sorted(arrows.items(), key=lambda entry: len(entry[1]), reverse=True)
    for package, found in most[:12]:
        children = {end for arrow in found for end in arrow}
        print(f"  {package}: {len(children)} children, {len(found)} arrows")


def lines(trees: Mapping[Path, ast.Module]) -> None:
    """Print the number of lines and of small files."""
    sizes = [len(path.read_text().splitlines()) for path in trees]
    small = sum(0 < size <= 60 for size in sizes)
    print(f"{sum(sizes)} lines in {len(sizes)} files; {small} files of at most 60 lines")


def functions(trees: Mapping[Path, ast.Module]) -> None:
    """Print the share of private functions that are used once, and the longest function."""
    private = once = 0
    longest = (0, "")
    for path, tree in trees.items():
        used = Counter(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Name | ast.Attribute)
        )
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            longest = max(longest, (length, f"{short(path)}:{node.name}"))
            if node.name.startswith("_") and not node.name.startswith("__"):
                private += 1
                once += used[node.name] == 1
    print(f"{private} private functions, {once / private:.0%} used once")
    print(f"Longest function: {longest[1]}, {longest[0]} lines")


def words() -> None:
    """Print how often the unusual words occur in code, documentation and the web app."""
    files = [
        *sources(),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
    files += [
        path for path in (ROOT / "frontend" / "src").rglob("*") if path.suffix in {".ts", ".svelte"}
    ]
    total = 0
    found: Counter[str] = Counter()
    for path in files:
        if path.name == "schema.ts":
            continue
        text = path.read_text()
        total += text.count("\n")
        for word in UNUSUAL:
            found[word] += len(re.findall(rf"\b{word}\b", text, re.IGNORECASE))
    per_thousand = 1000 * sum(found.values()) / total
    counts = ", ".join(f"{word} {count}" for word, count in found.most_common() if count)
    print(f"Unusual words: {sum(found.values())}, {per_thousand:.2f} per 1,000 lines: {counts}")


def imports() -> None:
    """Print the time of imports and of `--help` as a multiple of an empty Python, best of five."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        measure_imports(with_bytecode(Path(folder)))


def measure_imports(environment: Mapping[str, str]) -> None:
    """Print the times of `imports`, of processes in *environment*."""
    empty_s = best([sys.executable, "-c", "pass"], environment)
    for what, program in {
        "import image2model": ["-c", "import image2model"],
        "image2model --help": ["-m", "image2model", "--help"],
        "import image2model.cli.main": ["-c", "import image2model.cli.main"],
        "import image2model.api": ["-c", "import image2model.api.app"],
    }.items():
        taken_s = best([sys.executable, *program], environment)
        print(f"{what}: {taken_s:.2f} s, {taken_s / empty_s:.1f} x an empty Python")


def best(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return the least time of five runs of a command, in seconds, after one that compiles."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    times_s = []
    for _ in range(5):
        started_s = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        times_s.append(time.perf_counter() - started_s)
    return min(times_s)


def imported_modules(tree: ast.Module, modules: Mapping[str, Path]) -> Iterator[str]:
    """List the modules of the package that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                full = f"{node.module}.{name.name}"
                if (found := full if full in modules else node.module) in modules:
                    yield found


def dotted(path: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(parts(str(path.relative_to(PACKAGE.parent).with_suffix("")).replace("/", ".")))


def parts(module: str) -> list[str]:
    """Split the dotted name of a module; a package has the name of its folder."""
    return module.removesuffix(".__init__").split(".")


def short(path: Path) -> str:
    """Return the path of a file or folder, relative to the package."""
    return str(path.relative_to(PACKAGE)) if path != PACKAGE else "image2model"
