package mirror

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	quiet    = time.Second      // nothing changed for so long: then both sides are looked at
	longest  = 15 * time.Second // but not later, however much goes on
	lookTime = 5 * time.Minute  // both sides are looked at without a sign, give or take a fifth
	retryMin = 5 * time.Second
	retryMax = 5 * time.Minute
)

// Watch makes both sides alike whenever one changes, until ctx ends. told hears what each
// call came to; what fails is tried again.
func (s *Session) Watch(ctx context.Context, told func(Report, error)) error {
	signs := make(chan struct{}, 1)
	sign := func() {
		select {
		case signs <- struct{}{}:
		default:
		}
	}
	go s.listen(ctx, sign)
	eyes := s.eyes(ctx, sign)
	defer eyes.close()
	wait := retryMin
	for {
		eyes.renew(s)
		r, err := s.Once(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		told(r, err)
		next := jitter(lookTime)
		if err != nil || len(r.Failed) > 0 {
			next, wait = jitter(wait), min(2*wait, retryMax)
		} else {
			wait = retryMin
		}
		if err := rest(ctx, signs, next, cmp.Or(s.calm, quiet)); err != nil {
			return err
		}
	}
}

func jitter(t time.Duration) time.Duration {
	return t - t/5 + rand.N(2*t/5)
}

// rest waits for a sign, and then until it is quiet; or as long as it is told.
func rest(ctx context.Context, signs <-chan struct{}, most, quiet time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(most):
		return nil
	case <-signs:
	}
	for end := time.After(longest); ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-end:
			return nil
		case <-time.After(quiet):
			return nil
		case <-signs:
		}
	}
}

// listen hears from the server when boxes change. Without it both sides are looked at
// now and then.
func (s *Session) listen(ctx context.Context, sign func()) {
	last, wait := "", retryMin
	for ctx.Err() == nil {
		for e, err := range s.Drive.Server.Events(ctx, last) {
			if err != nil {
				break
			}
			wait = retryMin
			if e.ID != "" {
				last = e.ID
			}
			if e.Name == "cabinet" {
				sign()
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(jitter(wait)):
			wait = min(2*wait, retryMax)
		}
	}
}

// eyes see when something changes in this folder; nil: the system has none to spare.
type eyes struct{ *fsnotify.Watcher }

func (s *Session) eyes(ctx context.Context, sign func()) eyes {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return eyes{}
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case e, open := <-w.Events:
				if !open {
					return
				}
				if e.Op != fsnotify.Chmod && !strings.HasPrefix(filepath.Base(e.Name), Ours) {
					sign()
				}
			case _, open := <-w.Errors: // too much at once: everything is looked at
				if !open {
					return
				}
				sign()
			}
		}
	}()
	return eyes{w}
}

func (e eyes) close() {
	if e.Watcher != nil {
		e.Close()
	}
}

var errBlind = errors.New("no more folders can be watched")

// renew watches folders that are new. Links are not followed.
func (e eyes) renew(s *Session) {
	if e.Watcher == nil {
		return
	}
	known := map[string]bool{}
	for _, path := range e.WatchList() {
		known[path] = true
	}
	_ = fs.WalkDir(s.root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if strings.HasPrefix(d.Name(), Ours) || path != "." && (s.skipped(path) || s.Ignore.Match(path, true)) {
			return fs.SkipDir
		}
		if whole := filepath.Join(s.Dir, path); !known[whole] && e.Add(whole) != nil {
			return errBlind // the rest is looked at now and then
		}
		return nil
	})
}
