package imaptest

import (
	"slices"
	"strconv"
	"strings"
)

// withDefaults puts the directives into a response's lists that imaptest implies:
// fields of FETCH and STATUS come in any order, flags too.
func withDefaults(args []arg) []arg {
	name := args[0].text
	if c := name[:min(1, len(name))]; len(args) > 1 && (c == "$" || c >= "0" && c <= "9") {
		name = args[1].text
	}
	for i := range args {
		if args[i].kind != list {
			continue
		}
		switch at := strings.ToLower(name) + strconv.Itoa(i); at {
		case "list1", "lsub1":
			args[i].direct("$!unordered")
		case "status2":
			args[i].direct("$!unordered=2")
		case "fetch2":
			inner := args[i].list
			for j := 1; j < len(inner); j++ {
				if inner[j].kind == list && strings.EqualFold(inner[j-1].text, "flags") {
					inner[j].direct("$!unordered", "$!noextra", `$!ignore=\recent`, "$!ignore=$HasAttachment", "$!ignore=$HasNoAttachment")
				}
			}
			args[i].direct("$!unordered=2")
		}
	}
	return args
}

// direct puts directives in front of a list that has none.
func (a *arg) direct(directives ...string) {
	if len(a.list) > 0 && a.list[0].kind == atom && strings.HasPrefix(a.list[0].text, "$!") {
		return
	}
	var front []arg
	for _, d := range directives {
		front = append(front, arg{text: d})
	}
	a.list = append(front, a.list...)
}

// A matcher compares what was expected with what came, and learns variables.
type matcher struct {
	vars  map[string]string
	fresh []string // learned by the comparison that runs
	seqs  []int    // numbers at the group's beginning as they are now; 0: expunged
	top   modseqs
}

// modseqs holds the order of $modseq1, $modseq2 and so on.
type modseqs struct {
	index int
	value uint64
}

// matches says whether args are as expected. With prefix the last may go on.
// What was learned is kept only if so.
func (m *matcher) matches(want, args []arg, prefix bool) bool {
	m.fresh = nil
	if m.args(want, args, -1, prefix) {
		return true
	}
	for _, v := range m.fresh {
		delete(m.vars, v)
	}
	return false
}

// args compares up to most arguments; -1 is all.
func (m *matcher) args(want, args []arg, most int, prefix bool) bool {
	for len(want) > 0 && most != 0 {
		w := want[0]
		if w.kind != list && w.kind != nilArg && w.text == "$]" { // the rest of a response code
			for len(args) > 0 && args[0].kind == atom && !strings.Contains(args[0].text, "]") {
				args = args[1:]
			}
		} else if len(args) == 0 {
			return false
		} else if !m.one(w, args[0], prefix && len(want) == 1) {
			return false
		}
		want, args, most = want[1:], args[min(1, len(args)):], most-1
	}
	return prefix || len(args) == 0 || most == 0
}

func (m *matcher) one(w, a arg, prefix bool) bool {
	switch {
	case w.kind == nilArg:
		return a.kind == nilArg
	case w.kind == list:
		return a.kind == list && m.list(w.list, a.list)
	case a.kind == list:
		return w.text == "$"
	}
	got := before(a.text, "\x00") // as imaptest, whose strings end there: scripts rely on it
	text, exact, ok := m.expand(before(w.text, "\x00"), got)
	if !ok {
		return false
	}
	if prefix {
		got = got[:min(len(text), len(got))]
	}
	return got == text || !exact && foldASCII(got) == foldASCII(text)
}

// foldASCII makes capitals of letters, octet by octet.
func foldASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = upper(c)
	}
	return string(b)
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// expand fills the variables of what was expected from what came.
func (m *matcher) expand(want, came string) (text string, exact, ok bool) {
	var out strings.Builder
	for want != "" {
		if want[0] != '$' || strings.HasPrefix(want, "$$") {
			if want[0] == '$' {
				want = want[1:]
			}
			if came == "" || upper(want[0]) != upper(came[0]) {
				return "", exact, false
			}
			out.WriteByte(want[0])
			want, came = want[1:], came[1:]
			continue
		}
		var name, value string
		name, want = variable(want[1:])
		if literally, is := strings.CutPrefix(name, "case:"); is {
			exact, value = true, literally
		} else {
			value = m.value(name, want, came)
		}
		if !strings.HasPrefix(came, value) {
			return "", exact, false
		}
		out.WriteString(value)
		came = came[len(value):]
	}
	return out.String(), exact, true
}

// value is what a variable stands for; one that is new takes what came, up to
// the first octet of what is expected behind it.
func (m *matcher) value(name, behind, came string) string {
	if n, err := strconv.Atoi(name); err == nil {
		return m.number(n)
	}
	if v, known := m.vars[name]; known && name != "" {
		return v
	}
	end := len(came)
	if behind != "" {
		for i := range len(came) {
			if upper(came[i]) == upper(behind[0]) {
				end = i
				break
			}
		}
	}
	value := came[:end]
	if name == "" {
		return value
	}
	if digits, is := strings.CutPrefix(name, "modseq"); is {
		if n, err := strconv.Atoi(digits); err == nil {
			value = m.modseq(n, value)
		}
	}
	m.vars[name] = value
	m.fresh = append(m.fresh, name)
	return value
}

// modseq holds $modseqN to its order: as many more at least as N has grown by.
func (m *matcher) modseq(n int, value string) string {
	got, err := strconv.ParseUint(value, 10, 63)
	if err != nil || n < m.top.index || got < m.top.value+uint64(n-m.top.index) {
		return "$modseq-too-low"
	}
	m.top = modseqs{n, got}
	return value
}

// number is a message number at the group's beginning as it is now.
func (m *matcher) number(n int) string {
	switch {
	case n < 1 || n > len(m.seqs):
		return "<out of range>"
	case m.seqs[n-1] == 0:
		return "<expunged>"
	}
	return strconv.Itoa(m.seqs[n-1])
}

// expunged renumbers.
func (m *matcher) expunged(number int) {
	for i, s := range m.seqs {
		switch {
		case s == number:
			m.seqs[i] = 0
		case s > number:
			m.seqs[i]--
		}
	}
}

// variable cuts a name from what follows a "$".
func variable(s string) (name, rest string) {
	if strings.HasPrefix(s, "{") {
		name, rest, _ = strings.Cut(s[1:], "}")
		return name, rest
	}
	end := 0
	for end < len(s) && (s[end] == '_' || s[end] >= '0' && s[end] <= '9' || upper(s[end]) >= 'A' && upper(s[end]) <= 'Z') {
		end++
	}
	return s[:end], s[end:]
}

// directives say how a list is compared.
type directives struct {
	unordered     bool
	chain         int
	extra         *bool
	ignored, bans []string
}

func readDirectives(want []arg) (d directives, rest []arg) {
	d.chain = 1
	yes, no := true, false
	for ; len(want) > 0 && want[0].kind == atom && strings.HasPrefix(want[0].text, "$!"); want = want[1:] {
		word, value, _ := strings.Cut(want[0].text[2:], "=")
		switch word {
		case "unordered":
			d.unordered = true
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				d.chain = n
			}
		case "ordered":
			d.unordered = false
		case "extra":
			d.extra = &yes
		case "noextra":
			d.extra = &no
		case "ignore":
			d.ignored = append(d.ignored, value)
		case "ban":
			d.bans = append(d.bans, value)
		}
	}
	if d.extra == nil {
		d.extra = &d.unordered
	}
	return d, want
}

func (m *matcher) list(want, args []arg) bool {
	d, want := readDirectives(want)
	if !d.unordered {
		return m.args(want, args, -1, false)
	}
	if len(args)%d.chain != 0 || len(want)%d.chain != 0 {
		return false
	}
	used := make([]bool, len(args))
	for ; len(want) > 0; want = want[d.chain:] {
		found := false
		for i := 0; i < len(args) && !found; i += d.chain {
			if found = m.args(want[:d.chain], args[i:i+d.chain], d.chain, false); found {
				used[i] = true
			}
		}
		if !found {
			return false
		}
	}
	for i := 0; i < len(args); i += d.chain {
		named := func(s string) bool { return strings.EqualFold(s, args[i].text) }
		switch {
		case used[i] || args[i].kind == list:
		case !*d.extra && !slices.ContainsFunc(d.ignored, named), *d.extra && slices.ContainsFunc(d.bans, named):
			return false
		}
	}
	return true
}

// fill puts variables into a command. A "$" in front of no variable stays.
func (m *matcher) fill(command string) (text, missing string) {
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(command, "$")
		out.WriteString(before)
		switch {
		case !ok:
			return out.String(), missing
		case after == "":
			out.WriteByte('$')
			return out.String(), missing
		case after[0] == '$':
			out.WriteByte('$')
			command = after[1:]
			continue
		}
		var name string
		name, command = variable(after)
		if n, err := strconv.Atoi(name); err == nil {
			out.WriteString(m.number(n))
			continue
		}
		value, known := m.vars[name]
		if !known {
			missing = name
		}
		out.WriteString(value)
	}
}
