package s3_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/packs/memindex"
	"sealpost/filestore/storagetest"
	"sealpost/storage/s3"
)

var two = s3.Rule{Copies: 2}

// TestTwoProviders: each object lies with both, and either may go.
func TestTwoProviders(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west")
	small, large := storagetest.Content(1, 5000), storagetest.Content(2, 9<<20)
	refs := put(t, h, small, large)
	for i, p := range h.providers {
		if n := len(p.objects(t)); n != 2 {
			t.Errorf("provider %d has %d objects, want 2", i, n)
		}
	}
	for _, p := range h.providers {
		p.fails(drops)
		storagetest.Check(t, h, refs[0], small)
		storagetest.Check(t, h, refs[1], large)
		p.fails(nil)
		time.Sleep(100 * time.Millisecond)
	}
}

// TestOneProviderDown: mail goes on with one copy and a note, a worker makes the other when
// the provider is back, and then the first may be lost for good.
func TestOneProviderDown(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west")
	east, west := h.providers[0], h.providers[1]
	west.fails(drops)
	small, large := storagetest.Content(1, 5000), storagetest.Content(2, 21<<20)
	refs := put(t, h, small, large)
	for range 8 {
		put(t, h, small)
	}
	if n := h.short(t); n != 10 {
		t.Errorf("%d objects are noted for repair, want 10", n)
	}
	asked := east.requests("GET")
	if err := h.round(t); err == nil {
		t.Error("a repair that had to wait was called done")
	}
	if n := east.requests("GET") - asked; n > 40 { // of which 21 are the large one's
		t.Errorf("while a provider is down the other is asked %d times, for nothing", n)
	}
	if n := h.short(t); n != 10 {
		t.Errorf("%d objects are noted while the provider is down, want 10", n)
	}
	west.fails(nil)
	time.Sleep(200 * time.Millisecond)
	if err := h.round(t); err != nil {
		t.Error(err)
	}
	if n := h.short(t); n != 0 {
		t.Errorf("%d objects are noted after the repair", n)
	}
	for _, name := range east.objects(t) {
		east.lose(t, name)
	}
	storagetest.Check(t, h, refs[0], small)
	storagetest.Check(t, h, refs[1], large)
}

// TestEnough: a rule may ask for all copies, and then a provider that is down delays mail.
func TestEnough(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{Copies: 2, Enough: 2}, "east", "west")
	h.providers[1].fails(drops)
	for _, n := range []int{1000, 9 << 20} {
		_, err := h.Put(t.Context(), storagetest.Source(storagetest.Content(1, n)))
		if err == nil || errors.Is(err, filestore.ErrFull) {
			t.Errorf("Put of %d octets with one of two copies: %v", n, err)
		}
	}
	if n := len(h.providers[0].objects(t)); n != 0 {
		t.Errorf("Puts that failed left %d objects behind", n)
	}
}

// TestThirdProvider: with one more provider than copies none is missing while one is down.
func TestThirdProvider(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west", "south")
	h.providers[1].fails(drops)
	for i := range 2 {
		put(t, h, storagetest.Content(uint64(i), 3000), storagetest.Content(uint64(i), 9<<20))
	}
	if n := h.short(t); n != 0 {
		t.Errorf("%d objects have too few copies", n)
	}
	for _, o := range h.all(t) {
		if slices.Contains(o.Copies, "west") {
			t.Error("an object is said to be at the provider that is down")
		}
	}
}

// TestCopiesLieWithDifferentProviders: two buckets of one provider are one risk.
func TestCopiesLieWithDifferentProviders(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west", "south")
	h.providers[2].Provider = "east"
	h.open(t)
	for i := range 8 {
		put(t, h, storagetest.Content(uint64(i), 1000))
	}
	for _, o := range h.all(t) {
		if len(o.Copies) != 2 || !slices.Contains(o.Copies, "west") {
			t.Errorf("an object is at %v", o.Copies)
		}
	}
}

// TestSickProviderIsNotWaitedFor: once it has failed, mail does not wait for it.
func TestSickProviderIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	o := quick
	o.Try, o.Sick = 500*time.Millisecond, 30*time.Second
	h := build(t, o, two, "east", "west")
	c := storagetest.Content(1, 3000)
	ref := put(t, h, c)[0]
	west := h.providers[1]
	west.fails(hangs)
	put(t, h, c) // finds out
	asked := west.requests("PUT") + west.requests("GET")
	for range 5 {
		put(t, h, c)
		storagetest.Check(t, h, ref, c)
	}
	if n := west.requests("PUT") + west.requests("GET") - asked; n != 0 {
		t.Errorf("a sick provider was asked %d times", n)
	}
}

// TestDamagedCopy: a reader gets the good copy, notes the bad one, and a worker mends it.
func TestDamagedCopy(t *testing.T) {
	t.Parallel()
	for name, hurt := range map[string]func(b []byte) []byte{
		"changed": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"lost":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, quick, two, "east", "west")
			small, large := storagetest.Content(1, 5000), storagetest.Content(2, 2<<20)
			if name == "changed" { // too long to be held in memory
				large = storagetest.Content(2, 21<<20)
			}
			refs := put(t, h, small, large)
			east := h.providers[0]
			for _, o := range east.objects(t) {
				if hurt == nil {
					east.lose(t, o)
					continue
				}
				b, err := os.ReadFile(east.file(o))
				if err != nil {
					t.Fatal(err)
				}
				write(t, east.file(o), hurt(b))
			}
			storagetest.Check(t, h, refs[0], small)
			storagetest.Check(t, h, refs[1], large)
			if n := h.short(t); n != 2 {
				t.Errorf("%d damaged copies were noted, want 2", n)
			}
			if err := h.round(t); err != nil {
				t.Error(err)
			}
			if n := h.short(t); n != 0 {
				t.Errorf("%d notes are left", n)
			}
			h.providers[1].fails(drops)
			storagetest.Check(t, h, refs[0], small)
			storagetest.Check(t, h, refs[1], large)
		})
	}
}

// TestRules: what is put under a rule lies where that allows, and nowhere else.
func TestRules(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west", "south")
	h.rules["south"] = s3.Rule{Jurisdictions: []string{"land-of-south"}}
	h.rules["not west"] = s3.Rule{Copies: 2, Providers: []string{"east", "south"}}
	h.open(t)
	for rule, want := range map[string]string{"south": "south", "not west": "east south"} {
		b, err := h.Under(rule)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			small, large := storagetest.Content(uint64(i), 1000), storagetest.Content(uint64(i), 2<<20)
			refs := put(t, b, small, large)
			storagetest.Check(t, h, refs[0], small)
			storagetest.Check(t, b, refs[1], large)
		}
		for _, o := range h.all(t) {
			if o.Rule == rule && strings.Join(o.Copies, " ") != want {
				t.Errorf("rule %q: an object is at %v, want %s", rule, o.Copies, want)
			}
		}
	}
	if got := h.Reach("not west"); got.Copies != 2 || strings.Join(got.Providers, " ") != "east south" || strings.Join(got.Jurisdictions, " ") != "land-of-east land-of-south" {
		t.Errorf("the rule reaches %+v", got)
	}
	if _, err := h.Under("north"); err == nil {
		t.Error("a rule that is not there")
	}
}

// TestRuleChanges: when a rule moves, a sweep notices, the repair copies, and what lies where
// it may not any more goes when the grace is over.
func TestRuleChanges(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{Providers: []string{"east"}}, "east", "west")
	c := storagetest.Content(1, 5000)
	ref := put(t, h, c)[0]
	backup := h.index.Copy()
	h.rules[""] = s3.Rule{Providers: []string{"west"}}
	h.open(t)
	h.clock.forward(time.Hour)
	for range 2 { // the first round notes, the second copies
		if err := h.round(t); err != nil {
			t.Fatal(err)
		}
	}
	if o := h.all(t); len(o) != 1 || !slices.Equal(o[0].Copies, []string{"west"}) {
		t.Errorf("after the rule moved: %+v", o)
	}
	if n := len(h.providers[0].objects(t)); n != 1 {
		t.Error("the old copy went before the grace was over")
	}
	now := h.index
	h.index = backup // the database is put back: its index knows the old place only
	h.open(t)
	storagetest.Check(t, h, ref, c)
	h.index = now
	h.open(t)
	h.clock.forward(9 * 24 * time.Hour)
	if err := h.round(t); err != nil {
		t.Fatal(err)
	}
	if n := len(h.providers[0].objects(t)); n != 0 {
		t.Error("the old copy is there after the grace")
	}
	storagetest.Check(t, h, ref, c)
}

// TestProviderGivenUp: an operator takes an endpoint out of the settings; what was there is
// copied from the others.
func TestProviderGivenUp(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west", "south")
	var contents [][]byte
	var refs []filestore.Ref
	for i := range 6 {
		contents = append(contents, storagetest.Content(uint64(i), 5000))
		refs = append(refs, put(t, h, contents[i])[0])
	}
	h.providers[0].server.Close()
	h.providers = h.providers[1:]
	h.open(t)
	h.clock.forward(time.Hour)
	for range 2 {
		if err := h.round(t); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range h.all(t) {
		if !slices.Equal(o.Copies, []string{"south", "west"}) {
			t.Errorf("an object is at %v", o.Copies)
		}
	}
	for i, ref := range refs {
		storagetest.Check(t, h, ref, contents[i])
	}
}

// TestSettings: what cannot be right is refused at the start.
func TestSettings(t *testing.T) {
	t.Parallel()
	good := s3.Endpoint{Name: "east", Provider: "east", URL: "https://s3.example.org", Bucket: "mail", AccessKey: "a", SecretKey: "b"}
	for name, change := range map[string]func(*s3.Endpoint, map[string]s3.Rule){
		"no name":          func(e *s3.Endpoint, _ map[string]s3.Rule) { e.Name = "" },
		"no provider":      func(e *s3.Endpoint, _ map[string]s3.Rule) { e.Provider = "" },
		"no bucket":        func(e *s3.Endpoint, _ map[string]s3.Rule) { e.Bucket = "" },
		"plain http":       func(e *s3.Endpoint, _ map[string]s3.Rule) { e.URL = "http://s3.example.org" },
		"no host":          func(e *s3.Endpoint, _ map[string]s3.Rule) { e.URL = "s3.example.org" },
		"a path":           func(e *s3.Endpoint, _ map[string]s3.Rule) { e.URL += "/mail" },
		"a password":       func(e *s3.Endpoint, _ map[string]s3.Rule) { e.URL = "https://a:b@s3.example.org" },
		"no rule":          func(_ *s3.Endpoint, r map[string]s3.Rule) { delete(r, "") },
		"too many copies":  func(_ *s3.Endpoint, r map[string]s3.Rule) { r[""] = two },
		"enough of fewer":  func(_ *s3.Endpoint, r map[string]s3.Rule) { r[""] = s3.Rule{Copies: 1, Enough: 2} },
		"nowhere":          func(_ *s3.Endpoint, r map[string]s3.Rule) { r["x"] = s3.Rule{Jurisdictions: []string{"sea"}} },
		"unknown provider": func(_ *s3.Endpoint, r map[string]s3.Rule) { r["x"] = s3.Rule{Providers: []string{"north"}} },
	} {
		e, rules := good, map[string]s3.Rule{"": {}}
		change(&e, rules)
		if b, err := s3.New(t.Context(), memindex.New(), []s3.Endpoint{e}, rules, s3.Options{}); err == nil {
			b.Close()
			t.Errorf("%s was taken", name)
		}
	}
	b, err := s3.New(t.Context(), memindex.New(), []s3.Endpoint{good}, map[string]s3.Rule{"": {}}, s3.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if _, err := s3.New(t.Context(), memindex.New(), []s3.Endpoint{good, good}, map[string]s3.Rule{"": {}}, s3.Options{}); err == nil {
		t.Error("two endpoints of one name were taken")
	}
}
