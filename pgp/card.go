package pgp

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sealpost/mail"
)

// A sealed card is one HPKE message in base mode (RFC 9180) behind a head that
// says how to open it; the head is authenticated with it:
//
//	version 1 | KEM id 2 | KDF id 2 | AEAD id 2 | key id 8 | enc 32 | ciphertext
//
// Numbers are big endian. The suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
// AES-256-GCM, all of which WebCrypto has.
const (
	cardVersion = 1
	cardInfo    = "sealpost card v1"
	cardHead    = 1 + 2 + 2 + 2 + 8
	cardEnc     = 32
	cardStep    = 128     // plaintext is padded with spaces so that a card's size is a multiple of it
	maxCard     = 8 << 10 // bytes of one sealed card
	cardBegin   = "-----BEGIN SEALPOST CARD-----"
	cardEnd     = "-----END SEALPOST CARD-----"
)

// Card is what a list shows of a mail. In JSON its names are one or two
// letters; docs/formats.md says which.
type Card struct {
	Version     int              `json:"v"`
	Message     []byte           `json:"m"` // first 16 bytes of SHA-256 of the message letter's PKESK packets
	Subject     string           `json:"s,omitempty"`
	FromName    string           `json:"fn,omitempty"`
	From        string           `json:"f,omitempty"`
	Recipients  int              `json:"to,omitempty"` // addresses in To and Cc
	To          []CardAddress    `json:"r,omitempty"`  // the first of them, of mail that did not come in at the door
	Date        int64            `json:"d,omitempty"`  // Unix seconds, as the sender said
	Arrived     int64            `json:"a"`            // Unix seconds
	Snippet     string           `json:"p,omitempty"`
	Attachments []CardAttachment `json:"at,omitempty"`
	MessageID   string           `json:"id,omitempty"`
	InReplyTo   string           `json:"ir,omitempty"`
	References  []string         `json:"rf,omitempty"`
	Class       Class            `json:"c"`
	Incomplete  bool             `json:"in,omitempty"` // a bound was met, or the mail was encrypted by its sender
	More        int              `json:"mo,omitempty"` // attachments that are not listed
	Junk        string           `json:"j,omitempty"`  // why it was put into Junk
	Verified    bool             `json:"ok,omitempty"` // the domain of From was proved
	DMARC       string           `json:"dm,omitempty"` // result words of RFC 8601
	SPF         string           `json:"sp,omitempty"`
	DKIM        string           `json:"dk,omitempty"`
}

// CardAttachment is one attached part.
type CardAttachment struct {
	Name string `json:"n,omitempty"`
	Type string `json:"t,omitempty"`
	Size int64  `json:"s,omitempty"` // bytes as transferred
}

// CardAddress is one of those a mail went to.
type CardAddress struct {
	Name    string `json:"n,omitempty"`
	Address string `json:"a,omitempty"`
}

// newCard takes what a card shows from a mail and a gist of it, which may be of
// its header alone, each field within its cap.
func newCard(m Mail, g *mail.Gist, class Class, message []byte) Card {
	c := Card{
		Version:    1,
		Message:    message,
		Subject:    clip(g.Subject, 200),
		FromName:   clip(g.FromName, 80),
		From:       clip(g.From, 120),
		Recipients: countRecipients(g.Header),
		Arrived:    m.Time.Unix(),
		Snippet:    clip(g.Snippet, 200),
		MessageID:  clipID(g.MessageID),
		References: clipIDs(g.References, 4),
		Class:      class,
		Incomplete: !g.Complete || class == EndToEnd,
		Junk:       clip(m.Junk, 200),
		Verified:   m.Verdict.Verified,
		DMARC:      clip(m.Verdict.DMARC, 10),
		SPF:        clip(m.Verdict.SPF, 10),
		DKIM:       clip(m.Verdict.DKIM, 10),
	}
	if !g.Date.IsZero() {
		c.Date = g.Date.Unix()
	}
	if ids := clipIDs(g.InReplyTo, 1); len(ids) > 0 {
		c.InReplyTo = ids[0]
	}
	if len(m.Trace) == 0 { // of mail that was received a list shows who it is from
		for _, to := range g.To {
			c.To = append(c.To, CardAddress{clip(to.Name, 40), clip(mail.Address{Local: to.Local, Domain: to.Domain}.String(), 80)})
		}
	}
	for i, a := range g.Attachments {
		if i == 8 {
			c.More = len(g.Attachments) - i
			break
		}
		c.Attachments = append(c.Attachments, CardAttachment{clip(a.Name, 80), clip(a.Type, 60), a.Size})
	}
	return c
}

func countRecipients(h mail.Header) int {
	n := 0
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, "To") || strings.EqualFold(f.Name, "Cc") {
			n += bytes.Count(f.Raw, []byte("@"))
		}
	}
	return n
}

// clip cuts s to at most n bytes of valid UTF-8 without control characters.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r // U+FFFD for what is no UTF-8
	}, s)
	if len(s) <= n {
		return s
	}
	s = s[:n]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// clipID keeps a message id whole or not at all: half of one threads nothing.
func clipID(id string) string {
	if len(id) > 200 || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl) {
		return ""
	}
	return id
}

// clipIDs keeps the last n ids.
func clipIDs(ids []string, n int) []string {
	var kept []string
	for _, id := range ids[max(0, len(ids)-n):] {
		if id = clipID(id); id != "" {
			kept = append(kept, id)
		}
	}
	return kept
}

// encode writes c without HTML's escapes, which would triple a message id.
func (c Card) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(c)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// sealCard encrypts c to a list key's public half.
func sealCard(c Card, public []byte) ([]byte, error) {
	plain, err := c.encode()
	if err != nil {
		return nil, fmt.Errorf("write card: %w", err)
	}
	kdf, aead := hpke.HKDFSHA256(), hpke.AES256GCM()
	kem := hpke.DHKEM(ecdh.X25519())
	pk, err := kem.NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("read list key: %w", err)
	}
	enc, sender, err := hpke.NewSender(pk, kdf, aead, []byte(cardInfo))
	if err != nil {
		return nil, fmt.Errorf("seal card: %w", err)
	}
	head := newCardHead(kem, kdf, aead, listKeyID(public))
	ciphertext, err := sender.Seal(head, padCard(plain))
	if err != nil {
		return nil, fmt.Errorf("seal card: %w", err)
	}
	return slices.Concat(head, enc, ciphertext), nil
}

func newCardHead(kem hpke.KEM, kdf hpke.KDF, aead hpke.AEAD, id [8]byte) []byte {
	head := make([]byte, 0, cardHead)
	head = append(head, cardVersion)
	head = binary.BigEndian.AppendUint16(head, kem.ID())
	head = binary.BigEndian.AppendUint16(head, kdf.ID())
	head = binary.BigEndian.AppendUint16(head, aead.ID())
	return append(head, id[:]...)
}

// padCard adds spaces, which JSON ignores, until the sealed card is a multiple
// of cardStep.
func padCard(plain []byte) []byte {
	const around = cardHead + cardEnc + gcmTag
	for (around+len(plain))%cardStep != 0 {
		plain = append(plain, ' ')
	}
	return plain
}

// ErrCard says that bytes are no card, or none that this key opens.
var ErrCard = errors.New("not a card, or sealed to another list key")

// OpenCard opens a sealed card.
func OpenCard(sealed []byte, key ListKey) (Card, error) {
	if len(sealed) < cardHead+cardEnc+gcmTag || len(sealed) > maxCard || key.key == nil {
		return Card{}, ErrCard
	}
	sk, err := hpke.NewDHKEMPrivateKey(key.key)
	if err != nil {
		return Card{}, fmt.Errorf("read list key: %w", err)
	}
	kdf, aead := hpke.HKDFSHA256(), hpke.AES256GCM()
	want := newCardHead(hpke.DHKEM(ecdh.X25519()), kdf, aead, listKeyID(key.Public()))
	if subtle.ConstantTimeCompare(want, sealed[:cardHead]) != 1 {
		return Card{}, ErrCard
	}
	r, err := hpke.NewRecipient(sealed[cardHead:cardHead+cardEnc], sk, kdf, aead, []byte(cardInfo))
	if err != nil {
		return Card{}, ErrCard
	}
	plain, err := r.Open(want, sealed[cardHead+cardEnc:])
	if err != nil {
		return Card{}, ErrCard
	}
	var c Card
	if err := json.Unmarshal(plain, &c); err != nil || c.Version != 1 {
		return Card{}, ErrCard
	}
	return c, nil
}

// Belongs says that c was made for the mail whose message letter begins with
// these PKESK packets (see SessionKeys). A server that swaps cards is found out.
func (c Card) Belongs(pkesks []byte) bool {
	return subtle.ConstantTimeCompare(c.Message, messageTag(pkesks)) == 1
}

// messageTag is what binds a card to a message letter.
func messageTag(pkesks []byte) []byte {
	sum := sha256.Sum256(pkesks)
	return sum[:16]
}
