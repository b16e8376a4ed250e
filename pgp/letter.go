package pgp

import (
	"bufio"
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/subtle"
	"errors"
	"io"
)

// ErrLetter says that octets are no letter that a client may put.
var ErrLetter = errors.New("not a card or terms letter of this owner")

// maxTerms bounds a terms letter: a mebibyte of words (docs/formats.md), and what is
// around them.
const maxTerms = 1<<20 + 64<<10

// ParseLetter takes a letter that its owner's client made: a better card or better
// terms of a mail that only the client could open. Nothing can be decrypted here, so
// it is told from other octets by its shape, and by its recipient where it names one:
//
//   - card: one HPKE message to the list key of to;
//   - terms: one SEIPD packet under the mail's session key, or that packet behind one
//     PKESK that names an encryption key of to.
//
// Everything else is ErrLetter.
func ParseLetter(k Kind, b []byte, to Recipient) (Letter, error) {
	ok := false
	switch k {
	case KindCard:
		ok = shapedCard(b, to.ListKey)
	case KindTerms:
		ok = shapedTerms(b, to.Cert)
	}
	if !ok {
		return Letter{}, ErrLetter
	}
	return ready(k, bytes.Clone(b)), nil
}

func shapedCard(b, listKey []byte) bool {
	if len(listKey) != cardEnc || len(b) < cardHead+cardEnc+gcmTag || len(b) > maxCard || len(b)%cardStep != 0 {
		return false
	}
	want := newCardHead(hpke.DHKEM(ecdh.X25519()), hpke.HKDFSHA256(), hpke.AES256GCM(), listKeyID(listKey))
	return subtle.ConstantTimeCompare(want, b[:cardHead]) == 1
}

func shapedTerms(b []byte, cert *Cert) bool {
	if len(b) > maxTerms || cert == nil {
		return false
	}
	if BringsSessionKey(bytes.NewReader(b)) {
		keys := 0
		mine, err := walkMessage(bytes.NewReader(b), func(p pkesk) bool {
			keys++
			return cert.owns(p)
		})
		return err == nil && mine && keys == 1
	}
	return shapedData(bytes.NewReader(b))
}

// BringsSessionKey says whether a letter begins with a PKESK packet: such a one is
// whole. Terms and body without one need the PKESK of the header or message letter in
// front.
func BringsSessionKey(letter io.ReaderAt) bool {
	h, err := readPacketHeader(bufio.NewReader(io.NewSectionReader(letter, 0, 16)))
	return err == nil && h.tag == tagPKESK
}
