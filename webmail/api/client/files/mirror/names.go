package mirror

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"sealpost/filestore/sealed"
)

// onDisk is the name under which a file of the drive stands here.
func (m Mirror) onDisk(name string) string {
	if clean := sealed.LocalName(name); !m.Hidden || !strings.HasPrefix(name, ".") || clean != "_"+name || strings.HasPrefix(name, Ours) {
		return clean
	}
	return name
}

// beside is a name for the content that gives way where two were written: of the same
// ending, with the day and the device.
func beside(name, host string, now time.Time, try int) string {
	mark := " (conflict " + now.Format("2006-01-02") + " " + host
	if try > 1 {
		mark += fmt.Sprintf(" %d", try)
	}
	mark += ")"
	end := path.Ext(name)
	if len(end) > 32 || end == name {
		end = ""
	}
	stem := strings.TrimSuffix(name, end)
	for len(stem)+len(mark)+len(end) > 240 {
		stem = strings.ToValidUTF8(stem[:len(stem)-1], "")
	}
	return stem + mark + end
}

// Host is a device's name as names of conflicts have it.
func Host(name string) string {
	name, _, _ = strings.Cut(sealed.LocalName(name), ".")
	for len(name) > 40 {
		name = strings.ToValidUTF8(name[:len(name)-1], "")
	}
	return name
}

// Ignore says what is carried in neither direction. Its lines are as those of gitignore:
// the last that fits decides, "!" takes out again, "/" at the end means folders, elsewhere
// the path from the top; "*", "?", "[...]" within a name, "**" across folders.
type Ignore []rule

type rule struct {
	fits    *regexp.Regexp
	folders bool
	not     bool
}

const (
	mostIgnore = 1 << 20
	mostRules  = 1000
)

// ReadIgnore reads a file of lines.
func ReadIgnore(file string) (Ignore, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ParseIgnore(f)
}

// ParseIgnore reads lines.
func ParseIgnore(from io.Reader) (all Ignore, err error) {
	lines := bufio.NewScanner(io.LimitReader(from, mostIgnore))
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimRight(lines.Text(), " \t\r")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		r, err := ruleOf(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if all = append(all, r); len(all) > mostRules {
			return nil, fmt.Errorf("expected at most %d lines", mostRules)
		}
	}
	return all, lines.Err()
}

func ruleOf(text string) (r rule, err error) {
	text, r.not = strings.CutPrefix(text, "!")
	text, r.folders = strings.CutSuffix(text, "/")
	text, rooted := strings.CutPrefix(text, "/")
	if _, err := path.Match(text, ""); err != nil {
		return r, fmt.Errorf("expected a pattern such as *.tmp or /build/: %w", err)
	}
	var b strings.Builder
	b.WriteString("^")
	if !rooted && !strings.Contains(text, "/") {
		b.WriteString("(?:.*/)?")
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(text[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '[':
			end := strings.IndexByte(text[i+1:], ']') + i + 1
			b.WriteString("[")
			within := strings.TrimLeft(text[i+1:end], "!^")
			if len(within) < end-i-1 {
				b.WriteString("^/")
			}
			b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(within), `\-`, "-") + "]")
			i = end
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteString(regexp.QuoteMeta(text[i : i+1]))
		case c >= 0x80:
			b.WriteByte(c)
		default:
			b.WriteString(regexp.QuoteMeta(string(rune(c))))
		}
	}
	b.WriteString("$")
	if r.fits, err = regexp.Compile(b.String()); err != nil {
		return r, fmt.Errorf("expected a pattern such as *.tmp or /build/: %w", err)
	}
	return r, nil
}

// Match says whether a path is left out. Who asks leaves out what is below it.
func (all Ignore) Match(path string, dir bool) (out bool) {
	for _, r := range all {
		if (dir || !r.folders) && r.fits.MatchString(path) {
			out = !r.not
		}
	}
	return out
}
