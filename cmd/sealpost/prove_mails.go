package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
	"unicode/utf16"

	"sealpost/pgp"
)

// proofMail is one mail that holds the word.
type proofMail struct {
	name string
	raw  []byte
}

// proofMails hold the word wherever a mail can say something, except in what
// stays visible at that level of headers.
func proofMails(word string, level pgp.Level, from, to string) []proofMail {
	head := proofHead(word, level, from, to)
	mixed := func(parts ...string) string {
		return "Content-Type: multipart/mixed; boundary=\"" + word + "\"\r\n\r\n" + word + " before\r\n--" + word + "\r\n" +
			strings.Join(parts, "\r\n--"+word+"\r\n") + "\r\n--" + word + "--\r\n" + word + " behind\r\n"
	}
	text := "Content-Type: text/plain; charset=utf-8\r\n"
	bodies := []proofMail{
		{"plain text", []byte("\r\nThe word is " + word + ".\r\n")},
		{"8-bit text", []byte(text + "Content-Transfer-Encoding: 8bit\r\n\r\nDas Wort heißt " + word + " – ja.\r\n")},
		{"base64 text", []byte(text + "Content-Transfer-Encoding: base64\r\n\r\n" + mailBase64([]byte("It is "+word)))},
		{"quoted-printable text", []byte(text + "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + mailQuoted(strings.Repeat("ü", 22)+word) + "\r\n")},
		{"UTF-16 HTML", []byte("Content-Type: text/html; charset=utf-16le\r\nContent-Transfer-Encoding: base64\r\n\r\n" + mailBase64(wide("<p>"+word)))},
		{"attachments", []byte(mixed(
			text+"\r\nsee "+word,
			"Content-Type: application/pdf; name=\""+word+".pdf\"\r\nContent-Disposition: attachment; filename=\""+word+".pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"+mailBase64([]byte("%PDF "+word)),
			"Content-Type: application/gzip\r\nContent-Disposition: attachment; filename*=utf-8''%C3%A4"+word+".gz\r\nContent-Transfer-Encoding: base64\r\n\r\n"+mailBase64(gzipped(word))))},
		{"a mail in a mail", []byte(mixed("Content-Type: message/rfc822\r\n\r\nSubject: " + word + "\r\n\r\n" + word))},
		{"readable text called encrypted", []byte("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n" +
			"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n" + word + "\r\n--b--\r\n")},
		{"readable text in armor", []byte("\r\n-----BEGIN PGP MESSAGE-----\r\nComment: " + word + "\r\n\r\n" + mailBase64([]byte(word)) + "-----END PGP MESSAGE-----\r\n")},
		{"more than stays in memory", []byte("\r\n" + strings.Repeat("A line that says "+word+" and nothing else of interest.\r\n", 20_000))},
	}
	for i := range bodies {
		bodies[i].raw = append([]byte(head), bodies[i].raw...)
	}
	return append(bodies, proofMail{noHeader, []byte(word + "\r\n")})
}

const noHeader = "no header at all"

// foreigner writes the mails of a proof that come from elsewhere.
const foreigner = "proof@sender.example"

func proofHead(word string, level pgp.Level, from, to string) string {
	subject, name := word, word
	if level == pgp.Open {
		subject = "a proof"
	}
	if level == pgp.Open || level == pgp.Baseline {
		name = "Proof"
	}
	return fmt.Sprintf("From: \"%s\" <%s>\r\nTo: %s <%s>\r\nDate: %s\r\nSubject: %s\r\n\t%s\r\nMessage-ID: <proof@sender.example>\r\n"+
		"Comments: %s\r\nKeywords: %s\r\nX-%s: yes\r\nList-ID: <%s.example>\r\nMIME-Version: 1.0\r\n",
		name, from, name, to, time.Now().Format(time.RFC1123Z), subject, mime.BEncoding.Encode("utf-8", "ü "+subject), word, word, word, word)
}

// wide is s in UTF-16LE.
func wide(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func mailBase64(b []byte) string {
	var out strings.Builder
	text := base64.StdEncoding.EncodeToString(b)
	for len(text) > 76 {
		out.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	return out.String() + text + "\r\n"
}

func mailQuoted(s string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func gzipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.Bytes()
}
