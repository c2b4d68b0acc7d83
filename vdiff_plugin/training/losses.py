"""What training minimises."""

from __future__ import annotations

from collections.abc import Callable

from keras import ops as k

from vdiff_plugin.model.ops import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]

_FLOOR = 0.04  # of the normaliser: how much nearly clean samples count
_LOG_FLOOR = 1.2  # codes
_FINE_FLOOR = 0.3  # the same for doubling, where no sample is right to begin with
_PLANES = (6 / 8, 1 / 8, 1 / 8)  # weights of Y, U and V, as PSNR is weighted
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


def log_squared(truth: Tensor, predicted: Tensor, floor: float = _LOG_FLOOR) -> Tensor:
    """Half the logarithm of each plane's mean squared error in codes, weighted 6:1:1.

    One unit is 8.7 dB of PSNR, for nearly clean samples as for very noisy ones, and for
    compressed ones, of which no network can take much. Each plane has a logarithm of its
    own: encoders harm luma most, and in a common one the network may spoil chroma for the
    least gain in luma. The floor keeps samples that are right to a code or so from
    outweighing all others.
    """
    square = k.square(predicted - truth[..., :-1])
    planes = (square[..., :4], square[..., 4:5], square[..., 5:])
    errors = [k.log(k.mean(plane, axis=(1, 2, 3)) + floor**2) for plane in planes]
    return 0.5 * sum(weight * error for weight, error in zip(_PLANES, errors, strict=True))


def fine_log_squared(truth: Tensor, predicted: Tensor) -> Tensor:
    """`log_squared` with a lower floor: smooth chroma, wrong by less than a code, counts too."""
    return log_squared(truth, predicted, _FINE_FLOOR)


def mean_squared(truth: Tensor, predicted: Tensor) -> Tensor:
    """Mean squared error in units of full scale, not normalised."""
    error = (predicted - truth[..., :-1]) / 255.0
    return k.mean(error * error, axis=(1, 2, 3))


def flicker(truth: Tensor, predicted: Tensor) -> Tensor:
    """How much a sample's error differs from that of the next frame at the same place.

    What flickers is error that changes: |(o_n - o_n-1) - (g_n - g_n-1)| over the sum of
    both samples' degradation, as `normalised_charbonnier` does it.

    Args:
        truth: (2 * pairs, h, w, 7), samples of consecutive frames side by side.
        predicted: (2 * pairs, h, w, 6) codes.

    Returns:
        (2 * pairs,): both samples of a pair get the same value.
    """
    error = (predicted - truth[..., :-1]) / 255.0
    harm = truth[..., -1:] / 255.0
    change = k.absolute(error - _other(error))
    return k.mean(change / (harm + _other(harm) + _FLOOR), axis=(1, 2, 3))


def _other(samples: Tensor) -> Tensor:
    """Each pair's samples with their places changed."""
    pairs = k.reshape(samples, (-1, 2, *samples.shape[1:]))
    return k.reshape(k.flip(pairs, axis=1), (-1, *samples.shape[1:]))


LOSSES: dict[str, Loss] = {
    "charbonnier": normalised_charbonnier,
    "log": log_squared,
    "finelog": fine_log_squared,
    "mse": mean_squared,
}


def loss_of(name: str, flicker_weight: float = 0.0) -> Loss:
    """The loss `name`, with `flicker_weight` times the flicker of pairs added."""
    plain = LOSSES[name]
    if not flicker_weight:
        return plain

    def steady(truth: Tensor, predicted: Tensor) -> Tensor:
        return plain(truth, predicted) + flicker_weight * flicker(truth, predicted)

    return steady
