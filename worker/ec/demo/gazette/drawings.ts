/**
 * The newspaper's two drawings. Their colours are in the style sheet, for both colour schemes.
 * @module
 */
import { html } from "hono/html";

/** The angles of the wheel's paddles, in degrees. */
const PADDLES = Array.from({ length: 12 }, (_, index) => index * 30);

/** A mill on a river, its wheel in the water. */
export const mill = html`<svg class="drawing" viewBox="0 0 960 420" role="img" aria-label="Drawing: a water mill by a river, hills behind it">
  <rect class="sky" width="960" height="420" />
  <circle class="sun" cx="742" cy="104" r="46" />
  <path class="hill-far" d="M0 236 Q150 128 318 204 T640 186 T960 214 V420 H0Z" />
  <path class="hill" d="M0 272 Q200 188 420 254 T780 246 T960 262 V420 H0Z" />
  <g class="tree">
    <path d="M96 270 q-34 -16 -22 -52 q-8 -40 30 -44 q38 0 32 42 q16 38 -18 54z" />
    <path d="M166 278 q-26 -12 -17 -40 q-6 -31 23 -34 q30 0 25 33 q12 29 -14 41z" />
    <path d="M842 270 q-30 -14 -20 -46 q-7 -36 27 -40 q34 0 29 38 q14 34 -16 48z" />
  </g>
  <g class="trunk">
    <rect x="102" y="262" width="7" height="38" />
    <rect x="170" y="270" width="6" height="30" />
    <rect x="846" y="262" width="7" height="34" />
  </g>
  <g>
    <rect class="wall" x="354" y="162" width="196" height="150" />
    <rect class="wall-shade" x="550" y="196" width="112" height="116" />
    <path class="roof" d="M338 166 L452 84 L566 166Z" />
    <path class="roof" d="M544 200 L610 156 L680 200Z" />
    <rect class="roof" x="500" y="86" width="20" height="44" />
    <rect class="door" x="438" y="248" width="36" height="64" />
    <g class="window">
      <rect x="384" y="186" width="28" height="34" />
      <rect x="440" y="186" width="28" height="34" />
      <rect x="496" y="186" width="28" height="34" />
      <rect x="384" y="250" width="28" height="34" />
      <rect x="590" y="222" width="28" height="30" />
      <circle cx="452" cy="134" r="13" />
    </g>
  </g>
  <path class="bank" d="M0 300 Q240 284 420 308 T960 296 V420 H0Z" />
  <path class="water" d="M0 336 Q180 318 380 338 T720 334 T960 326 V420 H0Z" />
  <g class="wheel" transform="translate(640 304)">
    <circle r="74" />
    <circle r="60" />
    <circle class="hub" r="10" />
    ${PADDLES.map((angle) => html`<path d="M0 -10 V-82" transform="rotate(${angle})" />`)}
  </g>
  <path class="water-front" d="M0 362 Q160 346 340 362 T700 356 T960 352 V420 H0Z" />
  <g class="ripple">
    <path d="M60 384 q24 -7 48 0 t48 0" />
    <path d="M300 396 q24 -7 48 0 t48 0" />
    <path d="M560 380 q24 -7 48 0 t48 0 t48 0" />
    <path d="M790 394 q24 -7 48 0 t48 0" />
  </g>
</svg>`;

/** A small ferry on the water by night. */
export const ferry = html`<svg class="drawing night" viewBox="0 0 960 420" role="img" aria-label="Drawing: a small ferry crossing a river at night, its lamp lit">
  <rect class="sky" width="960" height="420" />
  <circle class="moon" cx="206" cy="98" r="38" />
  <g class="star">
    <circle cx="90" cy="64" r="2.4" /><circle cx="330" cy="52" r="2" /><circle cx="430" cy="120" r="2.4" />
    <circle cx="560" cy="58" r="2" /><circle cx="676" cy="108" r="2.6" /><circle cx="810" cy="60" r="2" />
    <circle cx="890" cy="134" r="2.2" /><circle cx="120" cy="160" r="1.8" />
  </g>
  <path class="hill-far" d="M0 244 Q180 178 360 226 T700 214 T960 236 V420 H0Z" />
  <g class="window">
    <rect x="706" y="222" width="9" height="9" /><rect x="732" y="226" width="9" height="9" />
    <rect x="770" y="220" width="9" height="9" /><rect x="812" y="228" width="9" height="9" />
    <rect x="96" y="230" width="9" height="9" /><rect x="126" y="226" width="9" height="9" />
  </g>
  <path class="water" d="M0 262 H960 V420 H0Z" />
  <path class="glow" d="M470 318 L428 420 H546 L504 318Z" />
  <g>
    <rect class="wall" x="418" y="226" width="148" height="46" />
    <rect class="roof" x="404" y="216" width="176" height="12" />
    <g class="window">
      <rect x="434" y="238" width="26" height="20" /><rect x="478" y="238" width="26" height="20" />
      <rect x="522" y="238" width="26" height="20" />
    </g>
    <path class="mast" d="M492 216 V150" />
    <circle class="lamp" cx="492" cy="146" r="8" />
    <path class="hull" d="M330 272 H650 L616 322 Q490 336 364 322Z" />
    <path class="mast" d="M352 272 V250 M382 272 V250 M600 272 V250 M630 272 V250 M346 252 H404 M580 252 H636" />
  </g>
  <path class="water-front" d="M0 330 Q160 316 340 332 T700 326 T960 322 V420 H0Z" />
  <g class="ripple">
    <path d="M80 366 q24 -7 48 0 t48 0" /><path d="M330 386 q24 -7 48 0 t48 0 t48 0" />
    <path d="M620 362 q24 -7 48 0 t48 0" /><path d="M800 392 q24 -7 48 0 t48 0" />
  </g>
</svg>`;
