package sealed

import (
	"bytes"
	"strings"
	"testing"

	"sealpost/pgp/keyring"
)

func notesDrawer(t *testing.T) keyring.Drawer {
	t.Helper()
	d, err := keyring.NewDrawer("00000000000000a1", Drawer, bytes.Repeat([]byte{5}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What the owner's devices remember of a link opens at its place and version alone.
func TestNotes(t *testing.T) {
	t.Parallel()
	d, fragment := notesDrawer(t), strings.Repeat("A", 22)
	link := LinkNote{Fragment: fragment, Name: "Größe & <co>.txt", Length: 7}
	box, err := SealNote(d, LinkItem("x"), link)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenNote[LinkNote](d, LinkItem("x"), 1, box); err != nil || got != link {
		t.Errorf("%v %v", got, err)
	}
	for name, open := range map[string]func() error{
		"another link's place": func() error { _, err := OpenNote[LinkNote](d, LinkItem("y"), 1, box); return err },
		"a request's place":    func() error { _, err := OpenNote[LinkNote](d, AskItem("x"), 1, box); return err },
		"another version":      func() error { _, err := OpenNote[LinkNote](d, LinkItem("x"), 2, box); return err },
		"another kind":         func() error { _, err := OpenNote[AskNote](d, LinkItem("x"), 1, box); return err },
	} {
		if open() != ErrClosed {
			t.Errorf("it opens at %s", name)
		}
	}
	ask := AskNote{Fragment: fragment, Title: "Photos", Note: "all of them", Folder: Root}
	if box, err = SealNote(d, AskItem("x"), ask); err != nil {
		t.Fatal(err)
	}
	if got, err := OpenNote[AskNote](d, AskItem("x"), 1, box); err != nil || got != ask {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []AskNote{{Fragment: "short", Folder: Root}, {Fragment: fragment}, {Fragment: fragment, Folder: "../root"}, {Fragment: fragment, Folder: Root, Title: strings.Repeat("x", 201)}} {
		if _, err := SealNote(d, AskItem("x"), bad); err == nil {
			t.Errorf("%+v is sealed", bad)
		}
	}
	if _, err := SealNote(d, LinkItem("x"), LinkNote{Fragment: fragment, Name: "a/b"}); err == nil {
		t.Error("a path is sealed as a name")
	}
}

// As the browser writes it: padded with spaces, its fields in another order.
func TestNotesOfABrowser(t *testing.T) {
	t.Parallel()
	d := notesDrawer(t)
	box, err := d.SealItem(Drawer, LinkItem("x"), 1, []byte(`{"v":1,"length":3,"name":"a.txt","fragment":"AAAAAAAAAAAAAAAAAAAAAA"}    `))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := OpenNote[LinkNote](d, LinkItem("x"), 1, box); err != nil || n.Name != "a.txt" || n.Length != 3 {
		t.Errorf("%v %v", n, err)
	}
	if box, err = d.SealItem(Drawer, LinkItem("x"), 1, []byte(`{"v":2,"length":3,"name":"a.txt","fragment":"AAAAAAAAAAAAAAAAAAAAAA"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenNote[LinkNote](d, LinkItem("x"), 1, box); err != ErrClosed {
		t.Errorf("a later version of the format is taken: %v", err)
	}
}
