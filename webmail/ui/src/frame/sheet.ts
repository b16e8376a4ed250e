// The look of a mail that brings none, in the frame's own document.

export const base = `
:root { color-scheme: light; --ink: #211d18; --soft: #6a6156; --line: #e2d9c8; --wax: #a52a2c; --paper: #fffdf8; --link: #7f1d20; overflow-y: hidden; overflow-x: auto; }
:root.sp-dark { color-scheme: dark; --ink: #efe8da; --soft: #a89d8c; --line: #362f26; --wax: #d9605c; --paper: #201c17; --link: #e98780; }
:root.sp-tall { overflow-y: auto; }
:root.sp-white { --paper: #ffffff; }
html { background: var(--paper); }
body { margin: 0; padding: 4px 1px; min-height: 1em; color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; overflow-wrap: break-word; }
img { max-width: 100%; }
img:not([height]):not([style*="height"]) { height: auto; }
:where(a) { color: var(--link); }
:where(pre) { white-space: pre-wrap; }
:where(blockquote) { margin: .6em 0 .6em .2em; padding-left: .8em; border-left: 2px solid var(--line); }
.sp-text { max-width: 76ch; }
.sp-line { white-space: pre-wrap; unicode-bidi: isolate; }
.sp-line a { unicode-bidi: isolate; }
.sp-quote { color: var(--soft); }
.sp-fold { margin: .5em 0; }
.sp-fold > summary { cursor: pointer; width: max-content; list-style: none; padding: .05em .7em; border: 1px solid var(--line); border-radius: 1em; color: var(--soft); font: 13px/1.6 system-ui, sans-serif; }
.sp-fold > summary::-webkit-details-marker { display: none; }
.sp-fold > summary:focus-visible, a:focus-visible { outline: 2px solid var(--wax); outline-offset: 2px; }
img[data-sp-blocked] { outline: 1px dashed var(--line); outline-offset: -1px; background: color-mix(in srgb, var(--line) 30%, transparent); font-size: 12px; color: var(--soft); }
a[data-goes-to]::after { content: " (\\2192 " attr(data-goes-to) ")"; unicode-bidi: isolate; font: 12px/1.3 ui-monospace, Menlo, Consolas, monospace; color: var(--wax); }
::highlight(found) { background: #f3d36b; color: #211d18; }
@media print { :root { --paper: #fff; } }
`;
