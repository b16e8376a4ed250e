package pgp

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// render writes a served mail whole, the plain way.
func render(outer []byte, f Form, raw []byte) []byte {
	text := base64.StdEncoding.EncodeToString(raw)
	var armor strings.Builder
	armor.WriteString("-----BEGIN PGP MESSAGE-----\r\n\r\n")
	for len(text) > 0 {
		n := min(76, len(text))
		armor.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	if len(raw) > 0 && len(raw)%3 == 0 {
		sum := uint32(0xb704ce)
		for _, b := range raw {
			for bit := 7; bit >= 0; bit-- {
				carry := sum>>23&1 != uint32(b>>bit)&1
				if sum = sum << 1 & 0xffffff; carry {
					sum ^= 0x864cfb
				}
			}
		}
		armor.WriteString("=" + base64.StdEncoding.EncodeToString([]byte{byte(sum >> 16), byte(sum >> 8), byte(sum)}) + "\r\n")
	}
	armor.WriteString("-----END PGP MESSAGE-----\r\n")
	if f == FormInline {
		return append(bytes.Clone(outer), armor.String()...)
	}
	return []byte(string(outer) + "This is an OpenPGP message in PGP/MIME (RFC 3156).\r\n\r\n" +
		"--=_sealpost\r\nContent-Type: application/pgp-encrypted\r\nContent-Description: PGP/MIME version identification\r\n\r\nVersion: 1\r\n\r\n" +
		"--=_sealpost\r\nContent-Type: application/octet-stream; name=\"encrypted.asc\"\r\nContent-Description: OpenPGP encrypted message\r\n" +
		"Content-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n" + armor.String() + "\r\n--=_sealpost--\r\n")
}

func TestServedEqualsTheWholeRendering(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(57*420-3, 57*420+3), rapid.IntRange(0, 100_000)).Draw(t, "size")
		packets := make([]byte, size)
		for i := range packets {
			packets[i] = byte(i * 7 * (1 + i>>8))
		}
		outer := []byte("Subject: [...]\r\n\r\n")
		f := rapid.SampledFrom([]Form{FormMIME, FormInline}).Draw(t, "form")
		whole := render(outer, f, packets)
		s := Served{Outer: outer, Form: f, Raw: bytes.NewReader(packets), RawSize: int64(size)}
		if rapid.Bool().Draw(t, "held") {
			s.Raw, s.Held = nil, packets
		}
		if s.Size() != int64(len(whole)) {
			t.Fatalf("size %d, rendered %d", s.Size(), len(whole))
		}
		from := rapid.IntRange(0, len(whole)+3).Draw(t, "from")
		n := rapid.IntRange(0, len(whole)+3).Draw(t, "n")
		got := make([]byte, n)
		k, err := s.ReadAt(got, int64(from))
		want := whole[min(from, len(whole)):min(from+n, len(whole))]
		if !bytes.Equal(got[:k], want) {
			t.Fatalf("read %d at %d: %d bytes differ from %d", n, from, k, len(want))
		}
		if (k < n) != (err == io.EOF) {
			t.Fatalf("read %d of %d, %v", k, n, err)
		}
	})
}

// TestSectionsMatchMIME reads a served mail with the standard library and
// compares its parts with the ranges that are told.
func TestSectionsMatchMIME(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	s := mustSeal(t, arrived(plainMail), o.Recipient)
	packets := raw(t, s, KindMessage)
	served := Served{Outer: s.Outer(), Form: s.Form(), Raw: bytes.NewReader(packets), RawSize: int64(len(packets))}
	whole := make([]byte, served.Size())
	if _, err := served.ReadAt(whole, 0); err != nil {
		t.Fatal(err)
	}
	msg, err := mail.ReadMessage(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/encrypted" || params["protocol"] != "application/pgp-encrypted" {
		t.Fatalf("type %s %v %v", kind, params, err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for i, sec := range served.Sections() {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		told := whole[sec.Start:sec.End]
		if string(told) != string(body)+"\r\n" && string(told) != string(body) {
			t.Errorf("part %d is %q, told was %q", i+1, body, told)
		}
		if got := part.Header.Get("Content-Type"); !strings.HasPrefix(got, sec.Type+"/"+sec.Subtype) {
			t.Errorf("part %d is %s, told was %s/%s", i+1, got, sec.Type, sec.Subtype)
		}
		if header := string(whole[sec.HeaderStart:sec.Start]); !strings.HasPrefix(header, "Content-Type: ") || !strings.HasSuffix(header, "\r\n\r\n") {
			t.Errorf("part %d: header range %q", i+1, header)
		}
		if n := int64(strings.Count(string(told), "\n")); n != sec.Lines {
			t.Errorf("part %d has %d lines, told were %d", i+1, n, sec.Lines)
		}
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("more parts than told: %v", err)
	}
}
