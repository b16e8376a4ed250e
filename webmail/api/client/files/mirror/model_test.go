package mirror

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealpost/filestore/sealed"
)

var rounds = flag.Int("model", 12, "how many steps the model test takes")

// pool is all that can be had anywhere: what stands on devices and in their trash, and
// what the drive has, with its trash and older versions.
type pool struct {
	d     *device
	known map[string]string // contents by object
}

func (p *pool) everything(t *testing.T, all ...*device) map[string]bool {
	t.Helper()
	have := map[string]bool{}
	for _, d := range all {
		for name, c := range treeOf(t, d.Dir, true) {
			if !strings.HasSuffix(name, "/") {
				have[c] = true
			}
		}
	}
	p.folder(t, sealed.Root, have)
	return have
}

func (p *pool) folder(t *testing.T, id string, have map[string]bool) {
	f, _, err := p.d.Drive.Folder(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range f.Entries {
		if e.Kind == sealed.IsFolder {
			p.folder(t, e.ID, have)
			continue
		}
		for _, v := range append([]sealed.Version{e.Version}, e.Versions...) {
			if _, known := p.known[v.ID]; !known {
				b, err := p.d.Drive.Content(t.Context(), e.At(v), v.ID)
				if err != nil {
					t.Fatalf("an entry leads to nothing: %v", err)
				}
				p.known[v.ID] = string(b)
			}
			have[p.known[v.ID]] = true
		}
	}
}

// edit does something that people do.
func edit(r *rand.Rand, d *device, n int) string {
	var names, dirs []string
	for name := range d.tree() {
		if strings.HasSuffix(name, "/") {
			dirs = append(dirs, strings.TrimSuffix(name, "/"))
		} else {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	slices.Sort(dirs)
	dirs = append(dirs, "")
	dir := dirs[r.IntN(len(dirs))]
	fresh := filepath.Join(dir, string(rune('a'+r.IntN(6)))+[]string{"", ".txt", ".tar.gz"}[r.IntN(3)])
	content := fmt.Sprintf("%s wrote this at step %d: %d", d.Host, n, r.Uint64())
	some := func(all []string) string { return all[r.IntN(len(all))] }
	switch k := r.IntN(10); {
	case k < 4 || len(names) == 0:
		if info, err := os.Stat(d.file(fresh)); err == nil && info.IsDir() {
			return "nothing"
		}
		d.write(fresh, content)
		return "write " + fresh
	case k < 6:
		at := some(names)
		d.write(at, content)
		return "overwrite " + at
	case k < 7:
		at := some(names)
		must(0, os.Remove(d.file(at)))
		return "remove " + at
	case k < 8:
		from := some(names)
		if os.Rename(d.file(from), d.file(fresh)) != nil {
			return "nothing"
		}
		return "move " + from + " to " + fresh
	case k < 9:
		_ = os.Mkdir(d.file(filepath.Join(dir, "dir"+string(rune('a'+r.IntN(3))))), 0o700)
		return "mkdir in " + dir
	default:
		if dir == "" || r.IntN(2) == 0 {
			return "nothing"
		}
		to := d.file("moved" + string(rune('a'+r.IntN(4))))
		if _, err := os.Stat(to); err == nil || os.Rename(d.file(dir), to) != nil {
			return "nothing"
		}
		return "move folder " + dir
	}
}

// Two devices are edited at random and synchronised at random, with a server that fails
// now and then: no content is ever lost but by who overwrites or removes what he had, and
// in the end both are alike.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			model(t, seed)
		})
	}
}

func model(t *testing.T, seed uint64) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(seed, 5))
	a, b := w.device(t, "anna"), w.device(t, "bert")
	a.Deletions, b.Deletions = true, true
	p := &pool{w.device(t, "pool"), map[string]string{}}
	var log []string
	check := func(before map[string]bool) {
		have := p.everything(t, a, b)
		for c := range before {
			if !have[c] {
				t.Fatalf("seed %d lost %q after\n%s", seed, c, strings.Join(log, "\n"))
			}
		}
	}
	for n := range *rounds {
		for range 1 + r.IntN(5) {
			d := []*device{a, b}[r.IntN(2)]
			log = append(log, d.Host+": "+edit(r, d, n))
		}
		before := p.everything(t, a, b)
		d := []*device{a, b}[r.IntN(2)]
		if r.IntN(3) == 0 {
			left := int64(r.IntN(12))
			ctx, cancel := context.WithCancel(t.Context())
			w.serial(func(*http.Request) bool {
				if left--; left < 0 {
					cancel()
				}
				return left < 0
			})
			_, err := d.try(ctx)
			cancel()
			w.break_.Store(nil)
			log = append(log, fmt.Sprintf("%s: sync that broke off: %v", d.Host, err))
		} else {
			rep, err := d.try(t.Context())
			log = append(log, fmt.Sprintf("%s: sync: %+v %v", d.Host, rep, err))
			if err != nil {
				t.Fatalf("seed %d: %v after\n%s", seed, err, strings.Join(log, "\n"))
			}
		}
		check(before)
	}
	before := p.everything(t, a, b)
	for range 3 {
		for _, d := range []*device{a, b} {
			rep, err := d.try(t.Context())
			log = append(log, fmt.Sprintf("%s: sync: %+v %v", d.Host, rep, err))
		}
	}
	check(before)
	if x, y := a.tree(), b.tree(); !maps.Equal(x, y) {
		t.Fatalf("seed %d: not alike:\n%v\n%v\nafter\n%s", seed, slices.Sorted(maps.Keys(x)), slices.Sorted(maps.Keys(y)), strings.Join(log, "\n"))
	}
	if rep := a.sync(); rep.Did() {
		t.Errorf("seed %d: it does not come to rest: %+v", seed, rep)
	}
	totals, err := w.files.Store.Totals(t.Context(), w.owner())
	if err != nil || totals.Objects != int64(len(p.objects(t, sealed.Root))) {
		t.Errorf("seed %d: %d objects are stored, %d stand in folders, %v", seed, totals.Objects, len(p.objects(t, sealed.Root)), err)
	}
}

// objects are those that stand in folders.
func (p *pool) objects(t *testing.T, id string) map[string]bool {
	all := map[string]bool{}
	f, _, err := p.d.Drive.Folder(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range f.Entries {
		if e.Kind == sealed.IsFolder {
			maps.Copy(all, p.objects(t, e.ID))
			continue
		}
		for _, v := range append([]sealed.Version{e.Version}, e.Versions...) {
			all[v.ID] = true
		}
	}
	return all
}
