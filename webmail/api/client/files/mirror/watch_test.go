package mirror

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"
)

// watch keeps the device's folder alike until the test ends, and returns when it was
// looked at once.
func (d *device) watch() {
	d.t.Helper()
	d.calm = 10 * time.Millisecond
	s := must(d.Open(d.t.Context()))
	ctx, stop := context.WithCancel(d.t.Context())
	looked, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- s.Watch(ctx, func(r Report, err error) {
			if err != nil {
				d.t.Logf("%s: %v", d.Host, err)
			}
			select {
			case looked <- struct{}{}:
			default:
			}
		})
	}()
	d.t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			d.t.Errorf("%s ended with %v", d.Host, err)
		}
		must(0, s.Close())
	})
	select {
	case <-looked:
	case <-time.After(lookTime / 5):
		d.t.Fatalf("%s did not look", d.Host)
	}
}

// arrives waits for a content; long before both sides would be looked at without a sign.
func (d *device) arrives(name, content string) {
	d.t.Helper()
	d.comes(name, func(b []byte, err error) bool { return err == nil && string(b) == content })
}

func (d *device) comes(name string, to func([]byte, error) bool) {
	d.t.Helper()
	for end := time.Now().Add(lookTime / 5); !to(os.ReadFile(d.file(name))); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("%s: %s did not change", d.Host, name)
		}
	}
}

// Whoever changes a side, the other follows without a call: what the system says of this
// disk, also of folders that are new, and what the server says of the drive.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.device(t, "anna"), w.device(t, "bert")
	a.watch()
	b.watch()
	a.write("one", "1")
	b.arrives("one", "1")
	b.write("deep/er/two", "2")
	a.arrives("deep/er/two", "2")
	a.write("deep/er/three", "3")
	b.arrives("deep/er/three", "3")
	b.write("deep/er/three", "three")
	a.arrives("deep/er/three", "three")
	must(0, os.Remove(a.file("one")))
	b.comes("one", func(_ []byte, err error) bool { return errors.Is(err, fs.ErrNotExist) })
}
