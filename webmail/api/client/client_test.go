package client_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/pgp"
	"sealpost/webmail/api/client"
	"sealpost/webmail/api/client/roomtest"
)

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// world is a server with one account, and its client.
type world struct {
	*client.Client
	keys *pgp.SecretKeys
	list pgp.ListKey
	ca   string // file
	id   account.ID
}

func newWorld(t testing.TB) *world {
	t.Helper()
	r := roomtest.New(t)
	s := r.Serve(t, nil)
	w := &world{Client: r.Client(s), keys: r.Keys, list: r.List, ca: filepath.Join(r.Dir, "ca.pem"), id: r.Account}
	must(0, os.WriteFile(w.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	return w
}

func (w *world) mailbox(t testing.TB, name string) client.Mailbox {
	t.Helper()
	all := must(w.Mailboxes(t.Context()))
	at := slices.IndexFunc(all.Mailboxes, func(b client.Mailbox) bool { return b.Name == name })
	if at < 0 {
		t.Fatalf("no mailbox %s in %+v", name, all)
	}
	return all.Mailboxes[at]
}

const text = "From: eve@example.org\r\nSubject: hello\r\n\r\nquokka\r\n"

// A mail goes in readable, is listed, moved and opened, all by the client.
func TestMail(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	drafts, trash := w.mailbox(t, "Drafts").ID, w.mailbox(t, "Trash").ID
	for i := range 3 {
		a := must(w.Append(ctx, drafts, strings.NewReader(text), []string{`\Draft`, "x"}, time.Unix(1_700_000_000, 0)))
		if a.UID != uint32(i+1) {
			t.Errorf("%+v", a)
		}
	}
	e := must(w.Entries(ctx, drafts, 0, 0, 0))
	if !slices.Equal(e.UIDs, []uint32{1, 2, 3}) || e.Received[0] != 1_700_000_000 || !slices.Equal(e.FlagSets[e.Flags[0]], []string{`\Draft`, "x"}) {
		t.Errorf("%+v", e)
	}
	n := 0
	for f, err := range w.Frames(ctx, "cards", drafts, []uint32{3, 1, 2, 9}) {
		card, bad := pgp.OpenCard(f.Content, w.list)
		if err != nil || bad != nil || card.Subject != "hello" {
			t.Errorf("frame %d: %v, %v", f.UID, err, bad)
		}
		n++
	}
	events := must(w.Apply(ctx, "k1",
		client.Change{Op: "flags", Mailbox: drafts, UIDs: []uint32{1}, Add: []string{`\Seen`}}, client.Change{Op: "move", Mailbox: drafts, To: trash, UIDs: []uint32{1, 2}}))
	if again := must(w.Apply(ctx, "k1",
		client.Change{Op: "flags", Mailbox: drafts, UIDs: []uint32{1}, Add: []string{`\Seen`}}, client.Change{Op: "move", Mailbox: drafts, To: trash, UIDs: []uint32{1, 2}})); n != 3 || len(events) != 2 || again[1].Modseq != events[1].Modseq {
		t.Errorf("%d frames, %+v, %+v", n, events, again)
	}
	changed := must(w.Entries(ctx, drafts, e.Modseq, 0, 0))
	if !slices.Equal(changed.Gone, []uint32{1, 2}) || len(changed.UIDs) != 0 {
		t.Errorf("%+v", changed)
	}
	eml := must(w.EML(ctx, trash, 1))
	defer eml.Close()
	for name, sealed := range map[string]io.Reader{"eml": eml, "letter": bytes.NewReader(must(w.Letter(ctx, trash, 1, "message")))} {
		var out bytes.Buffer
		if _, err := (pgp.Opener{Keys: w.keys, Restore: true}).Open(ctx, sealed, &out); err != nil || out.String() != text {
			t.Errorf("%s opens as %q, %v", name, out.String(), err)
		}
	}
	parts := 0
	for part, err := range w.All(ctx, trash) {
		if err != nil || len(part.UIDs) != 2 {
			t.Errorf("%+v, %v", part, err)
		}
		parts++
	}
	m := must(w.Message(ctx, trash, 1))
	if parts != 1 || m.Class != "sealed on arrival" || must(w.Usage(ctx)).Messages != 3 {
		t.Errorf("%d parts, %+v", parts, m)
	}
}

func TestBoxesAndEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	box := append([]byte{1}, make([]byte, 80)...)
	told := make(chan client.Event, 10)
	go func() {
		defer close(told)
		for e, err := range w.Events(ctx, "") {
			if err != nil {
				t.Error(err)
				return
			}
			told <- e
		}
	}()
	if e := <-told; e.Name != "mail" || e.Modseq == 0 {
		t.Errorf("%+v", e)
	}
	if i := must(w.PutBox(ctx, "pins", "a", 0, box)); i.Version != 1 {
		t.Errorf("%+v", i)
	}
	if e := <-told; e.Name != "cabinet" || e.Version != 1 || !strings.HasSuffix(e.ID, ".1") {
		t.Errorf("%+v", e)
	}
	_, err := w.PutBox(ctx, "pins", "a", 0, box)
	var p *client.Problem
	if !errors.As(err, &p) || p.Word() != "conflict" || p.Status != 412 || p.ETag != `"1"` {
		t.Errorf("%v", err)
	}
	got, version, err := w.Box(ctx, "pins", "a")
	if err != nil || version != 1 || !bytes.Equal(got, box) {
		t.Errorf("%d bytes at %d, %v", len(got), version, err)
	}
	if i := must(w.RemoveBox(ctx, "pins", "a", 1)); !i.Gone {
		t.Errorf("%+v", i)
	}
	if l := must(w.Cabinet(ctx, 1)); len(l.Items) != 1 || !l.Items[0].Gone {
		t.Errorf("%+v", l)
	}
	w.Client = &client.Client{URL: w.URL, Address: w.Address, Password: "wrong", HTTP: w.HTTP}
	if _, err := w.Usage(ctx); !errors.As(err, &p) || p.Word() != "wrong-sign-in" {
		t.Errorf("%v", err)
	}
	cancel()
	for range told {
	}
}

// Every example of docs/api.md is run, in its order, and does what the page says.
func TestExamplesOfThePage(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("curl is missing")
		}
		t.Skip("curl is missing")
	}
	page := must(os.ReadFile("../../../docs/api.md"))
	var script strings.Builder
	script.WriteString("set -eu -o pipefail\n")
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(page, -1)
	for _, b := range blocks {
		script.Write(b[1])
	}
	w := newWorld(t)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "URL="+w.URL, "ADDRESS="+w.Address, "PASSWORD="+w.Password, "ACCOUNT="+string(w.id), "CURL_CA_BUNDLE="+w.ca)
	if out, err := cmd.CombinedOutput(); err != nil || len(blocks) < 8 {
		t.Fatalf("%d examples: %v\n%s", len(blocks), err, out)
	}
	e := must(w.Entries(t.Context(), w.mailbox(t, "INBOX").ID, 0, 0, 0))
	if len(e.UIDs) != 1 || fmt.Sprint(e.FlagSets[e.Flags[0]]) != `[\Flagged]` || w.mailbox(t, "Archive").Messages != 1 || !w.mailbox(t, "Lists/Go").Subscribed {
		t.Errorf("%+v", e)
	}
	var out bytes.Buffer
	if _, err := (pgp.Opener{Keys: w.keys, Restore: true}).Open(t.Context(), bytes.NewReader(must(os.ReadFile(filepath.Join(dir, "1.eml")))), &out); err != nil || !strings.Contains(out.String(), "Subject: hello") {
		t.Errorf("1.eml: %q, %v", out.String(), err)
	}
	cards := must(os.ReadFile(filepath.Join(dir, "cards")))
	if card, err := pgp.OpenCard(cards[8:], w.list); err != nil || card.Subject != "hello" {
		t.Errorf("cards: %+v, %v", card, err)
	}
	if n := len(must(os.ReadFile(filepath.Join(dir, "first-hundred")))); n != 100 {
		t.Errorf("a range has %d bytes", n)
	}
}
