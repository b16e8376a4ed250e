package main

import (
	"fmt"
	"strings"
)

// aimsFiles: encryption should not cost more than it must.
func (r *record) aimsFiles(t *table) {
	for _, name := range []string{filePut, fileGet} {
		h := r.files.named(name)
		if beside := r.files.named(h.beside); h.rate() > 0 && beside.rate() > 0 {
			t.add("70 % of the bytes/s of "+h.beside+": "+name, percent(h.rate(), beside.rate()), met(h.rate() >= 0.7*beside.rate()))
		}
	}
	for _, c := range r.files.ciphers() {
		if c.beside > 0 && c.rate != c.beside {
			t.add("70 % of ChaCha20-Poly1305 alone: "+c.name, percent(c.rate, c.beside), met(c.rate >= 0.7*c.beside))
		}
	}
}

func percent(a, b float64) string { return fmt.Sprintf("%.0f %%", 100*a/b) }

// cipherRate is one figure of the format's own measure.
type cipherRate struct {
	name         string
	rate, beside float64
}

// ciphers reads the lines of go test: names such as BenchmarkOpen/ranges-2.
func (f *hauls) ciphers() (all []cipherRate) {
	rates := map[string]float64{}
	for _, line := range f.cipher {
		name, rate, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(strings.TrimPrefix(name, "Benchmark"), "-")
		rates[name] = number(rate)
	}
	for _, c := range []struct{ name, title, beside string }{
		{"Raw/seal", "cipher alone, sealing", "Raw/seal"}, {"Seal", "seal", "Raw/seal"},
		{"Raw/open", "cipher alone, opening", "Raw/open"}, {"Open/ranges", "open, by ranges", "Raw/open"}, {"Open/stream", "open, as it comes", "Raw/open"},
	} {
		if rates[c.name] > 0 {
			all = append(all, cipherRate{c.title, rates[c.name], rates[c.beside]})
		}
	}
	return all
}

const filesMethod = `One file of 300 MB of random bytes, over HTTPS on loopback to the server of a demo, in five turns of all ways; medians. *curl* carries the bytes as they are: parts of 8 MiB that lie ready with
their digests, four at a time, and one GET into a file. *file put* reads, hashes, seals, keeps the sealed file in its cache and syncs nothing of it; *file get* opens, and syncs the file before it gives it its name, which curl does not. *WebDAV* is
curl to the bridge, over HTTP on loopback, and the bridge to the server. CPU is that of the client's programs for the whole file, without the server's.
`

func (r *record) carrying(b *strings.Builder) {
	if len(r.files.ways) > 0 {
		b.WriteString(filesMethod + "\n")
		t := table{head: []string{"way", "MB/s", "of curl's", "CPU s"}}
		for _, h := range r.files.ways {
			share := "-"
			if beside := r.files.named(h.beside); beside.rate() > 0 {
				share = percent(h.rate(), beside.rate())
			}
			t.add(h.name, significant(h.rate()), share, significant(median(h.cpu)))
		}
		b.WriteString(t.String())
	}
	r.alike(b)
	if all := r.files.ciphers(); len(all) > 0 {
		b.WriteString("\nThe format in Go, 64 MiB in memory, beside x/crypto's ChaCha20-Poly1305 over the same chunks; the best of three:\n\n")
		t := table{head: []string{"what", "MB/s", "of the cipher's"}}
		for _, c := range all {
			t.add(c.name, significant(c.rate), percent(c.rate, c.beside))
		}
		b.WriteString(t.String())
	}
}
