package pgp

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

func TestCRC24(t *testing.T) {
	t.Parallel()
	sum := newCRC24()
	io.WriteString(sum, "123456789")
	if sum.sum != 0x21cf02<<8 { // the check value of CRC-24/OPENPGP
		t.Errorf("CRC-24 is %06x", sum.sum>>8)
	}
}

// The served form must read the same in one piece and in any pieces, have the
// size that was foretold, and hold the packets, with padding or a checksum for
// GnuPG 2.2 to find their end by.
func TestServedInPieces(t *testing.T) {
	t.Parallel()
	outer := []byte("Subject: x\r\n\r\n")
	for _, form := range []Form{FormMIME, FormInline} {
		for size := range 3 * armorRaw {
			raw := bytes.Repeat([]byte{0xd2, 7}, size)[:size]
			s := Served{Outer: outer, Form: form, Raw: bytes.NewReader(raw), RawSize: int64(size)}
			whole, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size()+100))
			if err != nil || int64(len(whole)) != s.Size() {
				t.Fatalf("size %d: read %d of %d, %v", size, len(whole), s.Size(), err)
			}
			for range 20 {
				from := rand.IntN(len(whole))
				piece := make([]byte, rand.IntN(len(whole)-from)+1)
				if n, err := s.ReadAt(piece, int64(from)); err != nil || n != len(piece) || !bytes.Equal(piece, whole[from:from+n]) {
					t.Fatalf("size %d: [%d, +%d) is not the same read alone: %v", size, from, len(piece), err)
				}
			}
			if size > 0 {
				checkArmor(t, whole, raw)
			}
		}
	}
}

func checkArmor(t *testing.T, mail, raw []byte) {
	t.Helper()
	from, to := strings.Index(string(mail), armorMessage), strings.Index(string(mail), armorEnd)
	lines := strings.Split(strings.TrimSpace(string(mail[from:to])), "\r\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "=") {
		t.Fatalf("%d bytes end with neither padding nor checksum: %s", len(raw), last)
	}
	block, err := armor.Decode(bytes.NewReader(mail[from:])) // checks the checksum
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(block.Body); err != nil || !bytes.Equal(got, raw) {
		t.Fatalf("%d bytes come back as %d: %v", len(raw), len(got), err)
	}
	var again bytes.Buffer
	if err := Armor(&again, KindMessage, bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	if want := string(mail[from:to]) + armorEnd + "\r\n"; again.String() != want {
		t.Fatalf("Armor and Served differ:\n%s", fmt.Sprintf("%q\n%q", again.String(), want))
	}
}
