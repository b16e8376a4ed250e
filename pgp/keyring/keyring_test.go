package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"sealpost/pgp"
)

const (
	testAddress = "alice@example.org"
	testAccount = "0123456789abcdef"
	testPhrase  = Passphrase("correct horse battery ſtaple")
)

type made struct {
	owner *Owner
	join  Join
	kit   Kit
}

// testOwner is made once: Argon2id is slow on purpose.
var testOwner = sync.OnceValue(func() made {
	o, j, k, err := New(testAddress, "Alice", testPhrase, testAccount)
	if err != nil {
		panic(err)
	}
	return made{o, j, k}
})

func (m made) id() Identity { return m.owner.Identity }

func (m made) halves(t *testing.T, p Passphrase) Halves {
	t.Helper()
	h, err := Derive(p, m.owner.Secret(), m.join.Salt, m.join.KDF)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOwnerOpensByPassphraseAndByKit(t *testing.T) {
	t.Parallel()
	m := testOwner()
	// NFKC makes one passphrase of what two keyboards write in two ways.
	h := m.halves(t, "correct horse battery staple")
	if !bytes.Equal(h.Proof(), m.join.Proof) {
		t.Error("the same passphrase gives another proof")
	}
	byPhrase, err := OpenByPassphrase(h, m.id(), m.join.Ring())
	if err != nil {
		t.Fatal(err)
	}
	typed := "  " + strings.ToUpper(strings.Join(m.kit.Words(), "\n ")) + " "
	kit, err := ParseKit(typed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kit.Proof(), m.join.KitProof) {
		t.Error("the words give another proof")
	}
	byKit, err := OpenByKit(kit, m.id(), m.join.Ring())
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]*Owner{"passphrase": byPhrase, "kit": byKit} {
		if o.master != m.owner.master || o.secret != m.owner.secret || o.Keys().Fingerprint() != m.owner.Fingerprint || !bytes.Equal(o.ListKey().Public(), m.join.ListKey) {
			t.Errorf("%s opens something else", name)
		}
	}
	if _, err := OpenByPassphrase(m.halves(t, "correct horse battery stable"), m.id(), m.join.Ring()); !errors.Is(err, ErrClosed) {
		t.Errorf("wrong passphrase: %v", err)
	}
	var other Kit
	if _, err := OpenByKit(other, m.id(), m.join.Ring()); !errors.Is(err, ErrClosed) {
		t.Errorf("other kit: %v", err)
	}
}

// A01, A03: no byte of a container can be changed, cut off, or put elsewhere, and
// all failures are one.
func TestContainersThatWereTouchedStayClosed(t *testing.T) {
	t.Parallel()
	m := testOwner()
	open := func(id Identity, r Ring) error {
		_, err := OpenByKit(m.kit, id, r)
		return err
	}
	if err := open(m.id(), m.join.Ring()); err != nil {
		t.Fatal(err)
	}
	openpgp := "openpgp." + m.owner.Fingerprint
	for _, name := range []string{"master.kit", "secret", "list", openpgp} {
		whole := m.join.Containers[name]
		try := func(what string, container []byte) {
			r := m.join.Ring()
			r.Containers = cloneWith(r.Containers, name, container)
			if err := open(m.id(), r); err != ErrClosed {
				t.Fatalf("%s, %s: %v", name, what, err)
			}
		}
		for i := range whole {
			b := bytes.Clone(whole)
			b[i] ^= 1 << (i % 8)
			try(fmt.Sprint("bit of byte ", i), b)
			if name != openpgp { // absent, it is elsewhere
				try(fmt.Sprint("cut at ", i), whole[:i])
			}
		}
		for other, container := range m.join.Containers {
			if other != name {
				try("in its place "+other, container)
			}
		}
	}
	for what, id := range map[string]Identity{
		"account":     {"0123456789abcdee", testAddress, m.owner.Fingerprint},
		"fingerprint": {testAccount, testAddress, strings.Repeat("A", 40)},
	} {
		if err := open(id, m.join.Ring()); err != ErrClosed {
			t.Errorf("another %s: %v", what, err)
		}
	}
	stale := m.join.Ring()
	stale.Version = 0
	if err := open(m.id(), stale); err != ErrClosed {
		t.Errorf("a container newer than the keyring: %v", err)
	}
}

func cloneWith(m map[string][]byte, name string, b []byte) map[string][]byte {
	c := map[string][]byte{}
	for k, v := range m {
		c[k] = v
	}
	c[name] = b
	return c
}

// A07: a box commits to its key. Here is one made to be valid under two but for that.
func TestBoxCommitsToItsKey(t *testing.T) {
	t.Parallel()
	c := Context{Account: testAccount, Purpose: "settings", Name: "x", Version: 3}
	a, b := Key{[32]byte{1}}, Key{[32]byte{2}}
	box, err := Seal(a, c, []byte("canary"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := seal(bytes.NewReader(box[1:33]), b, c, []byte("canary"))
	if err != nil {
		t.Fatal(err)
	}
	// b's ciphertext behind a's commitment: GCM alone would open it.
	mixed := slices.Concat(box[:boxHead], other[boxHead:])
	if _, err := Open(b, c, mixed); err != ErrClosed {
		t.Errorf("a box opens under a key that it does not commit to: %v", err)
	}
	if got, err := Open(a, c, box); err != nil || string(got) != "canary" {
		t.Errorf("%q, %v", got, err)
	}
	for _, wrong := range []Context{
		{Account: "f" + testAccount[1:], Purpose: "settings", Name: "x", Version: 3},
		{Account: testAccount, Purpose: "drafts", Name: "x", Version: 3},
		{Account: testAccount, Purpose: "settings", Name: "y", Version: 3},
		{Account: testAccount, Purpose: "settings", Name: "x", Version: 2},
		{Account: testAccount, Purpose: "settings", Name: "x", Version: 3, Extra: "x"},
	} {
		if _, err := Open(a, wrong, box); err != ErrClosed {
			t.Errorf("opens as %+v: %v", wrong, err)
		}
	}
}

// A02: below the floor nothing is derived, above the cap neither.
func TestWeakDerivationIsRefused(t *testing.T) {
	t.Parallel()
	for _, k := range []KDF{
		{}, {"pbkdf2", 65536, 3, 1}, {"argon2i", 65536, 3, 1}, {"argon2id", 8, 3, 1}, {"argon2id", 65535, 3, 1}, {"argon2id", 65536, 2, 1},
		{"argon2id", 65536, 3, 0}, {"argon2id", 1 << 30, 3, 1}, {"argon2id", 65536, 11, 1}, {"argon2id", 65536, 3, 5},
	} {
		if _, err := Derive("x", AccountSecret{}, make([]byte, 16), k); err != ErrWeak {
			t.Errorf("%+v: %v", k, err)
		}
	}
	m := testOwner()
	r := m.join.Ring()
	r.KDF.Memory *= 2 // within bounds, but not what the container was made with
	if _, err := OpenByPassphrase(m.halves(t, testPhrase), m.id(), r); err != ErrClosed {
		t.Errorf("other parameters than the container's: %v", err)
	}
}

func TestKitWords(t *testing.T) {
	t.Parallel()
	if n := len(wordList()); n != 2048 || !slices.IsSorted(wordList()) {
		t.Fatalf("the list has %d words", n)
	}
	// BIP-39's own vectors of 256 bits.
	for hex, words := range map[byte]string{
		0x00: strings.Repeat("abandon ", 23) + "art",
		0x7f: strings.Repeat("legal winner thank year wave sausage worth useful ", 2) + "legal winner thank year wave sausage worth title",
		0xff: strings.Repeat("zoo ", 23) + "vote",
	} {
		k := Kit{[32]byte(bytes.Repeat([]byte{hex}, 32))}
		if got := strings.Join(k.Words(), " "); got != words {
			t.Errorf("%x: %s", hex, got)
		}
		if got, err := ParseKit(words); err != nil || got != k {
			t.Errorf("%x: %v", hex, err)
		}
	}
	good := testOwner().kit.Words()
	short := slices.Clone(good)
	for i, w := range short {
		short[i] = w[:min(len(w), 4)]
	}
	if k, err := ParseKit(strings.Join(short, " ")); err != nil || k != testOwner().kit {
		t.Errorf("by four letters: %v", err)
	}
	swapped := slices.Clone(good)
	i := slices.IndexFunc(good, func(w string) bool { return w != good[0] })
	swapped[0], swapped[i] = swapped[i], swapped[0]
	for _, typed := range []string{"", "abandon", strings.Repeat("abandon ", 24), strings.Join(good[:23], " "), strings.Join(good, " ") + " zoo", strings.Join(good[:23], " ") + " zzz", strings.Repeat("zoo ", 1<<16)} {
		if _, err := ParseKit(typed); err != ErrClosed {
			t.Errorf("%.40q: %v", typed, err)
		}
	}
	if k, err := ParseKit(strings.Join(swapped, " ")); err == nil && k == testOwner().kit {
		t.Error("words in another order are taken for the same")
	}
}

func TestNewDeviceIsLetInByItsWords(t *testing.T) {
	t.Parallel()
	m := testOwner()
	asking, err := Ask("Alice@Example.ORG")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(asking.Words(), " ")
	grant, err := m.owner.Grant(asking.PublicKey(), words)
	if err != nil {
		t.Fatal(err)
	}
	o, err := asking.Accept(grant, m.id(), m.join.Ring())
	if err != nil || o.master != m.owner.master {
		t.Fatalf("%v", err)
	}
	// A08: the server passes on a key of its own.
	between, err := Ask(testAddress)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.owner.Grant(between.PublicKey(), words); err != ErrClosed {
		t.Errorf("grant to a key with other words: %v", err)
	}
	for i := range grant {
		b := bytes.Clone(grant)
		b[i] ^= 0x80
		if _, err := asking.Accept(b, m.id(), m.join.Ring()); err != ErrClosed {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if _, err := between.Accept(grant, m.id(), m.join.Ring()); err != ErrClosed {
		t.Errorf("another device opens the grant: %v", err)
	}
}

func TestAttachKeepsTheKeyOrNot(t *testing.T) {
	t.Parallel()
	secret, public, err := pgp.GenerateKey("Bob", "bob@example.org", pgp.Modern, testTime)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pgp.ParseSecretKeys(secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{true, false} {
		o, j, kit, err := Attach("bob@example.org", testPhrase, testAccount, public, keys, keep)
		if err != nil {
			t.Fatal(err)
		}
		again, err := OpenByKit(kit, o.Identity, j.Ring())
		if err != nil || (again.Keys() != nil) != keep {
			t.Errorf("keep %t: %v", keep, err)
		}
	}
	if _, _, _, err := Attach("bob@example.org", testPhrase, testAccount, testOwner().join.Certificate, keys, true); err == nil {
		t.Error("a certificate with another's secret key is attached")
	}
}

func TestCabinetItems(t *testing.T) {
	t.Parallel()
	o := testOwner().owner
	box, err := o.SealItem("settings", "main", 2, []byte(`{"v":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := o.OpenItem("settings", "main", 2, box); err != nil || strings.TrimRight(string(got), " ") != `{"v":1}` {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := o.OpenItem("settings", "main", 1, box); err != ErrClosed {
		t.Errorf("an older version: %v", err)
	}
	for n, want := range map[int]int{0: 0, 1: 1, 7: 7, 9: 10, 1000: 1024, 1025: 1088, 100_001: 100352} {
		if got := len(Pad("pages", make([]byte, n))); got != want {
			t.Errorf("%d is padded to %d, want %d", n, got, want)
		}
	}
}

func TestSecretsStayOutOfLogs(t *testing.T) {
	t.Parallel()
	m := testOwner()
	asking, _ := Ask(testAddress)
	for _, v := range []any{m.owner, m.kit, m.join, testPhrase, m.owner.master, m.owner.secret, asking, m.halves(t, testPhrase)} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		for out, times := range map[string]int{log.String(): 1, fmt.Sprintf("%v %+v %#v %s", v, v, v, v): 4} {
			if strings.Count(out, "[withheld]") != times || strings.Contains(out, "battery") {
				t.Errorf("%T shows itself: %s", v, out)
			}
		}
	}
}
