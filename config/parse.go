package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Mistake is one thing wrong with a configuration file.
type Mistake struct {
	File string
	Line int // 0: about the file as a whole
	Text string
}

func (m Mistake) Error() string {
	if m.Line == 0 {
		return fmt.Sprintf("%s: %s", m.File, m.Text)
	}
	return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Text)
}

// Mistakes are all of a file's, by line.
type Mistakes []Mistake

func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i := range m {
		lines[i] = m[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Parse reads the text of a configuration file; file is its name in errors.
// Its error is Mistakes. Paths stay as written.
func Parse(file, text string) (Config, error) {
	p := parser{file: file, config: Default(), seen: map[string]bool{}, table: settings()}
	var tree map[string]toml.Primitive
	md, err := toml.Decode(text, &tree)
	if err != nil {
		return Config{}, Mistakes{p.syntax(err)}
	}
	p.meta = md
	p.walk("", tree)
	p.missing()
	if len(p.mistakes) > 0 {
		slices.SortStableFunc(p.mistakes, func(a, b Mistake) int { return a.Line - b.Line })
		return Config{}, p.mistakes
	}
	return p.config, nil
}

type parser struct {
	file     string
	config   Config
	meta     toml.MetaData
	table    []setting
	seen     map[string]bool
	mistakes Mistakes
}

// syntax is what the TOML library says of a file that is none.
func (p *parser) syntax(err error) Mistake {
	var at toml.ParseError
	if errors.As(err, &at) {
		return Mistake{p.file, at.Position.Line, at.Message}
	}
	return Mistake{p.file, 0, err.Error()}
}

func (p *parser) mistake(line int, format string, args ...any) {
	p.mistakes = append(p.mistakes, Mistake{p.file, line, fmt.Sprintf(format, args...)})
}

// walk reads one table of the file; prefix is its name and a dot.
func (p *parser) walk(prefix string, tree map[string]toml.Primitive) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		key := prefix + name
		from, line := p.value(tree[name])
		at := slices.IndexFunc(p.table, func(s setting) bool { return s.key == key })
		switch {
		case at >= 0:
			p.seen[key] = true
			if err := p.table[at].value.read(&p.config, from); err != nil {
				p.mistake(line, "%s: %v", key, err)
			}
		case p.isTable(key):
			p.descend(key, tree[name], from, line)
		default:
			p.unknown(key, line)
		}
	}
}

func (p *parser) isTable(key string) bool {
	return slices.ContainsFunc(p.table, func(s setting) bool { return strings.HasPrefix(s.key, key+".") })
}

func (p *parser) descend(key string, of toml.Primitive, from any, line int) {
	var below map[string]toml.Primitive
	if _, ok := from.(map[string]any); !ok || p.meta.PrimitiveDecode(of, &below) != nil {
		p.mistake(line, "%s: %v", key, expected("a table, ["+key+"]", from))
		return
	}
	p.walk(key+".", below)
}

// unknown names the setting that was probably meant.
func (p *parser) unknown(key string, line int) {
	best, nearest := "", 4
	if len(key) > 64 {
		p.mistake(line, "%s…: no such setting; `sealpost config` lists all", key[:64])
		return
	}
	for _, s := range p.table {
		for _, name := range []string{s.key, s.key[strings.LastIndex(s.key, ".")+1:]} {
			if d := distance(key, name); d < nearest && d < len(name) {
				best, nearest = s.key, d
			}
		}
		if table, _, ok := strings.Cut(s.key, "."); ok && !strings.Contains(key, ".") && distance(key, table) < nearest {
			best, nearest = "["+table+"]", distance(key, table)
		}
	}
	if best == "" {
		p.mistake(line, "%s: no such setting; `sealpost config` lists all", key)
		return
	}
	p.mistake(line, "%s: no such setting; did you mean %s?", key, best)
}

// missing names what has no default and was not set.
func (p *parser) missing() {
	for _, s := range p.table {
		if s.must && !p.seen[s.key] {
			p.mistake(0, "%s is missing; expected a line such as %s = %s", s.key, s.key, s.value.write(&p.config))
		}
	}
}

// probe is handed to the TOML library in place of a setting: it takes the value
// and fails, for only an error says on which line the value stands.
type probe struct{ value any }

var errProbe = errors.New("seen")

func (v *probe) UnmarshalTOML(value any) error {
	v.value = value
	return errProbe
}

func (p *parser) value(of toml.Primitive) (value any, line int) {
	var v probe
	var at toml.ParseError
	if err := p.meta.PrimitiveDecode(of, &v); errors.As(err, &at) {
		line = at.Position.Line
	}
	return v.value, line
}

// distance counts the letters to change, add or drop to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
