package mail

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// everyday is a mail of about 4 KB as people get them: plain text and HTML.
func everyday() []byte {
	words := strings.Fields(`the quarterly report is attached please have a look before our meeting on
		Tuesday I changed two figures in section four since the supplier answered late and moved the summary
		to the front as you asked Regards from Hamburg where it rains again see https://example.org/reports/2026/q1`)
	var text strings.Builder
	for i := range 220 {
		fmt.Fprintf(&text, "%s%d ", words[i%len(words)], i/len(words))
		if i%12 == 11 {
			text.WriteString("\n")
		}
	}
	plain := text.String()
	mail := strings.Replace(typical[:strings.Index(typical, "\npreamble")], "multipart/mixed", "multipart/alternative", 1) +
		"\n--outer\nContent-Type: text/plain; charset=utf-8\n\n" + plain +
		"\n--outer\nContent-Type: text/html; charset=utf-8\n\n<html><body><div class=\"x\"><p>" +
		strings.ReplaceAll(plain, "\n", "</p>\n<p style=\"margin:0\">") + "</p></div></body></html>\n--outer--\n"
	return []byte(strings.ReplaceAll(mail, "\n", "\r\n"))
}

// cpuTime is what this process used of all processors, so that busy neighbours
// do not change the figure.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkLook(b *testing.B) {
	attached := append(bytes.Replace(everyday(), []byte("--outer--\r\n"), []byte("--outer\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"), 1),
		bytes.Repeat([]byte(strings.Repeat("QUJD", 19)+"\r\n"), (25<<20)/78)...)
	for name, data := range map[string][]byte{
		"everyday":     everyday(),
		"plain":        append([]byte("Subject: x\r\nFrom: a@b.c\r\n\r\n"), bytes.Repeat([]byte("some words of text "), 210)...),
		"attached25MB": append(attached, "--outer--\r\n"...),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			before := cpuTime()
			for b.Loop() {
				if g := Look(b.Context(), bytes.NewReader(data), DefaultLimits); !g.Complete {
					b.Fatal("not complete")
				}
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func BenchmarkReadEnvelope(b *testing.B) {
	h := header(b, typical)
	b.ReportAllocs()
	for b.Loop() {
		ReadEnvelope(h)
	}
}
