// Finds a QR code in a picture. The reader is large, so it is fetched when somebody scans.

const widest = 1600; // pixels of a side: a photo of a page needs no more

export async function readPixels(image: ImageData): Promise<string> {
  const { default: jsQR } = await import("jsqr");
  return jsQR(image.data, image.width, image.height, { inversionAttempts: "dontInvert" })?.data ?? "";
}

// readPicture is for a photo or a screenshot of the code. "" says that there is none in it.
export async function readPicture(file: Blob): Promise<string> {
  const bitmap = await createImageBitmap(file);
  try {
    const scale = Math.min(1, widest / Math.max(bitmap.width, bitmap.height));
    return await readPixels(pixels(bitmap, bitmap.width * scale, bitmap.height * scale));
  } finally {
    bitmap.close();
  }
}

export function pixels(from: CanvasImageSource, width: number, height: number): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  const paper = canvas.getContext("2d", { willReadFrequently: true });
  if (!paper) throw new Error("no canvas to read the picture with");
  paper.drawImage(from, 0, 0, canvas.width, canvas.height);
  return paper.getImageData(0, 0, canvas.width, canvas.height);
}
