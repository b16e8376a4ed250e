package mail

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// Bounds every look must keep, however the mail was made: heap in use above
// what was there before, and processor time of the whole test process, which
// busy neighbours do not change.
const (
	heapBound = 13 << 20
	timeBound = 2 * time.Second
)

// patient are the limits of every day, but for the clock: a test on a busy
// machine must not end for that. TestLookStops looks at the clock.
func patient() Limits {
	lim := DefaultLimits
	lim.Time = time.Minute
	return lim
}

// lifted are limits without effect.
var lifted = Limits{Header: math.MaxInt64 / 4, Parts: math.MaxInt, Depth: math.MaxInt, Bytes: math.MaxInt64 / 8, Terms: math.MaxInt, Time: time.Minute}

// nested is a mail of multiparts (or attached messages) in one another.
func nested(depth int, message bool) string {
	var b strings.Builder
	for i := range depth {
		if message {
			b.WriteString("Content-Type: message/rfc822\r\n\r\n")
		} else {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
		}
	}
	b.WriteString("\r\nneedle\r\n")
	return b.String()
}

const topFields = "From: Mallory <m@example.org>\r\nSubject: top\r\nMessage-ID: <1@example.org>\r\nDate: Thu, 01 Jan 2026 10:00:00 +0100\r\n"

// attacks are the shapes of ATTACKS D09 and their like. complete says that no
// bound is met. lift takes the bound away that ends the look: the negative
// control that it, and nothing else, did.
func attacks() []struct {
	name     string
	mail     Bytes
	complete bool
	lift     func(*Limits)
} {
	mixed := topFields + "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	image := mixed + "--b\r\nContent-Type: image/png\r\n\r\n"
	long := strings.Repeat("b", 69)
	base64Junk := topFields + "Content-Transfer-Encoding: base64\r\n\r\n"
	html := topFields + "Content-Type: text/html\r\n\r\n"
	var words strings.Builder
	for i := range 400_000 {
		fmt.Fprintf(&words, "w%d ", i)
	}
	var params strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&params, ";\r\n name*%d*=%%41", i)
	}
	type row = struct {
		name     string
		mail     Bytes
		complete bool
		lift     func(*Limits)
	}
	parts := func(l *Limits) { l.Parts = math.MaxInt }
	depth := func(l *Limits) { l.Depth, l.Parts = math.MaxInt, math.MaxInt }
	header := func(l *Limits) { l.Header = lifted.Header }
	bytes := func(l *Limits) { l.Bytes = lifted.Bytes }
	return []row{
		{"10,000 nested multiparts", strings.NewReader(topFields + nested(10_000, false)), false, depth},
		{"10,000 nested messages", strings.NewReader(topFields + nested(10_000, true)), false, depth},
		{"a million parts", pattern{mixed, "--b\r\n\r\nx\r\n", int64(len(mixed)) + 10_000_000}, false, nil},
		{"50,000 parts", pattern{mixed, "--b\r\n\r\nx\r\n", int64(len(mixed)) + 500_000}, false, parts},
		{"a million parts without header end", pattern{mixed, "--b\r\nx: y\r\n", int64(len(mixed)) + 11_000_000}, false, nil},
		{"a million fields", pattern{topFields, "a:\r\n", 4_000_000}, false, nil},
		{"100,000 folds", pattern{topFields + "a: b\r\n", " c\r\n", 400_000}, false, header},
		{"a header of 1 MB", pattern{topFields, "X-Padding: " + strings.Repeat("x", 1000) + "\r\n", 1 << 20}, false, header},
		{"a header of 100 MB", pattern{topFields, strings.Repeat("x", 1000), 100 << 20 / slowdown}, false, nil},
		{"a part header of 20 MB", pattern{mixed + "--b\r\n", "X-Padding: x\r\n", 20 << 20 / slowdown}, false, nil},
		{"boundaries that begin alike", pattern{strings.NewReplacer("=b", "="+long+"a", "--b", "--"+long+"a").Replace(image), "--" + long + "\r\n", 20 << 20 / slowdown}, true, nil},
		{"lines that nearly are boundaries", pattern{image, "\n--b?", 20 << 20 / slowdown}, true, nil},
		{"nothing but line ends", pattern{image, "\n", 20 << 20 / slowdown}, true, nil},
		{"nothing but dashes", pattern{image, "-", 20 << 20 / slowdown}, true, nil},
		{"RFC 2231 in 10,000 pieces", strings.NewReader(topFields + "Content-Type: text/plain" + params.String() + "\r\n\r\nneedle"), true, nil},
		{"RFC 2231 in 100,000 pieces", pattern{topFields + "Content-Type: text/plain", "; name*1=a", 1_000_000}, false, nil},
		{"base64 that is none", pattern{base64Junk, "!?.,\r\n", 20 << 20 / slowdown}, true, nil},
		{"base64 of one word", pattern{base64Junk, "YWFh", 20 << 20}, false, bytes},
		{"quoted-printable of nothing", pattern{strings.Replace(base64Junk, "base64", "quoted-printable", 1), "=\r\n", 20 << 20 / slowdown}, true, nil},
		{"quoted-printable broken", pattern{strings.Replace(base64Junk, "base64", "quoted-printable", 1), "=    ", 3 << 20 / slowdown}, true, nil},
		{"HTML that never closes a tag", pattern{html, "<a b=c ", 20 << 20}, false, bytes},
		{"HTML of tags", pattern{html, "<p>", 3 << 20 / slowdown}, true, nil},
		{"HTML of entities", pattern{html, "&amp;", 3 << 20 / slowdown}, true, nil},
		{"HTML that never closes a comment", pattern{html, "<!--", 20 << 20}, false, bytes},
		{"HTML that never closes a script", pattern{html + "<script>", "</b ", 3 << 20 / slowdown}, true, nil},
		{"400,000 words", strings.NewReader(topFields + "\r\n" + words.String()), false, nil},
		{"one word", pattern{topFields + "\r\n", "word", 3 << 20 / slowdown}, true, nil},
		{"marks without end", pattern{topFields + "\r\n", "a\u0301\u0301\u0301", 3 << 20 / slowdown}, true, nil},
		{"letters that unfold", pattern{topFields + "\r\n", "\ufdfa ", 3 << 20 / slowdown / slowdown}, slowdown > 1, nil},
		{"attachment of 100 MB", pattern{image, strings.Repeat("QUJD", 19) + "\r\n", 100 << 20 / slowdown}, true, nil},
		{"a million addresses", pattern{topFields + "To: ", "a@b,", 4_000_000}, false, nil},
		{"encoded words in a row", pattern{topFields + "Subject: ", "=?utf-8?q?a?= ", 250_000}, true, nil},
		{"a shorter mail than it says", shorter{strings.NewReader(mixed)}, false, nil},
	}
}

// shorter says it is longer than it is.
type shorter struct{ *strings.Reader }

func (s shorter) Size() int64 { return s.Reader.Size() + 1<<20 }

// Not parallel: it measures the heap.
func TestAttacks(t *testing.T) {
	for _, c := range attacks() {
		t.Run(c.name, func(t *testing.T) {
			var g *Gist
			before := cpuTime()
			heap := peak(func() { g = Look(t.Context(), c.mail, patient()) })
			took := cpuTime() - before
			t.Logf("%d bytes: %v of processor, %d KiB of heap, complete %v, %d terms", c.mail.Size(), took.Round(time.Millisecond), heap>>10, g.Complete, len(g.Terms))
			if took > slowdown*timeBound || heap > heapBound {
				t.Errorf("took %v and %d KiB", took, heap>>10)
			}
			if g.Complete != c.complete {
				t.Errorf("complete is %v", g.Complete)
			}
			if c.name != "10,000 nested messages" && (g.From != "m@example.org" || g.MessageID != "<1@example.org>" || g.Date.IsZero()) {
				t.Errorf("top header lost: %q %q %v", g.From, g.MessageID, g.Date)
			}
			if c.lift == nil {
				return
			}
			lim := patient()
			c.lift(&lim)
			if g := Look(t.Context(), c.mail, lim); !g.Complete {
				t.Error("not complete with the bound lifted: something else ended the look")
			}
		})
	}
}

// The bounds above can fail: without limits the same walk takes more than they allow.
func TestAttackControl(t *testing.T) {
	mixed := topFields + "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	m := pattern{mixed, "--b\r\n\r\nx\r\n", int64(len(mixed)) + 2_000_000}
	heap := peak(func() { Look(t.Context(), m, lifted) })
	if heap < heapBound {
		t.Errorf("200,000 parts without limits took only %d KiB: the bound of %d KiB proves nothing", heap>>10, heapBound>>10)
	}
}

// Time grows with the size of a mail, not with its square.
func TestLookIsLinear(t *testing.T) {
	for _, c := range []struct{ name, head, unit string }{
		{"parts", topFields + "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\nxxxx\r\n"},
		{"fields", topFields, "abc: d\r\n"},
		{"folds", topFields + "Subject: x\r\n", " =?utf-8?q?x?=\r\n"},
		{"near boundaries", topFields + "Content-Type: multipart/mixed; boundary=bb\r\n\r\n", "\r\n--bbb"},
		{"addresses", topFields + "To: x\r\n", " ,\"a\" (b) <c@d>\r\n"},
		{"tags", topFields + "Content-Type: text/html\r\n\r\n", "<a b=\"c\" d=e>x</a>"},
	} {
		// The base is large enough to outlast the clock's grain.
		cost := func(size int64) time.Duration {
			least := time.Duration(math.MaxInt64)
			for range 3 {
				before := cpuTime()
				Look(t.Context(), pattern{c.head, c.unit, size}, lifted)
				least = min(least, cpuTime()-before)
			}
			return least
		}
		small, large := cost(128<<10/slowdown), cost(1<<20/slowdown)
		t.Logf("%s: %v, 8 times as much in %v", c.name, small, large)
		if large > 24*small+100*time.Millisecond {
			t.Errorf("%s: 8 times the size took %v instead of %v", c.name, large, small)
		}
	}
}

func TestLookStops(t *testing.T) {
	t.Parallel()
	mixed := topFields + "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	m := pattern{mixed, "\r\n--", 1 << 40}
	lim := lifted
	lim.Time = 50 * time.Millisecond
	start := time.Now()
	if g := Look(t.Context(), m, lim); g.Complete || g.Subject != "top" {
		t.Errorf("complete %v, subject %q", g.Complete, g.Subject)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("a bound of 50 ms was kept after %v", took)
	}
}
