package mail

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a word into the form in which words are compared: compatibility
// forms unified (NFKC), case folded, diacritics removed. Whoever searches terms
// folds the query the same way. Fold(Fold(s)) is Fold(s).
func Fold(s string) string {
	if lower, ascii := lowerASCII(s); ascii {
		return lower
	}
	if b, ok := appendFold(make([]byte, 0, len(s)), []byte(s)); ok {
		return string(b)
	}
	return foldAny(s)
}

// foldAny is Fold by the book.
func foldAny(s string) string {
	// Folding can uncover forms that decompose further, hence twice.
	s = norm.NFKD.String(cases.Fold().String(norm.NFKD.String(s)))
	s = strings.Map(func(r rune) rune {
		if isDiacritic(r) || isIgnorable(r) {
			return -1
		}
		return r
	}, s)
	return norm.NFKC.String(s)
}

// appendFold is Fold for text whose characters fold one by one, which is
// nearly all text there is; it says no to any other.
func appendFold(dst, p []byte) ([]byte, bool) {
	table := foldTable()
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRune(p[i:])
		switch {
		case r < foldTableSize:
			if table[r] == foldsWithOthers {
				return dst, false
			}
			dst = append(dst, table[r]...)
		case isFolded(r):
			dst = append(dst, p[i:i+size]...)
		default:
			return dst, false
		}
		i += size
	}
	return dst, true
}

// isFolded picks characters that folding leaves alone: Chinese characters,
// precomposed kana and Hangul syllables.
func isFolded(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x3041 && r <= 0x3096 || r >= 0x30a1 && r <= 0x30fa || r == 'ー' ||
		r >= 0xac00 && r <= 0xd7a3
}

// foldTable holds what the characters of Latin, Greek, Cyrillic, Armenian,
// Hebrew and Arabic letters fold to, each for itself. Marks whose neighbours
// matter are excepted.
var foldTable = sync.OnceValue(func() *[foldTableSize]string {
	var t [foldTableSize]string
	for r := range rune(foldTableSize) {
		t[r] = foldAny(string(r))
		if r >= 0x300 && r <= 0x36f || strings.ContainsFunc(t[r], func(f rune) bool { return r >= utf8.RuneSelf && classify(f) == breaks }) {
			t[r] = foldsWithOthers
		}
	}
	return &t
})

const (
	foldTableSize   = 0x700
	foldsWithOthers = "\xff" // no text holds it
)

// isDiacritic picks the marks that writers leave out: those of Latin, Greek and
// Cyrillic (combining classes from 200), Hebrew points and Arabic vowels (10 to
// 36). Vowel signs and viramas of Indic scripts, and the voicing marks of kana,
// make another word and stay.
func isDiacritic(r rune) bool {
	if r < 0x300 || !unicode.Is(unicode.Mn, r) {
		return false
	}
	class := norm.NFD.PropertiesString(string(r)).CCC()
	return class >= 200 || class >= 10 && class <= 36
}

// isIgnorable picks the invisible characters that stand inside words.
func isIgnorable(r rune) bool {
	switch r {
	case '\u00ad', '\u034f', '\u200c', '\u200d', '\u2060', '\ufeff':
		return true
	}
	return false
}

// asciiWord maps ASCII letters and digits to lower case and the rest to zero.
var asciiWord = func() (t [256]byte) {
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c
	}
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = c, c
	}
	return t
}()

// runeClass says what a character is to the splitter of words.
type runeClass uint8

const (
	breaks  runeClass = iota // ends a word
	joins                    // is part of a word
	pairs                    // of a script written without spaces: kept as pairs
	ignored                  // as if it were not there
)

func classify(r rune) runeClass {
	switch {
	case isIgnorable(r):
		return ignored
	case r >= 0x0e00 && isUnspaced(r):
		return pairs
	case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
		return joins
	}
	return breaks
}

// isUnspaced picks scripts whose words have no spaces between them, and Hangul,
// whose words carry their particles with them.
func isUnspaced(r rune) bool {
	return r == 'ー' || r == 'ｰ' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana,
		unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// Bounds of a word in runes after folding, and in bytes before.
const (
	minWord    = 2
	maxWord    = 40
	maxRawWord = 256
)

// maxSlowFolds is how many words of one mail are folded by the book, a hundred
// times dearer than others; any more end the collecting as Limits.Terms does.
const maxSlowFolds = 100_000

// wordSplitter cuts text into words and gives them to a set. Text may come in
// pieces that cut a word, but not a character.
type wordSplitter struct {
	set   *termSet
	raw   [maxRawWord]byte
	n     int  // bytes in raw
	long  bool // the word is longer than raw
	ascii bool // raw is ASCII, in lower case
	prev  rune // the last rune of a script without spaces
	slow  int  // words folded by the book
}

// feed takes text; flush ends the word it may have stopped in.
func (w *wordSplitter) feed(p []byte) {
	for i := 0; i < len(p); {
		switch c := p[i]; {
		case asciiWord[c] != 0:
			i += w.run(p[i:])
		case c < utf8.RuneSelf:
			w.flush()
			i++
		default:
			r, size := utf8.DecodeRune(p[i:])
			w.rune(r, p[i:i+size])
			i += size
		}
	}
}

// run takes the ASCII letters and digits at the start of p.
func (w *wordSplitter) run(p []byte) int {
	w.begin()
	i := 0
	for room := w.raw[w.n:]; i < len(p) && asciiWord[p[i]] != 0; i++ {
		if i >= len(room) {
			w.long = true
			return i + 1
		}
		room[i] = asciiWord[p[i]]
	}
	w.n += i
	return i
}

// begin starts a word unless one was begun.
func (w *wordSplitter) begin() {
	if w.n == 0 && !w.long {
		w.ascii, w.prev = true, 0
	}
}

func (w *wordSplitter) rune(r rune, octets []byte) {
	class := classify(r)
	if r == utf8.RuneError {
		class = breaks
	}
	switch class {
	case joins:
		w.begin()
		w.ascii = false
		if w.n+len(octets) > len(w.raw) {
			w.long = true
			return
		}
		w.n += copy(w.raw[w.n:], octets)
	case pairs:
		prev := w.prev
		w.flush()
		if prev != 0 {
			w.pair(prev, r)
		}
		w.prev = r
	case breaks:
		w.flush()
	}
}

// pair adds two neighbours of a script without spaces.
func (w *wordSplitter) pair(a, b rune) {
	var room [2 * utf8.UTFMax]byte
	both := utf8.AppendRune(utf8.AppendRune(room[:0], a), b)
	if isFolded(a) && isFolded(b) {
		w.set.add(both)
		return
	}
	if w.mayFold() {
		w.whole(string(both))
	}
}

// mayFold counts the words that are folded by the book.
func (w *wordSplitter) mayFold() bool {
	if w.slow++; w.slow > maxSlowFolds {
		w.set.full = true
	}
	return w.slow <= maxSlowFolds
}

func (w *wordSplitter) flush() {
	if w.n > 0 && !w.long {
		w.word(w.raw[:w.n])
	}
	w.n, w.long, w.prev = 0, false, 0
}

func (w *wordSplitter) word(raw []byte) {
	if w.ascii {
		if len(raw) >= minWord && len(raw) <= maxWord {
			w.set.add(raw)
		}
		return
	}
	var room [2 * maxRawWord]byte
	if word, ok := appendFold(room[:0], raw); ok {
		if n := utf8.RuneCount(word); n >= minWord && n <= maxWord {
			w.set.add(word)
		}
		return
	}
	if !w.mayFold() {
		return
	}
	// A few letters unfold to several words.
	for word := range strings.FieldsFuncSeq(foldAny(string(raw)), func(r rune) bool { return classify(r) == breaks }) {
		if n := utf8.RuneCountInString(word); n >= minWord && n <= maxWord {
			w.set.add([]byte(word))
		}
	}
}

// text splits a whole string.
func (w *wordSplitter) text(s string) {
	w.feed([]byte(s))
	w.flush()
}

// address adds an address, its domain, and the words in both.
func (w *wordSplitter) address(m Mailbox) {
	w.text(m.Name)
	w.text(m.Local)
	if m.Domain == "" || m.Domain == MissingDomain {
		return
	}
	w.text(m.Domain)
	w.whole(m.Local + "@" + m.Domain)
	w.whole(m.Domain)
}

// envelope adds the subject and everybody's name and address.
func (w *wordSplitter) envelope(e Envelope) {
	w.text(e.Subject)
	for _, list := range [][]Mailbox{e.From, e.To, e.Cc, e.Bcc} {
		for _, m := range list {
			w.address(m)
		}
	}
}

// whole adds s as one term, if it is short enough to be one.
func (w *wordSplitter) whole(s string) {
	if len(s) > 4*maxWord {
		return
	}
	s = Fold(s)
	if n := utf8.RuneCountInString(s); n >= minWord && n <= maxWord && utf8.ValidString(s) {
		w.set.add([]byte(s))
	}
}
