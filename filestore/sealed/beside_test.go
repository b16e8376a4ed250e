package sealed

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"sealpost/pgp/keyring"
)

func writeFile(name string, b []byte) error { return os.WriteFile(name, b, 0o600) }

func sampleHead() (Head, Object) {
	h := Head{Name: "Größe & <canary>.pdf", Type: "application/pdf", Length: 123456, Secret: Secret{[32]byte{1, 2, 3}}, Modified: 1795338000123}
	return h, Object{"AAAAAAAAAAAAAAAAAAAAAA", Size(h.Length)}
}

func same(a, b Head) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

func openLink(s LinkSecret, password keyring.Passphrase, kdf []byte, o Object, box []byte) (Head, error) {
	u, err := Unlock(s, password, kdf)
	if err != nil {
		return Head{}, err
	}
	return u.Open(o, box)
}

// What a link's box holds is opened by its secret and its password alone, for the one
// object, and no octet of it may change (ATTACKS A05, A11).
func TestLinks(t *testing.T) {
	t.Parallel()
	h, o := sampleHead()
	s := NewLinkSecret()
	l, err := NewLink(s, "", o, h)
	check(t, err)
	got, err := openLink(s, "", nil, o, l.Box)
	check(t, err)
	if !same(got, h) || len(l.Proof) != 32 || len(l.KDF) != 0 {
		t.Errorf("%+v", got)
	}
	if want := sha256.Sum256(append([]byte("sealpost link check v1"), l.Proof...)); !bytes.Equal(l.Check, want[:]) {
		t.Error("what the server keeps of the proof is not its hash")
	}
	refuse := func(what string, s LinkSecret, password keyring.Passphrase, kdf []byte, o Object, box []byte) {
		t.Helper()
		if got, err := openLink(s, password, kdf, o, box); err != ErrClosed || got.Name != "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range l.Box {
		changed := bytes.Clone(l.Box)
		changed[i] ^= 1
		refuse("a changed octet", s, "", nil, o, changed)
		if i%16 == 0 {
			refuse("cut", s, "", nil, o, l.Box[:i])
		}
	}
	refuse("another secret", NewLinkSecret(), "", nil, o, l.Box)
	refuse("no secret", LinkSecret{}, "", nil, o, l.Box)
	refuse("another object", s, "", nil, Object{"BAAAAAAAAAAAAAAAAAAAAA", o.Size}, l.Box)
	refuse("another size", s, "", nil, Object{o.ID, Size(2 * h.Length)}, l.Box)
	refuse("a password that is not asked for", s, "x", nil, o, l.Box)
	if bytes.Contains(l.Box, []byte("canary")) || len(l.Box) != 81+headStep {
		t.Errorf("a box of %d bytes", len(l.Box))
	}
	longer := h
	longer.Name = strings.Repeat("ä", 127)
	if m, err := NewLink(s, "", o, longer); err != nil || len(m.Box) != len(l.Box) {
		t.Errorf("a longer name shows: %v", err)
	}
	if _, err := NewLink(s, "", Object{o.ID, o.Size + 1}, h); err == nil {
		t.Error("a link to an object of another size is made")
	}
}

func TestLinksWithPassword(t *testing.T) {
	t.Parallel()
	h, o := sampleHead()
	s := NewLinkSecret()
	l, err := NewLink(s, "ﬁve wörds", o, h)
	check(t, err)
	u, err := Unlock(s, "five wo\u0308rds", l.KDF) // NFKC
	check(t, err)
	got, err := u.Open(o, l.Box)
	check(t, err)
	if !same(got, h) || !bytes.Equal(u.Proof(), l.Proof) {
		t.Errorf("%+v", got)
	}
	weak := bytes.Clone(l.KDF)
	weak[3] = 0 // 64 MiB is 0x00010000 KiB
	weak[2] = 0
	weak[4] = 8
	heavy := bytes.Clone(l.KDF)
	heavy[8] = 11
	salted := bytes.Clone(l.KDF)
	salted[kdfSize-1] ^= 1
	for what, kdf := range map[string][]byte{"weak": weak, "heavy": heavy, "another salt": salted, "cut": l.KDF[1:], "none": nil} {
		if _, err := openLink(s, "five wörds", kdf, o, l.Box); err != ErrClosed {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Unlock(s, "five wörds", weak); err != ErrClosed {
		t.Error("a weak derivation is proved with")
	}
	for what, password := range map[string]keyring.Passphrase{"another password": "five words", "no password": ""} {
		if _, err := openLink(s, password, l.KDF, o, l.Box); err != ErrClosed {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestLinkSecrets(t *testing.T) {
	t.Parallel()
	s := NewLinkSecret()
	got, err := ParseLinkSecret(s.Fragment())
	if err != nil || got != s || len(s.Fragment()) != 22 {
		t.Errorf("%q: %v", s.Fragment(), err)
	}
	for _, text := range []string{"", "AAAA", strings.Repeat("A", 21), strings.Repeat("A", 21) + "B", strings.Repeat("A", 22) + "\n", strings.Repeat("A", 22) + "==", strings.Repeat("A", 44)} {
		if _, err := ParseLinkSecret(text); err != ErrClosed {
			t.Errorf("%q is taken", text)
		}
	}
}

func newOwner(t *testing.T) *keyring.Owner {
	t.Helper()
	o, _, _, err := keyring.New("alice@example.org", "", "correct horse battery staple", "0a1b2c3d4e5f6071")
	check(t, err)
	return o
}

func TestDropsAndFolders(t *testing.T) {
	t.Parallel()
	owner := newOwner(t)
	t.Run("drops", func(t *testing.T) { dropsOpen(t, owner) })
	t.Run("folders", func(t *testing.T) { foldersOpen(t, owner) })
}

func dropsOpen(t *testing.T, owner *keyring.Owner) {
	r, err := owner.Receiver(DropPurpose)
	check(t, err)
	s := NewLinkSecret()
	box, err := SealAsk(s, Ask{Key: r.Public(), Title: "Tax papers", Note: "of 2026"})
	check(t, err)
	ask, err := OpenAsk(s, box)
	check(t, err)
	if ask.Title != "Tax papers" || !bytes.Equal(ask.Key, r.Public()) {
		t.Errorf("%+v", ask)
	}
	for i := range box {
		changed := bytes.Clone(box)
		changed[i] ^= 1
		if _, err := OpenAsk(s, changed); err != ErrClosed {
			t.Fatalf("a request opens with octet %d changed", i)
		}
	}
	if _, err := OpenAsk(NewLinkSecret(), box); err != ErrClosed {
		t.Error("a request opens under another secret")
	}
	const request = "RRRRRRRRRRRRRRRRRRRRRQ"
	h, o := sampleHead()
	drop, err := SealDrop(ask, request, o, h)
	check(t, err)
	got, err := OpenDrop(r, request, o, drop)
	check(t, err)
	if !same(got, h) {
		t.Errorf("%+v", got)
	}
	for i := range drop {
		changed := bytes.Clone(drop)
		changed[i] ^= 1
		if _, err := OpenDrop(r, request, o, changed); err != ErrClosed {
			t.Fatalf("a drop opens with octet %d changed", i)
		}
	}
	other, err := owner.Receiver("others")
	check(t, err)
	for what, open := range map[string]func() (Head, error){
		"another key":     func() (Head, error) { return OpenDrop(other, request, o, drop) },
		"no key":          func() (Head, error) { return OpenDrop(keyring.Receiver{}, request, o, drop) },
		"another request": func() (Head, error) { return OpenDrop(r, "S"+request[1:], o, drop) },
		"another object":  func() (Head, error) { return OpenDrop(r, request, Object{"B" + o.ID[1:], o.Size}, drop) },
		"another size":    func() (Head, error) { return OpenDrop(r, request, Object{o.ID, 2 * o.Size}, drop) },
		"cut":             func() (Head, error) { return OpenDrop(r, request, o, drop[:40]) },
		"long":            func() (Head, error) { return OpenDrop(r, request, o, make([]byte, maxDrop+1)) },
	} {
		if _, err := open(); err != ErrClosed {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func foldersOpen(t *testing.T, owner *keyring.Owner) {
	f := sampleFolder()
	box, err := SealFolder(owner, Root, 7, f)
	check(t, err)
	got, err := OpenFolder(owner, Root, 7, 7, box)
	check(t, err)
	if a, _ := json.Marshal(f); !slices.Equal(a, must(json.Marshal(got))) {
		t.Errorf("%+v", got)
	}
	if bytes.Contains(box, []byte("Reports")) {
		t.Error("a name is readable")
	}
	if _, err := OpenFolder(owner, Root, 7, 8, box); err != ErrRolledBack {
		t.Errorf("an older folder: %v", err)
	}
	if _, err := OpenFolder(owner, Root, 8, 7, box); err != ErrClosed {
		t.Errorf("as another version: %v", err)
	}
	if _, err := OpenFolder(owner, "0123456789abcdef0123456789abcdef", 7, 0, box); err != ErrClosed {
		t.Errorf("in another folder's place: %v", err)
	}
	if _, err := OpenFolder(owner, Root, 7, 0, append(bytes.Clone(box[:len(box)-1]), box[len(box)-1]^1)); err != ErrClosed {
		t.Errorf("with an octet changed: %v", err)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func sampleFolder() Folder {
	object := func(n byte, length int64) Version {
		return Version{ID: strings.Repeat(string('A'+n), 22), Secret: Secret{[32]byte{n + 1}}, Length: length, Modified: 1795338000000 + int64(n)}
	}
	return Folder{[]Entry{
		{Kind: IsFolder, Name: "Reports", Version: Version{ID: "00112233445566778899aabbccddeeff", Modified: 1}},
		{Kind: IsFile, Name: "Größe & <co>.txt", Type: "text/plain", Version: object(0, 0), Versions: []Version{object(1, 10), object(2, MaxLength)}},
		{Kind: IsFile, Name: "reports", Version: object(3, 5), Trashed: 1795338000001},
		{Kind: IsFile, Name: "👩‍👩‍👧.png", Type: "image/png", Version: Version{ID: strings.Repeat("E", 22), Secret: Secret{[32]byte{9}}, Length: 1, Hash: bytes.Repeat([]byte{3}, 32)}},
	}}
}

// Folders that lead astray are neither made nor opened.
func TestFoldersAreChecked(t *testing.T) {
	t.Parallel()
	check(t, sampleFolder().Check())
	for what, spoil := range map[string]func(*Folder){
		"a name in another case":        func(f *Folder) { f.Entries[3].Name = "REPORTS" },
		"a name twice, folded in full":  func(f *Folder) { f.Entries[0].Name, f.Entries[3].Name = "Straße", "STRASSE" },
		"a path":                        func(f *Folder) { f.Entries[1].Name = "../../etc/passwd" },
		"an unknown kind":               func(f *Folder) { f.Entries[1].Kind = "link" },
		"a file without a secret":       func(f *Folder) { f.Entries[1].Secret = Secret{} },
		"a folder with a secret":        func(f *Folder) { f.Entries[0].Secret = Secret{[32]byte{1}} },
		"an id that is a path":          func(f *Folder) { f.Entries[1].ID = "../AAAAAAAAAAAAAAAAAAA" },
		"a folder's id that is a path":  func(f *Folder) { f.Entries[0].ID = "root" },
		"an object twice":               func(f *Folder) { f.Entries[1].Versions[0].ID = f.Entries[1].ID },
		"a length below zero":           func(f *Folder) { f.Entries[1].Length = -1 },
		"a length above all":            func(f *Folder) { f.Entries[1].Versions[1].Length++ },
		"a type that is markup":         func(f *Folder) { f.Entries[1].Type = "text/html\"><script>" },
		"half a hash":                   func(f *Folder) { f.Entries[3].Hash = f.Entries[3].Hash[:16] },
		"a time before all":             func(f *Folder) { f.Entries[1].Modified = -1 },
		"a trash of the future":         func(f *Folder) { f.Entries[2].Trashed = latest + 1 },
		"too many versions":             func(f *Folder) { f.Entries[1].Versions = make([]Version, maxVersions+1) },
		"too many entries":              func(f *Folder) { f.Entries = make([]Entry, MaxEntries+1) },
		"a folder with older versions":  func(f *Folder) { f.Entries[0].Versions = f.Entries[1].Versions },
		"a folder out of its own trash": func(f *Folder) { f.Entries[2].Trashed = 0 },
	} {
		f := sampleFolder()
		spoil(&f)
		if _, err := EncodeFolder(f); err == nil {
			t.Errorf("%s: it is made", what)
		}
		if _, err := DecodeFolder(must(json.Marshal(folderJSON{headVersion, f}))); err != ErrClosed {
			t.Errorf("%s: it opens", what)
		}
	}
	for _, text := range []string{"", "{}", `{"v":2,"entries":[]}`, `{"v":1}`, `[]`, `{"v":1,"entries":[{}]}`} {
		if _, err := DecodeFolder([]byte(text)); err != ErrClosed {
			t.Errorf("%s opens", text)
		}
	}
	if f, err := DecodeFolder([]byte(`{"v":1,"entries":[]}   `)); err != nil || len(f.Entries) != 0 {
		t.Errorf("an empty folder: %v", err)
	}
}

// names have, with each, whether it is valid, and what it becomes.
var names = []nameVector{
	{"a.txt", true, "a.txt", "a.txt"},
	{"", false, "_", "_"},
	{".", false, "_.", "_"},
	{"..", false, "_..", "_"},
	{"...", false, "_...", "_"},
	{".profile", true, ".profile", "_.profile"},
	{"-rf", true, "-rf", "_-rf"},
	{"~root", true, "~root", "_~root"},
	{"../../etc/passwd", false, ".._.._etc_passwd", "_.._.._etc_passwd"},
	{"a/b", false, "a_b", "a_b"},
	{`..\..\a`, true, `..\..\a`, "_.._.._a"},
	{"nul", true, "nul", "_nul"},
	{"COM1.txt", true, "COM1.txt", "_COM1.txt"},
	{"com¹", true, "com¹", "_com¹"},
	{"console", true, "console", "console"},
	{"a:b*c?", true, "a:b*c?", "a_b_c_"},
	{"ends. . ", true, "ends. . ", "ends"},
	{" begins", true, " begins", "_ begins"},
	{"a\x00b", false, "a_b", "a_b"},
	{"a\nb", false, "a_b", "a_b"},
	{"a\u202etxt.exe", false, "a_txt.exe", "a_txt.exe"},
	{"a\u2066b", false, "a_b", "a_b"},
	{"a\u200eb", false, "a_b", "a_b"},
	{"a\u2028b", false, "a_b", "a_b"},
	{"a\u00adb\ufeff", true, "a\u00adb\ufeff", "a_b_"},
	{"u\u0308", false, "ü", "ü"},
	{"👩‍👩‍👧.png", true, "👩‍👩‍👧.png", "👩‍👩‍👧.png"},
	{strings.Repeat("ä", 127) + "a", true, strings.Repeat("ä", 127) + "a", strings.Repeat("ä", 120)},
	{strings.Repeat("ä", 130) + ".txt", false, strings.Repeat("ä", 125) + ".txt", strings.Repeat("ä", 118) + ".txt"},
	{strings.Repeat("a", 300), false, strings.Repeat("a", 255), strings.Repeat("a", 240)},
}

type nameVector struct {
	Name  string `json:"name"`
	Valid bool   `json:"valid"`
	Clean string `json:"clean"`
	Local string `json:"local"`
}

// Names that are paths, or look like others, are not taken (ATTACKS D11).
func TestNames(t *testing.T) {
	t.Parallel()
	for _, n := range names {
		if ValidName(n.Name) != n.Valid || CleanName(n.Name) != n.Clean || LocalName(n.Name) != n.Local {
			t.Errorf("%q: %v %q %q", n.Name, ValidName(n.Name), CleanName(n.Name), LocalName(n.Name))
		}
	}
	for _, n := range []string{"\xff", "a\xc0\xafb", "\xed\xa0\x80"} { // overlong, half of a pair
		if ValidName(n) || !ValidName(CleanName(n)) {
			t.Errorf("%q: %v %q", n, ValidName(n), CleanName(n))
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, n := range names {
		f.Add(n.Name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean := CleanName(name)
		if !ValidName(clean) || CleanName(clean) != clean || ValidName(name) && clean != name {
			t.Errorf("%q becomes %q", name, clean)
		}
		local := LocalName(name)
		if !ValidName(local) || LocalName(local) != local || strings.ContainsAny(local, `/\:`) || len(local) > 241 {
			t.Errorf("%q becomes %q on a disk", name, local)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(must(EncodeFolder(sampleFolder())))
	h, _ := sampleHead()
	f.Add(must(h.encode()))
	f.Fuzz(func(t *testing.T, text []byte) {
		if folder, err := DecodeFolder(text); err == nil {
			again, err := EncodeFolder(folder)
			check(t, err)
			if back, err := DecodeFolder(again); err != nil || len(back.Entries) != len(folder.Entries) {
				t.Errorf("what opened does not open again: %v", err)
			}
		}
		if h, err := decodeHead(text); err == nil && !ValidName(h.Name) {
			t.Errorf("%q opens", h.Name)
		}
	})
}
