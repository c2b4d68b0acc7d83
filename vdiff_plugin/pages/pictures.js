// Decoded pictures by address, the latest ones kept.
"use strict";

const vdiffPictures = (() => {
  const KEPT = 20; // decoded pictures: some 150 MB at 1920x1080

  return class Pictures {
    #held = new Map();

    async get(url) {
      const held = this.#held.get(url) ?? this.#load(url);
      this.#held.delete(url);
      this.#held.set(url, held);
      for (const old of this.#held.keys()) {
        if (this.#held.size <= KEPT) break;
        this.#held.delete(old);
      }
      return held;
    }

    async #load(url) {
      const picture = new Image();
      picture.src = url;
      try {
        await picture.decode();
      } catch (error) {
        this.#held.delete(url);
        throw error;
      }
      return picture;
    }
  };
})();
