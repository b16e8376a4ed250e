package imap_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/filestore/nodekey"
	"sealpost/mailstore"
)

func setMetadata(c *imapclient.Client, box string, entries map[string]string) error {
	values := map[string]*[]byte{}
	for name, value := range entries {
		octets := []byte(value)
		values[name] = &octets
	}
	return c.SetMetadata(box, values).Wait()
}

func (h *house) metadata(c *imapclient.Client, box, name string) string {
	h.Helper()
	got, err := c.GetMetadata(box, []string{name}, nil).Wait()
	h.must(err)
	if value := got.Entries[name]; value != nil {
		return string(*value)
	}
	return ""
}

// F01: neither a value nor the name of an entry stands readable in the index; and
// what was sealed for one mailbox or under another key opens nowhere else.
func TestMetadataIsSealed(t *testing.T) {
	t.Parallel()
	h := build(t)
	c := h.client(h.alice, nil)
	h.must(setMetadata(c, "INBOX", map[string]string{"/private/canaryname": "canaryvalue"}))
	h.must(setMetadata(c, "", map[string]string{"/private/canaryname": "canaryvalue"}))
	index, err := os.ReadFile(filepath.Join(h.server.Spool, "index"))
	h.must(err)
	for _, word := range []string{"canaryname", "canaryvalue"} {
		if bytes.Contains(index, []byte(word)) {
			t.Errorf("%s stands in the index", word)
		}
	}
	if got := h.metadata(c, "INBOX", "/private/canaryname"); got != "canaryvalue" {
		t.Errorf("got %q", got)
	}

	box := func(name string) mailstore.MailboxID {
		boxes, err := h.store.Index.Mailboxes(t.Context(), h.alice.owner())
		h.must(err)
		for _, b := range boxes {
			if b.Name == name {
				return b.ID
			}
		}
		return 0
	}
	for at, now := range map[string][]byte{
		"Trash": must(h.store.Index.Note(t.Context(), h.alice.owner(), box("INBOX"))),
		"Junk":  nodekey.Random().Seal("metadata", "elsewhere", []byte{1}),
	} {
		_, err := h.store.Apply(t.Context(), h.alice.owner(), mailstore.Note{Box: box(at), Now: now})
		h.must(err)
		if got := h.metadata(c, at, "/private/canaryname"); got != "" {
			t.Errorf("%s has what was not sealed for it", at)
		}
		h.must(setMetadata(c, at, map[string]string{"/private/a": "b"})) // and begins anew
		if got := h.metadata(c, at, "/private/a"); got != "b" {
			t.Errorf("%s: got %q", at, got)
		}
	}
	if strings.Contains(h.log.String(), "canary") {
		t.Error("the log tells of metadata")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Two accounts, and many connections of one, each see their own and lose nothing.
func TestMetadataTogether(t *testing.T) {
	t.Parallel()
	h := build(t)
	bob := h.client(h.bob, nil)
	var all sync.WaitGroup
	const clients, each = 4, 5
	for i := range clients {
		c := h.client(h.alice, nil)
		all.Go(func() {
			for j := range each {
				if err := setMetadata(c, "INBOX", map[string]string{fmt.Sprintf("/private/e%d-%d", i, j): "x"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	c := h.client(h.alice, nil)
	got, err := c.GetMetadata("INBOX", []string{"/private"}, &imapclient.GetMetadataOptions{Depth: imapclient.GetMetadataDepthOne}).Wait()
	h.must(err)
	if len(got.Entries) != clients*each {
		t.Errorf("%d entries are left of %d", len(got.Entries), clients*each)
	}
	if got := h.metadata(bob, "INBOX", "/private/e0-0"); got != "" {
		t.Error("bob sees what is alice's")
	}
}

// D10: sizes and counts end, with the codes of RFC 5464, section 4.3, and nothing
// of a command that is refused is done.
func TestMetadataLimits(t *testing.T) {
	t.Parallel()
	h := build(t)
	c := h.client(h.alice, nil)
	big := strings.Repeat("x", 32<<10)
	h.must(setMetadata(c, "INBOX", map[string]string{"/private/big": big}))
	if got := h.metadata(c, "INBOX", "/private/big"); got != big {
		t.Errorf("got %d octets", len(got))
	}
	wantMetadataCode(t, setMetadata(c, "INBOX", map[string]string{"/private/big": big + "x", "/private/small": "x"}), "METADATA")
	if got := h.metadata(c, "INBOX", "/private/small"); got != "" {
		t.Error("a part of a refused command was done")
	}
	many := map[string]string{}
	for i := range 99 {
		many[fmt.Sprintf("/private/n%d", i)] = "x"
	}
	h.must(setMetadata(c, "INBOX", many))
	wantMetadataCode(t, setMetadata(c, "INBOX", map[string]string{"/private/more": "x"}), "METADATA")
	h.must(setMetadata(c, "INBOX", map[string]string{"/private/n5": "y"})) // no more than there were
	for i := range 7 {                                                     // of 32 KiB; the eighth is too much for one mailbox
		h.must(setMetadata(c, "Trash", map[string]string{fmt.Sprintf("/private/b%d", i): big}))
	}
	wantMetadataCode(t, setMetadata(c, "Trash", map[string]string{"/private/b7": big}), goimap.ResponseCodeOverQuota)
}

func wantMetadataCode(t *testing.T, err error, code goimap.ResponseCode) {
	t.Helper()
	var said *goimap.Error
	if !errors.As(err, &said) || said.Type != goimap.StatusResponseTypeNo || said.Code != code {
		t.Errorf("got %v, want NO [%s]", err, code)
	}
}

// go-imap's client understands both.
func TestQuotaAsAClientReadsIt(t *testing.T) {
	t.Parallel()
	h := build(t)
	_, err := h.store.Apply(t.Context(), h.alice.owner(), mailstore.SetQuota{Bytes: 1 << 20})
	h.must(err)
	h.deliver(h.alice, "INBOX", letter("one", "hello"))
	got, err := h.client(h.alice, nil).GetQuotaRoot("INBOX").Wait()
	h.must(err)
	usage, err := h.store.Index.Usage(t.Context(), h.alice.owner())
	h.must(err)
	if len(got) != 1 || got[0].Root != "" {
		t.Fatalf("got %+v", got)
	}
	if s := got[0].Resources[goimap.QuotaResourceStorage]; s.Limit != 1024 || s.Usage != (usage.Bytes+1023)/1024 {
		t.Errorf("got %+v, and %d octets are used", s, usage.Bytes)
	}
}
