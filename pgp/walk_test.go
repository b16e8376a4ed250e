package pgp

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func anyOwner(pkesk) bool { return true }

// FuzzWalk compares the packet walk with the library: what we take for one
// encrypted message must be that to others too, and nothing more.
func FuzzWalk(f *testing.F) {
	for p, o := range testOwners() {
		s := mustSeal(f, arrived(plainMail), testOwners()[p].Recipient)
		_ = o
		f.Add(raw(f, s, KindMessage))
	}
	f.Add([]byte{0x84, 12, 3, 0, 0, 0, 0, 0, 0, 0, 1, 18, 0, 0, 0xd2, 0xe9, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := walkMessage(bytes.NewReader(b), anyOwner); err != nil {
			return
		}
		opaque := packet.NewOpaqueReader(bytes.NewReader(b))
		seipds := 0
		for {
			p, err := opaque.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("the library cannot walk it: %v", err)
			}
			switch {
			case p.Tag == tagSEIPD:
				seipds++
			case p.Tag != tagPKESK || seipds > 0:
				t.Fatalf("packet of type %d", p.Tag)
			}
		}
		if seipds != 1 {
			t.Fatalf("%d SEIPD packets", seipds)
		}
		one := &oneMessage{r: bytes.NewReader(b)}
		got, err := io.ReadAll(one)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("read as one message: %d bytes of %d, %v", len(got), len(b), err)
		}
		if keys, err := SessionKeys(bytes.NewReader(b)); err != nil || !bytes.Equal(keys, one.pkesks) || !bytes.HasPrefix(b, keys) {
			t.Fatalf("session keys: %v", err)
		}
	})
}

// FuzzFraming takes any mail apart and puts it together again.
func FuzzFraming(f *testing.F) {
	o := testOwners()[Compat]
	good := message(f, o, append(append(appendPacketHeader(nil, 11, 36), 'b', 0, 0, 0, 0, 0), bytes.Repeat([]byte{'.'}, 30)...))
	f.Add(crlf(inMIME(armorText64(good))))
	f.Add(crlf(inline(armorText64(good))))
	f.Add(crlf(inMIME("kumquat")))
	key := &session{profile: Compat, rand: strings.NewReader(strings.Repeat("x", 1000))}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := arrived(b)
		c := findCiphertext(m.Bytes, m.Gist.Header, anyOwner)
		if c == nil || !c.exact {
			return
		}
		pkesks, err := c.pkesks(m.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		content, err := headerContent(m, c, pkesks, func(n int64) int64 { return key.letterSize(n, true) })
		if err != nil {
			t.Fatal(err)
		}
		var packets, restored bytes.Buffer
		if err := c.packets(m.Bytes)(&packets); err != nil {
			t.Fatal(err)
		}
		plan, err := readHeaderPlan(bufioReader(content))
		if err != nil {
			t.Fatal(err)
		}
		in := &input{r: bufioReader(packets.Bytes()), raw: true}
		if err := plan.restore(in, &restored); err != nil || !bytes.Equal(restored.Bytes(), b) {
			t.Fatalf("restored %d bytes of %d, %v", restored.Len(), len(b), err)
		}
	})
}

// FuzzOpen gives the opener anything.
func FuzzOpen(f *testing.F) {
	o := testOwners()[Compat]
	s := mustSeal(f, arrived(plainMail), o.Recipient)
	f.Add(raw(f, s, KindMessage), true)
	f.Add(render(s.Outer(), s.Form(), raw(f, s, KindMessage)), false)
	f.Add(raw(f, s, KindCard), false)
	f.Add([]byte("-----BEGIN PGP MESSAGE-----\n\n====\n"), false)
	f.Fuzz(func(t *testing.T, b []byte, restore bool) {
		o.open(restore, b)
	})
}
