package pgp

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// rotated is an owner before and after another encryption subkey was bound.
type rotated struct {
	before, after Recipient
	entity        *openpgp.Entity
}

func rotate(t *testing.T, p Profile) rotated {
	t.Helper()
	made := time.Now().AddDate(-1, 0, 0)
	secret, _, err := GenerateKey("Alice", "alice@demo.test", p, made)
	must(err)
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(secret))
	must(err)
	r := rotated{entity: ring[0]}
	old, err := newCert(ring[0])
	must(err)
	now := time.Now().Add(-time.Hour)
	c := &packet.Config{Time: func() time.Time { return now }, V6Keys: p == Modern, Algorithm: packet.PubKeyAlgoEdDSA}
	if p == Modern {
		c.Algorithm = packet.PubKeyAlgoEd25519
	}
	must(ring[0].AddEncryptionSubkey(c))
	must(ring[0].Subkeys[0].Revoke(packet.KeySuperseded, "", c))
	fresh, err := newCert(ring[0])
	must(err)
	r.before, r.after = Recipient{Cert: old, Profile: p, Level: Baseline}, Recipient{Cert: fresh, Profile: p, Level: Baseline}
	return r
}

// exchanged seals the session key of a letter to the newest subkey.
func (r rotated) exchanged(t *testing.T, letter []byte) []byte {
	t.Helper()
	p, err := packet.Read(bytes.NewReader(letter))
	must(err)
	k := p.(*packet.EncryptedKey)
	must(k.Decrypt(r.entity.Subkeys[0].PrivateKey, nil))
	var b bytes.Buffer
	cipher := k.CipherFunc
	if k.Version == 6 {
		cipher = packet.CipherAES256
	}
	must(packet.SerializeEncryptedKeyAEAD(&b, r.entity.Subkeys[1].PublicKey, cipher, k.Version == 6, k.Key, nil))
	return b.Bytes()
}

// A revoked subkey seals no more, and what was encrypted to it is still its owner's.
func TestRotatedKeyIsChosen(t *testing.T) {
	t.Parallel()
	for _, p := range []Profile{Compat, Modern} {
		r := rotate(t, p)
		k, err := r.after.Cert.choose(p, time.Now())
		if err != nil || !bytes.Equal(k.pub.Fingerprint, r.entity.Subkeys[1].PublicKey.Fingerprint) {
			t.Errorf("%s: seals to %v, %v", p, k.pub, err)
		}
		if r.after.Cert.Fingerprint() != r.before.Cert.Fingerprint() {
			t.Error("it is another certificate")
		}
		old := raw(t, mustSeal(t, arrived(benchMail(1000)), r.before), KindMessage)
		if mine, err := walkMessage(bytes.NewReader(old), r.after.Cert.owns); !mine || err != nil {
			t.Errorf("%s: mail to the old subkey is taken for somebody else's: %v", p, err)
		}
	}
}

func TestExchange(t *testing.T) {
	t.Parallel()
	for _, p := range []Profile{Compat, Modern} {
		r, at := rotate(t, p), time.Now()
		for _, size := range []int{1000, 3 << 20} {
			m := benchMail(size)
			s := mustSeal(t, arrived(m), r.before)
			old := raw(t, s, KindMessage)
			keys := r.exchanged(t, old)
			l, err := Exchange(KindMessage, bytes.NewReader(old), int64(len(old)), keys, r.after, at)
			must(err)
			var now bytes.Buffer
			if n, err := l.WriteTo(&now); err != nil || n != l.Size() || n != int64(now.Len()) {
				t.Fatalf("%d of %d bytes: %v", n, l.Size(), err)
			}
			was, err := SessionKeys(bytes.NewReader(old))
			must(err)
			if !bytes.Equal(now.Bytes()[len(keys):], old[len(was):]) || bytes.HasPrefix(now.Bytes(), was) {
				t.Error("more or less than the packets in front was changed")
			}
			only := &openpgp.Entity{PrimaryKey: r.entity.PrimaryKey, PrivateKey: r.entity.PrivateKey, Identities: r.entity.Identities, Subkeys: r.entity.Subkeys[1:], DirectSignatures: r.entity.DirectSignatures}
			md, err := openpgp.ReadMessage(bytes.NewReader(now.Bytes()), openpgp.EntityList{only}, nil, nil)
			if err != nil {
				t.Fatalf("%s: the new subkey does not open it: %v", p, err)
			}
			var content, back bytes.Buffer
			_, err = content.ReadFrom(md.UnverifiedBody)
			must(err)
			if err := restorePayload(content.Bytes(), &back); err != nil || !bytes.Equal(back.Bytes(), m) {
				t.Errorf("%s: restored %d bytes: %v", p, back.Len(), err)
			}
			refusals(t, r, old, keys, at)
		}
	}
}

func refusals(t *testing.T, r rotated, old, keys []byte, at time.Time) {
	t.Helper()
	was, err := SessionKeys(bytes.NewReader(old))
	must(err)
	stranger := rotate(t, r.before.Profile)
	others := stranger.exchanged(t, raw(t, mustSeal(t, arrived(benchMail(10)), stranger.before), KindMessage))
	for what, b := range map[string][]byte{
		"nothing":                    {},
		"the old packet":             was,
		"a packet to somebody else":  others,
		"a reader more":              append(bytes.Clone(keys), others...),
		"twice":                      append(bytes.Clone(keys), keys...),
		"what follows the packets":   append(bytes.Clone(keys), 0xd2, 0),
		"a packet that is cut":       keys[:len(keys)-1],
		"a whole message":            old,
		"more than packets may have": bytes.Repeat(keys, maxPKESKHead/len(keys)+1),
	} {
		if _, err := Exchange(KindMessage, bytes.NewReader(old), int64(len(old)), b, r.after, at); !errors.Is(err, ErrLetter) {
			t.Errorf("%s was taken: %v", what, err)
		}
	}
	if _, err := Exchange(KindMessage, bytes.NewReader(old), int64(len(old)), keys, stranger.after, at); !errors.Is(err, ErrLetter) {
		t.Errorf("taken for another owner: %v", err)
	}
}

// The packets of other readers stay as they are.
func TestExchangeKeepsOtherReaders(t *testing.T) {
	t.Parallel()
	r, other := rotate(t, Compat), rotate(t, Compat)
	old := raw(t, mustSeal(t, arrived(benchMail(100)), r.before), KindMessage)
	theirs, err := SessionKeys(bytes.NewReader(raw(t, mustSeal(t, arrived(benchMail(100)), other.before), KindMessage)))
	must(err)
	keys := r.exchanged(t, old)
	both := append(bytes.Clone(theirs), old...)
	take := func(b []byte) error {
		_, err := Exchange(KindMessage, bytes.NewReader(both), int64(len(both)), b, r.after, time.Now())
		return err
	}
	if err := take(append(bytes.Clone(theirs), keys...)); err != nil {
		t.Error(err)
	}
	if err := take(keys); !errors.Is(err, ErrLetter) {
		t.Errorf("a reader was lost: %v", err)
	}
}

// A sender who hides the recipients names nobody: the owner's packet takes the place of
// one that names nobody, and of nothing else.
func TestExchangeOfHiddenRecipients(t *testing.T) {
	t.Parallel()
	r, other := rotate(t, Compat), rotate(t, Compat)
	old := raw(t, mustSeal(t, arrived(benchMail(100)), r.before), KindMessage)
	keys := r.exchanged(t, old)
	theirs, err := SessionKeys(bytes.NewReader(raw(t, mustSeal(t, arrived(benchMail(100)), other.before), KindMessage)))
	must(err)
	named := bytes.Clone(theirs)
	clear(old[3:11])
	clear(theirs[3:11])
	try := func(mail, b []byte) error {
		_, err := Exchange(KindMessage, bytes.NewReader(mail), int64(len(mail)), b, r.after, time.Now())
		return err
	}
	hidden := append(bytes.Clone(theirs), old...)
	for what, b := range map[string][]byte{"the last": append(bytes.Clone(theirs), keys...), "the first": append(bytes.Clone(keys), old[:len(theirs)]...)} {
		if err := try(hidden, b); err != nil {
			t.Errorf("in place of %s: %v", what, err)
		}
	}
	for what, b := range map[string][]byte{"both": keys, "none": append(append(bytes.Clone(theirs), old[:len(theirs)]...), keys...)} {
		if err := try(hidden, b); !errors.Is(err, ErrLetter) {
			t.Errorf("in place of %s: %v", what, err)
		}
	}
	if err := try(append(bytes.Clone(named), old[len(theirs):]...), keys); !errors.Is(err, ErrLetter) {
		t.Errorf("in place of one that names another: %v", err)
	}
}

func TestParseHeaderLetter(t *testing.T) {
	t.Parallel()
	r := rotate(t, Compat)
	old := raw(t, mustSeal(t, arrived(benchMail(100)), r.before), KindMessage)
	fresh := raw(t, mustSeal(t, arrived(benchMail(100)), r.after), KindMessage)
	if _, err := ParseHeaderLetter(fresh, r.after, time.Now()); err != nil {
		t.Error(err)
	}
	for what, b := range map[string][]byte{"to the old subkey": old, "cut": fresh[:len(fresh)-1], "readable": []byte("Subject: x\r\n\r\n"), "two readers": append(bytes.Clone(r.exchanged(t, old)), fresh...)} {
		if _, err := ParseHeaderLetter(b, r.after, time.Now()); !errors.Is(err, ErrLetter) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
