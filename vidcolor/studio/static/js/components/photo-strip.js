// @ts-check
/** `<photo-strip>`: the photos of the album in a row. */

import { make } from "../dom.js";
import { library } from "../library.js";
import { t } from "../strings.js";
import { PhotoThumb } from "./photo-thumb.js";

export class PhotoStrip extends HTMLElement {
  /** @type {AbortController | null} */
  #connection = null;
  /** @type {Map<string, {link: HTMLAnchorElement, thumb: PhotoThumb}>} */
  #links = new Map();

  connectedCallback() {
    const connection = new AbortController();
    this.#connection = connection;
    this.setAttribute("role", "navigation");
    this.setAttribute("aria-label", t("photo.album"));
    library.addEventListener("change", () => this.#update(), { signal: connection.signal });
    this.#update();
  }

  disconnectedCallback() {
    this.#connection?.abort();
  }

  #update() {
    const photos = [...library.photos.values()];
    this.hidden = photos.length < 2;
    if (this.hidden) return;
    const current = this.getAttribute("current");
    const links = photos.map((photo) => {
      let entry = this.#links.get(photo.id);
      if (!entry) {
        const thumb = new PhotoThumb();
        const link = make("a", { href: `#/photo/${photo.id}`, title: photo.name }, [thumb]);
        link.setAttribute("aria-label", photo.name);
        entry = { link, thumb };
        this.#links.set(photo.id, entry);
      }
      entry.thumb.photo = photo;
      if (photo.id === current) entry.link.setAttribute("aria-current", "page");
      return entry.link;
    });
    const isSame =
      links.length === this.childElementCount &&
      links.every((link, index) => this.children[index] === link);
    if (isSame) return;
    this.replaceChildren(...links);
    this.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }
}

customElements.define("photo-strip", PhotoStrip);
