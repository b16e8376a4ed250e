package sealed

import (
	"bytes"
	"io"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

const benchSize = 64 << 20

// BenchmarkRaw is the cipher alone, over the same chunks: what Seal and Open are
// measured against (docs/decisions/0031-files-are-age-v1.md).
func BenchmarkRaw(b *testing.B) {
	aead, err := chacha20poly1305.New(make([]byte, 32))
	check(b, err)
	plain, nonce := make([]byte, chunkSize), make([]byte, 12)
	sealed := aead.Seal(nil, nonce, plain, nil)
	out := make([]byte, 0, chunkSize+chunkTag)
	b.Run("seal", func(b *testing.B) {
		b.SetBytes(chunkSize)
		for b.Loop() {
			aead.Seal(out, nonce, plain, nil)
		}
	})
	b.Run("open", func(b *testing.B) {
		b.SetBytes(chunkSize)
		for b.Loop() {
			if _, err := aead.Open(out, nonce, sealed, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	plain := make([]byte, benchSize)
	b.SetBytes(benchSize)
	for b.Loop() {
		w, err := Seal(io.Discard, NewSecret())
		check(b, err)
		for at := 0; at < len(plain); at += chunkSize {
			_, err = w.Write(plain[at : at+chunkSize])
			check(b, err)
		}
		check(b, w.Close())
	}
}

func BenchmarkOpen(b *testing.B) {
	h, file := seal(b, make([]byte, benchSize))
	b.Run("ranges", func(b *testing.B) {
		b.SetBytes(benchSize)
		p := make([]byte, 1<<20)
		for b.Loop() {
			f, err := Open(bytes.NewReader(file), int64(len(file)), h)
			check(b, err)
			for at := int64(0); at < f.Length(); at += int64(len(p)) {
				if _, err := f.ReadAt(p, at); err != nil && err != io.EOF {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("stream", func(b *testing.B) {
		b.SetBytes(benchSize)
		for b.Loop() {
			check(b, Receive(io.Discard, bytes.NewReader(file), h))
		}
	})
}
