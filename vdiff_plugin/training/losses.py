"""What training minimises."""

from __future__ import annotations

from keras import ops as k

from vdiff_plugin.model.ops import Tensor

_FLOOR = 0.04  # of the normaliser: how much nearly clean samples count
_LOG_FLOOR = 1.5  # codes
_EPSILON = 1e-3  # Charbonnier's corner, in units of full scale


def normalised_charbonnier(truth: Tensor, predicted: Tensor) -> Tensor:
    """Charbonnier distance divided by how bad the sample was.

    Without the division strong noise drowns weak noise, where a small network has most
    to learn.

    Args:
        truth: (batch, h, w, 7): six target channels in codes, then the sample's root mean
            square degradation in codes, the same at every position.
        predicted: (batch, h, w, 6) codes.

    Returns:
        (batch,) losses.
    """
    target, harm = truth[..., :-1], truth[..., -1:] / 255.0
    error = (predicted - target) / 255.0
    distance = k.sqrt(error * error + _EPSILON**2) - _EPSILON
    return k.mean(distance / (2.0 * harm + _FLOOR), axis=(1, 2, 3))


def log_squared(truth: Tensor, predicted: Tensor) -> Tensor:
    """Half the logarithm of each sample's mean squared error in codes.

    One unit is 8.7 dB of PSNR, for nearly clean samples as for very noisy ones, and for
    compressed ones, of which no network can take much. The floor keeps samples that are
    right to a code or so from outweighing all others.
    """
    error = predicted - truth[..., :-1]
    return 0.5 * k.log(k.mean(error * error, axis=(1, 2, 3)) + _LOG_FLOOR**2)


def mean_squared(truth: Tensor, predicted: Tensor) -> Tensor:
    """Mean squared error in units of full scale, not normalised."""
    error = (predicted - truth[..., :-1]) / 255.0
    return k.mean(error * error, axis=(1, 2, 3))


LOSSES = {
    "charbonnier": normalised_charbonnier,
    "log": log_squared,
    "mse": mean_squared,
}
