package test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/filestore/drive"
	"sealpost/filestore/storagetest"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
	"sealpost/webmail/api/client"
)

// A haul is what some devices bring into a drive, link and delete while its server is
// killed: what they tried, and what they were promised.
type haul struct {
	*demo
	ctx      context.Context // ends what waits for too long
	trust    *tls.Config
	password string

	mu    sync.Mutex
	seed  uint64
	tried map[[32]byte]bool   // contents that somebody began to bring
	whole map[string][32]byte // files that are complete
	links map[string]string   // links that were made, and their files
	gone  map[string]bool     // files of which somebody asked to be rid; true: that was promised
}

var lastWord = regexp.MustCompile(`\S{13,}`)

func newHaul(t *testing.T, most time.Duration, options ...option) *haul {
	t.Helper()
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, append(options, withBinary(bin))...)
	words := lastWord.FindAllString(string(d.run(t, nil, "password", "add", d.alice().Address, "--name", "haul", "--scope", "api", "--config", d.Config)), -1)
	return &haul{
		demo: d, ctx: patience(t, most), trust: d.tls(t), password: words[len(words)-1],
		tried: map[[32]byte]bool{}, whole: map[string][32]byte{}, links: map[string]string{}, gone: map[string]bool{},
	}
}

// patience is a context in which a test's waits end, and say so.
func patience(t *testing.T, most time.Duration) context.Context {
	ctx, stop := context.WithTimeoutCause(t.Context(), most, fmt.Errorf("the test waited for more than %v", most))
	t.Cleanup(stop)
	return ctx
}

// device is a client with connections of its own.
func (h *haul) device() *client.Client {
	return &client.Client{
		URL: fmt.Sprintf("https://localhost:%d", h.base+443), Address: h.alice().Address, Password: h.password,
		HTTP: &http.Client{Transport: &http.Transport{TLSClientConfig: h.trust, DisableKeepAlives: false}}, Patience: 10 * time.Second,
	}
}

// next makes up a file: mostly small, now and then of two parts.
func (h *haul) next() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seed++
	n := 1 + rand.IntN(60_000)
	if h.seed%25 == 0 {
		n += drive.PartSize
	}
	b := storagetest.Content(h.seed, n)
	h.tried[sha256.Sum256(b)] = true
	return b
}

// bring uploads, links and deletes until the server is gone.
func (h *haul) bring(ctx context.Context) {
	c := h.device()
	for ctx.Err() == nil {
		b := h.next()
		f, err := c.Upload(ctx, client.Upload{Octets: bytes.NewReader(b), Size: int64(len(b)), Lanes: 2, Wait: func(int) time.Duration { return 0 }})
		if err != nil {
			return
		}
		h.mu.Lock()
		h.whole[f.ID] = sha256.Sum256(b)
		h.mu.Unlock()
		if rand.IntN(2) == 0 {
			l, err := c.MakeLink(ctx, client.NewFileLink{File: f.ID, Box: []byte("box")})
			if err != nil {
				return
			}
			h.mu.Lock()
			h.links[l.ID] = f.ID
			h.mu.Unlock()
		}
		if rand.IntN(3) > 0 {
			continue
		}
		h.mu.Lock()
		h.gone[f.ID] = false
		h.mu.Unlock()
		if c.RemoveFile(ctx, f.ID) != nil {
			return
		}
		h.mu.Lock()
		h.gone[f.ID] = true
		h.mu.Unlock()
	}
}

// untilKilled lets devices work for a while and shoots the server.
func (h *haul) untilKilled(t *testing.T, after time.Duration) {
	t.Helper()
	ctx, stop := context.WithCancel(h.ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { h.bring(ctx) })
		}
		all.Wait()
	}()
	time.Sleep(after)
	h.kill()
	stop()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("a device still waits, a minute after the server was shot")
	}
}

// check holds what is there against what was promised.
func (h *haul) check(t *testing.T) {
	t.Helper()
	c, there, bytesUsed := h.device(), map[string]client.File{}, int64(0)
	for after, more := "", true; more; {
		some, err := c.Files(h.ctx, after, false)
		if err != nil || some.More && len(some.Files) == 0 {
			t.Fatalf("list files after %q: %d of them, more: %v; %v", after, len(some.Files), some.More, err)
		}
		for _, f := range some.Files {
			there[f.ID], after = f, f.ID
			bytesUsed += f.Size
		}
		more = some.More
	}
	for id, f := range there {
		if !f.Complete {
			continue
		}
		b := make([]byte, f.Size)
		_, err := io.ReadFull(io.NewSectionReader(c.Content(h.ctx, f), 0, f.Size), b)
		if sum := sha256.Sum256(b); err != nil || !h.tried[sum] || h.whole[id] != [32]byte{} && h.whole[id] != sum {
			t.Errorf("file %s of %d octets is not what was brought: %v", id, f.Size, err)
		}
	}
	for id := range h.whole {
		promised, asked := h.gone[id]
		if f, is := there[id]; !asked && (!is || !f.Complete) || promised && is {
			t.Errorf("file %s: there %v, to be deleted %v, promised %v", id, is, asked, promised)
		}
	}
	links, err := c.Links(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, l := range links {
		known[l.ID] = true
		if f, is := there[l.File]; !is || !f.Complete {
			t.Errorf("link %s leads to nothing", l.ID)
		}
	}
	for id, file := range h.links {
		if _, asked := h.gone[file]; !asked && !known[id] {
			t.Errorf("link %s is lost", id)
		}
	}
	if got := h.used(t, c); got != bytesUsed {
		t.Errorf("%d bytes count, the files have %d", got, bytesUsed)
	}
}

func (h *haul) used(t *testing.T, c *client.Client) int64 {
	t.Helper()
	resp, err := c.Do(h.ctx, client.Request{Path: "/usage"})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	var n int64
	if _, after, ok := strings.Cut(string(text), `"files":`); !ok || err != nil {
		t.Fatalf("usage: %s, %v", text, err)
	} else if _, err := fmt.Sscan(strings.FieldsFunc(after, func(r rune) bool { return r == ',' || r == '}' })[0], &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// orphans sweeps the folder of the server, which has stopped, and checks that all that is
// left is pointed at: parts of files are read to their end.
func (h *haul) orphans(t *testing.T) {
	t.Helper()
	data := filepath.Join(h.data(), "data")
	db, err := bolt.Open(filepath.Join(data, "index.db"), bolt.Options{Wait: 10 * time.Second}) // a server that did not end has its lock
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	blobs, err := disk.Open(filepath.Join(data, "blobs"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	log := slog.New(slog.DiscardHandler)
	store := &mailstore.Store{Index: db.Index(), Blobs: blobs, Bus: new(notify.Bus), Log: log, Now: time.Now}
	left := func() (n int) {
		for _, err := range blobs.All(h.ctx) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	before := left()
	swept, err := store.Sweep(h.ctx, -time.Hour)
	if err != nil || left() != before-swept {
		t.Errorf("of %d blobs %d were swept, %d are left, %v", before, swept, left(), err)
	}
	for id, err := range db.Index().Blobs(h.ctx) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := blobs.Open(h.ctx, id)
		if err != nil {
			t.Errorf("a row points at nothing: %v", err)
			continue
		}
		b.Close()
	}
	t.Logf("%d files tried, %d complete, %d links; of %d blobs %d belonged to nobody", h.seed, len(h.whole), len(h.links), before, swept)
}

// Under devices that bring, link and delete, the server is killed again and again. What
// was promised is there, byte for byte; nothing is there half, no link leads to nothing,
// what counts is what is there, and what belongs to nobody is swept.
func TestFilesKillNine(t *testing.T) {
	t.Parallel()
	rounds := 2
	if *long {
		rounds = 200
	}
	h := newHaul(t, time.Duration(rounds)*time.Minute+time.Minute)
	for range rounds {
		h.untilKilled(t, time.Duration(200+rand.IntN(500))*time.Millisecond)
		h.start(t)
		h.check(t)
	}
	if n := len(h.whole); n < rounds*5 || len(h.links) == 0 || !slices.Contains(slices.Collect(maps.Values(h.gone)), true) {
		t.Errorf("only %d files, %d links: the test did not load the server", n, len(h.links))
	}
	h.stop(t)
	h.orphans(t)
}
