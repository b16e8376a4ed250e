// The one Trusted Types policy of the page that names scripts: workers of this bundle and
// its service worker, and nothing else. There is none for HTML.

interface Factory { createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown } }

const ours = /^\/(?:assets\/[A-Za-z0-9._-]+\.js|sw\.js|bring\.js)$/;

function allowed(url: string): string {
  const at = new URL(url, location.href);
  if (at.origin !== location.origin || at.search !== "" || !(ours.test(at.pathname) || import.meta.env.DEV)) throw new TypeError("not a script of this page");
  return at.href;
}

const policy = typeof window === "undefined" ? undefined : (window as { trustedTypes?: Factory }).trustedTypes?.createPolicy("app", { createScriptURL: allowed });

/** A URL that may become a worker. It throws for what is not of this bundle. */
export function scriptURL(url: string): string {
  return (policy?.createScriptURL(url) ?? allowed(url)) as string; // a TrustedScriptURL, where there are any
}
