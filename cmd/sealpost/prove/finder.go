package prove

// finder is an Aho-Corasick automaton over all forms of all words, as one table
// of transitions, so that a file is read once whatever the number of forms.
type finder struct {
	next  []uint16 // [state<<8 | octet] is the next state
	found []uint16 // [state] is the form that ends there, plus one
	forms []form
}

const most = 1<<16 - 1 // states

func newFinder(words []string) *finder {
	f := &finder{next: make([]uint16, 256), found: make([]uint16, 1)}
	for _, w := range words {
		f.forms = append(f.forms, formsOf(w)...)
	}
	for i, form := range f.forms {
		f.plant(form.text, uint16(i+1))
	}
	f.link()
	return f
}

// plant adds one text to the tree.
func (f *finder) plant(text []byte, mark uint16) {
	at := 0
	for _, c := range text {
		to := int(f.next[at<<8|int(c)])
		if to == 0 {
			to = len(f.found)
			if to > most {
				panic("prove: too many words for one scan")
			}
			f.next = append(f.next, make([]uint16, 256)...)
			f.found = append(f.found, 0)
			f.next[at<<8|int(c)] = uint16(to)
		}
		at = to
	}
	if f.found[at] == 0 {
		f.found[at] = mark
	}
}

// link fills in where to go on when a text does not go on: to the longest other
// beginning that has been read as well. States are visited nearest first.
func (f *finder) link() {
	fail := make([]uint16, len(f.found))
	queue := make([]uint16, 0, len(f.found))
	for c := range 256 {
		if s := f.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for i := 0; i < len(queue); i++ {
		at := queue[i]
		if f.found[at] == 0 {
			f.found[at] = f.found[fail[at]]
		}
		for c := range 256 {
			edge, other := &f.next[int(at)<<8|c], f.next[int(fail[at])<<8|c]
			if *edge == 0 {
				*edge = other
				continue
			}
			fail[*edge] = other
			queue = append(queue, *edge)
		}
	}
}

// stream reads octets in two ways at once: as they are, and softened, with
// line breaks taken out and =XX and %XX decoded, so that wrapped base64,
// quoted-printable and percent encoding show what they hold.
type stream struct {
	f          *finder
	hard, soft uint16
	skip       int   // octets the soft reading has had already
	at         int64 // octets read
	hit        func(f form, end int64, soft bool)
}

// ahead is how far reading looks: two octets to soften, the rest for inflating.
const ahead = 16

// feed reads p but for its last ahead octets, unless it is the end. It returns
// how many it read.
func (s *stream) feed(p []byte, end bool) int {
	n := len(p)
	if !end {
		n -= ahead
	}
	next, found := s.f.next, s.f.found
	hard, soft := s.hard, s.soft
	for i := 0; i < n; i++ {
		c := p[i]
		hard = next[int(hard)<<8|int(c)]
		if found[hard] != 0 {
			s.hit(s.f.forms[found[hard]-1], s.at+int64(i)+1, false)
		}
		switch {
		case s.skip > 0:
			s.skip--
			continue
		case c == '\r' || c == '\n':
			continue
		case c == '=' || c == '%':
			var drop bool
			if c, s.skip, drop = decode(p[i:]); drop {
				continue
			}
		}
		soft = next[int(soft)<<8|int(c)]
		if found[soft] != 0 && soft != hard {
			s.hit(s.f.forms[found[soft]-1], s.at+int64(i)+1, true)
		}
	}
	n = max(n, 0)
	s.hard, s.soft = hard, soft
	s.at += int64(n)
	return n
}

// decode reads =XX or %XX, or drops the = of a soft line break.
func decode(p []byte) (c byte, skip int, drop bool) {
	if len(p) > 1 && p[0] == '=' && (p[1] == '\r' || p[1] == '\n') {
		return 0, 0, true
	}
	if len(p) > 2 {
		if high, low := digit(p[1]), digit(p[2]); high >= 0 && low >= 0 {
			return byte(high<<4 | low), 2, false
		}
	}
	return p[0], 0, false
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
