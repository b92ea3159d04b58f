"""Pictures that stand in for photographs where the user gives none to calibrate with: composed, always the same.

Half are crops of three photographs that come with packages of requirements.txt, as they are or with other colours;
the others are mosaics and collages of such crops, and drawings: clouds of 1/f noise, textures, dead leaves, writing,
points of light. Three photographs alone show a layer too little of what it will see (docs/log.md has the figures).

- `china.jpg` and `flower.jpg` of scikit-learn: CC BY 2.0, by danielbuechele and vultilion of Flickr (its README.txt);
- `grace_hopper.jpg` of matplotlib: by the United States Navy, in the public domain.

Sources: Lee, Mumford, Huang, "Occlusion models for natural images" (2001), for dead leaves; Baradad et al., "Learning
to see by looking at noise" (2021), for drawings in place of photographs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from lite.errors import InputError
from lite.pictures import prepare
from lite.shown import shown

SIZE = 256
SPLITS = ("calibration", "held_out")
MOST = 256
_SEED = 2026
# What a user of them should know. docs/log.md has the figures.
REMARK = (
    "on a ViT-S they kept 29 dB of photographs that nothing was calibrated on, and other parts of the same "
    "photographs 31 dB; give --calib DIR with 32 or more pictures like those on the phone"
)
_LEAST_CROP = 96  # pixels of a photograph


def pictures(split: str, count: int, *, seed: int = _SEED) -> list[np.ndarray]:
    """`count` pictures of a split: uint8 RGB [256, 256, 3] each, always the same for the same seed.

    The splits share photographs but no picture; 16 or more are of all kinds, and fewer are among them. Crops come
    first, so that half the pictures are of another kind than the others: INT8's rewriting asks one half what it may do
    to the other (`quant/rewrite/gelu.py`), and only what holds for both will hold for a user's photographs. Raises
    InputError for an unknown split, for more than 256 pictures, and where a package has lost its photographs.
    """
    if split not in SPLITS:
        raise InputError(
            f"the composed pictures have no split {shown(split)}", remedy=f"choose one of {', '.join(SPLITS)}"
        )
    if count > MOST:
        raise InputError(f"there are {MOST} composed pictures, not {count}", remedy="ask for fewer")
    places = sorted(range(count), key=lambda place: _KINDS[place % len(_KINDS)] not in (crop, _other_light))
    return [
        np.ascontiguousarray(
            _KINDS[place % len(_KINDS)](np.random.default_rng([seed, SPLITS.index(split), place]))
        )
        for place in places
    ]


@lru_cache(maxsize=1)
def photographs() -> tuple[np.ndarray, ...]:
    """The photographs in the installed packages: uint8 RGB [H, W, 3] each. Raises InputError where one is missing."""
    # Imported here because both take a while, which commands that compose nothing need not wait.
    import matplotlib
    import sklearn.datasets

    folder = Path(sklearn.datasets.__file__).parent / "images"
    files = [
        folder / "china.jpg",
        folder / "flower.jpg",
        Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
    ]
    return tuple(prepare.decode(file) for file in files)


def crop(rng: np.random.Generator) -> np.ndarray:
    """A square of one of the photographs, 96 pixels or more a side: some turned by any angle, half of them mirrored."""
    found = photographs()
    whole = found[int(rng.integers(len(found)))]
    height, width = whole.shape[:2]
    side = np.exp(rng.uniform(np.log(_LEAST_CROP), np.log(min(height, width))))
    angle = rng.uniform(0, 360) if rng.random() < 0.3 else 0.0
    turn = np.radians(angle)
    # The upright square around the turned one must lie inside.
    reach = abs(np.cos(turn)) + abs(np.sin(turn))
    side = min(side, (min(height, width) - 2) / reach)
    half = side * reach / 2
    centre = rng.uniform(half, width - half), rng.uniform(half, height - half)
    matrix = cv2.getRotationMatrix2D(centre, angle, 1.0)
    matrix[:, 2] += side / 2 - np.array(centre)
    upright = cv2.warpAffine(
        whole, matrix, (round(side),) * 2, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return _enlarged(upright[:, ::-1] if rng.random() < 0.5 else upright, SIZE, SIZE)


def recoloured(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same uint8 RGB picture with other colours, gamma, contrast and brightness; some blurred or noisy."""
    values = picture.astype(np.float32) / 255
    if rng.random() < 0.5:
        hsv = cv2.cvtColor(values, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 360)) % 360
        hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0, 1.8), 0, 1)
        values = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    values = values ** np.float32(np.exp(rng.uniform(-0.6, 0.6)))
    mean = values.mean()
    values = (values - mean) * np.float32(np.exp(rng.uniform(-0.7, 0.5))) + mean + rng.uniform(-0.15, 0.15)
    if rng.random() < 0.2:
        values = cv2.GaussianBlur(values, (0, 0), rng.uniform(0.5, 2.5))
    if rng.random() < 0.15:
        values = values + rng.normal(0, rng.uniform(0.01, 0.08), values.shape)
    return _levels(255 * values)


def noise(rng: np.random.Generator) -> np.ndarray:
    """Clouds: noise whose amplitude falls with the frequency to a power of 0.8 to 2.2, in more or fewer colours."""
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None])
    frequency[0, 0] = np.inf
    amplitude = frequency ** -rng.uniform(0.8, 2.2)
    phases = rng.normal(size=(3, 2, *frequency.shape))
    channels = np.fft.irfft2((phases[:, 0] + 1j * phases[:, 1]) * amplitude, (SIZE, SIZE)).transpose(1, 2, 0)
    grey = rng.random()
    channels = (1 - grey) * channels + grey * channels[..., :1]
    channels *= rng.uniform(0.08, 0.3) / channels.std()
    return _levels(255 * (channels + rng.uniform(0.2, 0.8, 3)))


def texture(rng: np.random.Generator) -> np.ndarray:
    """Clouds, stripes or a grid, a gradient, or one colour."""
    kind = rng.random()
    if kind < 0.35:
        return noise(rng)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    if kind < 0.6:
        periods = 2 * np.pi * np.exp(rng.uniform(np.log(4), np.log(64)))
        wave = np.sin(periods * along)
        if rng.random() < 0.5:
            wave = wave * np.sin(periods * across)
        if rng.random() < 0.5:
            wave = np.sign(wave)
        share = (wave + 1) / 2
    elif kind < 0.8:
        share = np.clip(along + 0.5, 0, 1)
    else:
        share = np.zeros_like(along)
    return _blend(_colour(rng), _colour(rng), share[..., None])


def leaves(rng: np.random.Generator) -> np.ndarray:
    """Dead leaves: shapes over each other, of which those of half the size are eight times as many."""
    canvas = np.ascontiguousarray(texture(rng))
    count = int(np.exp(rng.uniform(np.log(20), np.log(300))))
    least, most = SIZE / 85, SIZE * 0.4
    radii = 1 / np.sqrt(rng.random(count) * (least**-2 - most**-2) + most**-2)
    for radius in np.sort(radii)[::-1] if rng.random() < 0.5 else radii:
        if radius > SIZE / 20 and rng.random() < 0.5:
            canvas = _blend(canvas, texture(rng), _mask(rng, radius))
        else:
            _draw_shape(canvas, rng, radius, _colour(rng))
    return canvas


def writing(rng: np.random.Generator) -> np.ndarray:
    """Random words of many sizes and colours on a texture."""
    canvas = np.ascontiguousarray(texture(rng))
    for _ in range(rng.integers(2, 14)):
        word = "".join(chr(letter) for letter in rng.integers(33, 127, rng.integers(2, 14)))
        where = int(rng.integers(-20, SIZE - 20)), int(rng.integers(10, SIZE))
        size = float(np.exp(rng.uniform(np.log(0.4), np.log(4))))
        font, thick = int(rng.integers(8)), int(rng.integers(1, 6))
        cv2.putText(canvas, word, where, font, size, _colour(rng).tolist(), thick, cv2.LINE_AA)
    return canvas


def lights(rng: np.random.Generator) -> np.ndarray:
    """Points of light of all sizes in the dark, and sometimes dark ones in the light."""
    canvas = noise(rng) * rng.uniform(0, 0.25)
    count = int(np.exp(rng.uniform(np.log(5), np.log(150))))
    radius = np.exp(rng.uniform(np.log(0.6), np.log(14), (count, 1)))
    down, along = (
        np.exp(-np.square(np.arange(SIZE) - rng.uniform(0, SIZE, (count, 1))) / (2 * radius**2))
        for _ in range(2)
    )
    for channel in range(3):
        canvas[..., channel] += (down * rng.uniform(80, 255, (count, 1))).T @ along
    return _levels(canvas if rng.random() < 0.8 else 255 - canvas)


def mosaic(rng: np.random.Generator) -> np.ndarray:
    """Four recoloured crops side by side."""
    down, along = (int(share * SIZE) for share in rng.uniform(0.3, 0.7, 2))
    rows = [
        np.hstack([_enlarged(recoloured(crop(rng), rng), height, width) for width in (along, SIZE - along)])
        for height in (down, SIZE - down)
    ]
    return np.vstack(rows)


def collage(rng: np.random.Generator) -> np.ndarray:
    """Shapes cut out of crops and textures, on another one; some with soft edges."""

    def part() -> np.ndarray:
        return recoloured(crop(rng), rng) if rng.random() < 0.7 else texture(rng)

    canvas = part()
    for _ in range(rng.integers(1, 8)):
        mask = _mask(rng, rng.uniform(0.1, 0.45) * SIZE)
        if rng.random() < 0.3:
            mask = cv2.GaussianBlur(mask, (0, 0), SIZE / 85)[..., None]
        canvas = _blend(canvas, part(), mask)
    return canvas


def _other_light(rng: np.random.Generator) -> np.ndarray:
    return recoloured(crop(rng), rng)


# What each 16 pictures are of.
_KINDS: tuple[Callable[[np.random.Generator], np.ndarray], ...] = (
    crop, _other_light, leaves, mosaic, crop, _other_light, noise, collage,
    crop, _other_light, writing, collage, crop, _other_light, lights, texture,
)  # fmt: skip


def _draw_shape(canvas: np.ndarray, rng: np.random.Generator, radius: float, colour: np.ndarray) -> None:
    """Draws an ellipse or a polygon somewhere on a uint8 picture."""
    centre = rng.uniform(0, SIZE, 2)
    if rng.random() < 0.5:
        corners = rng.integers(3, 9)
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        reach = radius * rng.uniform(0.5, 1, corners)
        points = centre + np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1)
        cv2.fillPoly(canvas, [points.astype(np.int32)], colour.tolist(), cv2.LINE_AA)
    else:
        axes = int(radius) + 1, int(radius * rng.uniform(0.2, 1)) + 1
        middle = int(centre[0]), int(centre[1])
        cv2.ellipse(canvas, middle, axes, rng.uniform(0, 180), 0, 360, colour.tolist(), -1, cv2.LINE_AA)


def _mask(rng: np.random.Generator, radius: float) -> np.ndarray:
    """A shape somewhere: float32 [SIZE, SIZE, 1], 1 inside."""
    mask = np.zeros((SIZE, SIZE, 1), np.uint8)
    _draw_shape(mask, rng, radius, np.array([255]))
    return mask / np.float32(255)


def _colour(rng: np.random.Generator) -> np.ndarray:
    """A colour of one of the photographs, or any: float32 [3]."""
    if rng.random() < 0.4:
        return rng.uniform(0, 255, 3).astype(np.float32)
    found = photographs()
    whole = found[int(rng.integers(len(found)))]
    return whole[rng.integers(whole.shape[0]), rng.integers(whole.shape[1])].astype(np.float32)


def _blend(under: np.ndarray, over: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`share` of `over` and the rest of `under`: uint8 [SIZE, SIZE, 3]."""
    return _levels(under * (1 - share) + over * share)


def _levels(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def _enlarged(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    smaller = height * width < picture.shape[0] * picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
