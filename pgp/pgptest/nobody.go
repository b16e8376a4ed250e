// Package pgptest knows mail that tests of sealing treat apart.
package pgptest

import (
	"bytes"
	"encoding/base64"
)

// ToNobody says that a mail is encrypted and names none of its readers (RFC 9580,
// section 5.1.8): nobody can tell that it is not its owner's, who has it as it came.
func ToNobody(raw []byte) bool {
	_, text, found := bytes.Cut(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("-----BEGIN PGP MESSAGE-----"))
	_, text, armored := bytes.Cut(text, []byte("\n\n"))
	head := make([]byte, 12)
	if n, err := base64.StdEncoding.Decode(head, text[:min(16, len(text))]); !found || !armored || err != nil || n < 12 {
		return false
	}
	const pkesk = 1
	tag, body := head[0]&0x3f, head[2:]
	if head[0]&0x40 == 0 { // the old format, a length of two octets
		tag, body = head[0]>>2&0x0f, head[3:]
	}
	v3 := body[0] == 3 && bytes.Equal(body[1:9], make([]byte, 8))
	return tag == pkesk && (v3 || body[0] == 6 && body[1] == 0)
}
