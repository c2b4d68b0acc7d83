"""The `vdiff` extractor: the bundled network's features of one frame."""

from __future__ import annotations

from vdiff_plugin.builtin.planes import to_pixels
from vdiff_plugin.builtin.tiling import TiledNetwork
from vdiff_plugin.contracts import Features, Network, Services
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.settings import Settings

_STRIDE = 4


class NetworkFeatures:
    """Features of the network that given settings load.

    They cost little beside the rest of it, and restoring the same clip with the same
    engine finds them again.
    """

    def __init__(self, network: Network) -> None:
        """Use `network`."""
        self._network = network
        self.stride = _STRIDE
        self.fingerprint = network.fingerprint

    def extract(self, frame: Frame, clip: ClipInfo) -> Features:
        """See `FeatureExtractor.extract`: (ceil(H/4), ceil(W/4), C) uint8."""
        pixels = to_pixels(frame, clip, self._network.stride)[0]
        features = self._network.extract(pixels)
        return features[: -(-clip.height // _STRIDE), : -(-clip.width // _STRIDE)]


def open_extractor(services: Services, **options: str) -> NetworkFeatures:
    """The extractor of a network; options are settings: `vdiff:preset=quality`."""
    settings = Settings.of(**options)
    return NetworkFeatures(TiledNetwork(services.network(settings), settings.tile))
