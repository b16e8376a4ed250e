// Draws a QR code as one SVG path: sharp at any size and on paper, dark on light in every
// theme because cameras want it so.
import qrcode from "qrcode-generator";
import "./qr.css";

// path says the dark modules as runs, so that a code is one element and not a thousand.
export function modules(text: string): { size: number; path: string } {
  const code = qrcode(0, "M");
  code.addData(text, /^[0-9A-Z $%*+\-./:]*$/.test(text) ? "Alphanumeric" : "Byte");
  code.make();
  const size = code.getModuleCount();
  let path = "";
  for (let row = 0; row < size; row++) {
    for (let col = 0; col < size; col++) {
      if (!code.isDark(row, col)) continue;
      let end = col + 1;
      while (end < size && code.isDark(row, end)) end++;
      path += `M${col} ${row}h${end - col}v1h${col - end}z`;
      col = end;
    }
  }
  return { size, path };
}

const quiet = 4; // modules of light around it, as ISO/IEC 18004 asks

export function QrCode({ text, label }: { text: string; label: string }) {
  const { size, path } = modules(text);
  const side = size + 2 * quiet;
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`${-quiet} ${-quiet} ${side} ${side}`} shape-rendering="crispEdges">
      <rect x={-quiet} y={-quiet} width={side} height={side} class="qr-light" />
      <path d={path} class="qr-dark" />
    </svg>
  );
}
