// Reads a QR code with the camera, or from a picture where there is none. The pictures
// stay in this page.
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../../words/index.ts";
import { Button, Note, say } from "../kit/index.ts";
import { pixels, readPicture, readPixels } from "./read.ts";
import "./qr.css";

type State = "idle" | "camera" | "no-camera" | "nothing";

export function Scan({ onText, what }: { onText: (text: string) => void; what: string }) {
  const [state, setState] = useState<State>("idle");
  const file = useRef<HTMLInputElement>(null);
  const found = (text: string) => {
    setState("idle");
    say(t("scan.found"));
    onText(text);
  };
  const choose = async (f: File | undefined) => {
    if (!f) return;
    const text = await readPicture(f).catch(() => "");
    if (text) found(text);
    else setState("nothing");
  };
  return (
    <div class="qr-scan">
      {state === "camera" && <Camera onText={found} onFailed={() => setState("no-camera")} />}
      <div class="qr-actions">
        {state === "camera"
          ? <Button icon="close" onClick={() => setState("idle")}>{t("scan.stop")}</Button>
          : "mediaDevices" in navigator && <Button icon="video" onClick={() => setState("camera")}>{t("scan.camera", { what })}</Button>}
        <Button icon="image" onClick={() => file.current?.click()}>{t("scan.picture")}</Button>
        <input ref={file} class="unseen" type="file" accept="image/*" tabIndex={-1} aria-hidden="true"
          onChange={(e) => { void choose(e.currentTarget.files?.[0]); e.currentTarget.value = ""; }} />
      </div>
      {state === "no-camera" && <Note tone="warn">{t("scan.nocamera")}</Note>}
      {state === "nothing" && <Note tone="warn">{t("scan.nothing")}</Note>}
    </div>
  );
}

function Camera({ onText, onFailed }: { onText: (text: string) => void; onFailed: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let stream: MediaStream | undefined;
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const v = video.current;
      if (over || !v) return;
      if (v.videoWidth > 0) {
        const scale = Math.min(1, 960 / v.videoWidth);
        const text = await readPixels(pixels(v, v.videoWidth * scale, v.videoHeight * scale)).catch(() => "");
        if (text && !over) return onText(text);
      }
      timer = setTimeout(() => void look(), 200);
    };
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false }).then(
      (s) => {
        if (over) return s.getTracks().forEach((track) => track.stop());
        stream = s;
        if (video.current) video.current.srcObject = s;
        void look();
      },
      () => over || onFailed(),
    );
    return () => {
      over = true;
      clearTimeout(timer);
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, []);
  return <video ref={video} autoplay muted playsInline aria-label={t("scan.seen")} />;
}
