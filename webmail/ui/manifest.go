package ui

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// A Manifest says what every place of a build must hold: its hash, its length and the
// policy it must come with. It has the form of a WEBCAT manifest (docs/webmail.md),
// whose fields come first, with what `sealpost verify-web` compares besides.
type Manifest struct {
	App             string            `json:"app"`
	Version         string            `json:"version"`
	DefaultIndex    string            `json:"default_index"`
	DefaultFallback string            `json:"default_fallback"`
	DefaultCSP      string            `json:"default_csp"`
	ExtraCSP        map[string]string `json:"extra_csp"` // by prefix of a path, the longest counts
	Files           map[string]string `json:"files"`     // SHA-256 in base64url without padding, by path
	Wasm            []string          `json:"wasm"`      // hashes of WebAssembly that stands inside scripts
	Sizes           map[string]int    `json:"sizes"`
	Build           string            `json:"build"` // one name for all of it: SHA-256 over the sorted files
}

// describe fills a manifest; its version is the caller's matter.
func (a *App) describe(policy string) Manifest {
	m := Manifest{
		App: "sealpost", DefaultIndex: "/index.html", DefaultFallback: "/index.html", DefaultCSP: policy,
		ExtraCSP: map[string]string{"/": filePolicy, "/index.html": policy, framePlace: framePolicy, "/assets/": workerPolicy, "/sw.js": workerPolicy, "/bring.js": workerPolicy},
		Files:    map[string]string{}, Wasm: []string{}, Sizes: map[string]int{},
	}
	if f := a.places[strangerPlace]; f != nil {
		m.ExtraCSP[strangerPlace] = strangerPolicy(f.content)
	}
	for at, f := range a.places {
		if at == "/" {
			at = "/index.html"
		}
		m.Files[at] = base64.RawURLEncoding.EncodeToString(f.sum[:])
		m.Sizes[at] = len(f.content)
		m.Wasm = append(m.Wasm, wasmIn(f.content)...)
	}
	slices.Sort(m.Wasm)
	m.Wasm = slices.Compact(m.Wasm)
	m.Build = hex.EncodeToString(m.sum())
	return m
}

// Manifest is what this build consists of, as a program of the given version has it.
func (a *App) Manifest(version string) Manifest {
	m := a.manifest
	m.Version = version
	return m
}

// sum is over all that a manifest promises, in one order.
func (m Manifest) sum() []byte {
	h := sha256.New()
	for _, at := range slices.Sorted(maps.Keys(m.Files)) {
		fmt.Fprintf(h, "file %s %s %d\n", at, m.Files[at], m.Sizes[at])
	}
	fmt.Fprintf(h, "policy %s\n", m.DefaultCSP)
	for _, at := range slices.Sorted(maps.Keys(m.ExtraCSP)) {
		fmt.Fprintf(h, "policy of %s %s\n", at, m.ExtraCSP[at])
	}
	return h.Sum(nil)
}

// inlineWasm is a WebAssembly module as scripts carry it: base64 that begins as every
// module does.
var inlineWasm = regexp.MustCompile(`AGFzbQEAAA[A-Za-z0-9+/]{16,}={0,2}`)

// wasmIn are the hashes of the modules in a script.
func wasmIn(script []byte) (sums []string) {
	for _, text := range inlineWasm.FindAll(script, -1) {
		module, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil {
			continue
		}
		sum := sha256.Sum256(module)
		sums = append(sums, base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	return sums
}
