// What the viewer draws: pictures made of pictures. Each function gives a canvas.
"use strict";

const vdiffPaint = (() => {
  // Dark violet over red to yellow, in steps of a quarter: readable on light and dark pictures,
  // and in order of brightness for whoever sees no colours.
  const HEAT = [
    [48, 18, 110],
    [150, 30, 122],
    [226, 64, 78],
    [250, 146, 38],
    [252, 240, 150],
  ];

  /** Colour of a share 0..1, [r, g, b]. */
  function heat(share) {
    const at = Math.min(Math.max(share, 0), 1) * (HEAT.length - 1);
    const low = Math.min(Math.floor(at), HEAT.length - 2);
    return HEAT[low].map((from, i) => from + (HEAT[low + 1][i] - from) * (at - low));
  }

  function canvas(width, height) {
    const made = document.createElement("canvas");
    made.width = width;
    made.height = height;
    return made;
  }

  /** Samples (RGBA bytes) of a picture at the given size. */
  function samples(picture, width, height) {
    const made = canvas(width, height);
    const context = made.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }

  /** |left - right| * gain, per channel. */
  function difference(left, right, gain) {
    const [width, height] = [left.naturalWidth, left.naturalHeight];
    const [a, b] = [samples(left, width, height), samples(right, width, height)];
    for (let i = 0; i < a.data.length; i += 4) {
      for (let c = i; c < i + 3; c += 1) a.data[c] = Math.abs(a.data[c] - b.data[c]) * gain;
      a.data[i + 3] = 255;
    }
    const made = canvas(width, height);
    made.getContext("2d").putImageData(a, 0, 0);
    return made;
  }

  /** A grey map in colours; black is transparent, white opaque. */
  function coloured(map) {
    const [width, height] = [map.naturalWidth, map.naturalHeight];
    const read = samples(map, width, height);
    for (let i = 0; i < read.data.length; i += 4) {
      const share = read.data[i] / 255;
      [read.data[i], read.data[i + 1], read.data[i + 2]] = heat(share);
      read.data[i + 3] = 255 * Math.min(1, share * 1.6);
    }
    const made = canvas(width, height);
    made.getContext("2d").putImageData(read, 0, 0);
    return made;
  }

  return { heat, samples, difference, coloured };
})();
