"""Say before a model is made what may go wrong with cutting the object out of its picture."""

from collections.abc import Sequence

from PIL import Image

from image2model.core.errors import InvalidPictureError, SubjectNotFound
from image2model.geometry.pictures.picture import Picture, to_rgba
from image2model.geometry.subject.mask import UNSURE_BELOW, find_subject

_LOOK_PX = 640
_UNCUTTABLE = (
    "the object can hardly be told from its background: a transparent or plain background makes "
    "a better model"
)


def foresee_cut(image: Image.Image) -> Sequence[str]:
    """
    Try to cut the object out of a picture, at a reduced size.

    Args:
        image: Upright and in sRGB: L, LA, RGB or RGBA.

    Returns:
        What the one who sent it should know, one sentence each, without a stop; mostly nothing.
    """
    factor = max(1, max(image.size) // _LOOK_PX)
    small = image.reduce(factor) if factor > 1 else image
    pixels = to_rgba(small)
    picture = Picture(pixels=pixels, has_alpha=bool((pixels[..., 3] < 255).any()))
    try:
        mask = find_subject(picture)
    except SubjectNotFound:
        return (_UNCUTTABLE,)
    except InvalidPictureError:
        return ()  # Whoever makes the model says so, or does without a cut.
    return describe_cut(mask.confidence, mask.doubts, objects=mask.objects)


def describe_cut(confidence: float, doubts: Sequence[str], *, objects: int) -> Sequence[str]:
    """
    Put what is doubtful about a cut into words.

    Args:
        confidence: Of the cut.
        doubts: What speaks against it.
        objects: How many objects it seems to show.

    Returns:
        Sentences, without stops.
    """
    notes = []
    if objects > 1:
        notes.append(
            f"there seem to be {objects} objects in this picture: one model is made of all of "
            "them; send a picture of each, or the views of one object as its views"
        )
    if confidence < UNSURE_BELOW:
        why = f": {', '.join(doubts)}" if doubts else ""
        notes.append(f"the outline is unsure (confidence {confidence:.2f}){why}")
    return tuple(notes)
