"""The numbers of a worker, read as monitoring reads them."""

import http.client
import threading
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from image2model.backends.prometheus.exporter import serve_metrics
from image2model.backends.prometheus.metrics import PrometheusMetrics
from image2model.bootstrap import telling_metrics
from image2model.core.errors import InvalidSetting
from image2model.settings import ServeSettings
from tests.harness.patience import PATIENCE_S, waiting_for
from tests.harness.rig import Rig
from tests.servers.process import free_port


def ask(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_numbers_are_read_while_the_block_lasts() -> None:
    metrics = PrometheusMetrics()
    port = free_port()
    with serve_metrics(metrics, host="127.0.0.1", port=port):
        metrics.leases_lost(2)
        status, text = ask(port, "/metrics")
        assert status == 200
        assert "image2model_leases_lost_total 2.0" in text
        assert ask(port, "/other") == (404, "")
    with pytest.raises(ConnectionRefusedError):
        ask(port, "/metrics")


def test_a_taken_port_says_which_setting_to_change() -> None:
    port = free_port()
    with (
        serve_metrics(PrometheusMetrics(), port=port),
        pytest.raises(InvalidSetting, match=f"IMAGE2MODEL_WORKER_METRICS_PORT: port {port}"),
        serve_metrics(PrometheusMetrics(), port=port),
    ):
        pass


@pytest.mark.anyio
async def test_a_web_process_tells_its_numbers_at_a_port_of_their_own(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.dispatcher.backlog = 3
    serving = ServeSettings(metrics_port=free_port())
    assert serving.metrics_port is not None

    async with telling_metrics(rig.context, serving):
        text = ""
        with waiting_for("the messages in the queues"):
            while 'queue_messages{queue="cpu"} 3.0' not in text:
                _, text = await anyio.to_thread.run_sync(ask, serving.metrics_port, "/metrics")


@pytest.mark.anyio
async def test_a_web_process_tells_nothing_unless_asked_to(tmp_path: Path) -> None:
    async with telling_metrics(Rig(tmp_path).context, ServeSettings()):
        assert not [one for one in threading.enumerate() if one.name == "metrics"]
