"""The simulated catalogue: one row per image-to-3D endpoint."""

from collections.abc import Mapping

from image2model.testing.fal_simulator.catalog import Endpoint
from image2model.testing.fal_simulator.endpoints.hunyuan import HUNYUAN
from image2model.testing.fal_simulator.endpoints.open_weights import OPEN_WEIGHTS
from image2model.testing.fal_simulator.endpoints.partners import HI3D, MESHY, RODIN
from image2model.testing.fal_simulator.endpoints.retired import RETIRED
from image2model.testing.fal_simulator.endpoints.tripo import TRIPO

ENDPOINTS: Mapping[str, Endpoint] = {
    row.id: row for row in (*TRIPO, *HUNYUAN, *OPEN_WEIGHTS, *RODIN, *MESHY, *HI3D, *RETIRED)
}
"""Every simulated endpoint by its id, retired ones included."""
