package bolt

import (
	"math"
	"os"
	"testing"
	"unsafe"
)

// What is asked for lies in the file, begins with a page, covers what the walk comes
// to, and grows only while the walk goes straight on.
func TestAheadStaysInTheFile(t *testing.T) {
	t.Parallel()
	file := make([]byte, 5<<20+4096+os.Getpagesize())
	skip := -uintptr(unsafe.Pointer(&file[0])) % uintptr(os.Getpagesize())
	file = file[skip : skip+5<<20+4096]
	a := ahead{base: uintptr(unsafe.Pointer(&file[0])), size: uintptr(len(file))}
	asked := 0
	visit := func(at int) {
		before := a
		a.pass(file[at : at+12])
		if a.to > a.size || a.to-a.from > aheadMost || uintptr(at) < a.from || uintptr(at) >= a.to {
			t.Fatalf("at %d: %+v after %+v", at, a, before)
		}
		if a != before {
			asked++
		}
	}
	for at := 100; at < len(file)-12; at += 700 {
		visit(at)
	}
	if asked < 5 || asked > 12 {
		t.Errorf("asked %d times for %d bytes", asked, len(file))
	}
	for _, at := range []int{4 << 20, 0, len(file) - 12, 1 << 20} {
		visit(at)
		if a.to-a.from > aheadFirst || a.from%uintptr(os.Getpagesize()) != 0 {
			t.Errorf("at %d: %+v", at, a)
		}
	}
	before := a
	if a.pass(make([]byte, 12)); a != before {
		t.Errorf("asked for %+v for a key that is not of the file", a)
	}
	few := ahead{base: a.base, size: a.size, calm: math.MaxUint}
	few.pass(file[3<<20:][:12])
	if few.to != 0 {
		t.Errorf("asked for %+v where little is read", few)
	}
}
