package sealed

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealpost/pgp/keyring"
)

var update = flag.Bool("update", false, "make the vectors anew: only for a new version of the format")

// vectors are what Go made and the browser client opens, and Go for ever.
type vectors struct {
	Identities []identityVector `json:"identities"`
	Sizes      map[int64]int64  `json:"sizes"`
	Files      []fileVector     `json:"files"`
	Names      []nameVector     `json:"names"`
	Twins      []twinVector     `json:"twins"`
	Links      []linkVector     `json:"links"`
	Drop       dropVector       `json:"drop"`
	Folder     json.RawMessage  `json:"folder"`
	Refused    []string         `json:"refused"` // folders that are none
}

type identityVector struct {
	Secret   Secret `json:"secret"`
	Identity string `json:"identity"`
}

type fileVector struct {
	Head Head   `json:"head"`
	File []byte `json:"file"` // its content are the octets of pattern
}

type twinVector struct {
	A    string `json:"a"`
	B    string `json:"b"`
	Same bool   `json:"same"`
}

type linkVector struct {
	Fragment string `json:"fragment"`
	Password string `json:"password"`
	Object   string `json:"object"`
	Size     int64  `json:"size"`
	KDF      []byte `json:"kdf"`
	Box      []byte `json:"box"`
	Proof    []byte `json:"proof"`
	Head     Head   `json:"head"`
}

type dropVector struct {
	Master   []byte `json:"master,omitempty"` // of the owner
	Fragment string `json:"fragment"`
	Request  string `json:"request"`
	Object   string `json:"object"`
	Size     int64  `json:"size"`
	Ask      []byte `json:"ask"`
	Title    string `json:"title"`
	Drop     []byte `json:"drop"`
	Head     Head   `json:"head"`
}

// pattern is the content of all samples.
func pattern(n int64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

var twins = []twinVector{
	{"a", "A", true}, {"Straße", "STRASSE", true}, {"ΣΑΣ", "σας", true}, {"ﬁ", "FI", true}, {"É", "é", true}, {"Å", "å", true}, // the Angstrom sign
	{"a", "á", false}, {"ı", "i", false}, {"ℌ", "H", false}, {"가", "가", true}, {"🔑", "🔒", false}, {"ẞ", "ss", true},
}

func makeVectors(t *testing.T) vectors {
	t.Helper()
	v := vectors{Names: names, Twins: twins, Sizes: map[int64]int64{}}
	for i := range 3 {
		s := Secret{[32]byte{byte(i), 255, byte(3 * i)}}
		v.Identities = append(v.Identities, identityVector{s, s.Identity()})
	}
	for _, n := range []int64{0, 1, 1023, 1024, 1025, 65536, 65537, 1000000, 1 << 31, 1<<31 + 1, 5_000_000_000, MaxLength} {
		v.Sizes[n] = Size(n)
	}
	for _, n := range []int64{0, 700, 65536, 70000} {
		h, file := seal(t, pattern(n))
		v.Files = append(v.Files, fileVector{h, file})
	}
	h, o := sampleHead()
	for _, password := range []string{"", "five wörds"} {
		s := NewLinkSecret()
		l, err := NewLink(s, keyring.Passphrase(password), o, h)
		check(t, err)
		v.Links = append(v.Links, linkVector{s.Fragment(), password, o.ID, o.Size, l.KDF, l.Box, l.Proof, h})
	}
	v.Drop = makeDrop(t, h, o)
	f := sampleFolder()
	v.Folder = must(EncodeFolder(f))
	for _, spoil := range []func(*Folder){
		func(f *Folder) { f.Entries[3].Name = "REPORTS" },
		func(f *Folder) { f.Entries[1].Name = "../x" },
		func(f *Folder) { f.Entries[1].Kind = "link" },
		func(f *Folder) { f.Entries[1].Secret = Secret{} },
		func(f *Folder) { f.Entries[0].Secret = Secret{[32]byte{1}} },
		func(f *Folder) { f.Entries[1].Versions[0].ID = f.Entries[1].ID },
		func(f *Folder) { f.Entries[1].Versions[1].Length++ },
		func(f *Folder) { f.Entries[1].Type = "text/html\"><script>" },
		func(f *Folder) { f.Entries[3].Hash = f.Entries[3].Hash[:16] },
		func(f *Folder) { f.Entries[2].Trashed = -1 },
		func(f *Folder) { f.Entries[0].ID = "root" },
	} {
		f := sampleFolder()
		spoil(&f)
		v.Refused = append(v.Refused, string(must(json.Marshal(folderJSON{headVersion, f}))))
	}
	v.Refused = append(v.Refused, "", "{}", `{"v":2,"entries":[]}`, `{"v":1}`, "[]", `{"v":1,"entries":[{}]}`)
	return v
}

func makeDrop(t *testing.T, h Head, o Object) dropVector {
	t.Helper()
	r, err := keyring.ReceiverOf(bytes.Repeat([]byte{9}, 32), DropPurpose)
	check(t, err)
	s := NewLinkSecret()
	ask := Ask{Key: r.Public(), Title: "Steuer", Note: "für 2026"}
	box, err := SealAsk(s, ask)
	check(t, err)
	const request = "RRRRRRRRRRRRRRRRRRRRRQ"
	drop, err := SealDrop(ask, request, o, h)
	check(t, err)
	return dropVector{bytes.Repeat([]byte{9}, 32), s.Fragment(), request, o.ID, o.Size, box, ask.Title, drop, h}
}

func readSamples(t *testing.T, name string) (v vectors) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	check(t, err)
	check(t, json.Unmarshal(b, &v))
	return v
}

// What we sealed once opens for ever.
func TestVectors(t *testing.T) {
	t.Parallel()
	const name = "vectors.json"
	if *update {
		b, err := json.MarshalIndent(makeVectors(t), "", " ")
		check(t, err)
		check(t, os.MkdirAll("testdata", 0o755))
		check(t, os.WriteFile(filepath.Join("testdata", name), append(b, '\n'), 0o644))
	}
	v := readSamples(t, name)
	for n, want := range v.Sizes {
		if Size(n) != want {
			t.Errorf("%d bytes: %d sealed, want %d", n, Size(n), want)
		}
	}
	for _, i := range v.Identities {
		if i.Secret.Identity() != i.Identity {
			t.Errorf("identity %s, want %s", i.Secret.Identity(), i.Identity)
		}
	}
	for _, n := range v.Names {
		if ValidName(n.Name) != n.Valid || CleanName(n.Name) != n.Clean || LocalName(n.Name) != n.Local {
			t.Errorf("%+v: %v %q %q", n, ValidName(n.Name), CleanName(n.Name), LocalName(n.Name))
		}
	}
	for _, w := range v.Twins {
		if (nameKey(w.A) == nameKey(w.B)) != w.Same {
			t.Errorf("%q and %q: %q, %q", w.A, w.B, nameKey(w.A), nameKey(w.B))
		}
	}
	for _, text := range v.Refused {
		if _, err := DecodeFolder([]byte(text)); err != ErrClosed {
			t.Errorf("%s opens", text)
		}
	}
	if len(v.Files) < 4 || len(v.Links) < 2 || len(v.Refused) < 15 || len(v.Names) < 20 {
		t.Error("vectors are missing")
	}
	openSamples(t, v)
}

// What a browser sealed opens here (webmail/ui/src/files/sample.test.ts).
func TestBrowserMadeOpens(t *testing.T) {
	t.Parallel()
	v := readSamples(t, "browser.json")
	if len(v.Files) < 3 || len(v.Links) < 2 {
		t.Error("samples are missing")
	}
	openSamples(t, v)
}

func openSamples(t *testing.T, v vectors) {
	t.Helper()
	for _, f := range v.Files {
		got, err := read(t, f.Head, f.File)
		if err != nil || !bytes.Equal(got, pattern(f.Head.Length)) {
			t.Errorf("%d bytes: %v", f.Head.Length, err)
		}
	}
	for _, l := range v.Links {
		s, err := ParseLinkSecret(l.Fragment)
		check(t, err)
		u, err := Unlock(s, keyring.Passphrase(l.Password), l.KDF)
		check(t, err)
		h, err := u.Open(Object{l.Object, l.Size}, l.Box)
		if err != nil || !same(h, l.Head) || !bytes.Equal(u.Proof(), l.Proof) {
			t.Errorf("link: %+v, %v", h, err)
		}
	}
	s, err := ParseLinkSecret(v.Drop.Fragment)
	check(t, err)
	r, err := keyring.ReceiverOf(v.Drop.Master, DropPurpose)
	check(t, err)
	ask, err := OpenAsk(s, v.Drop.Ask)
	if err != nil || ask.Title != v.Drop.Title || !bytes.Equal(ask.Key, r.Public()) {
		t.Errorf("request: %+v, %v", ask, err)
	}
	h, err := OpenDrop(r, v.Drop.Request, Object{v.Drop.Object, v.Drop.Size}, v.Drop.Drop)
	if err != nil || !same(h, v.Drop.Head) {
		t.Errorf("drop: %+v, %v", h, err)
	}
	f, err := DecodeFolder(v.Folder)
	check(t, err)
	var got, want any
	check(t, json.Unmarshal(must(EncodeFolder(f)), &got))
	check(t, json.Unmarshal(v.Folder, &want))
	if a, b := must(json.Marshal(got)), must(json.Marshal(want)); !slices.Equal(a, b) || !strings.Contains(string(a), "Größe") {
		t.Errorf("folder: %s", a)
	}
}
