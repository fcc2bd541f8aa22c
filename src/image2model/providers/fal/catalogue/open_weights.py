"""Rows of openly published models that fal runs."""

from collections.abc import Mapping, Sequence

from image2model.core.generator import Price
from image2model.providers.fal.catalogue.pieces import (
    OPEN_WEIGHTS,
    PARTNER,
    UNCONFIRMED_PRICE,
    choice,
    flat_price,
    number,
    price,
    seed,
    switch,
    words,
)
from image2model.providers.fal.catalogue.row import (
    OnlyWith,
    Pictures,
    Row,
    Schema,
    any_views,
    one_picture,
)

_POOR = ("whole rooms", "glass", "written words")

_TRELLIS_OPTIONS: Mapping[str, Schema] = {
    "texture_size": choice("Texture size", "Side in pixels.", [512, 1024, 2048], 1024),
    "mesh_simplify": number("Simplify", "Share of the faces that is taken away.", 0.9, 0.98, 0.95),
    "ss_guidance_strength": number("Structure guidance", "First stage.", 0.0, 10.0, 7.5),
    "ss_sampling_steps": number("Structure steps", "First stage.", 1, 50, 12),
    "slat_guidance_strength": number("Detail guidance", "Second stage.", 0.0, 10.0, 3.0),
    "slat_sampling_steps": number("Detail steps", "Second stage.", 1, 50, 12),
    "seed": seed(),
}

_STAGES = {
    # guidance strength, guidance rescale, rescale t, end of the guided interval
    "ss": ("Structure", 7.5, 0.7, 5.0, 1.0),
    "shape_slat": ("Shape", 7.5, 0.5, 3.0, 1.0),
    "tex_slat": ("Texture", 1.0, 0.0, 3.0, 0.9),
}


def _stages(*, intervals: bool) -> Mapping[str, Schema]:
    found: dict[str, Schema] = {}
    for stage, (title, strength, rescale, rescale_t, end) in _STAGES.items():
        about = f"Sampling of the {title.lower()}; leave it alone unless you know the model."
        found |= {
            f"{stage}_guidance_strength": number(f"{title} guidance", about, 0.0, 10.0, strength),
            f"{stage}_guidance_rescale": number(f"{title} rescale", about, 0.0, 1.0, rescale),
            f"{stage}_sampling_steps": number(f"{title} steps", about, 1, 50, 12),
            f"{stage}_rescale_t": number(f"{title} time", about, 1.0, 6.0, rescale_t),
        }
        if intervals:
            found |= {
                f"{stage}_guidance_interval_start": number(f"{title} from", about, 0.0, 1.0, 0.6),
                f"{stage}_guidance_interval_end": number(f"{title} until", about, 0.0, 1.0, end),
            }
    return found


def _trellis_2_options(*resolutions: int) -> Mapping[str, Schema]:
    return {
        "resolution": choice("Resolution", "Of the shape. Higher costs extra.", resolutions, 1024),
        "texture_size": choice("Texture size", "Side in pixels.", [1024, 2048, 4096], 2048),
        "decimation_target": number("Vertices", "About how many.", 5_000, 2_000_000, 500_000),
        "remesh": switch("Remesh", "Lay even faces over the shape.", default=True),
        "remesh_band": number("Remesh band", "How far it reaches, in voxels.", 0.0, 4.0, 1.0),
        "remesh_project": number(
            "Remesh projection", "How far it is pulled to the shape.", 0.0, 1.0, 0.0
        ),
        "seed": seed(),
        **_stages(intervals=True),
    }


def _trellis(short: str, name: str, title: str, pictures: Pictures, note: str) -> Row:
    return Row(
        short=short,
        endpoint=f"fal-ai/trellis{name}",
        title=title,
        summary="Fast, cheap models of modest detail.",
        good_for=("objects", "toys", "drafts", "large batches"),
        poor_for=(*_POOR, "fine detail"),
        pictures=pictures,
        options={
            **_TRELLIS_OPTIONS,
            **(
                {
                    "multiimage_algo": choice(
                        "Views",
                        "How they are combined.",
                        ["stochastic", "multidiffusion"],
                        "stochastic",
                    )
                }
                if name
                else {}
            ),
        },
        mesh_keys=("model_mesh",),
        price=flat_price("0.02", note=note),
        typical_s=20.0,
        licence=OPEN_WEIGHTS,
    )


_TRELLIS_2_SUMMARY = "Detailed shapes with clean materials, in about two minutes."


def _trellis_2(
    short: str,
    name: str,
    title: str,
    pictures: Pictures,
    *,
    resolutions: Sequence[int],
    cost: Price,
) -> Row:
    return Row(
        short=short,
        endpoint=f"fal-ai/trellis-2{name}",
        title=title,
        summary=_TRELLIS_2_SUMMARY,
        good_for=("objects", "open surfaces", "foliage", "mechanical parts"),
        poor_for=_POOR,
        pictures=pictures,
        options=_trellis_2_options(*resolutions),
        rules=[
            OnlyWith(option="remesh_band", other="remesh", among=[True]),
            OnlyWith(option="remesh_project", other="remesh", among=[True]),
        ],
        mesh_keys=("model_glb",),
        price=cost,
        typical_s=120.0,
        licence=OPEN_WEIGHTS,
    )


_BY_RESOLUTION = price("0.25", ("resolution", 1024, "0.05"), ("resolution", 1536, "0.10"))

_PIXAL = Row(
    short="pixal3d",
    endpoint="fal-ai/pixal3d",
    title="Pixal3D",
    summary="Shapes that keep closely to the pixels of the picture.",
    good_for=("objects seen from the front", "reliefs", "toys"),
    poor_for=(*_POOR, "backs that cannot be guessed"),
    pictures=one_picture("image_url"),
    options={
        "resolution": choice("Resolution", "Of the shape.", [1024, 1536], 1024),
        "texture_size": choice("Texture size", "Side in pixels.", [1024, 2048, 4096], 2048),
        "decimation_target": number("Vertices", "About how many.", 5_000, 2_000_000, 200_000),
        "remesh": switch("Remesh", "Lay even faces over the shape.", default=True),
        "seed": seed(),
        **_stages(intervals=False),
    },
    mesh_keys=("model_glb",),
    price=flat_price("0.30", note=UNCONFIRMED_PRICE),
    typical_s=120.0,
    licence=OPEN_WEIGHTS,
)

_TRIPOSR = Row(
    short="triposr",
    endpoint="fal-ai/triposr",
    title="TripoSR",
    summary="Rough shapes with painted vertices in a second or two.",
    good_for=("drafts", "round objects", "large batches"),
    poor_for=(*_POOR, "detail", "backs"),
    pictures=one_picture("image_url"),
    options={
        "output_format": choice("Format", "Of the file.", ["glb", "obj"], "glb"),
        "do_remove_background": switch(
            "Remove background", "Off for pictures that are cut out.", default=True
        ),
        "foreground_ratio": number(
            "Foreground", "Share of the frame that the object fills.", 0.5, 1.0, 0.9
        ),
        "mc_resolution": number("Resolution", "Of the shape.", 32, 1024, 256),
    },
    mesh_keys=("model_mesh",),
    price=flat_price("0.07"),
    typical_s=3.0,
    formats=("glb", "obj"),
    licence=OPEN_WEIGHTS,
)

_SAM_3 = Row(
    short="sam-3-objects",
    endpoint="fal-ai/sam-3/3d-objects",
    title="SAM 3D Objects",
    summary="Finds the object in a photo by words and makes it, in seconds.",
    good_for=("objects in photos of scenes", "furniture", "drafts"),
    poor_for=("fine detail", "cut-out drawings"),
    pictures=one_picture("image_url"),
    options={
        # Left out, the service looks for a car, and charges for what it makes of that.
        "prompt": words("Object", "What to look for in the picture.", "object", longest=200),
        "detection_threshold": number(
            "Certainty", "How sure it must be to have found it. Empty: the service's own.", 0.1, 1.0
        ),
        "export_textured_glb": switch("Texture", "A texture, not painted vertices."),
        "seed": seed(),
    },
    mesh_keys=("model_glb", "individual_glbs"),
    price=flat_price("0.05", note="0.02 to 0.05 US dollars."),
    typical_s=8.0,
    licence=OPEN_WEIGHTS,
)

_RECONVIAGEN = Row(
    short="reconviagen-0.5",
    endpoint="fal-ai/reconviagen-0.5",
    title="ReconViaGen 0.5",
    summary="Reconstructs an object from several photos of it, in three to four minutes.",
    good_for=("objects photographed all round", "products", "museum pieces"),
    poor_for=("single pictures", "drawings that do not agree"),
    pictures=any_views("image_urls", at_most=8),
    options={
        "resolution": choice("Resolution", "Of the shape.", [512, 1024, 1536], 1024),
        "texture_size": choice("Texture size", "Side in pixels.", [1024, 2048, 4096], 2048),
        "decimation_target": number("Vertices", "About how many.", 5_000, 2_000_000, 500_000),
        "ss_source": choice(
            "Structure", "Where it comes from.", ["direct", "mesh", "mvtrellis2"], "mesh"
        ),
        "seed": seed(),
    },
    mesh_keys=("model_glb",),
    price=flat_price("0.25", note="Charged by computing time. " + UNCONFIRMED_PRICE),
    typical_s=210.0,
    licence=PARTNER,
)

OPEN_MODELS: Sequence[Row] = (
    _trellis_2(
        "trellis-2",
        "",
        "TRELLIS.2",
        one_picture("image_url"),
        resolutions=(512, 1024, 1536),
        cost=_BY_RESOLUTION,
    ),
    _trellis_2(
        "trellis-2-multiview",
        "/multi",
        "TRELLIS.2 multi-view",
        any_views("image_urls", at_most=5),
        resolutions=(512, 1024, 1536),
        cost=_BY_RESOLUTION,
    ),
    _trellis_2(
        "trellis-2-lora",
        "-lora",
        "TRELLIS.2 LoRA",
        one_picture("image_url"),
        resolutions=(512, 1024),
        cost=price("0.25", ("resolution", 1024, "0.05")),
    ),
    _trellis("trellis", "", "TRELLIS", one_picture("image_url"), ""),
    _trellis(
        "trellis-multiview",
        "/multi",
        "TRELLIS multi-view",
        any_views("image_urls", at_most=8),
        UNCONFIRMED_PRICE,
    ),
    _PIXAL,
    _TRIPOSR,
    _SAM_3,
    _RECONVIAGEN,
)
"""Every row of openly published models."""
