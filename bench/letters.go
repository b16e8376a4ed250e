package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"time"
)

// A writer makes mails that look like mail to whoever parses, indexes or
// compresses them: words with a natural distribution, headers as they come from
// the net, HTML beside text, attachments in base64. The same seed gives the
// same mails, and no two mails of one writer are alike.
type writer struct {
	rng    *rand.Rand
	words  []string // in the frequency of a language: pick one at random
	binary []byte   // random bytes in base64 lines, attachments are cut from it
	count  int
}

const attachmentPool = 4 << 20

func newWriter(seed uint64) *writer {
	w := &writer{rng: rand.New(rand.NewPCG(seed, 0x5ea1))}
	w.words = zipfTable(vocabulary(w.rng, 6000), 1<<15)
	w.binary = base64Lines(w.rng, attachmentPool)
	return w
}

// mail is one whole mail of about size bytes, CRLF lines, no line starting with
// a dot (so that it crosses SMTP as it is), for one recipient.
func (w *writer) mail(size int, to string) []byte {
	w.count++
	b := w.begin(size)
	at := w.date()
	w.travelled(b, to, at)
	w.header(b, fmt.Sprintf("%s%d@%s.example", w.word(), w.count, w.word()), to, at)
	return w.fill(b, size)
}

// fresh is a mail as a mail program submits it: it has not travelled yet.
func (w *writer) fresh(size int, from, to string) []byte {
	w.count++
	b := w.begin(size)
	w.header(b, from, to, w.date())
	return w.fill(b, size)
}

func (w *writer) begin(size int) *bytes.Buffer {
	var b bytes.Buffer
	b.Grow(size + 512)
	return &b
}

// date is one of its own for each mail.
func (w *writer) date() string {
	return time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC).Add(time.Duration(w.count) * 7 * time.Second).Format(time.RFC1123Z)
}

// fill writes a body behind a header, up to size.
func (w *writer) fill(b *bytes.Buffer, size int) []byte {
	switch {
	case size <= 16<<10:
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\n\r\n")
		w.text(b, size-b.Len())
	case size <= 256<<10:
		w.alternative(b, size-b.Len())
	default:
		w.mixed(b, size)
	}
	return b.Bytes()
}

// travelled writes what servers on the way put in front.
func (w *writer) travelled(b *bytes.Buffer, to, at string) {
	for range 2 {
		fmt.Fprintf(b, "Received: from %s.%s.example (%s.example [192.0.2.%d])\r\n\tby mx.%s.example with ESMTPS id %016x\r\n\tfor <%s>; %s\r\n",
			w.word(), w.word(), w.word(), w.rng.IntN(255), w.word(), w.rng.Uint64(), to, at)
	}
	fmt.Fprintf(b, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s.example; s=s1;\r\n\th=from:to:subject:date:message-id; bh=%s;\r\n\tb=%s\r\n\t %s\r\n",
		w.word(), w.noise(44), w.noise(64), w.noise(64))
}

func (w *writer) header(b *bytes.Buffer, from, to, at string) {
	fmt.Fprintf(b, "From: %s %s <%s>\r\nTo: <%s>\r\nSubject: ", w.word(), w.word(), from, to)
	w.sentence(b, 3+w.rng.IntN(6))
	fmt.Fprintf(b, "\r\nDate: %s\r\nMessage-ID: <%016x.%d@%s.example>\r\n", at, w.rng.Uint64(), w.count, w.word())
	if w.rng.IntN(2) == 0 {
		fmt.Fprintf(b, "In-Reply-To: <%016x@%s.example>\r\n", w.rng.Uint64(), w.word())
	}
	b.WriteString("MIME-Version: 1.0\r\n")
}

// alternative is what most mail of this size is: a text and the same as HTML.
func (w *writer) alternative(b *bytes.Buffer, size int) {
	mark := fmt.Sprintf("=_alt_%016x", w.rng.Uint64())
	fmt.Fprintf(b, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", mark, mark)
	w.text(b, size/4)
	fmt.Fprintf(b, "\r\n--%s\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>\r\n", mark)
	for end := b.Len() + size*3/4 - 300; b.Len() < end; {
		fmt.Fprintf(b, "<p style=\"margin:0 0 %dpx;font-family:sans-serif\"><a href=\"https://%s.example/%s\">", w.rng.IntN(32), w.word(), w.noise(24))
		w.sentence(b, 6)
		b.WriteString("</a><br>\r\n")
		w.text(b, min(600, max(end-b.Len()-8, 1)))
		b.WriteString("</p>\r\n")
	}
	fmt.Fprintf(b, "</body></html>\r\n--%s--\r\n", mark)
}

// mixed is a text with an attachment that fills it up to size.
func (w *writer) mixed(b *bytes.Buffer, size int) {
	mark := fmt.Sprintf("=_mix_%016x", w.rng.Uint64())
	fmt.Fprintf(b, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n", mark, mark)
	w.alternative(b, 20<<10)
	fmt.Fprintf(b, "\r\n--%s\r\nContent-Type: application/pdf; name=\"%s.pdf\"\r\nContent-Disposition: attachment; filename=\"%s.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
		mark, w.word(), w.word())
	for left := size - b.Len() - 64; left > 0; {
		lines := min(left/base64Line+1, len(w.binary)/base64Line/2)
		start := w.rng.IntN(len(w.binary)/base64Line-lines) * base64Line
		b.Write(w.binary[start : start+lines*base64Line])
		left -= lines * base64Line
	}
	fmt.Fprintf(b, "\r\n--%s--\r\n", mark)
}

// text writes paragraphs of about size bytes in lines under 76 columns.
func (w *writer) text(b *bytes.Buffer, size int) {
	column := 0
	for end := b.Len() + size - 2; b.Len() < end; {
		word := w.word()
		if column+len(word) > 72 {
			b.WriteString("\r\n")
			column = 0
		}
		b.WriteString(word)
		b.WriteByte(' ')
		column += len(word) + 1
	}
	b.WriteString("\r\n")
}

func (w *writer) sentence(b *bytes.Buffer, words int) {
	for i := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.word())
	}
}

func (w *writer) word() string { return w.words[w.rng.IntN(len(w.words))] }

// noise is n characters that no index folds together.
func (w *writer) noise(n int) []byte {
	start := w.rng.IntN(len(w.binary)/base64Line) * base64Line
	return w.binary[start : start+min(n, base64Line-2)]
}

// vocabulary makes n words of one to four syllables, short ones first, as the
// frequent words of a language are the short ones.
func vocabulary(rng *rand.Rand, n int) []string {
	const onsets, vowels, codas = "bcdfghjklmnprstvw", "aeiou", "nrslt"
	words := make([]string, 0, n)
	for i := range n {
		var word []byte
		for range 1 + min(i/120, 1+rng.IntN(3)) {
			word = append(word, onsets[rng.IntN(len(onsets))], vowels[rng.IntN(len(vowels))])
			if rng.IntN(3) == 0 {
				word = append(word, codas[rng.IntN(len(codas))])
			}
		}
		words = append(words, string(word))
	}
	return words
}

// zipfTable repeats the words so that the k-th is 1/k as frequent as the first.
func zipfTable(words []string, size int) []string {
	table := make([]string, 0, size+len(words))
	sum := 0.0
	for k := range words {
		sum += 1 / float64(k+1)
	}
	for k, word := range words {
		for range max(1, int(float64(size)/(float64(k+1)*sum))) {
			table = append(table, word)
		}
	}
	return table
}

const base64Line = 78 // 76 characters and CRLF

func base64Lines(rng *rand.Rand, size int) []byte {
	out := make([]byte, 0, size)
	var raw [57]byte
	for len(out)+base64Line <= size {
		for i := range raw {
			raw[i] = byte(rng.Uint32())
		}
		out = base64.StdEncoding.AppendEncode(out, raw[:])
		out = append(out, '\r', '\n')
	}
	return out
}
