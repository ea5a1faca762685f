/** Patterns that the style sheet fills bars with: kinds of memory differ without their colours, too. */
export function Textures() {
  return (
    <svg class="textures" width="0" height="0" aria-hidden="true">
      <defs>
        <pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect class="texture-back" width="6" height="6" />
          <rect class="texture-ink" width="2" height="6" />
        </pattern>
        <pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse">
          <rect class="texture-swap" width="5" height="5" />
          <circle class="texture-swap-ink" cx="2.5" cy="2.5" r="1.2" />
        </pattern>
        <pattern id="waiting" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect class="texture-kubelet" width="6" height="6" />
          <rect class="texture-kubelet-ink" width="1.5" height="6" />
        </pattern>
      </defs>
    </svg>
  );
}
